"""P1 to P7 over forged facts: a sound world has no violation, and each rule finds the one that is planted."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lockstep.testing.promises import PROMISES, check_promises
from lockstep.testing.promises_facts import (
    Asked,
    BoxRow,
    Delivered,
    Given,
    Heard,
    PromiseFacts,
    Signed,
    Spoke,
    Statement,
    Terms,
    Told,
)

DAY, SELLER, BUYER = date(2026, 11, 26), "LEI-SELLER", "LEI-BUYER"
NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)
PAY_BY = datetime(2026, 11, 26, 16, tzinfo=UTC)
SALT, SETTLEMENT = "5" * 32, "a" * 64

DELIVER = Terms(
    reference="T1D",
    side="DELI",
    deliverer=SELLER,
    receiver=BUYER,
    deliverer_bic="SELLZZ2A",
    receiver_bic="BUYRZZ2A",
    isin="ZZ00EXB20314",
    quantity=Decimal("100.00"),
    counted="FaceAmt",
    cash=Decimal("98.50"),
    currency="EUR",
    trade_date=DAY - timedelta(days=2),
    settlement_date=DAY,
)
RECEIVE = replace(DELIVER, reference="T1R", side="RECE", cash=Decimal("98.51"))
TRADE = hashlib.sha256(
    "\n".join(
        (
            f"deliverer={SELLER}",
            f"receiver={BUYER}",
            "deliverer_reference=T1D",
            "receiver_reference=T1R",
            "isin=ZZ00EXB20314",
            "quantity=100.00",
            "cash=98.50",
            "currency=EUR",
            "settlement_date=2026-11-26",
            f"salt={SALT}\n",
        )
    ).encode()
).hexdigest()
DONE = Delivered(
    settlement=SETTLEMENT,
    trade=TRADE,
    seller=SELLER,
    buyer=BUYER,
    isin=DELIVER.isin,
    units=Decimal("100.00"),
    at=NINE,
    pay_by=PAY_BY,
    cash=Decimal("98.50"),
    currency="EUR",
    salt=SALT,
    debtor="1002",
    creditor="1001",
)
GIVEN = Given(
    accounts={(SELLER, "EUR"): "1001", (BUYER, "EUR"): "1002"},
    tolerances={"EUR": (Decimal(1000), Decimal(2), Decimal(25))},
    units={(SELLER, DELIVER.isin): Decimal(100)},
    money={(BUYER, "EUR"): Decimal("98.50")},
    pay_by={DAY: PAY_BY},
    calm_since=NINE,
)


def asked(terms: Terms, outcome: str = "taken", **more: Any) -> Asked:
    data = f"{terms.reference} {terms.cash}".encode()
    said = {"sender": terms.owner_bic, "message_id": f"M{terms.reference}", "reference": terms.reference}
    return Asked(at=NINE, data=data, outcome=outcome, life=0, side=terms.side, terms=terms, **said | more)


def wish(terms: Terms, outcome: str = "taken") -> Asked:
    return replace(asked(terms, outcome), terms=None, cancels=True, message_id=f"C{terms.reference}", data=b"wish")


def told(about: Terms, status: str, kind: str = "sese.024", **more: Any) -> Told:
    said = {"box": about.owner_bic, "receiver": about.owner_bic, "reference": about.reference, "side": about.side}
    name, accepted = f"{kind}/{status}/{about.reference}", status == "AckdAccptd"
    return Told(**said | {"message_id": name, "kind": kind, "status": status, "accepted": accepted} | more)


def confirmed(terms: Terms) -> Told:
    settled = replace(terms, cash=DELIVER.cash)
    more = {"trade": TRADE, "settlement": SETTLEMENT, "settled_at": NINE, "terms": settled}
    return told(terms, "", "sese.025", **more)


def heard(word: str, position: int, cash: str | None = "98.50") -> Heard:
    amount = None if cash is None else Decimal(cash)
    return Heard(receiver="LSTPZZ2A", position=position, settlement=SETTLEMENT, word=word, cash=amount, currency="EUR")


ACCEPTED = [told(one, "AckdAccptd") for one in (DELIVER, RECEIVE)]
MATCHED = [told(one, "Mtchd", trade=TRADE) for one in (DELIVER, RECEIVE)]
ACCEPTED_MATCHED = [replace(one, accepted=True) for one in MATCHED]
CONFIRMED = [confirmed(one) for one in (DELIVER, RECEIVE)]
SOUND = PromiseFacts(
    given=GIVEN,
    asked=[asked(DELIVER), asked(RECEIVE)],
    told=[*ACCEPTED, *MATCHED, *CONFIRMED],
    rows=[BoxRow(message_id=one.message_id, delivered=True) for one in (*ACCEPTED, *MATCHED, *CONFIRMED)],
    delivered=[DONE],
    heard=[heard("paid", 1), heard("noticed", 2)],
    service="LSTPZZ2A",
    booked={SETTLEMENT: (NINE, "1002", "1001")},
    known_settlements=frozenset({SETTLEMENT}),
    signed=[
        Signed(
            agent="A1", settlement=SETTLEMENT, paid=True, told=frozenset({"paid", "noticed"}), told_before=frozenset()
        )
    ],
    spoke=[Spoke(agent="agent-1", forgotten=())],
)
CANCELLED_BOTH = [told(one, "Canc", code="CANI", trade=TRADE) for one in (DELIVER, RECEIVE)]
ENDED_UNSETTLED = replace(
    SOUND,
    told=[*ACCEPTED, *MATCHED, *CANCELLED_BOTH],
    rows=[],
    delivered=[],
    heard=[],
    booked={},
    signed=[],
    given=replace(GIVEN, hindered=("cancellation",)),
)


def found(facts: PromiseFacts) -> dict[str, list[str]]:
    return {name: violations for name, violations in check_promises(facts).items() if violations}


def with_confirmation(**changed: Any) -> PromiseFacts:
    return replace(SOUND, told=[*ACCEPTED, *MATCHED, replace(CONFIRMED[0], **changed), CONFIRMED[1]])


def with_delivered(**changed: Any) -> PromiseFacts:
    return replace(SOUND, delivered=[replace(DONE, **changed)])


def test_a_sound_world_keeps_all_promises() -> None:
    assert list(check_promises(SOUND)) == list(PROMISES) == ["P1", "P2", "P3", "P4", "P5", "P6", "P7"]
    assert not found(SOUND)


PLANTED: Mapping[str, tuple[str, PromiseFacts, str]] = {
    "one party has no confirmation": ("P1", replace(SOUND, told=[*ACCEPTED, *MATCHED, CONFIRMED[0]]), "BUYRZZ2A has 0"),
    "one party has two": (
        "P1",
        replace(SOUND, told=[*SOUND.told, replace(CONFIRMED[0], message_id="other")]),
        "SELLZZ2A has 2",
    ),
    "confirmed before it is final": ("P1", with_confirmation(final=False), "before that was final"),
    "confirmed and not settled": ("P1", with_confirmation(settlement="b" * 64), "did not settle"),
    "confirmed with another amount": (
        "P1",
        with_confirmation(terms=replace(DELIVER, cash=Decimal("98.51"))),
        "the amount 98.51, and it was 98.50",
    ),
    "confirmed with another quantity": (
        "P1",
        with_confirmation(terms=replace(DELIVER, quantity=Decimal(99))),
        "the quantity 99",
    ),
    "confirmed under another's reference": ("P1", with_confirmation(reference="T9D"), "did not instruct so"),
    "confirmed at another time": ("P1", with_confirmation(settled_at=PAY_BY), "the time"),
    "one id with two contents": ("P1", with_confirmation(changed=True), "two contents"),
    "in another's box": ("P1", with_confirmation(receiver="BUYRZZ2A"), "lies in the box of SELLZZ2A"),
    "delivered to no box": (
        "P1",
        replace(SOUND, rows=[*SOUND.rows, BoxRow(message_id="gone", delivered=True)]),
        "gone counts as delivered and is in no box",
    ),
    "never delivered": (
        "P1",
        replace(SOUND, rows=[*SOUND.rows, BoxRow(message_id="kept", delivered=False)]),
        "kept was never delivered",
    ),
    "an accepted instruction is told rejected": (
        "P2",
        replace(SOUND, asked=[*SOUND.asked, asked(DELIVER, "refused")], told=[*SOUND.told, told(DELIVER, "Rjctd")]),
        "T1D is rejected, and it was accepted",
    ),
    "told cancelled, and it settled": (
        "P2",
        replace(SOUND, told=[*SOUND.told, told(DELIVER, "Canc", code="OTHR")]),
        "is cancelled, and it settled",
    ),
    "never told how it ended": (
        "P2",
        replace(ENDED_UNSETTLED, told=[*ACCEPTED, *MATCHED, CANCELLED_BOTH[0]]),
        "BUYRZZ2A was told that T1R matched, and never how it ended",
    ),
    "never told that it is accepted": (
        "P2",
        replace(SOUND, told=[ACCEPTED[0], *MATCHED, *CONFIRMED]),
        "never told that T1R is accepted",
    ),
    "told that it matched, and not that it is accepted": (
        "P2",
        replace(SOUND, told=[*ACCEPTED_MATCHED[:1], MATCHED[1], *CONFIRMED]),
        "never told that T1R is accepted",
    ),
    "never told whether it matched": (
        "P2",
        replace(ENDED_UNSETTLED, told=ACCEPTED),
        "never told whether T1D matched",
    ),
    "another amount settled": ("P3", with_delivered(cash=Decimal("98.51")), "the amount was 98.51"),
    "another quantity settled": ("P3", with_delivered(units=Decimal(99)), "the quantity was 99"),
    "another party was debited": ("P3", with_delivered(debtor="1003"), "the debited account was 1003"),
    "delivered to another": ("P3", with_delivered(buyer="LEI-OTHER"), "the buyer was LEI-OTHER"),
    "settled on another day": ("P3", with_delivered(pay_by=PAY_BY + timedelta(days=1)), "the day was 2026-11-27"),
    "settled what nobody instructed": ("P3", with_delivered(trade="c" * 64), "of no two instructions"),
    "settled twice": (
        "P3",
        replace(SOUND, delivered=[DONE, replace(DONE, settlement="b" * 64)]),
        f"T1D of {SELLER} settled 2 times",
    ),
    "further apart than the tolerance": (
        "P3",
        replace(SOUND, asked=[asked(DELIVER), asked(replace(RECEIVE, cash=Decimal("100.51")))]),
        "further apart than 2",
    ),
    "another reference was named": (
        "P3",
        replace(SOUND, asked=[asked(DELIVER), asked(replace(RECEIVE, counterparty="T7D"))]),
        "do not name each other",
    ),
    "one cancels for both": (
        "P4",
        replace(
            ENDED_UNSETTLED,
            asked=[*SOUND.asked, wish(DELIVER)],
            told=[*ENDED_UNSETTLED.told, told(DELIVER, "Canc", "sese.027", request="CT1D")],
        ),
        "nobody asked to cancel T1R",
    ),
    "no answer to a wish": ("P4", replace(SOUND, asked=[*SOUND.asked, wish(DELIVER)]), "has no answer"),
    "a wish is pending for ever": (
        "P4",
        replace(
            SOUND,
            asked=[*SOUND.asked, wish(DELIVER)],
            told=[*SOUND.told, told(DELIVER, "PdgCxl", "sese.027", request="CT1D")],
        ),
        "for ever",
    ),
    "a wish is granted and denied": (
        "P4",
        replace(
            SOUND,
            asked=[*SOUND.asked, wish(DELIVER)],
            told=[*SOUND.told, *(told(DELIVER, one, "sese.027", request="CT1D") for one in ("Dnd", "Canc"))],
        ),
        "both that it is and that it is not",
    ),
    "a contradiction is told nobody": (
        "P5",
        replace(SOUND, heard=[*SOUND.heard, heard("never", 3, None)]),
        "told nobody",
    ),
    "two amounts are told nobody": (
        "P5",
        replace(SOUND, heard=[*SOUND.heard, heard("noticed", 3, "98.51")]),
        "two amounts",
    ),
    "a statement misses a payment": (
        "P5",
        replace(
            SOUND,
            statements=[
                Statement(position=3, account="1002", since=NINE, until=PAY_BY, shows=frozenset()),
            ],
        ),
        "a statement of 1002 misses",
    ),
    "signed on half a word": (
        "P5",
        replace(SOUND, signed=[replace(SOUND.signed[0], told=frozenset({"paid"}))]),
        "was never told: noticed",
    ),
    "signed against what it was told": (
        "P5",
        replace(SOUND, signed=[replace(SOUND.signed[0], told_before=frozenset({"never"}))]),
        "had been told the opposite",
    ),
    "nothing hindered it": ("P6", replace(ENDED_UNSETTLED, given=GIVEN), "nothing hindered T1D and T1R"),
    "an agent spoke with an old register": (
        "P7",
        replace(SOUND, spoke=[Spoke(agent="agent-1", forgotten=[SETTLEMENT])]),
        "agent-1 spoke with an old register",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_each_rule_finds_what_breaks_it(planted: str) -> None:
    name, facts, words = PLANTED[planted]
    violations = found(facts)
    assert any(words in one for one in violations.get(name, [])), violations


HARMLESS: Mapping[str, PromiseFacts] = {
    "both asked to cancel": replace(
        ENDED_UNSETTLED,
        asked=[*SOUND.asked, wish(DELIVER), wish(RECEIVE)],
        told=[
            *ENDED_UNSETTLED.told,
            *(told(one, "Canc", "sese.027", request=f"C{one.reference}") for one in (DELIVER, RECEIVE)),
        ],
    ),
    "other content under the same id is refused": replace(
        SOUND,
        asked=[*SOUND.asked, asked(replace(DELIVER, cash=Decimal(5)), "refused")],
        told=[*SOUND.told, told(DELIVER, "Rjctd")],
    ),
    "the same again is known": replace(SOUND, asked=[*SOUND.asked, asked(DELIVER, "again")]),
    "a contradiction is shown": replace(
        SOUND, heard=[*SOUND.heard, heard("never", 3, None)], breaks=frozenset({SETTLEMENT})
    ),
    "a statement of another day": replace(
        SOUND,
        statements=[Statement(position=3, account="1002", since=PAY_BY, until=PAY_BY, shows=frozenset())],
    ),
    "it cannot be delivered, and people know": replace(
        SOUND, rows=[*SOUND.rows, BoxRow(message_id="kept", delivered=False)], undeliverable=frozenset({"kept"})
    ),
    "accepted and matched are one message": replace(SOUND, told=[*ACCEPTED_MATCHED, *CONFIRMED], rows=[]),
    "calm came too late": replace(
        ENDED_UNSETTLED, told=[*ACCEPTED, told(DELIVER, "Umtchd"), told(RECEIVE, "Umtchd")],
        given=replace(GIVEN, calm_since=PAY_BY - timedelta(minutes=59)),
    ),
    "the seller is short of units": replace(
        ENDED_UNSETTLED, told=[*ACCEPTED, told(DELIVER, "Umtchd"), told(RECEIVE, "Umtchd")],
        given=replace(GIVEN, units={}),
    ),
    "nothing settles on a holiday": replace(
        ENDED_UNSETTLED, told=[*ACCEPTED, told(DELIVER, "Umtchd"), told(RECEIVE, "Umtchd")],
        given=replace(GIVEN, pay_by={}),
    ),
    "the records that took it are lost": replace(
        SOUND, told=[*ACCEPTED, *MATCHED], rows=[], life=1, known_settlements=frozenset()
    ),
    "what a reorganisation took": replace(
        SOUND, told=[*ACCEPTED, *MATCHED, CONFIRMED[0]], rows=[],
        undone=frozenset({SETTLEMENT}), trades_undone=frozenset({TRADE}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kept", HARMLESS)
def test_what_breaks_no_promise(kept: str) -> None:
    assert not found(HARMLESS[kept])
