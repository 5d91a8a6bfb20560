"""ParticipantRegistry: who may hold and act."""

from typing import Any

import pytest

from .harness import FAR, ZERO, Key, Standing, World

LEI = b"529900T8BM49AURSDO55"
NEW = Key.named("new wallet")


def register(world: World, wallet: str = NEW.address, lei: bytes = LEI, expires: int = FAR):
    return world.registry.functions.register(wallet, lei, b"FR", 2, expires)


def test_a_registered_wallet_is_active_and_known(world: World) -> None:
    expires = world.now() + 100
    receipt = world.send(register(world, expires=expires), world.registrar)
    assert world.events(receipt) == [
        ("JurisdictionNumbered", {"jurisdiction": b"FR", "number": 1}),
        (
            "Registered",
            {"wallet": NEW.address, "lei": LEI, "jurisdiction": b"FR", "investorClass": 2, "expires": expires},
        ),
    ]
    known = world.registry.functions.participantOf(NEW.address).call()
    assert tuple(known) == (LEI, Standing.ACTIVE, b"FR", 2, expires)
    assert world.registry.functions.isEligible(NEW.address).call()


def test_registering_is_the_registrars(world: World) -> None:
    assert world.refusal(register(world), world.issuer) == (
        "NotRegistrar",
        world.issuer.address.lower(),
        world.registrar.address.lower(),
    )


def test_registering_needs_a_new_wallet_and_an_lei(world: World) -> None:
    def refuse(call: Any) -> tuple[Any, ...]:
        return world.refusal(call, world.registrar)

    assert refuse(register(world, wallet=ZERO)) == ("ZeroAddress",)
    assert refuse(register(world, lei=b"\x00" * 20)) == ("EmptyLei", NEW.address.lower())
    world.send(register(world), world.registrar)
    assert refuse(register(world, lei=b"X" * 20)) == ("AlreadyRegistered", NEW.address.lower(), LEI)


def test_amend_renews_and_keeps_entity_and_status(world: World) -> None:
    wallet = world.seller.address
    world.set_standing(wallet, Standing.SUSPENDED)
    lei = bytes(world.registry.functions.participantOf(wallet).call()[0])
    receipt = world.send(world.registry.functions.amend(wallet, b"IT", 7, 99), world.registrar)
    assert world.events(receipt) == [
        ("JurisdictionNumbered", {"jurisdiction": b"IT", "number": 1}),
        ("Amended", {"wallet": wallet, "lei": lei, "jurisdiction": b"IT", "investorClass": 7, "expires": 99}),
    ]
    known = tuple(world.registry.functions.participantOf(wallet).call())
    assert known == (lei, Standing.SUSPENDED, b"IT", 7, 99)


def test_amend_refuses_others_strangers_and_closed_wallets(world: World) -> None:
    call = world.registry.functions.amend(world.seller.address, b"IT", 7, 99)
    assert world.refusal(call, world.seller)[0] == "NotRegistrar"
    stranger = world.registry.functions.amend(NEW.address, b"IT", 7, 99)
    assert world.refusal(stranger, world.registrar) == ("NotRegistered", NEW.address.lower())
    world.set_standing(world.seller.address, Standing.CLOSED)
    assert world.refusal(call, world.registrar) == (
        "StatusNotReachable",
        world.seller.address.lower(),
        Standing.CLOSED,
        Standing.ACTIVE,
    )


@pytest.mark.parametrize("wanted", list(Standing))
@pytest.mark.parametrize("start", list(Standing))
def test_every_status_to_every_status(world: World, start: Standing, wanted: Standing) -> None:
    wallet = world.seller.address if start is not Standing.NONE else NEW.address
    if start not in (Standing.NONE, Standing.ACTIVE):
        world.set_standing(wallet, start)
    call = world.registry.functions.setStatus(wallet, wanted)
    if start is Standing.NONE:
        assert world.refusal(call, world.registrar) == ("NotRegistered", wallet.lower())
    elif wanted is Standing.NONE or (start is Standing.CLOSED and wanted is not Standing.CLOSED):
        expected = ("StatusNotReachable", wallet.lower(), start, wanted)
        assert world.refusal(call, world.registrar) == expected
    else:
        lei = bytes(world.registry.functions.participantOf(wallet).call()[0])
        assert world.events(world.send(call, world.registrar)) == [
            ("StatusChanged", {"wallet": wallet, "lei": lei, "previous": start, "current": wanted})
        ]
        assert world.registry.functions.participantOf(wallet).call()[1] == wanted
        assert world.registry.functions.isEligible(wallet).call() == (wanted is Standing.ACTIVE)


def test_status_is_the_registrars(world: World) -> None:
    call = world.registry.functions.setStatus(world.seller.address, Standing.SUSPENDED)
    assert world.refusal(call, world.seller)[0] == "NotRegistrar"


def test_a_registration_counts_through_its_last_second(world: World) -> None:
    """The one boundary rule, judged in the blocks' own time."""
    deadline = world.now() + 50
    world.register(NEW.address, expires=deadline)
    issue = world.token.functions.issue(NEW.address, 1)
    world.tester.time_travel(deadline)
    at = world.attempt(issue, world.issuer)
    assert world.w3.eth.get_block(at["blockNumber"])["timestamp"] == deadline
    assert at["status"] == 1
    after = world.attempt(issue, world.issuer)
    assert world.w3.eth.get_block(after["blockNumber"])["timestamp"] == deadline + 1
    assert after["status"] == 0
    assert not world.registry.functions.isEligible(NEW.address).call()


def test_judging_two_names_the_one_who_may_not_act(world: World) -> None:
    judge = world.registry.functions.requireEligible
    seller, buyer = world.seller.address, world.buyer.address
    judge(seller, buyer).call()
    world.set_standing(buyer, Standing.SUSPENDED)
    for pair in ((seller, buyer), (buyer, seller), (buyer, buyer)):
        name, wallet, standing, _time, expires = world.refusal(judge(*pair))
        assert (name, wallet, standing, expires) == ("NotEligible", buyer.lower(), Standing.SUSPENDED, FAR)
    assert world.refusal(judge(NEW.address, seller))[:3] == ("NotEligible", NEW.address.lower(), Standing.NONE)


def test_judging_names_the_expired(world: World) -> None:
    now = world.now()
    world.register(NEW.address, expires=now)
    name, wallet, standing, time, expires = world.refusal(
        world.registry.functions.requireEligible(world.seller.address, NEW.address)
    )
    assert (name, wallet, standing, expires) == ("NotEligible", NEW.address.lower(), Standing.ACTIVE, now)
    assert time > now


def test_the_role_is_handed_over_in_two_steps(world: World) -> None:
    functions, old, new = world.registry.functions, world.registrar, world.other
    assert world.refusal(functions.acceptRegistrar(), new) == ("NotRegistrar", new.address.lower(), ZERO)
    assert world.refusal(functions.proposeRegistrar(new.address), new)[0] == "NotRegistrar"
    proposed = world.send(functions.proposeRegistrar(new.address), old)
    assert world.events(proposed) == [("RegistrarProposed", {"registrar": old.address, "successor": new.address})]
    assert functions.registrar().call() == old.address
    assert functions.proposedRegistrar().call() == new.address
    assert world.refusal(functions.acceptRegistrar(), old)[0] == "NotRegistrar"
    accepted = world.send(functions.acceptRegistrar(), new)
    assert world.events(accepted) == [("RegistrarChanged", {"previous": old.address, "current": new.address})]
    assert functions.registrar().call() == new.address
    assert functions.proposedRegistrar().call() == ZERO
    assert world.refusal(functions.acceptRegistrar(), new)[0] == "NotRegistrar"
    assert world.refusal(register(world), old)[0] == "NotRegistrar"


def test_a_registry_needs_a_registrar(world: World) -> None:
    made = world.artifacts["ParticipantRegistry"]
    factory = world.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    one, two = world.registrar.address, world.confirmer.address
    assert world.refusal_of_deployment(factory, ZERO, two) == ("ZeroAddress",)
    assert world.refusal_of_deployment(factory, one, ZERO) == ("ZeroAddress",)
    assert world.refusal_of_deployment(factory, one, one) == ("SameHands", one.lower())
