"""A market of three banks and a journal written by hand, for the tests of what reports say."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from lockstep.domain.identifiers import Bic, Isin, Lei, Reference
from lockstep.domain.instruction import QuantityType
from lockstep.domain.journal import GENESIS, Entry, JournalRow, entry_hash
from lockstep.domain.market import Market, Network, Participant, Security
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import TradeTerms
from lockstep.reports.records import Known

ANNA, BERT, CORA = (Lei(f"ZZZZ00{name}00000000000{number}") for number, name in enumerate(("ANNA", "BERT", "CORA"), 1))
BOND, SHARE = Isin("ZZ00BOND0001"), Isin("ZZ00SHARE002")


def market() -> Market:
    members = [
        Participant(
            name=name,
            lei=lei,
            bic=Bic(f"{name.upper()}ZZ2A"),
            wallet=f"0x{number:040x}",
            accounts={"EUR": f"EUR-{number}"},
        )
        for number, (name, lei) in enumerate((("Anna", ANNA), ("Bert", BERT), ("Cora", CORA)), 1)
    ]
    return Market(
        service=Bic("SERVZZ2A"),
        rtgs=Bic("CBNKZZ2A"),
        network=Network(chain_id=7, dvp="0x" + "d" * 40, finality_depth=2),
        participants={one.lei: one for one in members},
        securities={
            BOND: Security(
                isin=BOND,
                name="A bond",
                token="0x" + "b" * 40,
                decimals=2,
                quantity_type=QuantityType.FACE_AMOUNT,
                currency="EUR",
            ),
            SHARE: Security(
                isin=SHARE,
                name="A share",
                token="0x" + "5" * 40,
                decimals=0,
                quantity_type=QuantityType.UNIT,
                currency="EUR",
            ),
        },
        tolerances={},
        pay_by=time(16),
    )


def at(day: int, clock: str) -> datetime:
    """A moment of November 2026, UTC; the 23rd is a Monday."""
    return datetime.fromisoformat(f"2026-11-{day:02d}T{clock}+00:00").astimezone(UTC)


def terms(
    name: str, cash: str, due: int, *, isin: Isin = BOND, quantity: str = "1000", buyer: Lei = BERT
) -> TradeTerms:
    return TradeTerms(
        deliverer=ANNA,
        receiver=buyer,
        deliverer_reference=Reference(f"{name}-D"),
        receiver_reference=Reference(f"{name}-R"),
        isin=isin,
        quantity=Quantity.parse(quantity),
        cash=Money.parse(cash, "EUR"),
        settlement_date=date(2026, 11, due),
        salt="5a" * 16,
    )


class Journal:
    """Entries in the order in which they are written, each bound to the one before."""

    def __init__(self) -> None:
        self.rows: list[JournalRow] = []
        self.known: dict[str, Known] = {}

    def add(self, moment: datetime, kind: str, subject: str, facts: Mapping[str, str] | None = None) -> None:
        self.entry(Entry(at=moment, kind=kind, subject=subject, facts=dict(facts or {})))

    def entry(self, entry: Entry) -> None:
        number, previous = len(self.rows) + 1, self.rows[-1].hash if self.rows else GENESIS
        self.rows.append(JournalRow(number=number, entry=entry, hash=entry_hash(previous, number, entry)))

    def instructed(self, moment: datetime, bic: str, reference: str) -> None:
        self.add(moment, "instructed", reference, {"owner": bic, "message_id": f"M-{reference}"})

    def matched(self, moment: datetime, of: TradeTerms) -> str:
        self.known[of.trade_id] = Known(terms=of, matched_at=moment)
        self.add(moment, "matched", of.trade_id, {"isin": of.isin})
        return of.trade_id

    def told(self, moment: datetime, kind: str, trade: str, reason: str = "") -> None:
        self.add(moment, kind, trade, {"reason": reason} if reason else {})


LACK, MONY = "LACK: the seller is short of free units", "MONY: the buyer was short of cash"


def week() -> Journal:
    """Six trades, three business days; what should be reported of them is worked out in the tests."""
    journal = Journal()
    good = terms("GOOD", "1000000.00", 23)
    short = terms("SHORT", "250000.00", 23, isin=SHARE, quantity="10000")
    poor = terms("POOR", "500000.00", 24, buyer=CORA)
    gone = terms("GONE", "70000.00", 23)
    late = terms("LATE", "100000.00", 23)
    paid = terms("PAID", "30000.00", 25)
    journal.instructed(at(20, "08:00"), "ANNAZZ2A", "LATE-D")
    for one in (good, short, poor, gone):
        journal.matched(at(20, "09:00"), one)
    journal.told(at(23, "08:00"), "waiting", short.trade_id, LACK)
    journal.told(at(23, "09:00"), "locked", good.trade_id)
    journal.told(at(23, "09:30"), "paid", good.trade_id)
    journal.told(at(23, "10:00"), "settled", good.trade_id)
    journal.told(at(23, "12:00"), "cancelled", gone.trade_id, "CANI: cancelled: both parties asked, before any lock")
    journal.told(at(24, "09:00"), "locked", poor.trade_id)
    journal.told(at(24, "09:01"), "waiting", poor.trade_id, MONY)
    journal.told(at(24, "17:01"), "released", poor.trade_id, MONY)
    journal.instructed(at(25, "09:00"), "BERTZZ2A", "LATE-R")
    journal.matched(at(25, "09:00"), late)
    journal.matched(at(25, "09:10"), paid)
    for kind, clock in (("locked", "09:20"), ("paid", "09:40"), ("settled", "10:00")):
        journal.told(at(25, clock), kind, late.trade_id)
    for kind, clock in (("locked", "10:00"), ("paid", "10:30"), ("settled", "11:00")):
        journal.told(at(25, clock), kind, short.trade_id)
    journal.told(at(25, "15:50"), "locked", paid.trade_id)
    journal.told(at(25, "15:59"), "paid", paid.trade_id)
    return journal
