"""What a margin call's schema cannot say, refused by its field; and values that are no message."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from golden.expected_collateral import AGREEMENT, EXPECTED_COLLATERAL, eur
from lockstep.domain.errors import InvalidInput, InvalidMessage
from lockstep.domain.margin_message import CollateralKind
from lockstep.domain.money import Money
from lockstep.iso20022 import read, write

GOLDEN = Path(__file__).parents[2] / "golden"
CALL, ANSWER = EXPECTED_COLLATERAL["colr.003.001.05"].body, EXPECTED_COLLATERAL["colr.004.001.05"].body
NAIVE = CALL.obligation.valued_at.replace(tzinfo=None)
AT = "Document/MrgnCallReq"
DUE = "MrgnCallRslt/MrgnCallRslt/MrgnCallAmt/DueToPtyA"
MOVED = "RqrmntDtlsDueToA/MrgnRqrmnt/VartnMrgnRqrmnt"
EXPECTED_AT = "XpctdCollDueToA/XpctdCollDtls/VartnMrgn"


@pytest.mark.parametrize(
    ("name", "old", "new", "field", "value"),
    [
        ("colr.003.001.05", ">2130000.00<", ">2130000.01<", f"{AT}/{MOVED}/DlvrMrgnAmt", "2130000.01"),
        ("colr.003.001.05", '<DlvrMrgnAmt Ccy="EUR">', '<DlvrMrgnAmt Ccy="USD">',
         f"{AT}/{MOVED}/DlvrMrgnAmt/@Ccy", "USD"),
        ("colr.003.001.05", "<Dt>2026-03-04</Dt></Dlvry>\n          </", "<Dt>2026-03-05</Dt></Dlvry>\n          </",
         f"{AT}/{EXPECTED_AT}/Dlvry[2]/Dt", "2026-03-05"),
        ("colr.003.001.05", ">SECU<", ">CASH<", f"{AT}/{EXPECTED_AT}/Dlvry/CollTp", "CASH, CASH"),
        ("colr.003.001.05", "BRCHFRPP</AnyBIC>", "ALDRDEFFXXX</AnyBIC>", f"{AT}/Oblgtn/PtyB/AnyBIC", "ALDRDEFFXXX"),
        ("colr.003.001.05", "<BaseCcy>EUR", "<BaseCcy>USD", f"{AT}/{DUE}/@Ccy", "EUR"),
        ("colr.003.001.05", "<BaseCcy>EUR", "<BaseCcy>EUX", f"{AT}/Agrmt/BaseCcy", "EUX"),
        ("colr.003.001.05", "13123456.78", "13123456.785", f"{AT}/MrgnDtlsDueToA/XpsdAmtPtyA", "13123456.785"),
        ("colr.003.001.05", "<CollTp>CASH", "<CollTp>LCRE", f"{AT}/{EXPECTED_AT}/Dlvry/CollTp", "LCRE"),
        ("colr.003.001.05.return", ">0.01</Due", ">0.00</Due", f"{AT}/{MOVED}/RtrMrgnAmt", "0.01"),
        ("colr.003.001.05.return", "<Dt>2026-03-06", "<Dt>2026-03-02", f"{AT}/{EXPECTED_AT}/Rtr/Dt", "2026-03-02"),
        ("colr.003.001.05.return", "<Rtr>", "<Dlvry>", f"{AT}/{EXPECTED_AT}/Dlvry", ""),
        ("colr.004.001.05", "AgrdAmt Ccy=\"EUR\"", "AgrdAmt Ccy=\"USD\"",
         "Document/MrgnCallRspn/AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt/AgrdAmt/@Ccy", "USD"),
        ("colr.004.001.05", ">1500000.5<", ">-1<",
         "Document/MrgnCallRspn/AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt/AgrdAmt", "-1"),
    ],
)  # fmt: skip
def test_what_the_schema_cannot_say(name: str, old: str, new: str, field: str, value: str) -> None:
    text = (GOLDEN / f"{name}.xml").read_text()
    assert old in text
    broken = text.replace(old, new)
    if new == "<Dlvry>":
        broken = broken.replace("</Rtr>", "</Dlvry>")
    with pytest.raises(InvalidMessage) as refused:
        read(broken.encode())
    assert (refused.value.field, refused.value.value) == (field, value)
    assert refused.value.rule


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: replace(CALL, amount=eur(0)), DUE),
        (lambda: replace(CALL, amount=Money(currency="USD", amount=1)), f"{DUE}/@Ccy"),
        (lambda: replace(CALL, exposure=Money(currency="USD", amount=1)), "MrgnDtlsDueToA/XpsdAmtPtyA/@Ccy"),
        (lambda: replace(CALL, held=Money(currency="USD", amount=1)), "MrgnDtlsDueToA/CollBal/TtlColl/@Ccy"),
        (lambda: replace(CALL, collateral=()), f"{EXPECTED_AT}/Dlvry/CollTp"),
        (lambda: replace(CALL, collateral=(CollateralKind.CASH,) * 2), f"{EXPECTED_AT}/Dlvry/CollTp"),
        (lambda: replace(ANSWER, agreed=eur(-1)), "AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt/AgrdAmt"),
        (lambda: replace(CALL.obligation, party_b=CALL.obligation.party_a), "Oblgtn/PtyB/AnyBIC"),
        (lambda: replace(CALL.obligation, valued_at=NAIVE), "Oblgtn/ValtnDt/DtTm"),
    ],
)  # fmt: skip
def test_values_that_cannot_be(wrong: Callable[[], Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        wrong()
    assert refused.value.field == field


def test_an_agreement_is_named_by_its_hash() -> None:
    message = EXPECTED_COLLATERAL["colr.004.001.05"]
    named = replace(message, body=replace(ANSWER, agreement=replace(AGREEMENT, agreement_id="CSA-1")))
    with pytest.raises(InvalidMessage) as refused:
        write(named)
    assert refused.value.field == "Document/MrgnCallRspn/Agrmt/AgrmtId"
