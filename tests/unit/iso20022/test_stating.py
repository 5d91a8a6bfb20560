"""Statements of holdings of our own making: read back as they were written, and valid by the published schema."""

import io
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from lxml import etree

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import Bic
from lockstep.domain.instruction import QuantityType
from lockstep.domain.legacy import LegacyPosition, SubBalance
from lockstep.domain.money import Quantity
from lockstep.iso20022.holdings import read_holdings
from lockstep.iso20022.stating import StatedAccount, StatedBalance, write_holdings
from lockstep.testing.planted_breaks import isin, lei

AT = datetime(2026, 3, 2, 18, 0, 5, tzinfo=UTC)
BALANCES = (
    StatedBalance(
        isin=isin(1),
        quantity=Quantity.parse("1234567.89"),
        quantity_type=QuantityType.FACE_AMOUNT,
        available=Quantity.parse("1000000"),
        parts=(SubBalance(code="PLED", quantity=Quantity.parse("234567.89")),),
        name="Bund <2034> & Söhne",
    ),
    StatedBalance(isin=isin(2), quantity=Quantity.parse("0"), quantity_type=QuantityType.UNIT),
)
ACCOUNTS = (
    StatedAccount(owner=lei(1), bic=Bic("BKAAZZ2A"), number=lei(1), balances=BALANCES),
    StatedAccount(owner=lei(2), bic=Bic("BKBBZZ2BXXX"), number="SAFE/2", balances=BALANCES[1:]),
    StatedAccount(owner=lei(3), bic=Bic("BKCCZZ2C"), number="SAFE/3", balances=()),
)


def written(*accounts: StatedAccount, statement_id: str = "HOLDERS-812", as_of: datetime = AT) -> bytes:
    return write_holdings(
        statement_id=statement_id, as_of=as_of, servicer=Bic("LOCKZZ2X"), accounts=accounts or ACCOUNTS
    )


def test_it_is_read_back_as_it_was_written() -> None:
    page = read_holdings(io.BytesIO(written()))
    said = page.statement
    assert (said.statement_id, said.at, said.page, said.is_last) == ("HOLDERS-812", AT, 1, True)
    assert (said.has_activity, said.has_sub_accounts, said.owner) == (True, True, None)
    rows = [*page.rows]
    assert all(isinstance(one, LegacyPosition) for one in rows)
    assert [(one.owner, one.account, one.isin) for one in rows] == [
        (lei(1), lei(1), isin(1)),
        (lei(1), lei(1), isin(2)),
        (lei(2), "SAFE/2", isin(2)),
    ]
    first = rows[0]
    assert (first.as_of, first.quantity, first.quantity_type, first.available, first.parts) == (
        date(2026, 3, 2),
        Quantity(value=123456789, scale=2),
        QuantityType.FACE_AMOUNT,
        Quantity(value=1000000, scale=0),
        (SubBalance(code="PLED", quantity=Quantity(value=23456789, scale=2)),),
    )
    assert rows[1].quantity == Quantity(value=0, scale=0)


def test_the_same_holdings_are_the_same_bytes_in_every_zone() -> None:
    elsewhere = datetime.fromisoformat("2026-03-02T19:00:05+01:00")
    assert written(as_of=elsewhere) == written()


def test_nobody_holding_anything_is_a_statement_too() -> None:
    page = read_holdings(io.BytesIO(written(ACCOUNTS[2])))
    assert page.statement.has_activity is False
    assert [*page.rows] == []


@pytest.mark.parametrize(
    ("account", "field", "value"),
    [
        (replace(ACCOUNTS[0], owner=lei(1)[:-1] + "0"), "SubAcctDtls/AcctOwnr/LEI", lei(1)[:-1] + "0"),
        (replace(ACCOUNTS[0], bic=Bic("NOBIC")), "SubAcctDtls/AcctOwnr/Id/AnyBIC", "NOBIC"),
        (replace(ACCOUNTS[0], number="no spaces here"), "SubAcctDtls/SfkpgAcct/Id", "no spaces here"),
        (
            replace(ACCOUNTS[0], balances=(replace(BALANCES[0], quantity=Quantity(value=10**30, scale=0)),)),
            "SubAcctDtls/BalForSubAcct/AggtBal/Qty/Qty/Qty/FaceAmt",
            str(10**30),
        ),
    ],
)
def test_what_has_no_place_in_the_message_is_refused_by_its_path(
    account: StatedAccount, field: str, value: str
) -> None:
    with pytest.raises(InvalidMessage) as refused:
        written(account)
    assert refused.value.field == f"Document/SctiesBalCtdyRpt/{field}"
    assert refused.value.value == value


def test_a_moment_without_its_offset_is_refused() -> None:
    with pytest.raises(InvalidMessage) as refused:
        written(as_of=datetime(2026, 3, 2, 18))  # noqa: DTZ001 -- that is what is refused
    assert refused.value.field == "Document/SctiesBalCtdyRpt/StmtGnlDtls/StmtDtTm"


@pytest.mark.published_schemas
def test_it_is_valid_by_the_published_schema() -> None:
    schema = etree.XMLSchema(file=str(Path(os.environ["LOCKSTEP_ISO20022_XSD"]) / "semt.002.001.11.xsd"))
    for accounts in (ACCOUNTS, ACCOUNTS[2:]):
        assert schema.validate(etree.fromstring(written(*accounts))), schema.error_log
