"""One suite for every `ports.ParallelBook`: in memory, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lockstep.domain.errors import Conflict
from lockstep.domain.journal import GENESIS, Entry, entry_hash
from lockstep.domain.parallel.gates import Condition, Gate, Measure, judge
from lockstep.domain.parallel.pairs import Paired, Side, TradePair
from lockstep.domain.parallel.scorecards import ALL, Freed, Score, Scorecard, StoredCard, Tally
from lockstep.domain.parallel.stages import Course
from lockstep.domain.reconciliation.books import LineStatus
from lockstep.domain.values import replace
from lockstep.ports import Change, ParallelBook
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import FakeBook

MONDAY, DAY = date(2026, 11, 23), timedelta(days=1)
TUESDAY = MONDAY + DAY
EVENING = datetime(2026, 11, 23, 18, tzinfo=UTC)
BOND, NOTE = "DE000A0DLWB1", "FR0000571218"


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ParallelBook]:
    if request.param == "memory":
        yield FakeBook()
        return
    postgresql = request.param == "postgresql"
    url = request.getfixturevalue("postgresql_server").fresh() if postgresql else f"sqlite:///{tmp_path}/book.db"
    engine = open_database(url)
    yield SqlBook(engine)
    engine.dispose()


def card(day: date, isin: str = BOND, agreed: int = 3) -> StoredCard:
    freed = Freed(cash={"EUR": -(2**70)}, units={BOND: 2**65})
    score = Score(trades=Tally(compared=4, agreed=agreed), freed=freed, found={"late": 1}, unexplained_breaks=2)
    return StoredCard(card=Scorecard(day=day, at=EVENING, isin=isin, whole=score, participants={"A": score}))


def pair(reference: str, seen_on: date = MONDAY) -> Paired:
    one = TradePair(
        reference=reference,
        isin=BOND,
        deliverer="A",
        receiver="B",
        quantity=5,
        amount=7,
        currency="EUR",
        agreed=MONDAY,
        lockstep=Side(status=LineStatus.SETTLED, settled_at=EVENING),
        legacy=Side(status=LineStatus.ENDED, ended_on=MONDAY),
    )
    return Paired(pair=one, seen_on=seen_on)


def course(isin: str = BOND) -> Course:
    return Course.begun(isin, day=MONDAY, at=EVENING)


def test_nothing_is_known_at_first(book: ParallelBook) -> None:
    assert book.course(BOND) is None
    assert not [*book.courses(), *book.scorecards(BOND), *book.scorecards_of(MONDAY), *book.paired_on(MONDAY)]
    assert book.paired(["T"]) == {}
    assert book.paired([]) == {}


def test_a_course_is_stored_with_its_proposal(book: ParallelBook) -> None:
    gate = Gate(
        name="gate",
        stage="shadow",
        to="parallel",
        conditions=(Condition(measure=Measure.TRADE_AGREEMENT, at_least="3/4", each_participant=True),),
    )
    verdict = judge(gate, BOND, [(card(MONDAY).card, 12)], MONDAY)
    one = course().proposed(verdict, "ready", by="Eva", at=EVENING)
    book.commit(Change(courses=(course(NOTE), one)))
    assert book.course(BOND) == replace(one, version=1)
    assert [(known.isin, known.version) for known in book.courses()] == [(BOND, 1), (NOTE, 1)]


def test_scorecards_come_by_security_and_by_day(book: ParallelBook) -> None:
    book.commit(Change(scorecards=(card(TUESDAY), card(MONDAY), card(MONDAY, ALL), card(MONDAY, NOTE))))
    stored = replace(card(MONDAY), version=1)
    assert book.scorecards(BOND) == [stored, replace(card(TUESDAY), version=1)]
    assert book.scorecards(BOND, until=MONDAY) == [stored]
    assert [one.card.day for one in book.scorecards(BOND, since=TUESDAY)] == [TUESDAY]
    assert book.scorecards(BOND, TUESDAY + DAY) == []
    assert [one.card.isin for one in book.scorecards_of(MONDAY)] == [ALL, BOND, NOTE]
    assert [one.card.isin for one in book.scorecards(ALL)] == [ALL]
    assert book.scorecards(BOND)[0].card.digest == card(MONDAY).card.digest


def test_a_day_scored_anew_is_the_next_version(book: ParallelBook) -> None:
    book.commit(Change(scorecards=(card(MONDAY),)))
    (first,) = book.scorecards(BOND)
    book.commit(Change(scorecards=(replace(card(MONDAY, agreed=4), version=first.version),)))
    (second,) = book.scorecards(BOND)
    assert (second.version, second.card.whole.trades.agreed) == (2, 4)


def test_pairs_come_by_reference_and_by_day(book: ParallelBook) -> None:
    book.commit(Change(pairs=(pair("T2"), pair("T1"), pair("T3", TUESDAY))))
    assert book.paired(["T1", "T3", "other"]) == {
        "T1": replace(pair("T1"), version=1),
        "T3": replace(pair("T3", TUESDAY), version=1),
    }
    assert [one.pair.reference for one in book.paired_on(MONDAY)] == ["T1", "T2"]
    known = book.paired(["T1"])["T1"]
    book.commit(Change(pairs=(replace(known, counted_on=TUESDAY, seen_on=TUESDAY),)))
    assert [one.pair.reference for one in book.paired_on(TUESDAY)] == ["T1", "T3"]
    assert book.paired(["T1"])["T1"].counted_on == TUESDAY


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (Change(courses=(course(),)), f"course version {BOND}/0"),
        (Change(scorecards=(card(MONDAY),)), f"scorecard version 2026-11-23/{BOND}/0"),
        (Change(pairs=(pair("T1"),)), "trade pair version T1/0"),
    ],
)
def test_what_another_stored_since_is_refused_whole(book: ParallelBook, change: Change, name: str) -> None:
    book.commit(change)
    entry = Entry(at=EVENING, kind="promotion", subject=BOND)
    with pytest.raises(Conflict, match=name):
        book.commit(replace(change, courses=(*change.courses, course(NOTE)), entries=(entry,)))
    assert book.course(NOTE) is None
    assert book.journal() == []


def test_entries_are_chained_in_the_same_transaction(book: ParallelBook) -> None:
    first = Entry(at=EVENING, kind="scorecard", subject=BOND, facts={"digest": card(MONDAY).card.digest})
    second = Entry(at=EVENING, kind="promotion", subject=BOND, facts={"by": "Eva"})
    book.commit(Change(scorecards=(card(MONDAY),), courses=(course(),), entries=(first, second)))
    one, two = book.journal(BOND)
    assert one.hash == entry_hash(GENESIS, 1, first)
    assert two.hash == entry_hash(one.hash, 2, second)
