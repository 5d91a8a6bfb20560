"""A legacy book as CSV: what is read, what is set apart with line and reason, what refuses the file."""

import io
import itertools
from datetime import UTC, date, datetime

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.instruction import QuantityType
from lockstep.domain.legacy import BadRow, LegacyPosition, LegacyStatus, sound
from lockstep.domain.legacy_csv import LONGEST_LINE, read_cash, read_positions, read_trades
from lockstep.domain.money import Money, Quantity

OWNER, OTHER = "ZZZZ00BOOK0000000076", "ZZZZ00BOOK0000000173"
ISIN = "ZZB000000017"
POSITIONS = "as_of,owner,account,isin,quantity\n"
TRADES = (
    "reference,deliverer,receiver,isin,quantity,amount,currency,trade_date,settlement_date,status,settled_at,uetr\n"
)
UETR = "d74d1753-a260-467a-9f5c-40b82dec13e0"


def position(**changes: str) -> str:
    of = {"as_of": "2026-11-23", "owner": OWNER, "account": "SAFE-1", "isin": ISIN, "quantity": "100"} | changes
    return ",".join(of.values()) + "\n"


def trade(**changes: str) -> str:
    of = {
        "reference": "T-1",
        "deliverer": OWNER,
        "receiver": OTHER,
        "isin": ISIN,
        "quantity": "10.5",
        "amount": "1000.00",
        "currency": "EUR",
        "trade_date": "2026-11-19",
        "settlement_date": "2026-11-23",
        "status": "settled",
        "settled_at": "2026-11-23T10:00:00+01:00",
        "uetr": UETR,
    }
    return ",".join((of | changes).values()) + "\n"


def of_text(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


def test_a_position_is_read_with_its_line() -> None:
    (row,) = read_positions(of_text("\ufeff" + POSITIONS + "\n" + position()))
    assert row == LegacyPosition(
        line=3,
        as_of=date(2026, 11, 23),
        owner=OWNER,
        account="SAFE-1",
        isin=ISIN,
        quantity=Quantity(value=100, scale=0),
    )
    assert row.units(2) == 10_000


def test_columns_stand_in_any_order_and_fields_may_be_quoted() -> None:
    text = "isin;quantity;account;owner;as_of;quantity_type;available\r\n"
    text += f'"{ISIN}";-7.50;S;{OWNER};2026-11-23;FaceAmt;0\r\n'
    (row,) = read_positions(of_text(text), delimiter=";")
    assert isinstance(row, LegacyPosition)
    assert (row.short, row.quantity, row.units(2)) == (True, Quantity(value=75, scale=1), -750)
    assert (row.quantity_type, row.available) == (QuantityType.FACE_AMOUNT, Quantity(value=0, scale=0))


def test_a_trade_is_read_with_and_without_its_uetr() -> None:
    known, unknown = read_trades(
        of_text(TRADES + trade() + trade(uetr="", status="pending", settled_at="", trade_date=""))
    )
    assert not isinstance(known, BadRow) and not isinstance(unknown, BadRow)
    assert (known.uetr, known.status, known.cash) == (UETR, LegacyStatus.SETTLED, Money(currency="EUR", amount=100_000))
    assert known.settled_at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert (unknown.uetr, unknown.status, unknown.settled_at, unknown.trade_date) == (
        None,
        LegacyStatus.PENDING,
        None,
        None,
    )


def test_a_balance_may_be_below_zero() -> None:
    text = f"as_of,owner,account,currency,balance\n2026-11-23,{OWNER},C-1,JPY,-12\n2026-11-23,{OWNER},C-1,EUR,-0.00\n"
    below, zero = read_cash(of_text(text))
    assert not isinstance(below, BadRow)
    assert below.balance == Money(currency="JPY", amount=-12)
    assert zero == BadRow(line=3, field="balance", value="-0.00", rule="zero has no sign")


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"owner": OWNER[:-2] + "00"}, "owner", f"check digits should be {OWNER[-2:]}"),
        ({"isin": ISIN[:-1] + str((int(ISIN[-1]) + 1) % 10)}, "isin", f"check digit should be {ISIN[-1]}"),
        ({"as_of": "2026-02-30"}, "as_of", "a day of the calendar"),
        ({"as_of": "2026-W01-1"}, "as_of", "a day of the calendar"),
        ({"account": "A B"}, "account", "1 to 35"),
        ({"quantity": "1e3"}, "quantity", "a plain decimal number"),
        ({"quantity": "--1"}, "quantity", "a plain decimal number"),
        ({"quantity": "-0"}, "quantity", "zero is not short"),
        ({"quantity": ""}, "quantity", "a plain decimal number"),
        ({"quantity": "1,000"}, "line", "5 fields, as the header"),
        ({"account": '"S'}, "line", "RFC 4180"),
    ],
)
def test_a_bad_position_is_set_apart_and_the_rest_read(change: dict[str, str], field: str, rule: str) -> None:
    before, bad, after = read_positions(of_text(POSITIONS + position() + position(**change) + position()))
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field) == (3, field)
    assert rule in bad.rule
    assert isinstance(before, LegacyPosition) and isinstance(after, LegacyPosition)
    assert after.line == 4


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"receiver": OWNER}, "receiver"),
        ({"quantity": "0"}, "quantity"),
        ({"amount": "1.001"}, "amount"),
        ({"currency": "EUX"}, "currency"),
        ({"trade_date": "2026-11-24"}, "trade_date"),
        ({"status": "done"}, "status"),
        ({"status": "pending"}, "settled_at"),
        ({"settled_at": ""}, "settled_at"),
        ({"settled_at": "2026-11-23T10:00:00"}, "settled_at"),
        ({"uetr": UETR.upper()}, "uetr"),
        ({"reference": "/T"}, "reference"),
    ],
)
def test_a_bad_trade_is_set_apart_by_its_field(change: dict[str, str], field: str) -> None:
    bad, good = read_trades(of_text(TRADES + trade(**change) + trade()))
    assert isinstance(bad, BadRow) and not isinstance(good, BadRow)
    assert (bad.line, bad.field) == (2, field)


def test_bytes_that_are_no_line_cost_one_line_each() -> None:
    data = POSITIONS.encode() + b"\xff\xfe\n" + b"x" * (LONGEST_LINE * 40) + b"\n" + position().encode()
    data += b'"\n' + position().encode()[:-1]
    found = list(read_positions(io.BytesIO(data)))
    apart: list[BadRow] = []
    assert [row.line for row in sound(found, apart.append)] == [4]
    assert [(row.line, row.rule) for row in apart] == [
        (2, "UTF-8"),
        (3, f"at most {LONGEST_LINE} bytes"),
        (5, apart[2].rule),
        (6, "a whole line, ended by a line break"),
    ]
    assert str(apart[0]) == "line 2: line: 'ff' breaks the rule: UTF-8"


@pytest.mark.parametrize(
    "header",
    ["", "as_of,owner,account,isin\n", POSITIONS[:-1] + ",colour\n", POSITIONS[:-1] + ",isin\n", POSITIONS[:-1]],
)
def test_a_header_that_is_not_understood_refuses_the_file(header: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        list(read_positions(of_text(header)))
    assert refused.value.field in ("header", "line")


class Endless(io.RawIOBase):
    """A file that never ends."""

    def __init__(self) -> None:
        self.lines = itertools.chain([POSITIONS.encode()], itertools.repeat(position().encode()))

    def readline(self, size: int | None = -1) -> bytes:
        return next(self.lines)


def test_a_file_is_read_as_it_comes() -> None:
    rows = [*itertools.islice(read_positions(Endless()), 1_000)]
    assert [row.line for row in rows] == [*range(2, 1_002)]
