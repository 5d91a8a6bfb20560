"""A week of two securities beside a legacy book, in figures that can be added up by hand."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from lockstep.domain.parallel.gates import Condition, Gate, Measure, judge
from lockstep.domain.parallel.scorecards import ALL, Fails, Finality, Freed, Score, Scorecard, Tally
from lockstep.domain.parallel.stages import Course, Stage
from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.reconciliation.breaks import Break, CloseReason
from lockstep.domain.reconciliation.corrections import decide, propose
from lockstep.domain.reconciliation.differences import BreakClass, Cause, Difference, Found
from lockstep.reports.model import Source
from lockstep.reports.parallel_run import ParallelRun

BUND, SHARES = "DE0001102580", "FR0000120271"
ALPHA, BETA, GAMMA = "529900T8BM49AURSDO55", "R0MUWSFPU8MPRO8K5P83", "O2RNE8IBXP4R0TD8PU41"
MONDAY = date(2026, 3, 2)
SOURCE = Source(journal_number=912, journal_hash="ab" * 32, others=("legacy book of 2026-03-06, SHA-256 " + "cd" * 32,))
AS_OF = datetime(2026, 3, 6, 20, 0, tzinfo=UTC)


def at(day: int, hour: int = 19) -> datetime:
    return datetime.combine(MONDAY + timedelta(days=day), time(hour), UTC)


def score(trades: int, wrong: int, *, found: Mapping[str, int] | None = None, stay: int = 0, seconds: int = 0) -> Score:
    """So many trades, of which some differ; each settled in both books, one of them `seconds` earlier."""
    return Score(
        trades=Tally(compared=trades, agreed=trades - wrong),
        positions=Tally(compared=20, agreed=20 - stay),
        cash=Tally(compared=6, agreed=6),
        events=Tally(compared=trades, agreed=trades - 1),
        found=dict(found or {}),
        finality=Finality(both=trades, earlier=1, seconds_earlier=seconds, most_earlier=seconds),
        fails=Fails(due=trades, legacy=2, lockstep=1, avoided=1, avoided_value={"EUR": 5_000_000_00}),
        freed=Freed(cash={"EUR": 864_000_00 * seconds}, units={BUND: 1000 * seconds}),
        open_breaks=stay + wrong,
        unexplained_breaks=stay,
        oldest_break_days=stay,
    )


FOUND = (
    {"missing": 1, "timing": 3},
    {"amount": 2, "duplicate": 1, "timing": 1},
    {"identity": 1, "status": 1, "extra": 1},
    {"late": 2, "timing": 2},
    {"timing": 1},
)


def cards() -> list[Scorecard]:
    made = []
    for day in range(5):
        whole = score(40 + day, 5 - day, found=FOUND[day], stay=(2, 3, 1, 1, 0)[day], seconds=7200 + 600 * day)
        parts = {ALPHA: score(30, 3 - day // 2, seconds=3600), BETA: score(25, 1, seconds=1800), GAMMA: score(9, 0)}
        bund = score(20, max(0, 3 - day), seconds=3600)
        for isin, one, of in (
            (ALL, whole, parts),
            (BUND, bund, {ALPHA: bund}),
            (SHARES, score(20, 2, seconds=3000), {}),
        ):
            made.append(Scorecard(day=MONDAY + timedelta(days=day), at=at(day), isin=isin, whole=one, participants=of))
    return made


GATE = Gate(
    name="five good days",
    stage="shadow",
    to="parallel",
    conditions=(
        Condition(measure=Measure.BUSINESS_DAYS, at_least="5"),
        Condition(measure=Measure.TRADE_AGREEMENT, at_least="99/100", days=2),
        Condition(measure=Measure.UNEXPLAINED_BREAKS, at_most="0"),
        Condition(measure=Measure.MOST_SECONDS_LATER, at_most="300", each_participant=True),
    ),
)


def found(key: Key, book: Book, kind: BreakClass, field: str, said: str, agreed: str, cause: Cause) -> Found:
    by = int(said or 0) - int(agreed or 0) if field in ("quantity", "amount") else 0
    return Found(
        book=book,
        key=key,
        differences=(Difference(break_class=kind, field=field, said=said, agreed=agreed, by=by),),
        rule="exact",
        cause=cause,
        participants=(key.participant or ALPHA,),
        instrument=BUND,
        against=(Book.CHAIN,),
    )


def run() -> ParallelRun:
    told = cards()
    numbered = {
        isin: [(one, 100 + place) for place, one in enumerate(told) if one.isin == isin] for isin in (BUND, SHARES)
    }
    verdicts = [judge(GATE, isin, mine, MONDAY) for isin, mine in numbered.items()]
    bund = Course.begun(BUND, day=MONDAY, at=at(0))
    assert verdicts[0].is_met
    bund = bund.proposed(verdicts[0], "a good week", by="Ana Silva", at=at(4))
    assert bund.pending is not None
    digests = {one.day: one.digest for one in verdicts[0].evidence}
    bund = bund.decided(
        bund.pending.proposal_id, approve=True, why="agreed", by="Bo Lind", at=at(4, 20), verdict=verdicts[0],
        digests=digests, since=MONDAY + timedelta(days=7),
    )  # fmt: skip
    assert bund.stage is Stage.PARALLEL
    position = found(Key.position(ALPHA, BUND), Book.LEGACY, BreakClass.AMOUNT, "quantity", "120000", "102000",
                     Cause.DIGITS_TRANSPOSED)  # fmt: skip
    cash = found(Key.cash(BETA, "EUR"), Book.LEGACY, BreakClass.AMOUNT, "amount", "500001", "500000", Cause.UNKNOWN)
    late = found(Key.trade("CSD-0302-11"), Book.LEGACY, BreakClass.LATE, "at", "2026-03-02T18:30:00Z",
                 "2026-03-02T15:00:00Z", Cause.SETTLED_LATE)  # fmt: skip
    first = Break.opened(position, day=MONDAY, at=at(0)).assigned("Ana Silva", by="Bo Lind", at=at(1))
    first, correction = propose(
        first, (), book=Book.LEGACY, field="quantity", right="102000", why="two digits", by="Ana Silva", at=at(2)
    )
    first, correction = decide(first, correction, approve=True, by="Bo Lind", at=at(2, 20), why="seen")
    second = Break.opened(cash, day=MONDAY + timedelta(days=3), at=at(3))
    third = Break.opened(late, day=MONDAY, at=at(0)).closed(
        CloseReason.ACCEPTED, "their cut-off is later", by="Bo Lind", at=at(1)
    )
    return ParallelRun(
        cards=told,
        courses=[bund, Course.begun(SHARES, day=MONDAY, at=at(0))],
        verdicts=verdicts,
        breaks=[third, second, first],
        corrections=[correction],
    )
