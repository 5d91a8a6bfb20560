"""Holders of a block, and re-use by the register's events, against figures worked out by hand."""

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest

from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, AgreementMode, PledgeId, PricedToken
from lockstep.domain.collateral.register_events import (
    Agreed,
    Pledged,
    RegisterEvent,
    Released,
    TitleTransferred,
    Valued,
)
from lockstep.domain.errors import Contradiction
from lockstep.domain.identifiers import SettlementId
from lockstep.reports.holders import Held, Point, holders
from lockstep.reports.model import Report
from lockstep.reports.reuse import reuse

from .journals import ANNA, BERT, BOND, CORA, SHARE, market

POINT = Point(
    chain_id=7,
    block=100,
    block_hash="0x" + "ab" * 32,
    at=datetime(2026, 11, 23, 17, tzinfo=UTC),
    record_date=date(2026, 11, 23),
)
LATER = 2_000_000_000
STRANGER = "0x" + "9" * 40


def rows(report: Report, name: str) -> list[dict[str, object]]:
    table = report.table(name)
    return [dict(zip([one.name for one in table.columns], row, strict=True)) for row in table.rows]


def test_holders_are_told_by_security_the_largest_first() -> None:
    held = [
        Held(holder=BERT, isin=BOND, owned=25_000),
        Held(holder=ANNA, isin=BOND, owned=75_000, pledged=10_000),
        Held(holder=STRANGER, isin=SHARE, owned=9),
        Held(holder=CORA, isin=SHARE, owned=0, received=4),
    ]
    report = holders(held, market(), POINT)
    found = [
        (one["isin"], one["name"], one["owned"], one["share"], one["decimals"]) for one in rows(report, "positions")
    ]
    assert found == [
        (BOND, "Anna", 75_000, Fraction(3, 4), 2),
        (BOND, "Bert", 25_000, Fraction(1, 4), 2),
        (SHARE, "", 9, Fraction(1), 0),
        (SHARE, "Cora", 0, Fraction(0), 0),
    ]
    assert [(one["issued"], one["holders"], one["largest"]) for one in rows(report, "issues")] == [
        (100_000, 2, Fraction(3, 4)),
        (9, 1, Fraction(1)),
    ]
    assert [one.value for one in report.figures] == ["2", "3", "1"]
    assert report.source.others == (f"chain 7, block 100, hash 0x{'ab' * 32}",)
    assert "record date 2026-11-23" in report.subtitle


def wallet(number: int) -> str:
    return f"0x{number:040x}"


OWNERS = {wallet(1): str(ANNA), wallet(2): str(BERT), wallet(3): str(CORA)}
FIRST, SECOND, THIRD = (AgreementId(f"{number:064x}") for number in (1, 2, 3))
ROOT, ON = (PledgeId(f"{number:064x}") for number in (11, 12))
TITLE = PledgeId(f"{13:064x}")
TOKEN = "0x" + "b" * 40


def agreement(giver: int, taker: int) -> Agreement:
    return Agreement(
        giver=wallet(giver),
        taker=wallet(taker),
        mode=AgreementMode.SECURITY_INTEREST,
        currency="EUR",
        valuers="00" * 32,
        reuse_cap=800_000,
        max_depth=2,
        max_age_seconds=60,
        until=LATER,
    )


def events() -> list[RegisterEvent]:
    """Anna pledges 1,000.00 to Bert, who gives 600.00 of it on to Cora; title of 50.00 goes from Cora to Anna."""
    said = [
        (1, Agreed(agreement_id=FIRST, agreement=agreement(1, 2))),
        (1, Agreed(agreement_id=SECOND, agreement=agreement(2, 3))),
        (1, Agreed(agreement_id=THIRD, agreement=agreement(3, 1))),
        (
            2,
            Pledged(
                pledge_id=ROOT,
                agreement_id=FIRST,
                parent=NO_PLEDGE,
                token=TOKEN,
                quantity=100_000,
                depth=0,
                until=LATER,
            ),
        ),
        (
            3,
            Pledged(pledge_id=ON, agreement_id=SECOND, parent=ROOT, token=TOKEN, quantity=60_000, depth=1, until=LATER),
        ),
        (
            4,
            TitleTransferred(
                pledge_id=TITLE, agreement_id=THIRD, token=TOKEN, quantity=5_000, settlement_id=SettlementId("00" * 32)
            ),
        ),
        (
            5,
            Valued(
                agreement_id=FIRST,
                exposure=0,
                required=0,
                as_of=1,
                prices=(PricedToken(token=TOKEN, price=990_000, haircut=0),),
            ),
        ),
        (101, Released(pledge_id=ON, quantity=60_000)),
    ]
    return [
        RegisterEvent(block=block, place=place, transaction="0x" + "00" * 32, said=one)
        for place, (block, one) in enumerate(said)
    ]


def report_at(block: int) -> Report:
    point = Point(chain_id=7, block=block, block_hash="0x00", at=POINT.at)
    return reuse(events(), market(), lambda one: OWNERS.get(one, one), point)


def test_re_use_is_told_by_counterparty_and_security() -> None:
    """Price 0.99 a unit of base: 100,000 units are 990.00 EUR, of which 60,000, or 594.00 EUR, are given on."""
    found = {one["name"]: one for one in rows(report_at(100), "components")}
    bert, cora = found["Bert"], found["Cora"]
    assert (bert["component_type"], bert["component"], bert["event_date"]) == ("SECU", BOND, date(2026, 11, 23))
    assert (bert["received"], bert["reused"], bert["reusable"]) == (100_000, 60_000, 20_000)  # at most 80 %
    assert (bert["received_value"], bert["reused_value"], bert["estimated_reuse"]) == (99_000, 59_400, None)
    assert (cora["received"], cora["reused"], cora["received_value"]) == (60_000, 0, 59_400)  # by FIRST's price
    assert list(found) == ["Bert", "Cora"]


def test_title_is_owed_and_no_re_use() -> None:
    (title,) = rows(report_at(100), "titles")
    assert (title["giver"], title["taker"], title["owed"], title["value"]) == ("Cora", "Anna", 5_000, 4_950)


def test_each_pledge_names_what_it_re_uses() -> None:
    root, on = rows(report_at(100), "pledges")
    assert (root["parent"], root["depth"], on["parent"], on["depth"]) == (None, 0, ROOT, 1)
    assert (on["giver_name"], on["taker_name"], on["quantity"]) == ("Bert", "Cora", 60_000)


def test_as_of_another_block_it_is_as_it_was_there() -> None:
    assert [one["reused"] for one in rows(report_at(2), "components")] == [0]
    assert [one["reused_value"] for one in rows(report_at(4), "components")] == [None, None], "not valued yet"
    assert [(one["name"], one["reused"]) for one in rows(report_at(101), "components")] == [("Bert", 0)]


def test_events_of_which_some_are_missing_are_no_report() -> None:
    with pytest.raises(Contradiction, match="which was never made"):
        reuse(events()[4:], market(), str, POINT)
