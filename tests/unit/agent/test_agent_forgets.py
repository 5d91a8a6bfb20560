"""What has ended leaves nothing in an agent's memory, and is neither signed, nor asked for, nor answered again."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from agent_cases import attestation, report
from agent_desk import KEYS, NEVER, ORDER, PAID, Desk
from test_in_bulk import locks, tell_never, tell_paid

from lockstep.agent import Register, asking
from lockstep.agent.asking import Asked
from lockstep.domain.identifiers import SettlementId, derive_uetr
from lockstep.domain.payment import PaymentState

LATER = timedelta(hours=1)
"""After which everything that is open is asked for again."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.chain.issued[ORDER.movement.token, ORDER.movement.seller] = 10**9
    yield desk
    desk.register.close()


def end(desk: Desk, settlements: Collection[SettlementId], how: str = "GivenBack") -> None:
    """As others end them on the chain, finally."""
    orders = {one.settlement_id: one.order for one in desk.chain.mined}
    for one in settlements:
        desk.chain.append(how, one, orders[one])
    desk.chain.mine(2)


def remembered(thing: Any, ids: Collection[str], where: str = "agent", depth: int = 0) -> list[str]:
    """Where in an object's own memory any of these ids is. What it asks (ledger, register, board) is another's."""
    found = []
    for one in fields(thing):
        value, name = getattr(thing, one.name), f"{where}.{one.name}"
        if isinstance(value, str | bytes) or one.name in ("assets", "register", "board", "cash", "market", "clock"):
            continue
        if isinstance(value, Mapping | set | frozenset | list | tuple):
            found += [name] * any(known in ids for known in value if isinstance(known, str))
        elif is_dataclass(value) and one.name != "_look" and depth < 3:  # a look is one step's
            found += remembered(value, ids, name, depth + 1)
    return found


def look_around(desk: Desk) -> None:
    for _ in range(22):  # more than two looks at all that there is
        desk.agent.step()


@pytest.mark.parametrize("result", [PAID, NEVER])
def test_nothing_is_kept_of_what_is_over(desk: Desk, result: object) -> None:
    settlements = locks(desk, 30)
    (tell_paid if result is PAID else tell_never)(desk, settlements)
    look_around(desk)
    assert set(remembered(desk.agent, settlements)) >= {"agent._unended", "agent._views"}
    end(desk, settlements, "Settled" if result is PAID else "GivenBack")
    look_around(desk)
    assert remembered(desk.agent, settlements) == []


def test_nor_is_anything_done_about_it_again(desk: Desk) -> None:
    over, still = locks(desk, 12), locks(desk, 1, first=50)
    tell_never(desk, over)
    desk.agent.step()
    end(desk, over)
    look_around(desk)
    sent: list[Any] = []
    real = desk.cash.send
    desk.cash.send = lambda message: (sent.append(message.body), real(message))[1]
    before, files = desk.register.all(), sorted((desk.root / "board").rglob("*"))
    for _ in range(3):
        desk.clock.move_to(desk.clock.now() + LATER)
        tell_never(desk, over)  # the same mail, doubled
        look_around(desk)
    assert {one.uetr for one in sent} == {derive_uetr(still[0], 1)}, "what is open is asked for, and nothing else"
    assert desk.register.all() == before and sorted((desk.root / "board").rglob("*")) == files
    assert remembered(desk.agent, over) == []


def test_after_a_restart_as_before(desk: Desk) -> None:
    over = locks(desk, 5)
    tell_never(desk, over)
    desk.agent.step()
    end(desk, over)
    before = desk.register.all()
    desk.start()
    look_around(desk)
    assert desk.register.all() == before and remembered(desk.agent, over) == []


def test_the_opposite_is_still_a_contradiction_when_it_is_over(desk: Desk) -> None:
    (over,) = locks(desk, 1)
    tell_never(desk, [over])
    desk.agent.step()
    end(desk, [over])
    look_around(desk)
    desk.tell(report(PaymentState.BOOKED, over))
    look_around(desk)
    assert [kind for kind, _ in desk.steps() if kind == "contradiction"] == ["contradiction"]
    assert [one.result for one in desk.register.all()] == [NEVER]


# --- of others, which this agent did not sign


def test_of_what_others_ended_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "CLOSED_AT_MOST", 3)
    asked, locked = Asked(), {SettlementId(f"{number:064x}"): None for number in range(10)}
    for _ in range(4):
        for one in asked.open(locked.keys(), look=True):
            asked.close(one)
            assert len(asked._closed) <= 3
        assert len(asked.open(locked.keys(), look=False)) == 0, "until the next look at all"


def test_one_that_is_forgotten_is_closed_again_and_not_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "CLOSED_AT_MOST", 1)
    over = locks(desk, 4)
    end(desk, over)
    sent: list[Any] = []
    desk.cash.send = sent.append
    for _ in range(4):
        look_around(desk)
        desk.clock.move_to(desk.clock.now() + LATER)
    assert sent == [] and desk.register.all() == []


def test_what_has_ended_is_asked_of_whoever_remembers_it() -> None:
    ended: set[SettlementId] = set()
    asked = Asked(ended=lambda ids: ended & set(ids))
    locked = {SettlementId(f"{number:064x}"): None for number in range(6)}
    first, *others = asked.open(locked.keys(), look=True)
    ended.add(first)
    asked.forget(first)
    assert asked.open(locked.keys(), look=True) == others and not asked._closed


def test_signed_of_many(tmp_path: Path) -> None:
    register = Register(tmp_path / "register.db")
    one = attestation(PAID, KEYS[0].address)
    register.record(one, ())
    others = [SettlementId(f"{number:064x}") for number in range(12_000)]
    assert register.signed_of([*others, one.settlement_id]) == {one.settlement_id}
    assert register.signed_of([]) == set() and register.signed_of(others) == set()
    register.close()
