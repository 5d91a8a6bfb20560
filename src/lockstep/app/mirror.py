"""Mirror mode: an installation that settles a legacy book's instructions on a copy, and moves nothing real.

A mirror is marked once and for good: what was fed to it stands in its records. Its RTGS must be the simulated one, on
this machine, with this folder's operator key: no process of a mirror sends to any other, and none starts without. Its
chain is the one on which its own contracts were founded, and its messages to participants stay in its folder's outbox.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lockstep.app.home import EMBEDDED, Home
from lockstep.app.operating import operate_rtgs
from lockstep.app.records import open_book
from lockstep.domain.errors import Misconfigured, Refused
from lockstep.domain.journal import Entry
from lockstep.domain.reconciliation.breaks import person
from lockstep.durable import put_file, sync_folder
from lockstep.ports import Change

__all__ = ["Mirror", "is_mirror", "mark_mirror", "require_mirror", "require_simulated", "was_marked"]

MARK = "mirror.json"
MIRROR = "mirror"
"""Kind and subject of the journal's entry."""
_HERE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """That a folder is a mirror: who said so, and when."""

    by: str
    at: datetime
    is_new: bool


def is_mirror(home: Home) -> bool:
    return _path(home).exists()


def was_marked(home: Home) -> bool:
    """Whether it is a mirror, or its journal tells that it was marked as one: who takes the file away makes no mirror
    real. It reads the service's records."""
    return is_mirror(home) or bool(open_book(home).journal(MIRROR))


def require_mirror(home: Home) -> None:
    """Raises Misconfigured for an installation that is none: what is fed there would move real money."""
    if not is_mirror(home):
        raise Misconfigured(f"{home.root} is no mirror: `lockstep shadow mirror` marks one, for good")


def mark_mirror(home: Home, *, by: str) -> Mirror:
    """Marks an installation, once its RTGS has shown that it is the simulated one; the same again tells who did.

    Raises InvalidInput for a bad name, Misconfigured and Unavailable as `require_simulated`, and Misconfigured for an
    installation that has settled anything already: that was no copy.
    """
    by = person(by)
    if is_mirror(home):
        known = _mark(home)
        return Mirror(by=known["by"], at=datetime.fromisoformat(known["at"]), is_new=False)
    require_simulated(home)
    book, now = open_book(home), home.clock().now()
    told = next((row.entry for row in book.journal(MIRROR)), None)
    if told is None:
        if book.instructions() or book.trades():
            raise Misconfigured(f"{home.root} has instructions already: a mirror is marked before its first")
        book.commit(Change(entries=(Entry(at=now, kind=MIRROR, subject=MIRROR, facts={"by": by}),)))
    else:  # who marked it was stopped before the file was there, or somebody took it away
        by, now = told.facts["by"], told.at
    content = json.dumps({"by": by, "at": now.isoformat()}, indent=2)
    put_file(home.root, MARK, content.encode())
    sync_folder(home.root)
    return Mirror(by=by, at=now, is_new=told is None)


def require_simulated(home: Home, ask: Callable[[Home, str], Any] | None = None) -> None:
    """That the RTGS is the simulated one of this folder: on this machine, one door for messages and operator, which
    takes the folder's own operator key and tells of its planned faults, as no payment system does.

    Raises Misconfigured where it is another, Unavailable while it does not answer.
    """
    settings = home.settings()
    own = (EMBEDDED, (home.root.absolute() / "drop").as_uri())
    if settings.rpc == EMBEDDED and settings.rtgs_url in own:  # its RTGS is an object of the one process
        return
    url = urlsplit(settings.rtgs_url)
    if url.scheme not in ("http", "https") or url.hostname not in _HERE:
        raise Misconfigured(
            f"network.json, rtgs_url: {settings.rtgs_url!r} breaks the rule: a mirror's RTGS is simulated, by HTTP on "
            "this machine"
        )
    if settings.rtgs_operator_url not in (None, settings.rtgs_url):
        raise Misconfigured(
            f"network.json, rtgs_operator_url: {settings.rtgs_operator_url!r} breaks the rule: of a mirror, the door "
            "that takes its messages"
        )
    try:
        told = (ask or operate_rtgs)(home, "faults")
    except Refused as refused:
        raise Misconfigured(
            f"network.json, rtgs_url: what answers at {settings.rtgs_url} is not the simulated RTGS of {home.root}"
        ) from refused
    if not isinstance(told, dict) or not {"plan", "uses", "mail"} <= told.keys():
        raise Misconfigured(f"network.json, rtgs_url: what answers at {settings.rtgs_url} is no simulated RTGS")


def _path(home: Home) -> Path:
    return home.root / MARK


def _mark(home: Home) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(_path(home).read_text("utf-8"))
        return {name: str(found[name]) for name in ("by", "at")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{_path(home)}: not what `lockstep shadow mirror` wrote ({error})") from error
