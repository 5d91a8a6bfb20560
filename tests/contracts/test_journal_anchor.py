"""JournalAnchor: roots of a journal's days, for good (append only)."""

from typing import Any

import pytest

from .hands import low, propose
from .harness import DAY, ZERO, Key, World

JOURNAL, OTHER = b"\x11" * 32, b"\x22" * 32
ROOT, NEXT, NONE = b"\xaa" * 32, b"\xbb" * 32, b"\x00" * 32
EMPTY = (NONE, 0, 0, ZERO)


class Venue:
    """The contract, deployed into the world, with `other` as its first anchorer."""

    def __init__(self, world: World) -> None:
        self.world, self.anchorer = world, world.other
        self.contract = world.deploy("JournalAnchor", world.registry.address, self.anchorer.address)
        self.today = world.now() // DAY

    def anchor(self, day: int, size: int = 5, root: bytes = ROOT, journal: bytes = JOURNAL) -> Any:
        return self.contract.functions.anchor(journal, day, size, root)

    def write(self, *given: Any, **named: Any) -> Any:
        return self.world.send(self.anchor(*given, **named), self.anchorer)

    def refusal(self, *given: Any, **named: Any) -> tuple[Any, ...]:
        return self.world.refusal(self.anchor(*given, **named), self.anchorer)

    def standing(self, day: int, journal: bytes = JOURNAL) -> tuple[Any, ...]:
        return tuple(self.contract.functions.anchorOf(journal, day).call())

    def last(self, journal: bytes = JOURNAL) -> int:
        return self.contract.functions.lastDayOf(journal).call()


@pytest.fixture
def venue(world: World) -> Venue:
    return Venue(world)


def test_a_days_root_stands_with_its_size_and_the_day_before(venue: Venue) -> None:
    day, who = venue.today - 3, venue.anchorer.address
    first, second = venue.write(day, 5, ROOT), venue.write(day + 2, 9, NEXT)
    told = {"journal": JOURNAL, "anchorer": who}
    assert venue.world.events(first) == [("Anchored", told | {"day": day, "size": 5, "root": ROOT, "previous": 0})]
    assert venue.world.events(second) == [
        ("Anchored", told | {"day": day + 2, "size": 9, "root": NEXT, "previous": day})
    ]
    assert venue.standing(day) == (ROOT, 5, 0, who)
    assert venue.standing(day + 1) == EMPTY
    assert venue.standing(day + 2) == (NEXT, 9, day, who)
    assert venue.last() == day + 2


def test_another_journal_has_days_of_its_own(venue: Venue) -> None:
    day = venue.today - 1
    venue.write(day, 5)
    venue.write(day - 1, 1, NEXT, journal=OTHER)
    assert venue.last(OTHER) == day - 1
    assert venue.standing(day - 1, OTHER) == (NEXT, 1, 0, venue.anchorer.address)
    assert venue.last() == day
    assert venue.standing(day - 1) == EMPTY


def test_a_day_has_one_root_and_none_comes_before_the_last(venue: Venue) -> None:
    day = venue.today - 2
    venue.write(day, 5, ROOT)
    for again in (day, day - 1, 0):
        for root in (ROOT, NEXT):
            assert venue.refusal(again, 5, root) == ("DayNotLater", JOURNAL, again, day)
    assert venue.refusal(0, journal=OTHER) == ("DayNotLater", OTHER, 0, 0)
    assert venue.standing(day) == (ROOT, 5, 0, venue.anchorer.address)


def test_a_day_must_be_over(venue: Venue) -> None:
    world, end = venue.world, (venue.today + 1) * DAY
    named, journal, day, time, until = venue.refusal(venue.today)
    assert (named, journal, day, until) == ("DayNotOver", JOURNAL, venue.today, end)
    assert world.now() <= time < end
    latest = 2**32 - 1
    assert venue.refusal(latest)[4] == 2**32 * DAY
    world.tester.time_travel(end)
    venue.write(venue.today)
    assert venue.last() == venue.today


def test_a_tree_never_shrinks_and_is_never_empty(venue: Venue) -> None:
    day = venue.today - 2
    assert venue.refusal(day, 0) == ("SizeShrank", JOURNAL, 0, 1)
    venue.write(day, 5)
    assert venue.refusal(day + 1, 4) == ("SizeShrank", JOURNAL, 4, 5)
    assert venue.refusal(day + 1, 0) == ("SizeShrank", JOURNAL, 0, 5)
    venue.write(day + 1, 2**64 - 1, NEXT)
    assert venue.standing(day + 1)[1] == 2**64 - 1


def test_a_tree_that_did_not_grow_has_the_same_root(venue: Venue) -> None:
    day = venue.today - 2
    venue.write(day, 5, ROOT)
    assert venue.refusal(day + 1, 5, NEXT) == ("RootDiffers", JOURNAL, 5, NEXT, ROOT)
    venue.write(day + 1, 5, ROOT)
    assert venue.standing(day + 1) == (ROOT, 5, day, venue.anchorer.address)


def test_zero_is_no_journal_and_no_root(venue: Venue) -> None:
    day = venue.today - 1
    assert venue.refusal(day, root=NONE) == ("EmptyAnchor", JOURNAL, day, NONE)
    assert venue.refusal(day, journal=NONE) == ("EmptyAnchor", NONE, day, ROOT)


def test_only_an_anchorer_anchors(venue: Venue) -> None:
    world = venue.world
    for key in (world.registrar, world.confirmer, world.outsider):
        assert world.refusal(venue.anchor(venue.today - 1), key) == ("NotAnchorer", low(key))


def test_registrar_and_confirmer_together_allow_an_anchorer(venue: Venue) -> None:
    world, contract, new = venue.world, venue.contract, Key.named("new anchorer")
    call = contract.functions.allow(new.address)
    assert world.refusal(call, world.registrar) == ("NotConfirmer", low(world.registrar), low(world.confirmer))
    refused = world.refusal(call, world.confirmer)
    assert (refused[0], refused[2]) == ("NotProposed", low(world.registrar))
    id_ = propose(world, contract, call, world.registrar)
    assert contract.functions.proposalOf(world.registrar.address, id_).call() > world.now()
    receipt = world.send(call, world.confirmer)
    assert world.events(receipt) == [
        ("Confirmed", {"id": id_, "proposer": world.registrar.address, "confirmer": world.confirmer.address}),
        ("AnchorerAllowed", {"anchorer": new.address}),
    ]
    assert contract.functions.isAnchorer(new.address).call()
    assert world.refusal(call, world.confirmer)[0] == "NotProposed"  # once proposed, once made
    propose(world, contract, call, world.registrar)
    assert world.refusal(call, world.confirmer) == ("AnchorerUnchanged", low(new), True)


def test_only_the_registrar_proposes_and_takes_it_back(venue: Venue) -> None:
    world, contract = venue.world, venue.contract
    call = contract.functions.allow(world.seller.address)
    for key in (world.confirmer, venue.anchorer, world.outsider):
        refused = world.refusal(contract.functions.propose(b"\1"), key)
        assert refused == ("NotRegistrar", low(key), low(world.registrar))
    id_ = propose(world, contract, call, world.registrar)
    world.send(contract.functions.withdraw(id_), world.registrar)
    assert world.refusal(call, world.confirmer)[0] == "NotProposed"
    assert not contract.functions.isAnchorer(world.seller.address).call()


@pytest.mark.parametrize("role", ["registrar", "confirmer"])
def test_either_hand_stops_an_anchorer_and_its_roots_stay(venue: Venue, role: str) -> None:
    world, contract, by, day = venue.world, venue.contract, getattr(venue.world, role), venue.today - 2
    venue.write(day)
    call = contract.functions.stop(venue.anchorer.address)
    refused = world.refusal(call, venue.anchorer)
    assert refused == ("NotRegistrar", low(venue.anchorer), low(world.registrar))
    told = {"anchorer": venue.anchorer.address, "by": by.address}
    assert world.events(world.send(call, by)) == [("AnchorerStopped", told)]
    assert venue.refusal(day + 1) == ("NotAnchorer", low(venue.anchorer))
    assert world.refusal(call, by) == ("AnchorerUnchanged", low(venue.anchorer), False)
    assert venue.standing(day) == (ROOT, 5, 0, venue.anchorer.address)


def test_it_needs_a_registry_and_an_anchorer(world: World) -> None:
    made = world.artifacts["JournalAnchor"]
    factory = world.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    assert world.refusal_of_deployment(factory, ZERO, world.other.address) == ("ZeroAddress",)
    assert world.refusal_of_deployment(factory, world.registry.address, ZERO) == ("ZeroAddress",)
    assert world.deploy("JournalAnchor", world.registry.address, world.other.address).functions.registry().call() == (
        world.registry.address
    )
