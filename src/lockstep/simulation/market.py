"""The market that every run begins with: three banks, a bond in euros, a share in yen, little of anything.

Small, so that parties run out of units and of cash, and the same few holdings are wanted by several trades at once.
Nothing is real: see examples/first-day/market.toml for the codes.
"""

from dataclasses import replace
from datetime import date, time, timedelta

from lockstep.app.market_file import Holding, Mandate, MarketFile, Member, NewSecurity
from lockstep.domain.identifiers import Bic, Isin, Lei
from lockstep.domain.instruction import QuantityType
from lockstep.domain.market import Tolerance
from lockstep.domain.money import Money
from lockstep.rtgs.timetable import EVERYTHING, Phase, Timetable

__all__ = [
    "BOND",
    "BUSINESS_DAY",
    "CLOSES",
    "COLLATERAL_MARKET",
    "DAYS",
    "MARKET",
    "OPENS",
    "PAY_BY",
    "SHARE",
    "TIMETABLE",
    "UNITS",
]

BUSINESS_DAY = date(2026, 11, 26)
"""A Thursday: the next day but one is no business day."""
OPENS, PAY_BY, CLOSES = time(7), time(16), time(17)
DAYS = timedelta(days=30)

BOND, SHARE = Isin("ZZ00EXB20314"), Isin("ZZ00LOREM014")
UNITS = {BOND: 100_000, SHARE: 1_000}
"""What each bank holds at the open, in smallest units."""

TIMETABLE = Timetable(zone="UTC", phases=(Phase(name="DAY", starts=OPENS, takes=EVERYTHING),), closes=CLOSES)

_BANKS = (
    ("Fable Bank", "ZZZZ00FABLEBANK00171", "FABLZZ2A", "1001"),
    ("Mirage Securities", "ZZZZ00MIRAGESECU0222", "MIRGZZ2AXXX", "1002"),
    ("Utopia Trust", "ZZZZ00UTOPIATRUS0378", "UTOPZZ2A", "1003"),
)
_CASH = (Money(currency="EUR", amount=300_000), Money(currency="JPY", amount=300_000))


def _market() -> MarketFile:
    members = tuple(
        Member(
            name=name,
            lei=Lei(lei),
            bic=Bic(bic),
            active=True,
            accounts={"EUR": f"RTGS-EUR-{number}", "JPY": f"RTGS-JPY-{number}"},
            cash=_CASH,
        )
        for name, lei, bic, number in _BANKS
    )
    return MarketFile(
        business_day=BUSINESS_DAY,
        opens=OPENS,
        pay_by=PAY_BY,
        closes=CLOSES,
        service=Bic("LSTPZZ2A"),
        rtgs=Bic("CBNKZZ2AXXX"),
        members=members,
        securities=(
            NewSecurity(
                isin=BOND,
                name="Republic of Exampla 2.500% 2031",
                symbol="EXB31",
                quantity_type=QuantityType.FACE_AMOUNT,
                decimals=2,
                currency="EUR",
            ),
            NewSecurity(
                isin=SHARE,
                name="Lorem Kabushiki",
                symbol="LOREM",
                quantity_type=QuantityType.UNIT,
                decimals=0,
                currency="JPY",
            ),
        ),
        holdings=tuple(
            Holding(participant=one.bic, isin=isin, units=units) for one in members for isin, units in UNITS.items()
        ),
        mandates=tuple(
            Mandate(
                debtor=one.bic,
                maximum=Money(currency=cash.currency, amount=10 * cash.amount),
                payee=None,
                until=BUSINESS_DAY + DAYS,
            )
            for one in members
            for cash in _CASH
        ),
        tolerances={
            "EUR": Tolerance(threshold=100_000, up_to=200, above=2_500),
            "JPY": Tolerance(threshold=100_000, up_to=200, above=2_500),
        },
    )


MARKET = _market()

COLLATERAL_MARKET = replace(MARKET, collateral=True, collateral_lei=Lei("ZZZZ00COLLATREG00045"))
"""The same with a collateral register."""
