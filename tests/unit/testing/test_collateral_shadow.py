"""The shadow of the collateral register: what it lets through, and what it finds of each rule."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from lockstep.simulation.watching_repo import repos_follow_the_register
from lockstep.testing.collateral import Shadow
from lockstep.testing.collateral_books import ROOT, Books
from lockstep.testing.collateral_facts import Act, Around, Event, Proof, Step

GIVER, TAKER, THIRD, OFFICER = "0xG", "0xT", "0xC", "0xO"
BOND, SHARE = "0xBOND", "0xSHARE"
VALUERS, AGENTS = "valuers", "agents"
DAY = 86_400
NOW = 1_000_000
DEAL, CHAIN, CALL, INCOME = (letter * 64 for letter in "abcd")


def pledge_id(agreement: str, parent: str, token: str, salt: str) -> str:
    return hashlib.sha256(f"{agreement}/{parent}/{token}/{salt}".encode()).hexdigest()


FIRST = pledge_id(DEAL, ROOT, BOND, "salt")
CHILD = pledge_id(CHAIN, FIRST, BOND, "salt")


def agreement(giver: str, taker: str, **other: Any) -> dict[str, Any]:
    terms = {
        "giver": giver, "mode": 0, "currency": b"EUR".hex(), "reuseCap": 500_000, "maxDepth": 2, "appropriation": True,
        "substitution": True, "taker": taker, "noticePeriod": 60, "curePeriod": 0, "maxAge": 3_600, "valuers": VALUERS,
        "until": NOW + 30 * DAY, "saleFloor": 0, "salt": 1,
    }  # fmt: skip
    return terms | other


class World:
    """A shadow, and a chain that says what the shadow expects, unless it is told to say something else."""

    def __init__(self) -> None:
        self.shadow, self.now, self.block = Shadow(pledge_id, Books()), NOW, 0
        started = {"epoch": 1, "quorum": 3, "body": AGENTS, "officer": OFFICER, "confirmer": "0xF"}
        self.shadow.follow(Around(name="EpochStarted", block=0, arguments=started))
        self.open(DEAL, GIVER, TAKER)
        self.open(CHAIN, TAKER, THIRD)

    def step(self, *acts: Act, said: Callable[[list[Event]], list[Event]] = list, moved: Any = None) -> list[str]:
        """What the shadow says of one transaction whose events are those that it expects, passed through `said`."""
        self.block += 1
        trial = Shadow(pledge_id, deepcopy(self.shadow.books))
        step = Step(block=self.block, at=self.now, transaction="0x1", acts=acts, events=(), transfers=())
        trial.follow(step)
        events, transfers = said(list(trial._said)), trial._moved if moved is None else moved
        return self.shadow.follow(replace(step, events=events, transfers=transfers))

    def act(self, party: str, name: str, **given: Any) -> Act:
        return Act(name=name, arguments=given, party=party, by_itself=True)

    def open(self, name: str, giver: str, taker: str, **other: Any) -> None:
        terms = agreement(giver, taker, **other)
        act = replace(self.act("0xANY", "open", agreement=terms), derived=name, consents=frozenset({giver, taker}))
        assert self.step(act) == []

    def pledge(self, quantity: int = 1_000, token: str = BOND, salt: str = "salt") -> Act:
        return self.act(GIVER, "pledge", agreementId=DEAL, token=token, quantity=quantity, salt=salt)

    def repledge(self, quantity: int, salt: str = "salt") -> Act:
        return self.act(TAKER, "repledge", parentId=FIRST, agreementId=CHAIN, quantity=quantity, salt=salt)

    def release(self, party: str = TAKER, name: str = FIRST, quantity: int = 1_000) -> Act:
        return self.act(party, "release", id=name, quantity=quantity)

    def value(self, exposure: int, proof: Proof | None = None, price: int = 1_000_000, as_of: int = 0) -> Act:
        prices = [{"token": BOND, "price": price, "haircut": 0}]
        told = {"agreementId": DEAL, "exposure": exposure, "required": exposure, "prices": prices}
        act = self.act("0xANY", "value", valuation=told | {"asOf": as_of or self.now})
        return replace(act, proof=proof or Proof(signers=2, quorum=2, body=VALUERS))

    def cash(self, amount: int, **proof: Any) -> Act:
        told = {"agreementId": DEAL, "callId": CALL, "pledgeId": ROOT, "amount": amount, "epoch": 1}
        good: Mapping[str, Any] = {"signers": 3, "quorum": 3, "body": AGENTS}
        return replace(self.act("0xANY", "recordCash", cash=told), proof=Proof(**{**good, **proof}))


@pytest.fixture
def world() -> World:
    made = World()
    assert made.step(made.pledge()) == []
    return made


def test_what_is_by_right_passes(world: World) -> None:
    assert world.step(world.repledge(500)) == []
    assert world.step(world.release(THIRD, CHILD, 500), world.release()) == []
    assert world.step(world.pledge(salt="again")) == []
    again = pledge_id(DEAL, ROOT, BOND, "again")
    assert world.step(world.value(400)) == []
    assert world.step(world.act(GIVER, "releaseExcess", id=again, quantity=600)) == []
    assert world.step(world.cash(100)) == []
    world.now += 1
    assert world.step(world.value(2_000)) == []
    assert world.step(world.act(TAKER, "declareDefault", **{"": DEAL})) == []
    world.now += 61
    assert world.step(world.act(TAKER, "appropriate", pledgeId=again, quantity=400)) == []
    books = world.shadow.books
    assert (books.deals[DEAL].credit, books.claims[again].quantity, books.lanes()[BOND, GIVER]) == (500, 0, 0)


def test_who_enforces_further_down_leaves_claims_above(world: World) -> None:
    world.step(world.repledge(500))
    told = world.value(100, price=1_000_000).arguments["valuation"] | {"agreementId": CHAIN, "required": 900}
    valued = replace(world.value(100), arguments={"valuation": told})
    assert world.step(valued) == []
    assert world.step(world.act(THIRD, "declareDefault", **{"": CHAIN})) == []
    world.now += 61
    assert world.step(world.act(THIRD, "appropriate", pledgeId=CHILD, quantity=100)) == []
    books = world.shadow.books
    assert (books.claims[FIRST].quantity, books.claims[FIRST].owed, books.claims[CHILD].quantity) == (900, 100, 400)
    assert books.lanes()[BOND, GIVER] == 900 and books.complaints() == []


def _says_more(events: list[Event]) -> list[Event]:
    return [Event(one.name, {**one.arguments, "quantity": 2_000}) for one in events]


WRONG: Mapping[str, tuple[Callable[[World], list[str]], str]] = {
    "a release by a stranger": (lambda w: w.step(w.release(THIRD)), "C3"),
    "a release by the giver": (lambda w: w.step(w.release(GIVER)), "C3"),
    "an act that nobody signed": (lambda w: w.step(replace(w.release(), by_itself=False, by=w.now)), "C3"),
    "an act that came late": (
        lambda w: w.step(replace(w.release(), by_itself=False, is_signed=True, by=w.now - 1)),
        "C3",
    ),
    "an act in other company": (
        lambda w: w.step(replace(w.release(), by_itself=False, is_signed=True, by=w.now, is_together=False)),
        "C3",
    ),
    "a number twice": (
        lambda w: w.step(*[replace(w.release(quantity=1), by_itself=False, is_signed=True, by=w.now, nonce=7)] * 2),
        "C3",
    ),
    "more than is pledged": (lambda w: w.step(w.release(quantity=1_001)), "C3"),
    "re-use beyond the cap": (lambda w: w.step(w.repledge(501)), "C2"),
    "release of what is pledged on": (lambda w: w.step(w.repledge(400)) or w.step(w.release(quantity=500)), "C3"),
    "pledged on after the term": (lambda w: _later(w, 31 * DAY).step(w.repledge(1)), "C3"),
    "taken back without figures": (
        lambda w: w.step(w.act(GIVER, "releaseExcess", id=FIRST, quantity=1)),
        "C3",
    ),
    "taken back uncovered": (
        lambda w: w.step(w.value(900)) or w.step(w.act(GIVER, "releaseExcess", id=FIRST, quantity=101)),
        "C3",
    ),
    "one valuer": (lambda w: w.step(w.value(1, Proof(signers=1, quorum=2, body=VALUERS))), "C3"),
    "other valuers": (lambda w: w.step(w.value(1, Proof(signers=2, quorum=2, body="others"))), "C3"),
    "figures of the future": (lambda w: w.step(w.value(1, as_of=w.now + 1)), "C3"),
    "older figures": (lambda w: w.step(w.value(1)) or w.step(w.value(1, as_of=w.now - 1)), "C3"),
    "cash on two agents' word": (lambda w: w.step(w.cash(5, signers=2)), "C3"),
    "cash of a call twice": (lambda w: w.step(w.cash(5)) or w.step(w.cash(5)), "C3"),
    "more cash back than was there": (lambda w: w.step(w.cash(-1)), "C3"),
    "a default without a ground": (
        lambda w: w.step(w.value(10)) or w.step(w.act(TAKER, "declareDefault", **{"": DEAL})),
        "C3",
    ),
    "taken without a default": (
        lambda w: w.step(w.value(10)) or w.step(w.act(TAKER, "appropriate", pledgeId=FIRST, quantity=1)),
        "C3",
    ),
    "a long stop before its time": (lambda w: w.step(w.act(OFFICER, "proposeLongStop", **{"": FIRST})), "C3"),
    "a substitution of nothing": (
        lambda w: (
            w.step(w.value(10))
            or w.step(w.act(GIVER, "substitute", oldPledge=FIRST, quantity=9, token=BOND, newQuantity=8, salt="other"))
        ),
        "C3",
    ),
    "an event too few": (lambda w: w.step(w.release(), said=lambda events: events[1:]), "C1"),
    "an event that says more": (lambda w: w.step(w.release(), said=_says_more), "C1"),
    "units that moved": (lambda w: w.step(w.release(), moved=[(BOND, GIVER, TAKER, 1_000)]), "C1"),
    "a call that does not show": (lambda w: w.step(), "C3"),
    "an agreement that one signed": (
        lambda w: w.step(
            replace(
                w.act("0xANY", "open", agreement=agreement(GIVER, THIRD)), derived="f" * 64, consents=frozenset({GIVER})
            )
        ),
        "C3",
    ),
}


def _later(world: World, seconds: int) -> World:
    world.now += seconds
    return world


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(world: World, name: str) -> None:
    done, rule = WRONG[name]
    found = done(world)
    assert found and {one[:2] for one in found} <= {"C1", "C2", "C3"}
    assert any(one.startswith(rule) for one in found)


def test_an_heir_acts_in_place_of_a_lost_wallet(world: World) -> None:
    lost = Around(name="Succeeded", block=9, arguments={"wallet": TAKER, "successor": "0xHEIR"})
    world.shadow.follow(lost)
    assert world.step(world.release("0xHEIR", quantity=1)) == []
    assert world.step(world.release(TAKER, quantity=1))


def test_repos_that_say_what_the_register_does_not(world: World) -> None:
    books = world.shadow.books
    books.claims[FIRST].owed = 30
    right, wrong = Counter({FIRST: 30}), Counter({FIRST: 29})
    assert repos_follow_the_register([("R1", "OPEN", False, right), ("R2", "OPEN", True, wrong)], books) == []
    (said,) = repos_follow_the_register([("R1", "OPEN", False, wrong)], books)
    assert said.startswith("C6: repo R1 has 29 units")
    (said,) = repos_follow_the_register([("R1", "CLOSED", False, Counter({FIRST: 0}))], books)
    assert "is over, and 30 units are owed" in said
