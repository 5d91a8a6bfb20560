"""ParticipantRegistry: a security's rules, and the succession of lost wallets under dual control."""

import pytest
from eth_utils import keccak

from .hands import WEEK, action, low, propose
from .harness import FAR, ZERO, Key, Standing, World

EVERYWHERE, EVERYONE = 2**192 - 1, 2**32 - 1
LEI = b"529900T8BM49AURSDO55"
LETTERS = bytes((65 + n) % 256 for n in range(256))


def rules(jurisdictions: int = EVERYWHERE, classes: int = EVERYONE) -> int:
    return jurisdictions | classes << 192


@pytest.fixture
def pair(world: World) -> tuple[Key, Key]:
    """Two wallets of one entity."""
    old, new = Key.named("old"), Key.named("new")
    for key in (old, new):
        world.send(world.registry.functions.register(key.address, LEI, b"DE", 1, FAR), world.registrar)
    return old, new


# Rules


def test_countries_are_numbered_once_and_named_as_bits(world: World) -> None:
    functions = world.registry.functions
    assert functions.jurisdictionBits([b"DE"]).call() == 1
    assert world.refusal(functions.jurisdictionBits([b"DE", b"FR"])) == ("UnknownJurisdiction", b"FR")
    receipt = world.send(functions.addJurisdiction(b"FR"), world.registrar)
    assert world.events(receipt) == [("JurisdictionNumbered", {"jurisdiction": b"FR", "number": 1})]
    assert world.events(world.send(functions.addJurisdiction(b"FR"), world.registrar)) == []
    assert functions.jurisdictionBits([b"FR", b"DE", b"FR"]).call() == 0b11
    assert functions.jurisdictionBits([]).call() == 0
    refused = world.refusal(functions.addJurisdiction(b"IT"), world.other)
    assert refused == ("NotRegistrar", low(world.other), low(world.registrar))


def test_the_numbers_end_at_192(world: World) -> None:
    functions = world.registry.functions
    for n in range(192):  # DE, which has number 0, is among them
        world.send(functions.addJurisdiction(bytes(divmod(n, 26)).translate(LETTERS)), world.registrar)
    assert world.refusal(functions.addJurisdiction(b"ZZ"), world.registrar) == ("TooManyJurisdictions", b"ZZ", 192)


def test_both_sides_are_judged_by_the_rules(world: World) -> None:
    functions, seller, other = world.registry.functions, world.seller.address, Key.named("french")
    world.send(functions.register(other.address, LEI, b"FR", 31, FAR), world.registrar)
    assert functions.judgePair(seller, other.address, rules()).call() is True
    for ours, refused in (
        (rules(jurisdictions=0b01), ("JurisdictionNotAllowed", low(other), b"FR")),
        (rules(jurisdictions=0b10), ("JurisdictionNotAllowed", seller.lower(), b"DE")),
        (rules(classes=1 << 1), ("InvestorClassNotAllowed", low(other), 31)),
        (rules(classes=1 << 31), ("InvestorClassNotAllowed", seller.lower(), 1)),
    ):
        for sides in ((seller, other.address), (other.address, seller)):
            assert world.refusal(functions.judgePair(*sides, ours)) == refused
    assert functions.isAllowed(other.address, rules(jurisdictions=0b10, classes=1 << 31)).call()
    assert not functions.isAllowed(other.address, rules(jurisdictions=0b01)).call()
    assert not functions.isAllowed(other.address, rules(classes=EVERYONE ^ (1 << 31))).call()
    world.set_standing(other.address, Standing.SUSPENDED)
    assert not functions.isAllowed(other.address, rules()).call()
    refused = world.refusal(functions.judgePair(seller, other.address, rules()))
    assert refused[:3] == ("NotEligible", low(other), Standing.SUSPENDED)


def test_each_number_stands_for_its_own_bit_alone(world: World) -> None:
    """The packed record against plain arithmetic, at the ends of each field and of each word's quarter."""
    functions = world.registry.functions
    codes = [bytes(divmod(n, 26)).translate(LETTERS) for n in range(192)]
    codes.insert(0, codes.pop(codes.index(b"DE")))  # the harness has numbered it
    for code in codes:
        world.send(functions.addJurisdiction(code), world.registrar)
    for number in (0, 1, 63, 64, 127, 128, 190, 191):
        for class_ in (0, 1, 30, 31):
            wallet = Key.named(f"{number}/{class_}").address
            world.send(functions.register(wallet, LEI, codes[number], class_, FAR), world.registrar)
            assert tuple(functions.participantOf(wallet).call()) == (LEI, Standing.ACTIVE, codes[number], class_, FAR)
            assert functions.isAllowed(wallet, rules(1 << number, 1 << class_)).call()
            assert not functions.isAllowed(wallet, rules(EVERYWHERE ^ (1 << number), EVERYONE)).call()
            assert not functions.isAllowed(wallet, rules(EVERYWHERE, EVERYONE ^ (1 << class_))).call()


@pytest.mark.parametrize("standing", [Standing.NONE, Standing.ACTIVE, Standing.SUSPENDED, Standing.CLOSED])
@pytest.mark.parametrize("expires", [0, 1, FAR])
def test_only_an_active_wallet_whose_registration_counts_may_hold(
    world: World, standing: Standing, expires: int
) -> None:
    functions, wallet = world.registry.functions, Key.named("judged").address
    if standing is not Standing.NONE:
        world.send(functions.register(wallet, LEI, b"DE", 31, expires), world.registrar)
        world.set_standing(wallet, standing)
    may = standing is Standing.ACTIVE and expires == FAR
    assert functions.isEligible(wallet).call() is may
    assert functions.isAllowed(wallet, rules()).call() is may
    if may:
        assert functions.judgePair(wallet, wallet, rules()).call() is True
    else:
        name, refused, status, time, until = world.refusal(functions.judgePair(world.seller.address, wallet, rules()))
        assert (name, refused, status) == ("NotEligible", wallet.lower(), standing)
        assert until == (0 if standing is Standing.NONE else expires)
        assert time > until or standing is not Standing.ACTIVE


def test_investor_classes_end_at_31(world: World) -> None:
    functions, wallet = world.registry.functions, Key.named("new").address
    expected = ("InvestorClassOutOfRange", wallet.lower(), 32, 31)
    assert world.refusal(functions.register(wallet, LEI, b"DE", 32, FAR), world.registrar) == expected
    world.send(functions.register(wallet, LEI, b"DE", 31, FAR), world.registrar)
    assert world.refusal(functions.amend(wallet, b"DE", 32, FAR), world.registrar) == expected


# Succession


def test_a_wallet_is_succeeded_by_two_hands(world: World, pair: tuple[Key, Key]) -> None:
    old, new = pair
    functions = world.registry.functions
    call = functions.succeed(old.address, new.address)
    data = action(world.registry, call)
    proposed = world.send(functions.propose(data), world.registrar)
    expires = world.now() + WEEK
    assert world.events(proposed) == [
        (
            "Proposed",
            {"id": keccak(data), "proposer": world.registrar.address, "expires": expires, "action": data},
        )
    ]
    assert functions.proposalOf(world.registrar.address, keccak(data)).call() == expires
    assert functions.proposalOf(world.confirmer.address, keccak(data)).call() == 0
    assert functions.heirOf(old.address).call() == old.address
    for stranger in (world.registrar, world.outsider):
        assert world.refusal(call, stranger) == ("NotConfirmer", low(stranger), low(world.confirmer))
    receipt = world.send(call, world.confirmer)
    assert world.events(receipt) == [
        (
            "Confirmed",
            {"id": keccak(data), "proposer": world.registrar.address, "confirmer": world.confirmer.address},
        ),
        ("Succeeded", {"wallet": old.address, "successor": new.address, "lei": LEI}),
        (
            "StatusChanged",
            {"wallet": old.address, "lei": LEI, "previous": Standing.ACTIVE, "current": Standing.CLOSED},
        ),
    ]
    assert functions.successorOf(old.address).call() == new.address
    assert functions.proposalOf(world.registrar.address, keccak(data)).call() == 0
    assert world.refusal(call, world.confirmer) == ("NotProposed", keccak(data), low(world.registrar))


def test_lines_of_heirs_have_no_ring(world: World, pair: tuple[Key, Key]) -> None:
    old, new = pair
    third = Key.named("third")
    functions = world.registry.functions
    world.send(functions.register(third.address, LEI, b"DE", 1, FAR), world.registrar)
    for a, b in ((old, new), (new, third)):
        call = functions.succeed(a.address, b.address)
        propose(world, world.registry, call, world.registrar)
        world.send(call, world.confirmer)
    assert [functions.heirOf(key.address).call() for key in (old, new, third)] == [third.address] * 3
    back = functions.succeed(third.address, old.address)
    propose(world, world.registry, back, world.registrar)
    assert world.refusal(back, world.confirmer)[:3] == ("NotEligible", low(old), Standing.CLOSED)
    again = functions.succeed(old.address, third.address)
    propose(world, world.registry, again, world.registrar)
    assert world.refusal(again, world.confirmer) == ("AlreadySucceeded", low(old), low(new))


def test_only_another_wallet_of_the_same_entity_succeeds(world: World, pair: tuple[Key, Key]) -> None:
    old, _ = pair
    functions, stranger = world.registry.functions, world.buyer.address
    entity = bytes(functions.participantOf(stranger).call()[0])
    for heir, lei in ((stranger, entity), (world.outsider.address, bytes(20)), (old.address, LEI)):
        call = functions.succeed(old.address, heir)
        propose(world, world.registry, call, world.registrar)
        refused = world.refusal(call, world.confirmer)
        assert refused == ("DifferentEntity", low(old), LEI, heir.lower(), lei)
    unknown = functions.succeed(world.outsider.address, old.address)
    propose(world, world.registry, unknown, world.registrar)
    assert world.refusal(unknown, world.confirmer) == ("NotRegistered", low(world.outsider))


def test_a_proposal_ends_by_time_or_by_its_proposer(world: World, pair: tuple[Key, Key]) -> None:
    old, new = pair
    functions = world.registry.functions
    call = functions.succeed(old.address, new.address)
    data = action(world.registry, call)
    id_ = propose(world, world.registry, call, world.registrar)
    expires = world.now() + WEEK
    open_ = ("AlreadyProposed", id_, low(world.registrar), expires)
    assert world.refusal(functions.propose(data), world.registrar) == open_
    refused = world.refusal(functions.withdraw(id_), world.confirmer)
    assert refused == ("NotProposed", id_, low(world.confirmer))
    receipt = world.send(functions.withdraw(id_), world.registrar)
    assert world.events(receipt) == [("Withdrawn", {"id": id_, "proposer": world.registrar.address})]
    nothing = ("NotProposed", id_, low(world.registrar))
    assert world.refusal(functions.withdraw(id_), world.registrar) == nothing
    assert world.refusal(call, world.confirmer) == nothing
    assert world.refusal(functions.propose(data), world.other)[:2] == ("NotRegistrar", low(world.other))
    # The confirmer's own proposal is no second hand, and takes nothing from the registrar's.
    propose(world, world.registry, call, world.confirmer)
    assert world.refusal(call, world.confirmer) == nothing
    propose(world, world.registry, call, world.registrar)
    world.tester.time_travel(world.now() + WEEK + 1)
    world.tester.mine_block()
    name, id_shown, time, until = world.refusal(call, world.confirmer)
    assert (name, id_shown) == ("ProposalExpired", id_)
    assert time > until
    propose(world, world.registry, call, world.registrar)
    world.send(call, world.confirmer)


def test_the_confirmer_is_changed_by_both(world: World) -> None:
    functions, next_ = world.registry.functions, world.other
    call = functions.changeConfirmer(next_.address)
    assert world.refusal(call, world.other) == ("NotConfirmer", low(world.other), low(world.confirmer))
    id_ = propose(world, world.registry, call, world.registrar)
    assert world.refusal(call, world.registrar) == ("NotProposed", id_, low(world.confirmer))
    receipt = world.send(call, world.confirmer)
    assert world.events(receipt)[1] == (
        "ConfirmerChanged",
        {"previous": world.confirmer.address, "current": next_.address},
    )
    assert functions.confirmer().call() == next_.address
    for wrong, error in ((ZERO, ("ZeroAddress",)), (world.registrar.address, ("SameHands", low(world.registrar)))):
        call = functions.changeConfirmer(wrong)
        propose(world, world.registry, call, next_)
        assert world.refusal(call, world.registrar) == error
    refused = world.refusal(functions.proposeRegistrar(next_.address), world.registrar)
    assert refused == ("SameHands", low(next_))
