"""A legacy book's instructions, handed to the service in their parties' names."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lockstep.app.shadow_feed import feed, instructions_of, messages_of, twins
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin, Lei, Reference, Uetr
from lockstep.domain.instruction import QuantityType, Side
from lockstep.domain.legacy import BadRow, LegacyInstruction
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import Trade, TradeState, TradeTerms
from lockstep.flow.receiving import Reception
from lockstep.iso20022 import read, write
from lockstep.testing.fakes import BOND, BUYER, SELLER, FakeBook, FakeClock, example_market

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MARKET = example_market()
UETR = Uetr("7a562c67-ca16-48ba-b074-65581be6f001")
ONE = LegacyInstruction(
    line=2,
    reference=Reference("CSD-1"),
    deliverer=SELLER.lei,
    receiver=BUYER.lei,
    isin=BOND,
    quantity=Quantity.parse("1000.00"),
    cash=Money.parse("990.00", "EUR"),
    trade_date=DAY,
    settlement_date=DAY,
    instructed_at=NOON,
    uetr=UETR,
)
HEADER = "reference,deliverer,receiver,isin,quantity,amount,currency,trade_date,settlement_date,instructed_at,uetr"
SOUND = f"CSD-1,{SELLER.lei},{BUYER.lei},{BOND},1000.00,990.00,EUR,2026-03-02,2026-03-02,2026-03-02T12:00:00Z,{UETR}"


def reception() -> Reception:
    return Reception(book=FakeBook(), market=MARKET, clock=FakeClock(NOON))


def test_both_sides_are_instructed_as_their_parties_would() -> None:
    given, taken = messages_of(ONE, MARKET)
    assert (given.sender, taken.sender) == (SELLER.bic, BUYER.bic)
    assert given.message_id != taken.message_id
    for message, side in ((given, Side.DELIVER), (taken, Side.RECEIVE)):
        body = message.body
        assert read(write(message)) == message
        assert (body.side, body.reference, body.owner.bic) == (side, "CSD-1", message.sender)
        assert (body.deliverer, body.receiver, body.isin) == (SELLER, BUYER, BOND)
        assert (body.quantity.text(), body.quantity_type) == ("1000", QuantityType.FACE_AMOUNT)
        assert (body.cash.text(), body.trade_date, body.settlement_date) == ("990.00", DAY, DAY)
        assert message.created == NOON


def test_what_is_fed_twice_is_a_duplicate_and_what_is_unknown_is_refused_while_the_rest_goes_on() -> None:
    to = reception()
    stranger = replace(ONE, reference=Reference("CSD-2"), receiver=Lei("ZZZZ00CHIMERABRO0638"))
    strange = replace(ONE, reference=Reference("CSD-3"), isin=Isin("ZZ00LOREM014"))
    late = replace(ONE, reference=Reference("CSD-4"), settlement_date=DAY, trade_date=DAY)
    told = feed(to, [stranger, ONE, strange, late])
    assert [one.outcome for one in told] == ["refused", "instructed", "refused", "instructed"]
    assert [one.error.field for one in told if isinstance(one.error, InvalidInput)] == ["receiver", "isin"]
    assert [one.outcome for one in feed(to, [ONE, late])] == ["duplicate", "duplicate"]
    assert {one.instruction.reference for one in to.book.instructions()} == {"CSD-1", "CSD-4"}
    assert len(to.book.instructions()) == 4


def test_the_same_reference_with_other_content_is_refused() -> None:
    to = reception()
    feed(to, [ONE])
    (told,) = feed(to, [replace(ONE, quantity=Quantity.parse("1001.00"))])
    assert (told.outcome, type(told.error).__name__) == ("refused", "Conflict")


def test_instructions_come_in_the_order_of_their_moments_and_bad_rows_stand_apart(tmp_path: Path) -> None:
    earlier = SOUND.replace("CSD-1", "CSD-0").replace("12:00:00", "08:00:00").replace(str(UETR), "")
    bad = [
        SOUND.replace("990.00,EUR", "0.00,EUR"),
        SOUND.replace("1000.00", "0"),
        SOUND.replace(str(BUYER.lei), str(SELLER.lei)),
        SOUND.replace("2026-03-02,2026-03-02,", "2026-03-03,2026-03-02,"),
        SOUND.replace("T12:00:00Z", "T12:00"),
        SOUND.replace("EUR", "EURO"),
    ]
    (tmp_path / "instructions.csv").write_text("\n".join([HEADER, SOUND, *bad, earlier, ""]))
    found, apart = instructions_of(tmp_path)
    assert [(one.reference, one.line, one.uetr) for one in found] == [("CSD-0", 9, None), ("CSD-1", 2, UETR)]
    assert found[1] == ONE
    fields = ["amount", "quantity", "receiver", "trade_date", "instructed_at", "currency"]
    assert [(one.line, one.field) for one in apart] == list(zip(range(3, 9), fields, strict=True))
    assert all(isinstance(one, BadRow) for one in apart)


def test_a_day_without_instructions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as broken:
        instructions_of(tmp_path)
    assert broken.value.field == "instructions"
    (tmp_path / "instructions.csv").write_text("reference\n")
    with pytest.raises(InvalidInput) as broken:
        instructions_of(tmp_path)
    assert broken.value.field == "header"


def test_the_legacy_systems_uetr_is_known_by_the_instruction_that_both_came_of() -> None:
    terms = TradeTerms(
        deliverer=SELLER.lei,
        receiver=BUYER.lei,
        deliverer_reference=ONE.reference,
        receiver_reference=ONE.reference,
        isin=BOND,
        quantity=ONE.quantity,
        cash=ONE.cash,
        settlement_date=DAY,
        salt="00" * 16,
    )
    trade = Trade(trade_id=terms.trade_id, terms=terms, state=TradeState.MATCHED, matched_at=NOON)
    other = replace(terms, deliverer=BUYER.lei, receiver=SELLER.lei)
    stranger = Trade(trade_id=other.trade_id, terms=other, state=TradeState.MATCHED, matched_at=NOON)
    assert twins([trade, stranger], [ONE]) == {trade.trade_id: UETR}
    assert twins([trade], [replace(ONE, uetr=None)]) == {}
