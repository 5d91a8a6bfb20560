"""Statements of holdings: what is read, what is set apart with line and reason, what ends the reading."""

import io
import itertools
import os
import random
from copy import deepcopy
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from lxml import etree

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.instruction import QuantityType
from lockstep.domain.legacy import BadRow, LegacyPosition, SubBalance
from lockstep.domain.money import Quantity
from lockstep.iso20022.holdings import HOLDINGS_TYPES, _Reader, read_holdings
from lockstep.testing.sound_books import isin, lei

CUSTODY, ACCOUNTING = HOLDINGS_TYPES
ISO = "urn:iso:std:iso:20022:tech:xsd:"
LINES_BEFORE = 14


def owner(number: int) -> str:
    return f"<AcctOwnr><Id><AnyBIC>BKAAZZ2A</AnyBIC></Id><LEI>{lei(number)}</LEI></AcctOwnr>"


def account(number: str) -> str:
    return f"<SfkpgAcct><Id>{number}</Id></SfkpgAcct>"


def balance(
    number: int = 1,
    *,
    definition: str = CUSTODY,
    tag: str = "BalForAcct",
    quantity: str = "100",
    unit: str = "Unit",
    sign: str = "LONG",
    more: str = "",
) -> str:
    """Four lines."""
    value = ""
    if definition == ACCOUNTING:
        value = (
            '<PricDtls><Tp><Cd>MRKT</Cd></Tp><Val><Amt Ccy="EUR">99.5</Amt></Val><ValTp><ValTp>PARV</ValTp></ValTp>'
            '</PricDtls><AcctBaseCcyAmts><HldgVal><Amt Ccy="EUR">9950.00</Amt><Sgn>true</Sgn></HldgVal>'
            "</AcctBaseCcyAmts>"
        )
    return (
        f"<{tag}>\n<FinInstrmId><ISIN>{isin(number)}</ISIN></FinInstrmId>\n<AggtBal><ShrtLngInd>{sign}</ShrtLngInd>"
        f"<Qty><Qty><Qty><{unit}>{quantity}</{unit}></Qty></Qty></Qty></AggtBal>{value}{more}\n</{tag}>\n"
    )


def statement(
    *balances: str,
    definition: str = CUSTODY,
    parties: str = owner(1) + account("SAFE-1"),
    active: str = "true",
    sub_accounts: str = "false",
    day: str = "<Dt>2026-11-23</Dt>",
) -> bytes:
    """Balances begin at line LINES_BEFORE."""
    audited = "<AudtdInd>false</AudtdInd>" if definition == ACCOUNTING else ""
    root = HOLDINGS_TYPES[definition]
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{ISO}{definition}">\n<{root}>\n'
        "<Pgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></Pgntn>\n"
        f"<StmtGnlDtls>\n<StmtId>S-1</StmtId>\n<StmtDtTm>{day}</StmtDtTm>\n<Frqcy><Cd>DAIL</Cd></Frqcy>\n"
        "<UpdTp><Cd>COMP</Cd></UpdTp>\n<StmtBsis><Cd>SETT</Cd></StmtBsis>\n"
        f"<ActvtyInd>{active}</ActvtyInd>{audited}<SubAcctInd>{sub_accounts}</SubAcctInd>\n</StmtGnlDtls>\n"
        f"{parties}\n{''.join(balances)}</{root}>\n</Document>\n"
    ).encode()


def sub_account(number: int, *balances: str, active: str = "true") -> str:
    """Its balances begin on the line after its own."""
    inner = f"{owner(number)}{account(f'SUB-{number}')}<ActvtyInd>{active}</ActvtyInd>"
    return f"<SubAcctDtls>{inner}\n{''.join(balances)}</SubAcctDtls>\n"


def rows_of(data: bytes) -> list[LegacyPosition | BadRow]:
    return [*read_holdings(io.BytesIO(data)).rows]


@pytest.mark.parametrize("definition", HOLDINGS_TYPES)
def test_a_page_says_what_it_is_and_gives_its_balances(definition: str) -> None:
    data = statement(
        *(balance(number, definition=definition) for number in (1, 2)),
        definition=definition,
        day="<DtTm>2026-11-23T19:00:00+01:00</DtTm>",
    )
    page = read_holdings(io.BytesIO(data))
    said = page.statement
    assert (said.definition, said.as_of, said.at) == (
        definition,
        date(2026, 11, 23),
        datetime(2026, 11, 23, 18, tzinfo=UTC),
    )
    assert (said.statement_id, said.page, said.is_last) == ("S-1", 1, True)
    assert (said.owner, said.account, said.has_activity, said.has_sub_accounts) == (lei(1), "SAFE-1", True, False)
    assert [*page.rows] == [
        LegacyPosition(
            line=LINES_BEFORE + 4 * place,
            as_of=said.as_of,
            owner=lei(1),
            account="SAFE-1",
            isin=isin(place + 1),
            quantity=Quantity(value=100, scale=0),
            quantity_type=QuantityType.UNIT,
        )
        for place in range(2)
    ]


@pytest.mark.parametrize("definition", HOLDINGS_TYPES)
def test_what_is_set_aside_short_or_by_face_amount_is_told(definition: str) -> None:
    extra = "<ShrtLngInd>LONG</ShrtLngInd><Qty><Qty><FaceAmt>30</FaceAmt></Qty></Qty>"
    held = extra if definition == CUSTODY else "<Qty><FaceAmt>30</FaceAmt></Qty>"
    parts = f"<BalBrkdwn><SubBalTp><Cd>PLED</Cd></SubBalTp><Qty>{held}</Qty></BalBrkdwn>"
    available = "<AvlblBal><Qty><Qty><FaceAmt>70.50</FaceAmt></Qty></Qty></AvlblBal>" if definition == CUSTODY else ""
    long = balance(definition=definition, unit="FaceAmt", quantity="100.50", more=available + parts)
    short = balance(definition=definition, sign="SHOR", quantity="7")
    one, other = rows_of(statement(long, short, definition=definition))
    assert isinstance(one, LegacyPosition) and isinstance(other, LegacyPosition)
    assert (one.quantity_type, one.units(2)) == (QuantityType.FACE_AMOUNT, 10_050)
    assert one.available == (Quantity(value=705, scale=1) if available else None)
    assert one.parts == (SubBalance(code="PLED", quantity=Quantity(value=30, scale=0)),)
    assert (other.short, other.units(0)) == (True, -7)


def test_sub_accounts_have_owners_of_their_own() -> None:
    data = statement(
        sub_account(2, *(balance(number, tag="BalForSubAcct") for number in (1, 2, 3))),
        sub_account(3, active="false"),
        sub_account(4, balance(1, tag="BalForSubAcct")),
        parties="",
        sub_accounts="true",
    )
    rows = rows_of(data)
    assert [(row.line, row.owner, row.account, row.isin) for row in rows if isinstance(row, LegacyPosition)] == [
        (15, lei(2), "SUB-2", isin(1)),
        (19, lei(2), "SUB-2", isin(2)),
        (23, lei(2), "SUB-2", isin(3)),
        (31, lei(4), "SUB-4", isin(1)),
    ]
    assert len(rows) == 4


PLACE = "Document/SctiesBalCtdyRpt"


@pytest.mark.parametrize(
    ("bad", "field", "rule"),
    [
        (balance(quantity="1e3"), "AggtBal/Qty/Qty/Qty/Unit", "a plain decimal number"),
        (balance(quantity="-1"), "AggtBal/Qty/Qty/Qty/Unit", "a plain decimal number"),
        (balance(sign="LNG"), "AggtBal/ShrtLngInd", "one of LONG, SHOR"),
        (balance(sign="SHOR", quantity="0"), "AggtBal/ShrtLngInd", "LONG for zero"),
        (balance().replace(isin(1), isin(1)[:-1] + "x"), "FinInstrmId/ISIN", "ISO 6166"),
        (
            balance().replace(isin(1), isin(1)[:-1] + str((int(isin(1)[-1]) + 1) % 10)),
            "FinInstrmId/ISIN",
            "check digit",
        ),
        (balance(more="<Colour>red</Colour>"), "Colour", "not in Lockstep's usage guideline"),
        (
            balance(more="<AvlblBal><Qty><Qty><FaceAmt>1</FaceAmt></Qty></Qty></AvlblBal>"),
            "AvlblBal/Qty/Qty/FaceAmt",
            "Unit, as AggtBal",
        ),
    ],
)
def test_a_bad_balance_is_set_apart_and_the_rest_read(bad: str, field: str, rule: str) -> None:
    before, apart, after = rows_of(statement(balance(1), bad, balance(2)))
    assert isinstance(apart, BadRow)
    assert (apart.line, apart.field) == (LINES_BEFORE + 4, f"{PLACE}/BalForAcct/{field}")
    assert rule in apart.rule
    assert isinstance(before, LegacyPosition) and isinstance(after, LegacyPosition)
    assert after.line == LINES_BEFORE + 8


def test_balances_whose_owner_cannot_be_known_are_all_set_apart() -> None:
    wrong = sub_account(2, balance(tag="BalForSubAcct"), balance(tag="BalForSubAcct")).replace(
        lei(2), lei(2)[:-2] + "00"
    )
    data = statement(wrong, sub_account(3, balance(tag="BalForSubAcct")), parties="", sub_accounts="true")
    first, second, third = rows_of(data)
    assert isinstance(first, BadRow) and isinstance(second, BadRow) and isinstance(third, LegacyPosition)
    assert first.field == second.field == f"{PLACE}/SubAcctDtls/AcctOwnr/LEI"
    (apart,) = rows_of(statement(balance(), parties=""))
    assert isinstance(apart, BadRow)
    assert apart.field == f"{PLACE}/AcctOwnr"
    (apart,) = rows_of(statement(balance(), active="false"))
    assert isinstance(apart, BadRow)
    assert apart.field == f"{PLACE}/StmtGnlDtls/ActvtyInd"


def test_of_sub_accounts_bad_balances_are_set_apart_and_what_is_between_them_ends_it() -> None:
    held = [balance(number, tag="BalForSubAcct") for number in (1, 2, 3)]
    bad = balance(tag="BalForSubAcct", sign="LNG")
    first, apart, last = rows_of(statement(sub_account(2, held[0], bad, held[1]), parties="", sub_accounts="true"))
    assert isinstance(first, LegacyPosition) and isinstance(apart, BadRow) and isinstance(last, LegacyPosition)
    assert (apart.line, apart.field) == (19, f"{PLACE}/SubAcctDtls/BalForSubAcct/AggtBal/ShrtLngInd")
    for between in ([held[0], "<Colour/>", held[1]], [*held[:2], "<Colour/>"], [held[0], "<Colour/>", *held[1:]]):
        with pytest.raises(InvalidMessage, match="between or after balances"):
            rows_of(statement(sub_account(2, *between), parties="", sub_accounts="true"))
    (apart,) = rows_of(statement(sub_account(2, held[0]), parties=""))
    assert isinstance(apart, BadRow)
    assert apart.field == f"{PLACE}/StmtGnlDtls/SubAcctInd"


STATED = statement(balance(1), balance(2))


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "XML"),
        (b"<a/>", "Document"),
        (STATED[:-30], "XML"),
        (STATED.replace(b"SETT", b"TRAD"), f"{PLACE}/StmtGnlDtls/StmtBsis/Cd"),
        (STATED.replace(b"COMP", b"DELT"), f"{PLACE}/StmtGnlDtls/UpdTp/Cd"),
        (STATED.replace(b"2026-11-23", b"2026-02-30"), f"{PLACE}/StmtGnlDtls/StmtDtTm/Dt"),
        (STATED.replace(lei(1).encode(), lei(1)[:-2].encode() + b"00"), f"{PLACE}/AcctOwnr/LEI"),
        (STATED.replace(b"<Document", b'<!DOCTYPE a [<!ENTITY b "c">]><Document'), "XML/DOCTYPE"),
        (STATED.replace(b"</SctiesBalCtdyRpt>", b"<Colour/></SctiesBalCtdyRpt>"), None),
        (statement(balance(1), "<Colour/>", balance(2)), None),
        (statement(active="true"), f"{PLACE}/StmtGnlDtls/ActvtyInd"),
        (STATED.replace(b"semt.002.001.11", b"semt.002.001.10"), "Document"),
        (STATED.replace(b"semt.002", b"semt.003"), "Document"),
    ],
)
def test_what_is_wrong_with_the_page_ends_it(data: bytes, field: str | None) -> None:
    with pytest.raises(InvalidMessage) as refused:
        rows_of(data)
    assert refused.value.field == (field or f"{PLACE}/Colour")
    assert refused.value.rule


def test_a_page_may_come_in_our_envelope() -> None:
    fr, to = (
        f"<{name}><FIId><FinInstnId><BICFI>{bic}</BICFI></FinInstnId></FIId></{name}>"
        for name, bic in (("Fr", "BKAAZZ2A"), ("To", "LSTPZZ2A"))
    )
    header = (
        f'<BizMsg xmlns="urn:lockstep:bizmsg:1"><AppHdr xmlns="{ISO}head.001.001.02">{fr}{to}<BizMsgIdr>M-1</BizMsgIdr>'
        f"<MsgDefIdr>{CUSTODY}</MsgDefIdr><CreDt>2026-11-23T18:00:00Z</CreDt></AppHdr>"
    ).encode()
    data = STATED.replace(b"<Document", header + b"<Document").replace(b"</Document>", b"</Document></BizMsg>")
    assert rows_of(data) == rows_of(STATED)
    for wrong, field in (
        (data.replace(CUSTODY.encode() + b"</Msg", ACCOUNTING.encode() + b"</Msg"), "AppHdr/MsgDefIdr"),
        (data.replace(b"</Document>", b"</Document><Colour/>"), "Document"),
        (data.replace(b"<BizMsgIdr>M-1</BizMsgIdr>", b""), "AppHdr/MsgDefIdr"),
    ):
        with pytest.raises(InvalidMessage) as refused:
            rows_of(wrong)
        assert refused.value.field == field


def test_lines_are_right_far_down_a_file() -> None:
    many = 17_000
    rows = rows_of(statement(*(balance(1) for _ in range(many))))
    assert [row.line for row in rows] == [LINES_BEFORE + 4 * place for place in range(many)]


class Endless(io.RawIOBase):
    """A statement that never ends."""

    def __init__(self, before: bytes, again: bytes) -> None:
        self.left, self.again = before, again

    def read(self, size: int = -1) -> bytes:
        while len(self.left) < size:
            self.left += self.again * 50
        now, self.left = self.left[:size], self.left[size:]
        return now


@pytest.mark.parametrize("tag", ["BalForAcct", "BalForSubAcct", "SubAcctDtls"])
def test_a_statement_is_read_as_it_comes_and_what_was_read_is_let_go(tag: str) -> None:
    head = statement(sub_accounts="true").partition(b"</SctiesBalCtdyRpt>")[0]
    again = sub_account(2, balance(tag="BalForSubAcct")) if tag == "SubAcctDtls" else balance(tag=tag)
    if tag == "BalForSubAcct":
        head += sub_account(2).removesuffix("</SubAcctDtls>\n").encode()
    reader = _Reader(Endless(head, again.encode()))
    most = 0
    for row in itertools.islice(reader.rows(), 5_000):
        assert isinstance(row, LegacyPosition)
        most = max(most, sum(1 for _ in reader._report.iter()))
    assert most < 2_500  # of some 50,000: no more than what a chunk of 32 KiB holds


@pytest.mark.published_schemas
@pytest.mark.parametrize("definition", HOLDINGS_TYPES)
def test_what_is_read_is_valid_by_the_published_schema(definition: str) -> None:
    schema = etree.XMLSchema(file=str(Path(os.environ["LOCKSTEP_ISO20022_XSD"]) / f"{definition}.xsd"))
    held = "<Qty><Qty><Unit>3</Unit></Qty></Qty>" if definition == CUSTODY else "<Qty><Unit>3</Unit></Qty>"
    more = f"<BalBrkdwn><SubBalTp><Cd>PLED</Cd></SubBalTp><Qty>{held}</Qty></BalBrkdwn>"
    if definition == CUSTODY:
        more = f"<AvlblBal>{'<Qty><Qty><Unit>3</Unit></Qty></Qty>'}</AvlblBal>{more}"
    data = statement(
        balance(definition=definition, more=more),
        sub_account(2, balance(definition=definition, tag="BalForSubAcct")),
        definition=definition,
        sub_accounts="true",
    )
    assert all(isinstance(row, LegacyPosition) for row in rows_of(data))
    document = etree.fromstring(data)
    assert schema.validate(document), schema.error_log


@pytest.mark.published_schemas
@pytest.mark.parametrize("definition", HOLDINGS_TYPES)
def test_what_the_published_schema_refuses_is_refused_or_set_apart(definition: str) -> None:
    schema = etree.XMLSchema(file=str(Path(os.environ["LOCKSTEP_ISO20022_XSD"]) / f"{definition}.xsd"))
    sound = statement(
        *(balance(number, definition=definition) for number in (1, 2)),
        sub_account(2, *(balance(number, definition=definition, tag="BalForSubAcct") for number in (1, 2))),
        definition=definition,
        sub_accounts="true",
    )
    chance, both = random.Random(f"20022 {definition}"), 0
    for _ in range(300):
        root = etree.fromstring(sound)
        inside = [element for element in root.iter() if element is not root]
        element = chance.choice(inside)
        way = chance.randrange(5)
        if way == 0:
            element.getparent().remove(element)
        elif way == 1:
            element.addnext(deepcopy(element))
        elif way == 2:
            element.tag = f"{element.tag}X"
        elif way == 3:
            etree.SubElement(element, chance.choice(inside).tag).text = "1"
        else:
            leaf = chance.choice([one for one in inside if len(one) == 0])
            leaf.text = chance.choice(["", "x", "-1", "LONGER", "2026-02-30", "9" * 40])
        if schema.validate(root):
            continue
        both += 1
        assert _refused_or_apart(etree.tostring(root)), schema.error_log
    assert both > 100


def _refused_or_apart(data: bytes) -> bool:
    try:
        return any(isinstance(row, BadRow) for row in rows_of(data))
    except InvalidMessage as refused:
        return bool(refused.field and refused.rule)
