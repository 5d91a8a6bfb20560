"""Between a document's elements and domain values.

The usage guideline repeats no element, so a validated document is a mapping from path to text.
Paths are relative to the message's root element (`SttlmAmt/Amt`), in errors too; `codec` completes
those (`Document/SctiesSttlmTxInstr/SttlmAmt/Amt`).

Instants are UTC and written with Z; any offset is read and converted. A time without a zone is
refused by the schemas, in and out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import Bic, Isin, Lei, Reference, Uetr, bic, isin, lei, reference, uetr
from lockstep.domain.instruction import Side
from lockstep.domain.money import Money, Quantity

__all__ = ["Fields", "Header", "amount", "leaf", "node", "parse_instant", "supplement", "utc", "words"]

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


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


class Fields:
    """A validated document: every value by its path, converted by its domain constructor.

    Every conversion raises InvalidInput naming its path. A path that the schema makes mandatory is
    there; for the optional ones ask `in` or `get`.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __contains__(self, path: str) -> bool:
        return path in self._values

    def __getitem__(self, path: str) -> str:
        return self._values[path]

    def get(self, path: str) -> str | None:
        return self._values.get(path)

    def require(self, path: str, expected: str | None, rule: str) -> None:
        """The value must be `expected`. Raises InvalidMessage with `rule`."""
        if self._values[path] != expected:
            raise InvalidMessage(path, self._values[path], f"{expected}: {rule}")

    def bic(self, path: str) -> Bic:
        return bic(self._values[path], field=path)

    def lei(self, path: str) -> Lei:
        return lei(self._values[path], field=path)

    def isin(self, path: str) -> Isin:
        return isin(self._values[path], field=path)

    def uetr(self, path: str) -> Uetr:
        return uetr(self._values[path], field=path)

    def reference(self, path: str) -> Reference:
        return reference(self._values[path], field=path)

    def money(self, path: str) -> Money:
        return Money.parse(self._values[path], self._values[f"{path}/@Ccy"], field=path)

    def quantity(self, path: str) -> Quantity:
        return Quantity.parse(self._values[path], field=path)

    def day(self, path: str) -> date:
        """ISODate, without a zone."""
        try:
            return date.fromisoformat(self._values[path])
        except ValueError as broken:
            raise InvalidMessage(path, self._values[path], f"a day of the calendar: {broken}") from None

    def instant(self, path: str) -> datetime:
        """ISODateTime with a zone, as UTC."""
        return parse_instant(self._values[path], path)

    def instant_on(self, day: date, path: str) -> datetime:
        """ISOTime with a zone, on a day as that zone has it, as UTC."""
        return parse_instant(f"{day.isoformat()}T{self._values[path]}", path)


def parse_instant(text: str, field: str) -> datetime:
    """An instant with a zone as UTC, a fraction of a second cut. Raises InvalidMessage."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).replace(microsecond=0)
    except (ValueError, OverflowError) as broken:
        raise InvalidMessage(field, text, f"an instant of the calendar: {broken}") from None


def utc(moment: datetime) -> str:
    """As a message writes it. A time without a zone stays without, for the schema to refuse."""
    if moment.tzinfo not in (UTC, None):
        moment = moment.astimezone(UTC)
    text = moment.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def leaf(name: str, text: str | None) -> str:
    """An element with text; nothing for None."""
    return "" if text is None else f"<{name}>{text.translate(_ESCAPES)}</{name}>"


def words(name: str, text: str | None) -> str:
    """An element with free text for people, its lines joined: no message type here has more than one."""
    return leaf(name, None if text is None else " ".join(text.splitlines()))


def node(name: str, *parts: str) -> str:
    """An element with elements."""
    return f"<{name}>{''.join(parts)}</{name}>"


def supplement(name: str, *parts: str) -> str:
    """SplmtryData with one element of our own namespace (urn:lockstep:trade:1)."""
    return f'<SplmtryData><Envlp><{name} xmlns="urn:lockstep:trade:1">{"".join(parts)}</{name}></Envlp></SplmtryData>'


def amount(name: str, money: Money) -> str:
    """An amount with its currency (ActiveCurrencyAndAmount)."""
    return f'<{name} Ccy="{money.currency}">{money.text()}</{name}>'
