"""Folders of participants' files: read, taken a hundred at a time, each bad one with its reason, and shown."""

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from flow_cases import DELIVER, MARKET, MORNING, RECEIVE, said
from typer.testing import CliRunner

from lockstep.app import records
from lockstep.app.intake import TOGETHER, Taken, expand, submit_files
from lockstep.cli.commands import app
from lockstep.domain.identifiers import Reference
from lockstep.domain.instruction import CancellationRequest, Side
from lockstep.flow.receiving import Reception
from lockstep.iso20022 import write
from lockstep.testing.fakes import SELLER, FakeBook, FakeClock

RUN = CliRunner()


@pytest.fixture
def commits() -> list[str]:
    return []


@pytest.fixture
def book(commits: list[str]) -> FakeBook:
    return FakeBook(commits.append)


@pytest.fixture
def reception(book: FakeBook) -> Reception:
    return Reception(book=book, market=MARKET, clock=FakeClock(MORNING))


def deliver(number: int) -> bytes:
    return write(said(replace(DELIVER, reference=Reference(f"D-{number}")), f"M-D-{number}"))


def receives(number: int) -> bytes:
    return write(said(replace(RECEIVE, reference=Reference(f"R-{number}")), f"M-R-{number}"))


def folder_of(root: Path, contents: list[bytes]) -> Path:
    for place, data in enumerate(contents):
        (root / f"{place:04d}.xml").write_bytes(data)
    return root


def test_a_folder_in_few_commits_and_each_told_once_durable(
    reception: Reception, book: FakeBook, commits: list[str], tmp_path: Path
) -> None:
    folder_of(tmp_path, [deliver(n) for n in range(150)] + [receives(n) for n in range(150)])
    stored: list[tuple[str, int]] = []

    def told(one: Taken) -> None:
        stored.append((Path(one.file).name, len(book.instructions())))

    taken = submit_files(reception, expand([tmp_path]), told)
    assert [one.outcome for one in taken] == ["instructed"] * 300
    assert [name for name, _ in stored] == [f"{n:04d}.xml" for n in range(300)]
    assert all(count >= place for place, (_, count) in enumerate(stored, 1)), "told before it was stored"
    assert len(commits) == 300 // TOGETHER


def test_bad_ones_of_every_kind_end_with_their_reason(reception: Reception, book: FakeBook, tmp_path: Path) -> None:
    cancel = CancellationRequest(reference=Reference("D-0"), side=Side.DELIVER, owner=SELLER)
    statement = (Path(__file__).resolve().parents[2] / "golden" / "camt.053.001.08.xml").read_bytes()
    contents = [
        deliver(0),
        b"",
        b"<broken",
        b"\xff\xfe\x00",
        b"<a>" * 50_000,
        deliver(1)[:-40],
        statement,
        deliver(0),
        deliver(0).replace(b"<Id>", b"<Id >"),
        write(said(cancel, "M-C-0")),
        receives(1),
        b"." * ((1 << 20) + 1),
    ]
    folder_of(tmp_path, contents)
    (tmp_path / "0100.xml").mkdir()
    os.symlink(tmp_path / "nowhere", tmp_path / "0200.xml")
    taken = {Path(one.file).stem: one for one in submit_files(reception, expand([tmp_path]))}
    outcomes = {name: one.outcome for name, one in taken.items() if one.outcome != "refused"}
    assert outcomes == {
        "0000": "instructed",
        "0007": "duplicate",
        "0009": "cancellation asked",
        "0010": "instructed",
    }
    for name, one in taken.items():
        told = one.as_json()
        if one.outcome == "refused":
            assert told["error"] and told["field"] and told["rule"], name
    assert taken["0200"].error is not None and "readable" in str(taken["0200"].error)
    refused = [row.entry for row in book.journal() if row.entry.kind == "refused"]
    unreadable = {"0100", "0200"}
    assert len(refused) == len([one for name, one in taken.items() if one.outcome == "refused"]) - len(unreadable)
    answered = [message for message in book.undelivered() if message.body.status.value == "REJECTED"]
    assert {message.receiver for message in answered} == {SELLER.bic}, "a participant is told what was not taken of it"


def test_no_name_and_no_pipe_keeps_the_others_from_being_taken(
    reception: Reception, book: FakeBook, tmp_path: Path
) -> None:
    """Who leaves files names them as he likes, and not all of them need be files."""
    folder_of(tmp_path, [deliver(0), deliver(1)])
    for name in (b"\xff.xml", b"0000-\xed\xa0\x80.xml"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"nothing")
    os.mkfifo(tmp_path / "0000-pipe.xml")
    taken = submit_files(reception, expand([tmp_path]))
    assert Counter(one.outcome for one in taken) == {"instructed": 2, "refused": 3}
    json.dumps([one.as_json() for one in taken], ensure_ascii=False).encode()
    "".join(row.entry.subject for row in book.journal()).encode()
    assert "regular" in str(next(one.error for one in taken if "pipe" in one.file))


def shown(monkeypatch: pytest.MonkeyPatch, reception: Reception, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(records, "open_reception", lambda home: reception)
    answer = RUN.invoke(app, ["submit", *arguments])
    return answer.exit_code, answer.output


def test_few_are_listed_and_counted(monkeypatch: pytest.MonkeyPatch, reception: Reception, tmp_path: Path) -> None:
    folder_of(tmp_path, [deliver(0), deliver(0), b"<broken"])
    code, output = shown(monkeypatch, reception, str(tmp_path))
    assert code == 1
    assert "taken     0000.xml: D-0" in output and "0001.xml: taken before" in output and "well-formed XML" in output
    assert output.rstrip().endswith("3 files: 1 duplicate, 1 instructed, 1 refused")


def test_of_many_only_what_is_not_simply_taken_is_listed(
    monkeypatch: pytest.MonkeyPatch, reception: Reception, tmp_path: Path
) -> None:
    folder_of(tmp_path, [*(deliver(n) for n in range(1_200)), b"<broken"])
    code, output = shown(monkeypatch, reception, str(tmp_path))
    assert code == 1
    assert output.count("D-") == 0 and "1200.xml" in output
    assert output.rstrip().endswith("1201 files: 1,200 instructed, 1 refused")


def test_for_programs_as_ever(monkeypatch: pytest.MonkeyPatch, reception: Reception, tmp_path: Path) -> None:
    folder_of(tmp_path, [deliver(0), b"<broken"])
    code, output = shown(monkeypatch, reception, str(tmp_path), "--json")
    good, bad = json.loads(output)["files"]
    assert code == 1
    keys = {"file", "outcome", "reference", "error", "field", "value", "rule"}
    assert (set(good), set(bad)) == (keys, keys)
    assert (good["outcome"], good["reference"], bad["outcome"], bad["field"]) == ("instructed", "D-0", "refused", "XML")
