"""Days and trades as the tests of the parallel run use them."""

from datetime import UTC, date, datetime, time

from lockstep.domain.parallel.pairs import Side, TradePair
from lockstep.domain.parallel.scorecards import Score, Scorecard, Tally
from lockstep.domain.reconciliation.books import LineStatus

BOND, NOTE = "DE000A0DLWB1", "FR0000571218"
ANNA, BERT, CARL = "ANNA", "BERT", "CARL"
MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)


def at(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second), tzinfo=UTC)


def settled(moment: datetime) -> Side:
    return Side(status=LineStatus.SETTLED, settled_at=moment)


def still_open() -> Side:
    return Side(status=LineStatus.OPEN)


def ended(day: date | None = None) -> Side:
    return Side(status=LineStatus.ENDED, ended_on=day)


def pair(lockstep: Side, legacy: Side, reference: str = "T1", agreed: date = MONDAY, **other: object) -> TradePair:
    facts: dict[str, object] = {
        "isin": BOND,
        "deliverer": ANNA,
        "receiver": BERT,
        "quantity": 50,
        "amount": 1_000,
        "currency": "EUR",
        **other,
    }
    return TradePair(reference=reference, agreed=agreed, lockstep=lockstep, legacy=legacy, **facts)


def card(day: date, compared: int = 10, agreed: int = 10, isin: str = BOND, **figures: object) -> Scorecard:
    score = Score(trades=Tally(compared=compared, agreed=agreed), **figures)
    return Scorecard(day=day, at=at(day, 18), isin=isin, whole=score, participants={ANNA: score})
