"""A mirror is marked once and for good, and sends to nobody but the simulated RTGS of its own folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.app import mirror, processes
from lockstep.app.home import EMBEDDED, Home, Settings
from lockstep.app.mirror import is_mirror, mark_mirror, require_mirror, require_simulated
from lockstep.domain.errors import InvalidInput, Misconfigured, Refused, Unavailable
from lockstep.domain.instruction import Side
from lockstep.ports import Change, StoredInstruction
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import MORNING, FakeClock, example_instruction, example_market

URL = "http://127.0.0.1:8080"
FAULTS = {"plan": None, "number": 0, "uses": [], "mail": {"waiting": 0, "lost": 0}}


class AHome(Home):
    """An installation of which only the settings, the clock and the records are there."""

    said = Settings(rpc="http://127.0.0.1:8545", rtgs_url=URL)

    def settings(self) -> Settings:
        return self.said

    def clock(self) -> Any:
        return FakeClock(MORNING)

    def market(self) -> Any:
        return example_market()

    def rtgs_key(self, party: str) -> str:
        return "key"


def simulated(_home: Home, act: str) -> Any:
    assert act == "faults"
    return FAULTS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AHome]:
    one = AHome(tmp_path)
    engine = open_database(f"sqlite:///{tmp_path}/service.db")
    monkeypatch.setattr(mirror, "open_book", lambda _: SqlBook(engine))
    monkeypatch.setattr(mirror, "operate_rtgs", simulated)
    yield one
    engine.dispose()


def test_it_is_marked_once_and_told(home: AHome) -> None:
    assert not is_mirror(home)
    with pytest.raises(Misconfigured, match="is no mirror"):
        require_mirror(home)
    done = mark_mirror(home, by="Eva")
    assert (done.by, done.at, done.is_new) == ("Eva", MORNING, True)
    assert is_mirror(home)
    require_mirror(home)
    again = mark_mirror(home, by="Tom")
    assert (again.by, again.is_new) == ("Eva", False)
    (row,) = mirror.open_book(home).journal("mirror")
    assert (row.entry.kind, row.entry.facts) == ("mirror", {"by": "Eva"})


def test_only_a_person_marks_it_and_only_before_the_first_instruction(home: AHome) -> None:
    with pytest.raises(InvalidInput, match="by"):
        mark_mirror(home, by="")
    instruction = StoredInstruction(
        message_id="M1",
        content_hash="0" * 64,
        instruction=example_instruction(Side.DELIVER, "REF1"),
        status="WAITING",
        received_at=MORNING,
    )
    mirror.open_book(home).commit(Change(instructions=(instruction,)))
    with pytest.raises(Misconfigured, match="has instructions already"):
        mark_mirror(home, by="Eva")
    assert not is_mirror(home)


def test_a_mark_that_was_spoilt_is_told(home: AHome) -> None:
    (home.root / "mirror.json").write_text("{}")
    with pytest.raises(Misconfigured, match=r"mirror\.json"):
        mark_mirror(home, by="Eva")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rtgs_url": "http://rtgs.bank.example"}, "rtgs_url"),
        ({"rtgs_url": "http://127.0.0.1.bank.example:80"}, "rtgs_url"),
        ({"rtgs_url": "file:///drop"}, "rtgs_url"),
        ({"rtgs_operator_url": "http://127.0.0.1:9090"}, "rtgs_operator_url"),
    ],
)
def test_another_rtgs_is_refused_before_it_is_asked(home: AHome, changes: dict[str, str], field: str) -> None:
    home.said = Settings(**{"rpc": "http://127.0.0.1:8545", "rtgs_url": URL, **changes})
    with pytest.raises(Misconfigured, match=f"network.json, {field}: '{changes[field]}'"):
        require_simulated(home, lambda *_: pytest.fail("it was asked"))
    with pytest.raises(Misconfigured):
        mark_mirror(home, by="Eva")
    assert not is_mirror(home)


def test_what_is_behind_the_door_must_be_the_simulated_one(home: AHome) -> None:
    def refuses(_home: Home, _act: str) -> Any:
        raise Refused("RtgsRefused", {"field": "Authorization"})

    with pytest.raises(Misconfigured, match="is not the simulated RTGS"):
        require_simulated(home, refuses)
    for answer in ({}, [], {"plan": None}, "ok"):
        with pytest.raises(Misconfigured, match="is no simulated RTGS"):
            require_simulated(home, lambda _home, _act, answer=answer: answer)
    require_simulated(home)


def test_no_answer_is_no_yes(home: AHome) -> None:
    def silent(_home: Home, _act: str) -> Any:
        raise Unavailable("the RTGS does not answer")

    with pytest.raises(Unavailable):
        require_simulated(home, silent)


def test_one_process_has_no_other_rtgs(home: AHome) -> None:
    home.said = Settings(rpc=EMBEDDED, rtgs_url=EMBEDDED)
    require_simulated(home, lambda *_: pytest.fail("it was asked"))


@pytest.mark.parametrize("url", ["file:///gateway", "http://rtgs.bank.example", "https://127.0.0.1.bank.example"])
def test_an_embedded_chain_excuses_no_other_rtgs(home: AHome, url: str) -> None:
    """Whoever writes into network.json that the chain is embedded gets no door to a real payment system by it."""
    home.said = Settings(rpc=EMBEDDED, rtgs_url=EMBEDDED)
    mark_mirror(home, by="Eva")
    home.said = Settings(rpc=EMBEDDED, rtgs_url=url)
    with pytest.raises(Misconfigured, match="a mirror's RTGS is simulated"):
        processes.open_cash(home)
    home.said = Settings(rpc=EMBEDDED, rtgs_url=(home.root / "drop").as_uri())
    require_simulated(home, lambda *_: pytest.fail("it was asked"))


def test_no_process_of_a_mirror_opens_another_rtgs(home: AHome) -> None:
    mark_mirror(home, by="Eva")
    processes.open_cash(home)
    home.said = Settings(rpc="http://127.0.0.1:8545", rtgs_url="https://rtgs.bank.example")
    with pytest.raises(Misconfigured, match="a mirror's RTGS is simulated"):
        processes.open_cash(home)


def test_no_file_taken_away_makes_a_mirror_real(home: AHome) -> None:
    """What was fed to it would settle with a real payment system. The journal still tells."""
    mark_mirror(home, by="Eva")
    (home.root / "mirror.json").unlink()
    home.said = Settings(rpc="http://127.0.0.1:8545", rtgs_url="http://rtgs.bank.example")
    with pytest.raises(Misconfigured, match="a mirror's RTGS is simulated"):
        processes.open_cash(home)
    home.said = AHome.said
    processes.open_cash(home)
    again = mark_mirror(home, by="Tom")
    assert (again.by, again.is_new) == ("Eva", False)
    assert is_mirror(home)
    assert len(mirror.open_book(home).journal("mirror")) == 1


def test_whoever_was_stopped_while_marking_goes_on(home: AHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mirror, "put_file", stopped)
        with pytest.raises(KeyboardInterrupt):
            mark_mirror(home, by="Eva")
    assert not is_mirror(home)
    assert (mark_mirror(home, by="Eva").by, is_mirror(home)) == ("Eva", True)
    assert len(mirror.open_book(home).journal("mirror")) == 1


def test_an_installation_that_is_no_mirror_opens_any_rtgs(home: AHome) -> None:
    home.said = Settings(rpc="http://127.0.0.1:8545", rtgs_url="http://rtgs.bank.example")
    processes.open_cash(home)
