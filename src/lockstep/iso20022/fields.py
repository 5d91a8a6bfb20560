"""Between a document's elements and domain values.

A validated document is a mapping from path to text (`flattening`). Paths are relative to the message's
root element (`SttlmAmt/Amt`), in errors too; `codec` completes those
(`Document/SctiesSttlmTxInstr/SttlmAmt/Amt`).

Instants are UTC and written with Z; any offset is read and converted. A time without a zone is
refused by the schemas, in and out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TypeVar

from lockstep.domain.errors import InvalidInput, InvalidMessage
from lockstep.domain.identifiers import (
    Bic,
    Iban,
    Isin,
    Lei,
    Reference,
    SettlementId,
    Uetr,
    iban,
    isin,
    lei,
    reference,
    registered_bic,
    uetr,
)
from lockstep.domain.instruction import Side
from lockstep.domain.money import Money, Quantity
from lockstep.domain.payment import CashAccount, parse_remittance

__all__ = ["Fields", "Header", "checked_bic", "checked_iban", "checked_lei", "parse_instant"]

Value = TypeVar("Value")

_REMEMBERED = 8192
"""Texts of each kind whose meaning is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a business header (head.001) says, and of an instruction or its cancellation whose it is.

    `reference` and `side` are filled by `peek` only, where a sese message shows them.
    """

    sender: Bic
    receiver: Bic | None
    message_id: str
    definition: str
    """MsgDefIdr as written, which may be one that is not taken here."""
    reference: Reference | None = None
    side: Side | None = None


def _remembering(check: Callable[..., Value]) -> Callable[[str, str], Value]:
    """What passed once passes again: messages name few parties, securities and instants, and each often."""
    passed = lru_cache(_REMEMBERED)(check)

    def checked(text: str, field: str) -> Value:
        try:
            return passed(text)
        except InvalidInput:
            return check(text, field=field)

    return checked


checked_bic: Callable[[str, str], Bic] = _remembering(registered_bic)
checked_lei: Callable[[str, str], Lei] = _remembering(lei)
checked_iban: Callable[[str, str], Iban] = _remembering(iban)
_remittance: Callable[[str, str], tuple[SettlementId, str]] = _remembering(parse_remittance)
_checked_isin: Callable[[str, str], Isin] = _remembering(isin)


_money = lru_cache(_REMEMBERED)(Money.parse)


@lru_cache(_REMEMBERED)
def _account(owner: str, number: str) -> CashAccount:
    return CashAccount(owner=registered_bic(owner), number=number)


class Fields(dict[str, str]):
    """A validated document: every value by its path, converted by its domain constructor.

    Every conversion raises InvalidInput naming its path, also for a path that is not there; for what
    is optional ask `in` or `get`.
    """

    __slots__ = ()

    def __missing__(self, path: str) -> str:
        raise InvalidMessage(path, "", "is required")

    def each(self, path: str) -> list[str]:
        """The paths of an element that may repeat: `[path, path[2], …]`, none if there is none."""
        paths, following = [], path
        while following in self:
            paths.append(following)
            following = f"{path}[{len(paths) + 1}]"
        return paths

    def require(self, path: str, expected: str | None, rule: str) -> None:
        """The value must be `expected`. Raises InvalidMessage with `rule`."""
        if self[path] != expected:
            raise InvalidMessage(path, self[path], f"{expected}: {rule}")

    def refuse(self, path: str, rule: str) -> None:
        """Nothing may stand there. Raises InvalidMessage with `rule`."""
        if path in self:
            raise InvalidMessage(path, self[path], rule)

    def bic(self, path: str) -> Bic:
        return checked_bic(self[path], path)

    def lei(self, path: str) -> Lei:
        return checked_lei(self[path], path)

    def isin(self, path: str) -> Isin:
        return _checked_isin(self[path], path)

    def uetr(self, path: str) -> Uetr:
        return uetr(self[path], field=path)

    def reference(self, path: str) -> Reference:
        return reference(self[path], field=path)

    def money(self, path: str) -> Money:
        text, currency = self[path], self[f"{path}/@Ccy"]
        try:
            return _money(text, currency)
        except InvalidInput:
            return Money.parse(text, currency, field=path)

    def quantity(self, path: str) -> Quantity:
        return Quantity.parse(self[path], field=path)

    def account(self, owner: str, number: str) -> CashAccount:
        """An account in the RTGS, its owner's BIC and its number each by its path."""
        named = self[owner]
        try:
            return _account(named, self[number])
        except InvalidInput:
            return CashAccount(owner=self.bic(owner), number=self[number])

    def remittance(self, path: str) -> tuple[SettlementId, str]:
        """Settlement id and salt of a settlement's payment, which four messages to each party name."""
        return _remittance(self[path], path)

    def day(self, path: str) -> date:
        """ISODate, without a zone."""
        return _day(self[path], path)

    def instant(self, path: str) -> datetime:
        """ISODateTime with a zone, as UTC."""
        return parse_instant(self[path], path)

    def instant_or_none(self, path: str) -> datetime | None:
        """An optional ISODateTime with a zone, as UTC."""
        return parse_instant(self[path], path) if path in self else None

    def instant_on(self, day: date, path: str) -> datetime:
        """ISOTime with a zone, on a day as that zone has it, as UTC."""
        return parse_instant(f"{day.isoformat()}T{self[path]}", path)


def _parsed_instant(text: str, *, field: str = "instant") -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
        return moment.replace(microsecond=0) if moment.microsecond else moment
    except (ValueError, OverflowError) as broken:
        raise InvalidMessage(field, text, f"an instant of the calendar: {_why(broken)}") from None


def _parsed_day(text: str, *, field: str = "day") -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as broken:
        raise InvalidMessage(field, text, f"a day of the calendar: {_why(broken)}") from None


parse_instant: Callable[[str, str], datetime] = _remembering(_parsed_instant)
"""An instant with a zone as UTC, a fraction of a second cut; of a text and its field. Raises InvalidMessage."""
_day: Callable[[str, str], date] = _remembering(_parsed_day)


def _why(broken: Exception) -> str:
    """What Python says, without the value, which the error tells already."""
    return str(broken).partition(": '")[0]
