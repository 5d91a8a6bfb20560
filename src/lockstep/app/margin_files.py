"""What people write down of a margin agreement, as JSON of the format `lockstep-csa/1`: its terms, what each
transaction is worth today, and the rates of exchange. docs/how-to/call-margin.md has an example.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lockstep.app.json_files import JsonObject, choice, load
from lockstep.domain.collateral.documents import parse_schedule
from lockstep.domain.collateral.schedules import EligibilitySchedule, Parties
from lockstep.domain.collateral.valuation import RATE_SCALE, FxRate
from lockstep.domain.countries import COUNTRIES
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import lei
from lockstep.domain.margin import CsaTerms, Rounding
from lockstep.domain.market import Market
from lockstep.domain.money import Money, minor_units

__all__ = ["FORMAT", "MarginFile", "read_margin_file", "read_schedule"]

FORMAT = "lockstep-csa/1"
_RATE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginFile:
    """A credit support annex, and a day's figures under it."""

    terms: CsaTerms
    parties: Parties
    transactions: tuple[Money, ...] | None
    """What each is worth to the taker; None: the file does not say, the register's exposure counts."""
    cash: int | None
    """Minor units that the taker holds as margin; None: the file does not say."""
    rates: Mapping[str, FxRate]
    """To the terms' currency, by theirs."""


def read_margin_file(path: Path, market: Market, as_of: datetime) -> MarginFile:
    """Raises InvalidInput with the path of what is wrong."""
    content = load(path, field="terms")
    top = JsonObject(content, "terms")
    form = top.text("format")
    if form != FORMAT:
        raise InvalidInput("terms/format", form, FORMAT)
    currency = top.text("currency")
    minor_units(currency, field="terms/currency")
    transactions = None
    if "transactions" in content:
        transactions = tuple(
            _transaction(JsonObject(one, f"terms/transactions/{number}"))
            for number, one in enumerate(top.items("transactions"), 1)
        )
    rates = [
        _rate(JsonObject(one, f"terms/rates/{number}"), currency, as_of.astimezone(UTC))
        for number, one in enumerate(top.items("rates", optional=True), 1)
    ]
    if len({one.base for one in rates}) < len(rates):
        raise InvalidInput("terms/rates", ", ".join(one.base for one in rates), "each currency once")
    cash = _amount(top, "cash", currency) if "cash" in content else None
    found = MarginFile(
        terms=CsaTerms(
            currency=currency,
            threshold=_amount(top, "threshold", currency),
            minimum_transfer=_amount(top, "minimumTransfer", currency),
            minimum_return=_amount(top, "minimumReturn", currency) if "minimumReturn" in content else None,
            multiple=_multiple(top, currency),
            rounding=choice(Rounding, top.text("rounding", Rounding.UP_AND_DOWN.value), "terms/rounding"),
            return_all=top.truth("returnAll", usual=True),
            independent_giver=_amount(top, "independentGiver", currency),
            independent_taker=_amount(top, "independentTaker", currency),
        ),
        parties=_parties(top, market),
        transactions=transactions,
        cash=cash,
        rates={one.base: one for one in rates},
    )
    top.done()
    return found


def read_schedule(path: Path) -> EligibilitySchedule:
    """An eligibility schedule. Raises InvalidInput."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("schedule", path, f"a readable file in UTF-8 ({error})") from error
    return parse_schedule(text)


def _parties(top: JsonObject, market: Market) -> Parties:
    """The giver by its BIC or LEI, and who its group and the reference entities are, by LEI."""
    named = top.text("giver")
    found = [one.lei for one in market.participants.values() if named in (one.bic, one.lei)]
    if len(found) != 1:
        raise InvalidInput("terms/giver", named, "the BIC or LEI of a participant")
    country = top.text("giverCountry")
    if country not in COUNTRIES:
        raise InvalidInput("terms/giverCountry", country, "a country (ISO 3166-1)")
    group, references = (
        frozenset(lei(str(one), field=f"terms/{name}") for one in top.items(name, optional=True))
        for name in ("giverGroup", "referenceEntities")
    )
    return Parties(giver=found[0], giver_country=country, giver_group=group, reference_entities=references)


def _amount(node: JsonObject, name: str, currency: str) -> int:
    return Money.parse(node.text(name, "0"), currency, field=f"{node.path}/{name}").amount


def _multiple(top: JsonObject, currency: str) -> int:
    """One minor unit where nothing is said."""
    text = top.text("multiple", "")
    return Money.parse(text, currency, field="terms/multiple").amount if text else 1


def _transaction(node: JsonObject) -> Money:
    """`value` is the taker's: below zero where it owes."""
    node.text("id")
    text, currency = node.text("value"), node.text("currency")
    found = Money.parse(text.removeprefix("-"), currency, field=f"{node.path}/value")
    node.done()
    return Money(currency=currency, amount=-found.amount) if text.startswith("-") else found


def _rate(node: JsonObject, quote: str, as_of: datetime) -> FxRate:
    """How much of the terms' currency one of another is worth."""
    base, text = node.text("currency"), node.text("rate")
    node.done()
    minor_units(base, field=f"{node.path}/currency")
    if base == quote:
        raise InvalidInput(f"{node.path}/currency", base, f"another than {quote}, the agreement's")
    found = _RATE.fullmatch(text)
    parts = int(found[1]) * RATE_SCALE + int((found[2] or "").ljust(9, "0")) if found else 0
    if not parts:
        raise InvalidInput(f"{node.path}/rate", text, "a number above zero, with at most nine decimals")
    return FxRate(base=base, quote=quote, rate=parts, as_of=as_of)
