"""Between a document's elements and domain values.

A validated document is a mapping from path to text (`flattening`). Paths are relative to the message's
root element (`SttlmAmt/Amt`), in errors too; `codec` completes those
(`Document/SctiesSttlmTxInstr/SttlmAmt/Amt`).

Instants are UTC and written with Z; any offset is read and converted. A time without a zone is
refused by the schemas, in and out.
"""

from collections.abc import Callable, Mapping
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
from lockstep.domain.payment import CashAccount

__all__ = ["Fields", "Header", "checked_bic", "checked_iban", "checked_lei", "parse_instant"]

Code = TypeVar("Code", bound=str)


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


def _remembering(check: Callable[..., Code]) -> Callable[[str, str], Code]:
    """Who passed once passes again: messages name few parties and securities, and each name often."""
    passed = lru_cache(maxsize=8192)(check)

    def checked(text: str, field: str) -> Code:
        try:
            return passed(text)
        except InvalidInput:
            return check(text, field=field)

    return checked


checked_bic: Callable[[str, str], Bic] = _remembering(registered_bic)
checked_lei: Callable[[str, str], Lei] = _remembering(lei)
checked_iban: Callable[[str, str], Iban] = _remembering(iban)
_checked_isin: Callable[[str, str], Isin] = _remembering(isin)


class Fields:
    """A validated document: every value by its path, converted by its domain constructor.

    Every conversion raises InvalidInput naming its path, also for a path that is not there; for what
    is optional ask `in` or `get`.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __contains__(self, path: str) -> bool:
        return path in self._values

    def __getitem__(self, path: str) -> str:
        try:
            return self._values[path]
        except KeyError:
            raise InvalidMessage(path, "", "is required") from None

    def get(self, path: str) -> str | None:
        return self._values.get(path)

    def each(self, path: str) -> list[str]:
        """The paths of an element that may repeat: `[path, path[2], …]`, none if there is none."""
        paths, following = [], path
        while following in self._values:
            paths.append(following)
            following = f"{path}[{len(paths) + 1}]"
        return paths

    def require(self, path: str, expected: str | None, rule: str) -> None:
        """The value must be `expected`. Raises InvalidMessage with `rule`."""
        if self[path] != expected:
            raise InvalidMessage(path, self[path], f"{expected}: {rule}")

    def refuse(self, path: str, rule: str) -> None:
        """Nothing may stand there. Raises InvalidMessage with `rule`."""
        if path in self._values:
            raise InvalidMessage(path, self._values[path], rule)

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
        return Money.parse(self[path], self[f"{path}/@Ccy"], field=path)

    def quantity(self, path: str) -> Quantity:
        return Quantity.parse(self[path], field=path)

    def account(self, owner: str, number: str) -> CashAccount:
        """An account in the RTGS, its owner's BIC and its number each by its path."""
        return CashAccount(owner=self.bic(owner), number=self[number])

    def day(self, path: str) -> date:
        """ISODate, without a zone."""
        try:
            return date.fromisoformat(self[path])
        except ValueError as broken:
            raise InvalidMessage(path, self[path], f"a day of the calendar: {_why(broken)}") from None

    def instant(self, path: str) -> datetime:
        """ISODateTime with a zone, as UTC."""
        return parse_instant(self[path], path)

    def instant_or_none(self, path: str) -> datetime | None:
        """An optional ISODateTime with a zone, as UTC."""
        return parse_instant(self._values[path], path) if path in self._values else None

    def instant_on(self, day: date, path: str) -> datetime:
        """ISOTime with a zone, on a day as that zone has it, as UTC."""
        return parse_instant(f"{day.isoformat()}T{self[path]}", path)


def parse_instant(text: str, field: str) -> datetime:
    """An instant with a zone as UTC, a fraction of a second cut. Raises InvalidMessage."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
        return moment.replace(microsecond=0) if moment.microsecond else moment
    except (ValueError, OverflowError) as broken:
        raise InvalidMessage(field, text, f"an instant of the calendar: {_why(broken)}") from None


def _why(broken: Exception) -> str:
    """What Python says, without the value, which the error tells already."""
    return str(broken).partition(": '")[0]
