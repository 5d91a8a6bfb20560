"""Many messages handed in together: each ends as if it came alone, in its order, with far fewer commits."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flow_cases import DELIVER, MARKET, MORNING, RECEIVE, said
from sqlalchemy import event

from lockstep.domain.errors import Conflict, InvalidInput, InvalidMessage, LeaseLost, LockstepError, Refused
from lockstep.domain.identifiers import Bic, Isin, Reference
from lockstep.domain.instruction import CancellationRequest, Side
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.flow.matching import match
from lockstep.flow.receiving import HandedIn, Reception, Unusable, receive
from lockstep.flow.reporting import Refusal
from lockstep.ports import Change
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import BUYER, SALT_KEY, SELLER, FakeBook, FakeClock

Told = list[tuple[str, str]]


class BulkFakeBook(FakeBook):
    """Stores many as the port says: each whole or not at all."""

    def commit_all(self, changes: Sequence[Change]) -> Sequence[LockstepError | None]:
        results: list[LockstepError | None] = []
        for change in changes:
            try:
                super().commit(change)
                results.append(None)
            except Conflict as conflict:
                results.append(conflict)
        return results


def reception(book: Any) -> Reception:
    return Reception(book=book, market=MARKET, clock=FakeClock(MORNING))


def given(message: Message[Any], content: str = "") -> HandedIn:
    return HandedIn(message=message, data=(content or repr(message)).encode())


def told(results: Sequence[str | LockstepError]) -> Told:
    return [(one, "") if isinstance(one, str) else (type(one).__name__, str(one)) for one in results]


def one_by_one(door: Reception, items: Sequence[HandedIn | Unusable]) -> Told:
    """By the single call only."""
    found: list[str | LockstepError] = []
    for one in items:
        if isinstance(one, Unusable):
            door.refuse(one.subject, one.error, one.refusal)
            found.append(one.error)
            continue
        try:
            found.append(door.submit(one.message, one.data))
        except LockstepError as error:
            found.append(error)
    return told(found)


def remembered(book: Any) -> list[object]:
    return [
        [(row.number, row.entry, row.hash) for row in book.journal()],
        sorted(map(repr, book.instructions())),
        list(book.trades()),
        list(book.undelivered()),
        [book.cancellations(trade.trade_id) for trade in book.trades()],
        [book.seen(sender, f"M-{number}") for sender in (SELLER.bic, BUYER.bic) for number in range(40)],
    ]


BROKEN = Unusable(
    subject="broken.xml",
    error=InvalidMessage("XML", "line 1", "well-formed XML"),
    refusal=Refusal(
        sender=SELLER.bic, message_id="M-30", reference=Reference("D-30"), side=Side.DELIVER, is_cancellation=False
    ),
)
STRANGE = Unusable(subject="strange.xml", error=InvalidMessage("BizMsg", "a", "the root is BizMsg"))


def pool() -> list[HandedIn | Unusable]:
    """Good ones and every kind of bad one; some the same twice."""
    made: list[HandedIn | Unusable] = [BROKEN, STRANGE]
    for number in range(4):
        deliver = replace(DELIVER, reference=Reference(f"D-{number}"))
        receive_ = replace(RECEIVE, reference=Reference(f"R-{number}"))
        altered = replace(deliver, cash=Money.parse("1", "EUR"))
        made += [
            given(said(deliver, f"M-{number}")),
            given(said(receive_, f"M-{number}")),
            given(said(deliver, f"M-{number}"), "altered"),
            given(said(altered, f"M-{number + 10}")),
            given(said(replace(deliver, isin=Isin("US0378331005")), f"M-{number + 20}")),
            given(said(deliver, f"M-{number}", receiver=Bic("ELSEZZ2A"))),
            given(
                said(CancellationRequest(reference=deliver.reference, side=Side.DELIVER, owner=SELLER), f"M-3{number}")
            ),
            given(
                said(CancellationRequest(reference=receive_.reference, side=Side.RECEIVE, owner=BUYER), f"M-3{number}")
            ),
        ]
    return made + made[2:6]


@pytest.fixture(params=["merged", "bulk", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    numbers = iter(range(1000))

    def sqlite() -> SqlBook:
        return SqlBook(open_database(f"sqlite:///{tmp_path}/{next(numbers)}.db"))

    return {"merged": FakeBook, "bulk": BulkFakeBook, "sqlite": sqlite}[request.param]


@pytest.mark.parametrize("seed", range(8))
def test_together_is_as_one_by_one(make: Callable[[], Any], seed: int) -> None:
    """Whatever the order: the same outcomes, journal, records and messages."""
    items = pool()
    random.Random(seed).shuffle(items)
    alone, together = make(), make()
    for start in range(0, len(items), 12):
        part = items[start : start + 12]
        expected = one_by_one(reception(alone), part)
        assert told(reception(together).submit_all(part)) == expected
        for book in (alone, together):
            for change in match(book.waiting(), MARKET, SALT_KEY, MORNING):
                book.commit(change)
    assert remembered(together) == remembered(alone)
    kinds = {row.entry.kind for row in together.journal()}
    assert {"instructed", "refused", "duplicate", "matched"} <= kinds


def hundred() -> list[HandedIn]:
    return [given(said(replace(DELIVER, reference=Reference(f"D-{n}")), f"M-{n}")) for n in range(100)]


def test_a_hundred_in_one_commit(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/one.db")
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    door = reception(SqlBook(engine))
    commits.clear()
    for outcome in ("instructed", "duplicate"):
        before = len(commits)
        assert told(door.submit_all(hundred())) == [(outcome, "")] * 100
        assert len(commits) == before + 1
    engine.dispose()


def test_of_many_only_the_senders_of_what_was_refused_are_told_at_once() -> None:
    book = FakeBook()
    reception(book).submit_all([*hundred()[:2], BROKEN, STRANGE])
    receivers = [(message.receiver, message.body.status.value) for message in book.undelivered()]
    assert receivers == [(SELLER.bic, "REJECTED")]


class Overtaken:
    """Lets another door store something between the judging and the commit, once."""

    def __init__(self, book: Any, other: Change) -> None:
        self._book, self._other = book, other

    def __getattr__(self, name: str) -> Any:
        if name in ("commit", "commit_all") and self._other:
            found = getattr(self._book, name)
            other, self._other = self._other, Change()
            self._book.commit(other)
            return found
        return getattr(self._book, name)


@pytest.mark.parametrize("make_book", [FakeBook, BulkFakeBook])
def test_what_another_stored_meanwhile_is_found(make_book: Callable[[], Any]) -> None:
    """The batch is judged anew: who came second is told so, the rest is taken, nothing twice."""
    book = make_book()
    taken = said(replace(DELIVER, reference=Reference("D-50")), "M-OTHER")
    other = receive(book, MARKET, taken, "0" * 64, MORNING)
    results = reception(Overtaken(book, other)).submit_all(hundred())
    assert [place for place, one in enumerate(results) if isinstance(one, Conflict)] == [50]
    assert len(book.instructions()) == 100
    assert [row.entry.kind for row in book.journal()].count("instructed") == 100


def test_what_is_no_conflict_is_raised() -> None:
    class Lost(BulkFakeBook):
        def commit_all(self, changes: Sequence[Change]) -> Sequence[LockstepError | None]:
            return [None, LeaseLost("service", 1), *[None] * (len(changes) - 2)]

    with pytest.raises(LeaseLost):
        reception(Lost()).submit_all(hundred())


def test_late_is_late_for_all() -> None:
    past = replace(DELIVER, settlement_date=MORNING.date().replace(day=1), trade_date=MORNING.date().replace(day=1))
    items = [given(said(replace(past, reference=Reference(f"D-{n}")), f"M-{n}")) for n in range(3)]
    book = FakeBook()
    assert [type(one) for one in reception(book).submit_all(items)] == [InvalidInput] * 3
    assert told(reception(book).submit_all(items, late=True)) == [("instructed", "")] * 3


def test_none_and_an_ended_one() -> None:
    book = FakeBook()
    door = reception(book)
    assert list(door.submit_all([])) == []
    cancel = CancellationRequest(reference=Reference("D-1"), side=Side.DELIVER, owner=SELLER)
    results = door.submit_all(
        [
            given(said(DELIVER, "M-1")),
            given(said(cancel, "M-2")),
            given(said(cancel, "M-3")),
            given(said(RECEIVE, "M-4")),
        ]
    )
    assert [one if isinstance(one, str) else type(one) for one in results] == [
        "instructed",
        "cancellation asked",
        Refused,
        "instructed",
    ]
