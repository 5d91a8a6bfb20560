"""Trades that go wrong on purpose, one of every kind, as files beside those of `lockstep.testing.trade_files`.

Each kind says how it must end: its files refused, with the field that breaks a rule, or its instructions and its trade
ended by themselves once the day is over, with a reason's code.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from lockstep.domain.identifiers import Bic, Isin, Lei, Reference, isin_check_digit, lei_check_digits
from lockstep.domain.instruction import AdviceStatus, CancellationRequest, Instruction, QuantityType, Side, StatusAdvice
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.iso20022 import write
from lockstep.testing.trade_files import DAY, POOR, SUSPENDED, UNMANDATED, FileMarket, file_name, message_of

__all__ = ["KINDS", "Bad", "write_bad"]

Pair = tuple[Message[Instruction], Message[Instruction]]
Files = Iterator[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """One bad trade: its files by name, and how it must end."""

    kind: str
    number: int
    files: Mapping[str, bytes]
    refused: Mapping[str, str] = field(default_factory=dict)
    """By the name of a file that is refused: what the refusal names, which is the field that breaks a rule."""
    ends: tuple[str, ...] = ()
    """The states in which its trade may end; none: it never becomes a trade."""
    codes: tuple[str, ...] = ()
    """The codes of the reason with which its trade, or else its instructions, may end."""


Kind = Callable[[FileMarket, int], Bad]


def write_bad(market: FileMarket, folder: Path, numbers: Sequence[int]) -> list[Bad]:
    """Writes bad trades under these numbers into a folder, the kinds taking turns; how each must end."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = list(KINDS.items())
    made = [kinds[place % len(kinds)][1](market, number) for place, number in enumerate(numbers)]
    for bad in made:
        for name, data in bad.files.items():
            (folder / name).write_bytes(data)
    return made


# --- refused at the door


def _both(kind: str, changed: Callable[[FileMarket, Message[Instruction]], Message[Any]], told: str) -> Kind:
    """Both sides' messages changed alike, and both refused."""

    def made(market: FileMarket, number: int) -> Bad:
        messages = {file_name(number, one.body.side): changed(market, one) for one in market.pair(number)}
        files = {name: write(message) for name, message in messages.items()}
        return Bad(kind=kind, number=number, files=files, refused=dict.fromkeys(files, told))

    return made


def _body(**changes: Any) -> Callable[[FileMarket, Message[Instruction]], Message[Any]]:
    return lambda _, message: replace(message, body=replace(message.body, **changes))


def _bytes(kind: str, changed: Callable[[bytes], bytes], told: str) -> Kind:
    """Both sides' files changed alike after they were written, and both refused."""

    def made(market: FileMarket, number: int) -> Bad:
        files = {file_name(number, one.body.side): changed(write(one)) for one in market.pair(number)}
        return Bad(kind=kind, number=number, files=files, refused=dict.fromkeys(files, told))

    return made


def _without_settlement_date(data: bytes) -> bytes:
    before, _, rest = data.partition(b"<SttlmDt>")
    return before + rest.partition(b"</SttlmDt>")[2]


def _wrong_check_digit(data: bytes) -> bytes:
    before, _, rest = data.partition(b"<ISIN>")
    wrong = b"0" if rest[11:12] != b"0" else b"1"
    return before + b"<ISIN>" + rest[:11] + wrong + rest[12:]


def _by_another(market: FileMarket, message: Message[Instruction]) -> Message[Instruction]:
    parties = (message.body.deliverer.bic, message.body.receiver.bic)
    return replace(message, sender=next(one.bic for one in map(market.bank, range(3)) if one.bic not in parties))


def _of_a_stranger(_: FileMarket, message: Message[Instruction]) -> Message[Instruction]:
    body = "ZZZZ00STRANGER0000"
    stranger = replace(message.body.owner, lei=Lei(body + lei_check_digits(body)))
    if message.body.side is Side.DELIVER:
        return replace(message, body=replace(message.body, deliverer=stranger))
    return replace(message, body=replace(message.body, receiver=stranger))


def _advice(_: FileMarket, message: Message[Instruction]) -> Message[Any]:
    """A message that participants get and do not send."""
    advice: Any = StatusAdvice(reference=message.body.reference, side=message.body.side, status=AdviceStatus.ACCEPTED)
    return replace(message, body=advice)


def _elsewhere(_: FileMarket, message: Message[Instruction]) -> Message[Instruction]:
    return replace(message, receiver=Bic("OTHRZZ2A"))


def _in_dollars(_: FileMarket, message: Message[Instruction]) -> Message[Instruction]:
    cash = Money(currency="USD", amount=message.body.cash.amount)
    return replace(message, body=replace(message.body, cash=cash))


def _unlisted() -> Isin:
    body = "ZZ00NOBODYS"
    return Isin(body + isin_check_digit(body))


def _used_twice(kind: str, told: str, *, message_id: bool) -> Kind:
    """A trade that settles, and a second instruction of its deliverer under the same message id or reference."""

    def made(market: FileMarket, number: int) -> Bad:
        first, second = market.pair(number)
        body = replace(first.body, cash=Money(currency="EUR", amount=first.body.cash.amount + 100_000))
        if message_id:
            again = message_of(replace(body, reference=Reference(f"{body.reference}-B")), number)
        else:
            again = message_of(body, number, mark="-B")
        name = _later(number, Side.DELIVER, "twice")
        files = {**_named(number, first, second), name: write(again)}
        return Bad(kind=kind, number=number, files=files, refused={name: told}, ends=("SETTLED",))

    return made


def _later(number: int, side: Side, what: str) -> str:
    """A file that is handed in after both of the trade's own."""
    return f"{number:07d}-then-{side.value.lower()}-{what}.xml"


# --- refused by a ledger, or by the time


def _named(number: int, *messages: Message[Instruction]) -> dict[str, bytes]:
    return {file_name(number, one.body.side): write(one) for one in messages}


def _alone(market: FileMarket, number: int) -> Bad:
    return Bad(kind="no counterpart", number=number, files=_named(number, market.pair(number)[0]), codes=("CANS",))


def _apart(market: FileMarket, number: int) -> Bad:
    first, second = market.pair(number)
    cash = Money(currency="EUR", amount=second.body.cash.amount + 10_000_000)
    second = replace(second, body=replace(second.body, cash=cash))
    return Bad(kind="cash too far apart", number=number, files=_named(number, first, second), codes=("CANS",))


def _bought_by(kind: str, letters: str, ends: tuple[str, ...], codes: tuple[str, ...]) -> Kind:
    def made(market: FileMarket, number: int) -> Bad:
        files = _named(number, *market.pair_with(letters, number))
        return Bad(kind=kind, number=number, files=files, ends=ends, codes=codes)

    return made


def _without_units(market: FileMarket, number: int) -> Bad:
    poor = market.special(POOR)
    first, second = (message_of(replace(one.body, deliverer=poor), number) for one in market.pair(number))
    files = _named(number, first, second)
    return Bad(kind="no units", number=number, files=files, ends=("CANCELLED",), codes=("LACK",))


def _cancelled(market: FileMarket, number: int) -> Bad:
    """It waits for money, if it has come so far, when both parties have it cancelled."""
    pair = market.pair_with(POOR, number)
    files = _named(number, *pair)
    for one in pair:
        wish: Any = CancellationRequest(reference=one.body.reference, side=one.body.side, owner=one.body.owner)
        message = replace(one, message_id=f"{one.message_id}-X", body=wish)
        files[_later(number, one.body.side, "cancel")] = write(message)
    return Bad(kind="cancelled", number=number, files=files, ends=("CANCELLED", "RELEASED"), codes=("CANI",))


KINDS: Mapping[str, Kind] = {
    "no XML": _bytes("no XML", lambda data: data[: len(data) // 2], "XML"),
    "a field missing": _bytes("a field missing", _without_settlement_date, "TradDtls/SttlmDt"),
    "a wrong check digit": _bytes("a wrong check digit", _wrong_check_digit, "FinInstrmId/ISIN"),
    "not an instruction": _both("not an instruction", _advice, "AppHdr/MsgDefIdr"),
    "for another service": _both("for another service", _elsewhere, "AppHdr/To"),
    "in another's name": _both("in another's name", _by_another, "AppHdr/Fr"),
    "of a stranger": _both("of a stranger", _of_a_stranger, "AcctOwnr/LEI"),
    "an unlisted security": _both("an unlisted security", _body(isin=_unlisted()), "FinInstrmId/ISIN"),
    "too finely cut": _both("too finely cut", _body(quantity=Quantity.parse("1.5")), "QtyAndAcctDtls/SttlmQty"),
    "counted otherwise": _both(
        "counted otherwise", _body(quantity_type=QuantityType.FACE_AMOUNT), "QtyAndAcctDtls/SttlmQty/Qty"
    ),
    "in another currency": _both("in another currency", _in_dollars, "SttlmAmt/Amt/@Ccy"),
    "too late": _both(
        "too late",
        _body(trade_date=DAY - timedelta(days=2), settlement_date=DAY - timedelta(days=1)),
        "TradDtls/SttlmDt",
    ),
    "a message id used twice": _used_twice("a message id used twice", "message", message_id=True),
    "a reference used twice": _used_twice("a reference used twice", "instruction", message_id=False),
    "no counterpart": _alone,
    "cash too far apart": _apart,
    "not eligible": _bought_by("not eligible", SUSPENDED, ("CANCELLED",), ("BLOC",)),
    "no money": _bought_by("no money", POOR, ("RELEASED",), ("MONY",)),
    "no mandate": _bought_by("no mandate", UNMANDATED, ("RELEASED",), ("MD01", "NVER", "AG01")),
    "no units": _without_units,
    "cancelled": _cancelled,
}
"""Every kind of bad trade, by its name."""
