"""Two instructions that say the same thing become one trade; the rest waits, and is told why, once."""

import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flow_cases import DELIVER, MARKET, MORNING, RECEIVE, stored
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.identifiers import Reference, derive_message_id
from lockstep.domain.instruction import AdviceStatus, Instruction, QuantityType, Side, StatusAdvice
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import TradeState
from lockstep.flow.matching import match
from lockstep.iso20022 import write
from lockstep.ports import Change, StoredInstruction
from lockstep.testing.fakes import DAY, SALT_KEY, example_instruction

ONE_DAY = timedelta(days=1)


def euro(cents: int) -> Money:
    return Money(currency="EUR", amount=cents)


def run(*waiting: StoredInstruction, at: Any = MORNING) -> list[Change]:
    return match(waiting, MARKET, SALT_KEY, at)


def pairs(changes: Sequence[Change]) -> list[tuple[str, str]]:
    return [
        (trade.terms.deliverer_reference, trade.terms.receiver_reference)
        for change in changes
        for trade in change.trades
    ]


def reasons(changes: Sequence[Change]) -> dict[str, str]:
    return {
        one.instruction.reference: one.reason.code
        for change in changes
        for one in change.instructions
        if one.reason is not None
    }


def test_match() -> None:
    first, second = stored(DELIVER), stored(replace(RECEIVE, cash=euro(99_100)))
    (change,) = run(first, second)
    (trade,) = change.trades
    assert (trade.state, trade.matched_at, trade.version) == (TradeState.MATCHED, MORNING, 0)
    assert trade.terms.cash == DELIVER.cash, "the deliverer's amount settles"
    about = b"\n".join(part.encode() for one in (first, second) for part in one.key)
    assert trade.terms.salt == hmac.digest(SALT_KEY, about, "sha256").hex()[:32]
    secret = hmac.digest(SALT_KEY, b"cash ids\0" + about, "sha256").hex()[:32]
    assert trade.cash_secret == secret
    assert trade.trade_id == trade.terms.trade_id
    assert [one.status for one in change.instructions] == ["MATCHED", "MATCHED"]
    assert {one.trade_id for one in change.instructions} == {trade.trade_id}
    (entry,) = change.entries
    assert (entry.kind, entry.subject) == ("matched", trade.trade_id)
    assert (entry.facts["cash"], entry.facts["receiver_cash"]) == ("990.00 EUR", "991.00 EUR")
    for message, instruction in zip(change.outgoing, (DELIVER, RECEIVE), strict=True):
        assert secret.encode() not in write(message), "told to nobody"
        body = message.body
        assert isinstance(body, StatusAdvice)
        assert (body.status, body.trade_id, body.salt) == (AdviceStatus.MATCHED, trade.trade_id, trade.terms.salt)
        assert (message.receiver, body.reference) == (instruction.owner.bic, instruction.reference)


@pytest.mark.parametrize(
    "changes",
    [
        {"isin": "FR0013508470"},
        {"quantity": Quantity.parse("1000.01")},
        {"quantity_type": QuantityType.UNIT},
        {"cash": Money(currency="USD", amount=99_000)},
        {"trade_date": DAY - ONE_DAY},
        {"settlement_date": DAY + ONE_DAY},
        {"deliverer": RECEIVE.receiver, "receiver": RECEIVE.deliverer},
        {"side": Side.DELIVER},
        {"counterparty_reference": Reference("ANOTHER")},
    ],
)
def test_one_field_apart(changes: dict[str, Any]) -> None:
    told = run(stored(DELIVER), stored(replace(RECEIVE, **changes)))
    assert pairs(told) == []
    assert reasons(told) == {"D-1": "CMIS", "R-1": "CMIS"}


@pytest.mark.parametrize(
    ("theirs", "matches"),
    [(99_000, True), (99_200, True), (98_800, True), (99_201, False), (98_799, False)],
)
def test_tolerance(theirs: int, matches: bool) -> None:
    told = run(stored(DELIVER), stored(replace(RECEIVE, cash=euro(theirs))))
    assert pairs(told) == ([("D-1", "R-1")] if matches else [])
    if not matches:
        assert reasons(told) == {"D-1": "DMON", "R-1": "DMON"}


@pytest.mark.parametrize(
    ("first", "second", "allowed"),
    [
        (10_000_000, 10_000_000, True),
        (9_999_800, 10_000_000, True),
        (9_999_799, 10_000_000, False),
        (9_999_799, 10_000_001, True),  # the larger of the two decides the band
        (10_002_500, 10_000_000, True),
        (10_002_501, 10_000_000, False),
    ],
)
def test_two_bands(first: int, second: int, allowed: bool) -> None:
    assert MARKET.tolerances["EUR"].allows(euro(first), euro(second)) is allowed
    assert MARKET.tolerances["EUR"].allows(euro(second), euro(first)) is allowed


def test_no_tolerance_without_a_rule() -> None:
    market = replace(MARKET, tolerances={})
    for theirs, found in ((99_000, 1), (99_001, 0)):
        waiting = (stored(DELIVER), stored(replace(RECEIVE, cash=euro(theirs))))
        assert len(pairs(match(waiting, market, SALT_KEY, MORNING))) == found


@pytest.mark.parametrize(
    ("ours", "theirs", "matches"),
    [
        (None, None, True),
        ("R-1", None, True),
        (None, "D-1", True),
        ("R-1", "D-1", True),
        ("R-2", None, False),
        (None, "D-2", False),
        ("R-1", "D-2", False),
    ],
)
def test_counterparty_reference(ours: str | None, theirs: str | None, matches: bool) -> None:
    first = replace(DELIVER, counterparty_reference=Reference(ours) if ours else None)
    second = replace(RECEIVE, counterparty_reference=Reference(theirs) if theirs else None)
    told = run(stored(first), stored(second))
    assert bool(pairs(told)) is matches
    if not matches:
        assert "names another reference" in str(told[0].instructions[0].reason)


def test_of_several_the_exact_one() -> None:
    near = stored(replace(RECEIVE, reference=Reference("R-0"), cash=euro(99_100)))
    told = run(stored(DELIVER), near, stored(RECEIVE))
    assert pairs(told) == [("D-1", "R-1")]
    assert reasons(told) == {"R-0": "CMIS"}


def test_of_equals_the_oldest() -> None:
    twin = stored(replace(RECEIVE, reference=Reference("R-2")))
    assert pairs(run(stored(DELIVER), stored(RECEIVE), twin)) == [("D-1", "R-1")]
    assert pairs(run(twin, stored(RECEIVE), stored(DELIVER))) == [("D-1", "R-2")]


def test_a_named_one_is_not_taken_by_another() -> None:
    named = stored(replace(RECEIVE, counterparty_reference=Reference("D-2")))
    later = stored(replace(DELIVER, reference=Reference("D-2")))
    told = run(stored(DELIVER), named, later)
    assert pairs(told) == [("D-2", "R-1")]
    assert reasons(told) == {"D-1": "CMIS"}


def test_a_reason_is_told_once() -> None:
    first = stored(DELIVER)
    (alone,) = run(first)
    (first,) = alone.instructions
    assert [entry.kind for entry in alone.entries] == ["unmatched"]
    assert run(first) == [], "nothing new"
    told = run(first, stored(replace(RECEIVE, cash=euro(1))))
    assert reasons(told) == {"D-1": "DMON", "R-1": "DMON"}, "a new reason is told"
    again = [one for change in told for one in change.instructions]
    assert run(*again) == []


@pytest.mark.parametrize("days", [0, 20, 21])
def test_aging(days: int) -> None:
    known = run(stored(DELIVER))[0].instructions[0]
    told = run(known, stored(replace(RECEIVE, cash=euro(1))), at=MORNING + days * ONE_DAY)
    statuses = {one.instruction.reference: one.status for change in told for one in change.instructions}
    if days <= 20:
        assert set(statuses.values()) == {"WAITING"}
        return
    assert statuses == {"D-1": "AGED_OUT", "R-1": "AGED_OUT"}
    said = [(one.body.reference, one.body.status.name) for change in told for one in change.outgoing]
    assert said == [("D-1", "CANCELLED"), ("R-1", "ACCEPTED"), ("R-1", "CANCELLED")], "D-1 was accepted with its reason"
    assert {entry.kind for change in told for entry in change.entries} == {"aged out"}


def test_nothing_aged_is_matched() -> None:
    assert pairs(run(stored(DELIVER), stored(RECEIVE), at=MORNING + 21 * ONE_DAY)) == []


@given(st.booleans(), st.booleans(), st.integers(0, 2), st.integers(0, 21))
def test_at_the_first_look_each_is_told_that_it_is_accepted(fits: bool, late: bool, copies: int, days: int) -> None:
    """By the bytes that its party gets: a message of its own, or beside what it says of the match."""

    class Everything:
        def had(self, deliver: StoredInstruction, receive: StoredInstruction, salt: str) -> bool:
            return False

        def may_have(self, stored: StoredInstruction) -> bool:
            return True

    receives = [
        replace(RECEIVE, reference=Reference(f"R-{n}"), cash=euro(99_000 if fits else 1)) for n in range(copies)
    ]
    waiting = [stored(one, late=MORNING if late else None) for one in (DELIVER, *receives)]
    changes = match(waiting, MARKET, SALT_KEY, MORNING + days * ONE_DAY, Everything())
    mail = [(one.receiver, one.body.reference, write(one)) for change in changes for one in change.outgoing]
    accepted = [(receiver, reference) for receiver, reference, data in mail if b"<AckdAccptd>" in data]
    assert sorted(accepted) == sorted((one.instruction.owner.bic, one.instruction.reference) for one in waiting)


def instructions() -> st.SearchStrategy[list[Instruction]]:
    one = st.tuples(
        st.sampled_from(Side), st.sampled_from(["1000", "2000"]), st.sampled_from(["990.00", "991.00", "999"])
    )
    return st.lists(one, max_size=8).map(
        lambda drawn: [
            example_instruction(side, f"X-{place}", quantity=quantity, cash=cash)
            for place, (side, quantity, cash) in enumerate(drawn)
        ]
    )


@given(instructions())
def test_each_at_most_once_and_only_with_its_like(drawn: list[Instruction]) -> None:
    by_reference = {one.reference: one for one in drawn}
    waiting = [stored(one) for one in drawn]
    changes = run(*waiting)
    used = [reference for pair in pairs(changes) for reference in pair]
    assert len(used) == len(set(used))
    for ours, theirs in pairs(changes):
        first, second = by_reference[Reference(ours)], by_reference[Reference(theirs)]
        assert (first.side, second.side) == (Side.DELIVER, Side.RECEIVE)
        assert first.quantity == second.quantity
        assert MARKET.tolerances["EUR"].allows(first.cash, second.cash)
    left = [one for one in waiting if one.instruction.reference not in used]
    assert pairs(run(*left)) == [], "nothing that could have matched was left"
    assert [pairs([one]) for one in run(*waiting)] == [pairs([one]) for one in changes], "the same again"


def test_told_under_an_id_that_repeats() -> None:
    (change,) = run(stored(DELIVER))
    reason = change.instructions[0].reason
    about = f"{DELIVER.owner.lei}/D-1/0"
    wanted = derive_message_id(MARKET.service, about, f"sese.024/UNMATCHED/{reason}")
    assert [message.message_id for message in change.outgoing] == [wanted]


def test_a_settlement_date_at_the_end_of_time_stops_nobody() -> None:
    """Finding 7: one message with 9999-12-31 once ended the service's every pass."""
    last = date(9999, 12, 31)
    strange = stored(replace(DELIVER, reference=Reference("D-9"), settlement_date=last))
    changes = run(strange, stored(DELIVER), stored(RECEIVE))
    assert pairs(changes) == [("D-1", "R-1")] and reasons(changes) == {"D-9": "CMIS"}


def test_the_same_instructions_make_the_same_trade() -> None:
    """Finding 2: handed in again after the records were lost, they meet their trade on the chain."""

    def made(key: bytes = SALT_KEY, **changes: Any) -> Any:
        waiting = (stored(DELIVER, message_id="M-NEW"), stored(replace(RECEIVE, **changes), at=MORNING + ONE_DAY / 9))
        (change,) = match(waiting, MARKET, key, MORNING + ONE_DAY / 8)
        return change.trades[0]

    (first,) = run(stored(DELIVER), stored(RECEIVE))[0].trades
    assert made().trade_id == first.trade_id and made().terms == first.terms
    assert made(b"another key").terms.salt != first.terms.salt, "nobody can compute it without the key"
    assert made(reference=Reference("R-2")).terms.salt != first.terms.salt
    assert len(first.terms.salt) == 32 and int(first.terms.salt, 16) > 0


def test_of_many_amounts_that_differ_the_nearest_are_told() -> None:
    """What each is told grows not with how many wait, and is not told anew when one comes that lies further off."""
    waiting = [stored(replace(DELIVER, cash=euro(100_000)))]
    for number, cents in enumerate([1, 500_000, 90_000, 150_000, 120_000, 900_000]):
        waiting.append(stored(replace(RECEIVE, reference=Reference(f"R-{number}"), cash=euro(cents))))
        (told,) = run(*waiting)[0].instructions
        assert told.key == waiting[0].key and told.reason is not None
        if number >= 4:
            assert told.reason.text.endswith(": 1000.00 EUR and 900.00 EUR, 1200.00 EUR, 1500.00 EUR")
