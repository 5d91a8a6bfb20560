"""Five business days of a legacy book beside a market of Lockstep's, with forty discrepancies: what a parallel run is
judged by. Standard library only; nothing here knows how books are compared or breaks are found.

Fifty trades of five banks in three securities and two currencies, which the legacy system settles in batches.
`PLANTED` lists what is wrong, on which day, until when; `answers` says as which class a reconciliation of each day has
to find it. `planted_week_files` writes what the legacy system says, day by day.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import NamedTuple
from uuid import UUID

__all__ = [
    "AS_STATEMENT",
    "BANKS",
    "CHIMERA",
    "DAYS",
    "EARLIER_CUT",
    "FAILED",
    "PLANTED",
    "SECURITIES",
    "WITHOUT_UETRS",
    "Bank",
    "Planted",
    "Security",
    "Trade",
    "answers",
    "opening",
    "opening_cash",
    "trades",
    "uetr",
]

DAYS = tuple(date(2026, 11, number) for number in range(23, 28))
"""Monday to Friday."""
WITHOUT_UETRS = DAYS[2]
"""The legacy system told no UETRs of this day's trades, that day and after."""
AS_STATEMENT = DAYS[3]
"""Positions came as a semt.002 statement on this day."""
_BATCHES = {8: 11, 10: 15, 13: 17}
"""When the legacy system settles what was instructed at an hour (UTC)."""


class Bank(NamedTuple):
    """A participant and the accounts of it."""

    name: str
    lei: str
    bic: str
    safe: str
    accounts: Mapping[str, str]


class Security(NamedTuple):
    """What is traded; `price` is for each unit of quantity, in ten-thousandths of the minor unit."""

    isin: str
    name: str
    symbol: str
    decimals: int
    currency: str
    price: int
    face: bool


class Trade(NamedTuple):
    """What was agreed; `quantity` in base units, `amount` in minor units. `instructed` and `settled` are the legacy
    system's moments."""

    reference: str
    uetr: str
    deliverer: Bank
    receiver: Bank
    security: Security
    quantity: int
    amount: int
    day: date
    instructed: datetime
    settled: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One discrepancy: there from the business day of index `first` until before that of index `until`, 5: to the end.

    `name` is what the row is known by: a trade's reference; a bank's LEI and ISIN or currency, with `|` between.
    `classes` are those in which it must be found, day by day; the last counts for all days after.
    """

    number: int
    subject: str
    error: str
    side: str
    name: str
    first: int
    until: int
    classes: tuple[str, ...]
    field: str = ""
    says: str = ""
    """What stands there instead; in the legacy files as text."""
    found_at: str = ""
    """The book that says otherwise than the others, where it is not `side`."""
    story: str = ""


def _bank(place: int, name: str, lei: str, bic: str) -> Bank:
    accounts = {currency: f"RTGS-{currency}-{1000 + place}" for currency in ("EUR", "JPY")}
    return Bank(name, lei, bic, f"SAFE-{1000 + place}", accounts)


FABLE, MIRAGE, UTOPIA, ATLANTIS, TATOE = BANKS = (
    _bank(1, "Fable Bank", "ZZZZ00FABLEBANK00171", "FABLZZ2A"),
    _bank(2, "Mirage Securities", "ZZZZ00MIRAGESECU0222", "MIRGZZ2AXXX"),
    _bank(3, "Utopia Trust", "ZZZZ00UTOPIATRUS0378", "UTOPZZ2A"),
    _bank(4, "Atlantis Custody", "ZZZZ00ATLANTISCU0428", "ATLSZZ2A"),
    _bank(5, "Tatoe Shoken", "ZZZZ00TATOESHOKE0588", "TATOZZ2ATKY"),
)
CHIMERA = _bank(6, "Chimera Brokers", "ZZZZ00CHIMERABRO0638", "CHIMZZ2A")
"""No participant of the market."""
EXB31, YND34, LOREM = SECURITIES = (
    Security("ZZ00EXB20314", "Republic of Exampla 2.500% 2031", "EXB31", 2, "EUR", 9_975, face=True),
    Security("ZZ00YND20343", "Kingdom of Yonder 0.800% 2034", "YND34", 0, "JPY", 9_970, face=True),
    Security("ZZ00LOREM014", "Lorem Ipsum Industries, ordinary shares", "LOREM", 0, "EUR", 42_300_000, face=False),
)


def opening(bank: Bank, security: Security) -> int:
    """Base units at Monday's open: for each bank and security another figure."""
    place = BANKS.index(bank) + 1
    return {
        EXB31.isin: (40_000_000 + 3_100_000 * place) * 100,
        YND34.isin: 3_000_000_000 + 170_000_000 * place,
        LOREM.isin: 200_000 + 11_000 * place,
    }[security.isin]


def opening_cash(bank: Bank, currency: str) -> int:
    """Minor units at Monday's open."""
    place = BANKS.index(bank) + 1
    return {"EUR": (60_000_000 + 1_300_000 * place) * 100, "JPY": 6_000_000_000 + 210_000_000 * place}[currency]


def trades() -> tuple[Trade, ...]:
    """Ten a day: each bank delivers two of them."""
    return tuple(_trade(day, number) for day in range(len(DAYS)) for number in range(10))


def _trade(day: int, number: int) -> Trade:
    deliverer = (day + number) % 5
    receiver = (deliverer + (1 if number < 5 else 2)) % 5
    security = SECURITIES[(day + number) % 3]
    quantity = {
        EXB31.isin: (250_000 * (number + 1) + 10_000 * day) * 100,
        YND34.isin: 20_000_000 * (number + 1) + 1_000_000 * day,
        LOREM.isin: 1_000 * (number + 1) + 130 * day + 27 * number,
    }[security.isin]
    reference = f"CSD-{DAYS[day]:%m%d}-{number:02d}"
    hour = 8 if number < 4 else 10 if number < 7 else 13
    return Trade(
        reference,
        uetr(reference),
        BANKS[deliverer],
        BANKS[receiver],
        security,
        quantity,
        quantity * security.price // 10_000,
        DAYS[day],
        datetime.combine(DAYS[day], time(hour), tzinfo=UTC),
        datetime.combine(DAYS[day], time(_BATCHES[hour]), tzinfo=UTC),
    )


def uetr(reference: str) -> str:
    """The legacy system's, of its payment for a trade."""
    return str(UUID(bytes=hashlib.sha256(reference.encode()).digest()[:16], version=4))


def _of(bank: Bank, what: str) -> str:
    return f"{bank.lei}|{what}"


EARLIER_CUT = "CSD-1123-09"
"""Monday's file was cut before the batch in which this one settled."""
FAILED = "CSD-1126-02"
"""In the legacy system the seller lacked units on Thursday; it settled there on Friday."""


def _timing(first_number: int, reference: str, first: int, trade_until: int, story: str) -> Iterator[Planted]:
    """A trade that the legacy system settles later: it, and the two positions and two balances that it would move."""
    one = next(each for each in trades() if each.reference == reference)
    classes = ("timing",)
    yield Planted(
        number=first_number,
        subject="trade",
        error="timing",
        side="legacy",
        name=reference,
        first=first,
        until=trade_until,
        classes=classes,
        field="status",
        says="pending" if reference == EARLIER_CUT else "failing",
        story=story,
    )
    names = [("position", _of(bank, one.security.isin)) for bank in (one.deliverer, one.receiver)]
    names += [("cash", _of(bank, one.security.currency)) for bank in (one.deliverer, one.receiver)]
    for number, (subject, name) in enumerate(names, first_number + 1):
        yield Planted(
            number=number,
            subject=subject,
            error="timing",
            side="legacy",
            name=name,
            first=first,
            until=first + 1,
            classes=classes,
            field="quantity" if subject == "position" else "balance",
            story=f"{reference} has not moved it yet",
        )


def _one(
    number: int,
    subject: str,
    error: str,
    name: str,
    days: range,
    *,
    field: str = "",
    says: str = "",
    side: str = "legacy",
    found_at: str = "",
    story: str,
) -> Planted:
    """A trade that one side lacks may still come on its day, and is a matter of time until that day is over; but not
    where its row came and cannot be read."""
    waits = subject == "trade" and error in ("missing", "extra") and not field
    return Planted(
        number=number,
        subject=subject,
        error=error,
        side=side,
        name=name,
        first=days.start,
        until=days.stop,
        classes=("timing", error) if waits else (error,),
        field=field,
        says=says,
        found_at=found_at,
        story=story,
    )


MON, TUE, WED, THU, FRI, END = range(6)
PLANTED: Sequence[Planted] = (
    _one(1, "trade", "amount", "CSD-1123-02", range(MON, TUE), field="quantity", says="3504",
         story="two digits changed places"),
    _one(2, "trade", "missing", "CSD-1123-03", range(MON, WED), story="left out; told on Wednesday"),
    _one(3, "trade", "duplicate", "CSD-1123-05", range(MON, TUE), story="told twice"),
    _one(4, "position", "amount", _of(UTOPIA, LOREM.isin), range(MON, WED), field="quantity", says="+90",
         story="a booking by hand; corrected on Wednesday"),
    _one(5, "cash", "amount", _of(ATLANTIS, "EUR"), range(MON, THU), field="balance", says="+1",
         story="a cent too much until Thursday"),
    *_timing(6, EARLIER_CUT, MON, TUE, "Monday's file was cut before the last batch"),
    _one(11, "trade", "missing", "CSD-1124-00", range(TUE, THU), field="quantity", says="1.O00",
         story="its row cannot be read: a letter among the digits"),
    _one(12, "trade", "identity", "CSD-1124-02", range(TUE, WED), field="receiver", says=UTOPIA.lei,
         story="another receiver"),
    _one(13, "trade", "status", "CSD-1124-04", range(TUE, THU), field="status", says="cancelled",
         story="cancelled by mistake; it has settled"),
    _one(14, "trade", "extra", "CSD-1124-90", range(TUE, THU), story="nobody instructed it"),
    _one(15, "position", "duplicate", _of(FABLE, YND34.isin), range(TUE, WED), story="told twice"),
    _one(16, "position", "missing", _of(ATLANTIS, LOREM.isin), range(TUE, WED), story="left out"),
    _one(17, "cash", "missing", _of(TATOE, "JPY"), range(TUE, WED), story="left out"),
    _one(18, "cash", "duplicate", _of(UTOPIA, "EUR"), range(TUE, WED), story="told twice"),
    _one(19, "position", "late", _of(MIRAGE, YND34.isin), range(TUE, WED), story="told the next morning"),
    _one(20, "trade", "amount", "CSD-1125-01", range(WED, THU), field="amount", says="*10",
         story="the decimal point moved"),
    _one(21, "trade", "identity", "CSD-1125-06", range(WED, THU), field="isin", says=YND34.isin,
         story="another security"),
    _one(22, "position", "amount", _of(TATOE, LOREM.isin), range(WED, END), side="chain", field="quantity", says="+700",
         story="the issuer issued units past the service"),
    _one(23, "cash", "amount", _of(FABLE, "JPY"), range(WED, END), side="rtgs", field="balance", says="+5000000",
         found_at="legacy", story="the central bank credited the account, and nobody told the legacy system"),
    _one(24, "position", "extra", _of(CHIMERA, EXB31.isin), range(WED, THU), field="quantity", says="125000.00",
         story="an owner that nobody knows"),
    _one(25, "cash", "extra", _of(CHIMERA, "EUR"), range(WED, THU), field="balance", says="998.70",
         story="an account that nobody knows"),
    _one(26, "trade", "missing", "CSD-1125-07", range(WED, END), story="left out"),
    *_timing(27, FAILED, THU, END, "failed for want of units, settled on Friday"),
    _one(32, "trade", "late", "CSD-1126-05", range(THU, END), story="told the next morning"),
    _one(33, "cash", "late", _of(ATLANTIS, "JPY"), range(THU, FRI), story="told the next morning"),
    _one(34, "position", "missing", _of(UTOPIA, EXB31.isin), range(THU, FRI), field="quantity", says="4x",
         story="its balance in the statement cannot be read"),
    _one(35, "trade", "duplicate", "CSD-1127-01", range(FRI, END), story="told twice"),
    _one(36, "trade", "late", "CSD-1127-02", range(FRI, END), story="told the next morning"),
    _one(37, "trade", "timing", "CSD-1127-05", range(FRI, END), field="settled_at", says="2026-11-26T15:00:00Z",
         story="settled a day before it was agreed"),
    _one(38, "cash", "amount", _of(UTOPIA, "JPY"), range(FRI, END), field="balance", says="-", story="the wrong sign"),
    _one(39, "position", "amount", _of(ATLANTIS, EXB31.isin), range(FRI, END), field="quantity", says="*10",
         story="the decimal point moved"),
    _one(40, "position", "extra", _of(CHIMERA, LOREM.isin), range(FRI, END), field="quantity", says="55",
         story="an owner that nobody knows"),
)  # fmt: skip


def answers() -> list[dict[str, object]]:
    """What has to be found: of each discrepancy the class on each day; where it is told no more, it must be gone."""
    return [
        {
            "number": one.number,
            "subject": one.subject,
            "error": one.error,
            "book": one.found_at or one.side,
            "name": one.name,
            "found": {
                str(DAYS[day]): one.classes[min(day - one.first, len(one.classes) - 1)]
                for day in range(one.first, one.until)
            },
            "story": one.story,
        }
        for one in PLANTED
    ]
