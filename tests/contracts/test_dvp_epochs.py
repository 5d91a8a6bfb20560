"""DvP: how one set of agents follows another, and what the old ones' word is still worth."""

import pytest

from .harness import DAY, NEVER, PAID, ZERO, Key, Status, World, packed

NEXT = sorted((Key.named(f"next agent {i}") for i in range(5)), key=lambda key: key.address.lower())


def rotate_call(world: World, next_, signers=(0, 1, 2), digest: bytes | None = None, agents=None):
    return world.dvp.functions.rotate(
        next_, packed(world.proof(digest or world.rotation(2, next_), signers, agents=agents))
    )


def rotated(world: World):
    """Five agents, quorum 4, with the same roles."""
    next_ = world.epoch(NEXT, 4, 2)
    world.send(rotate_call(world, next_), world.outsider)
    return next_


def test_a_quorum_of_the_old_agents_starts_the_new_epoch(world: World) -> None:
    next_ = world.epoch(NEXT, 4, 2, officer=world.other.address)
    receipt = world.send(rotate_call(world, next_), world.outsider)
    addresses = [key.address for key in NEXT]
    told = {
        "epoch": 2,
        "epochHash": world.epoch_hash(addresses, 2, 4),
        "quorum": 4,
        "faulty": 2,
        "agents": addresses,
        "officer": world.other.address,
        "confirmer": world.confirmer.address,
    }
    assert world.events(receipt) == [("EpochStarted", told)]
    assert world.dvp.functions.currentEpoch().call() == 2
    assert world.dvp.functions.epochHash(2).call() == told["epochHash"]
    assert world.dvp.functions.officer().call() == world.other.address
    assert world.dvp.functions.confirmer().call() == world.confirmer.address


def test_what_the_agents_sign_is_eip_712(world: World) -> None:
    next_ = world.epoch(NEXT, 4, 2)
    assert world.dvp.functions.rotationDigest(next_).call() == world.rotation(2, next_)
    assert world.dvp.functions.outcomesDigest([b"\x01" * 32, b"\x02" * 32], 1, 7).call() == world.outcomes(
        [b"\x01" * 32, b"\x02" * 32], 1, 7
    )


def test_new_orders_name_the_new_epoch_and_old_ones_keep_theirs(world: World) -> None:
    old = world.brought_to(Status.LOCKED, nonce=0)
    late = world.order(nonce=1)
    rotated(world)
    assert world.refusal(world.lock_call(late)) == ("NotCurrentEpoch", world.id_of(late), 1, 2)
    new = world.order(nonce=2, epoch=2)
    world.lock(new)
    by_old = world.proof(world.outcome(world.id_of(new), PAID, epoch=2))
    refused = world.refusal(world.call("settle", new, by_old))
    assert refused[:2] == ("ProofNotFromEpoch", world.id_of(new))
    by_new = world.proof(world.outcome(world.id_of(old), PAID), range(4), 4, NEXT)
    assert world.refusal(world.call("settle", old, by_new))[:2] == ("ProofNotFromEpoch", world.id_of(old))
    world.send(world.prove("settle", old, PAID), world.outsider)
    proof = world.proof(world.outcome(world.id_of(new), PAID, epoch=2), range(4), 4, NEXT)
    world.send(world.call("settle", new, proof), world.outsider)
    assert (world.status(old), world.status(new)) == (Status.SETTLED, Status.SETTLED)


def test_below_the_quorum_nobody_rotates(world: World) -> None:
    next_ = world.epoch(NEXT, 4, 2)
    digest = world.rotation(2, next_)
    assert world.refusal(rotate_call(world, next_, (0, 3))) == ("QuorumNotReached", digest, 2, 3)
    assert world.refusal(rotate_call(world, next_, agents=NEXT[:4]))[0] == "ProofNotFromEpoch"


@pytest.mark.parametrize("change", ["agents", "quorum", "faulty", "officer", "confirmer", "epoch", "an outcome"])
def test_the_agents_word_covers_all_of_the_next_epoch(world: World, change: str) -> None:
    signed = world.epoch(NEXT, 4, 2)
    presented = {
        "agents": world.epoch(NEXT[:4], 4, 2),
        "quorum": world.epoch(NEXT, 5, 2),
        "faulty": world.epoch(NEXT, 4, 1),
        "officer": world.epoch(NEXT, 4, 2, officer=world.other.address),
        "confirmer": world.epoch(NEXT, 4, 2, confirmer=world.other.address),
    }.get(change, signed)
    digest = world.rotation(3 if change == "epoch" else 2, signed)
    if change == "an outcome":
        digest = world.outcome(world.rotation(2, signed), PAID)
    assert world.refusal(rotate_call(world, presented, digest=digest))[0] == "ProofNotFromEpoch"


def test_a_rotation_is_not_done_twice(world: World) -> None:
    next_ = rotated(world)
    assert world.refusal(rotate_call(world, next_))[0] == "ProofNotFromEpoch"


@pytest.mark.parametrize("by", ["agents", "roles"])
def test_an_unsafe_epoch_is_refused_whoever_wants_it(world: World, by: str) -> None:
    ascending = [key.address for key in NEXT]
    officer, confirmer = world.officer.address, world.confirmer.address
    for next_, expected in [
        ((ascending, 3, 1, officer, confirmer), ("UnsafeQuorum", 5, 3, 1)),
        ((ascending, 6, 0, officer, confirmer), ("UnsafeQuorum", 5, 6, 0)),
        (([], 0, 0, officer, confirmer), ("BadAgentCount", 0, 8)),
        (([ascending[1], ascending[0]], 2, 1, officer, confirmer),
         ("AgentsNotAscending", 1, ascending[1].lower(), ascending[0].lower())),
        ((ascending, 4, 2, ZERO, confirmer), ("RolesNotApart", ZERO)),
        ((ascending, 4, 2, officer, ZERO), ("RolesNotApart", ZERO)),
        ((ascending, 4, 2, officer, officer), ("RolesNotApart", officer.lower())),
        ((ascending, 4, 2, ascending[3], confirmer), ("RolesNotApart", ascending[3].lower())),
        ((ascending, 4, 2, officer, ascending[0]), ("RolesNotApart", ascending[0].lower())),
    ]:  # fmt: skip
        if by == "agents":
            refused = world.refusal(rotate_call(world, next_))
        else:
            world.send(world.dvp.functions.proposeRotation(next_), world.officer)
            world.tester.time_travel(world.now() + 46 * DAY)
            refused = world.refusal(world.dvp.functions.confirmRotation(next_), world.confirmer)
        assert refused == expected
    assert world.dvp.functions.currentEpoch().call() == 1


def test_two_roles_rotate_after_longer_than_the_longest_lock(world: World) -> None:
    functions = world.dvp.functions
    delay = functions.ROTATION_DELAY().call()
    assert delay > functions.MAX_LOCK().call() + functions.GRACE().call() + functions.CHALLENGE().call()
    next_ = world.epoch(NEXT, 4, 2)
    receipt = world.send(functions.proposeRotation(next_), world.officer)
    ((name, told),) = world.events(receipt)
    from_ = world.now() + delay
    assert (name, told["epoch"], told["from"]) == ("RotationProposed", 2, from_)
    confirm = functions.confirmRotation(next_)
    world.tester.time_travel(from_ - 5)
    assert world.refusal(confirm, world.confirmer)[0] == "TooEarly"
    world.tester.time_travel(from_)
    assert world.attempt(confirm, world.confirmer)["status"] == 0  # the last second of the wait
    assert world.now() == from_
    other = functions.confirmRotation(world.epoch(NEXT, 5, 2))
    assert world.refusal(other, world.confirmer)[0] == "NotProposed"
    world.send(confirm, world.confirmer)
    assert functions.currentEpoch().call() == 2
    assert world.refusal(confirm, world.confirmer)[0] == "NotProposed"


def test_only_the_officer_proposes_and_only_the_confirmer_confirms(world: World) -> None:
    next_ = world.epoch(NEXT, 4, 2)
    propose, confirm = world.dvp.functions.proposeRotation(next_), world.dvp.functions.confirmRotation(next_)
    for other in (world.confirmer, world.outsider):
        refused = world.refusal(propose, other)
        assert refused == ("NotInRole", other.address.lower(), world.officer.address.lower())
    world.send(propose, world.officer)
    world.tester.time_travel(world.now() + 46 * DAY)
    for other in (world.officer, world.outsider):
        refused = world.refusal(confirm, other)
        assert refused == ("NotInRole", other.address.lower(), world.confirmer.address.lower())
    world.send(confirm, world.confirmer)


def test_the_agents_defeat_a_rotation_by_roles(world: World) -> None:
    theirs = world.epoch(NEXT[:4])
    world.send(world.dvp.functions.proposeRotation(theirs), world.officer)
    rotated(world)
    world.tester.time_travel(world.now() + 46 * DAY)
    assert world.refusal(world.dvp.functions.confirmRotation(theirs), world.confirmer)[0] == "NotProposed"


def test_a_second_proposal_starts_the_wait_anew(world: World) -> None:
    next_ = world.epoch(NEXT, 4, 2)
    world.send(world.dvp.functions.proposeRotation(next_), world.officer)
    world.tester.time_travel(world.now() + 44 * DAY)
    world.send(world.dvp.functions.proposeRotation(next_), world.officer)
    world.tester.time_travel(world.now() + 2 * DAY)
    assert world.refusal(world.dvp.functions.confirmRotation(next_), world.confirmer)[0] == "TooEarly"


# Long stop


def long_after(world: World, order, days: int = 5) -> None:
    world.tester.time_travel(order.pay_by + days * DAY + 1)


def stop_calls(world: World, order):
    functions = world.dvp.functions
    return functions.proposeLongStop(order.words), functions.confirmLongStop(world.leg(order))


def test_two_roles_end_what_nobody_proves(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    id_ = world.id_of(order)
    propose, confirm = stop_calls(world, order)
    long_after(world, order)
    receipt = world.send(propose, world.officer)
    from_ = world.now() + 2 * DAY
    assert world.events(receipt) == [("LongStopProposed", {"settlementId": id_, "from": from_})]
    assert world.dvp.functions.longStopFrom(id_).call() == from_
    assert world.status(order) is Status.LOCKED
    world.tester.time_travel(from_)
    assert world.attempt(confirm, world.confirmer)["status"] == 0
    assert world.now() == from_
    receipt = world.send(confirm, world.confirmer)
    assert [name for name, _ in world.events(receipt)] == ["GivenBack", "EarmarkReleased"]
    assert world.status(order) is Status.GIVEN_BACK
    assert world.holding(world.seller.address) == (10_000, 10_000)


def test_never_by_a_clock_alone_and_never_by_one(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    id_ = world.id_of(order)
    propose, confirm = stop_calls(world, order)
    officer, confirmer = world.officer.address.lower(), world.confirmer.address.lower()
    world.tester.time_travel(order.pay_by + 5 * DAY)
    assert world.attempt(propose, world.officer)["status"] == 0  # the last second of grace
    assert world.now() == order.pay_by + 5 * DAY
    for other in (world.confirmer, world.seller, world.outsider):
        assert world.refusal(propose, other) == ("NotInRole", other.address.lower(), officer)
    assert world.refusal(confirm, world.confirmer) == ("NotProposed", id_, b"\x00" * 32)
    world.send(propose, world.officer)
    assert world.refusal(propose, world.officer)[:2] == ("AlreadyProposed", id_)
    assert world.refusal(confirm, world.confirmer)[0] == "TooEarly"
    world.tester.time_travel(world.now() + 3 * DAY)
    for other in (world.officer, world.seller, world.outsider):
        assert world.refusal(confirm, other) == ("NotInRole", other.address.lower(), confirmer)
    assert world.status(order) is Status.LOCKED


def test_too_early_a_proposal_is_refused(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    propose, _ = stop_calls(world, order)
    refused = world.refusal(propose, world.officer)
    assert (refused[0], refused[2]) == ("TooEarly", order.pay_by + 5 * DAY)


@pytest.mark.parametrize("name", ["settle", "recordPaid"])
@pytest.mark.parametrize("after_rotation", [False, True])
def test_a_proof_of_paid_of_any_age_defeats_the_long_stop(world: World, name: str, after_rotation: bool) -> None:
    order = world.brought_to(Status.LOCKED)
    propose, confirm = stop_calls(world, order)
    if after_rotation:
        rotated(world)
    long_after(world, order)
    world.send(propose, world.officer)
    world.tester.time_travel(world.now() + 30 * DAY)
    world.send(world.prove(name, order, PAID), world.outsider)
    refused = world.refusal(confirm, world.confirmer)
    if name == "settle":
        assert refused == ("AlreadyEnded", world.id_of(order), Status.SETTLED, Status.LOCKED)
    else:
        assert refused == ("WrongStatus", world.id_of(order), Status.PAID, Status.LOCKED)
        world.send(world.prove("settle", order, PAID), world.outsider)
    assert world.status(order) is Status.SETTLED


def test_a_proof_of_never_ends_it_sooner(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    propose, confirm = stop_calls(world, order)
    long_after(world, order)
    world.send(propose, world.officer)
    world.send(world.prove("giveBack", order, NEVER), world.outsider)
    world.tester.time_travel(world.now() + 3 * DAY)
    assert world.refusal(confirm, world.confirmer)[0] == "AlreadyEnded"


def test_a_proposed_long_stop_dies_with_its_epoch(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    id_ = world.id_of(order)
    propose, confirm = stop_calls(world, order)
    long_after(world, order)
    world.send(propose, world.officer)
    rotated(world)
    world.tester.time_travel(world.now() + 3 * DAY)
    assert world.dvp.functions.longStopFrom(id_).call() == 0
    assert world.refusal(confirm, world.confirmer) == ("NotProposed", id_, b"\x00" * 32)
    world.send(propose, world.officer)
    assert world.refusal(confirm, world.confirmer)[0] == "TooEarly"
    world.tester.time_travel(world.now() + 3 * DAY)
    world.send(confirm, world.confirmer)
    assert world.status(order) is Status.GIVEN_BACK


def test_the_long_stop_is_of_the_whole_order(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    long_after(world, order)
    for change in ({"quantity": 99}, {"pay_by": 1}, {"buyer": world.other.address}):
        propose, _ = stop_calls(world, order.but(**change))
        assert world.refusal(propose, world.officer)[0] == "OrderMismatch"
    world.send(stop_calls(world, order)[0], world.officer)
    world.tester.time_travel(world.now() + 3 * DAY)
    _, confirm = stop_calls(world, order.but(quantity=1))
    assert world.refusal(confirm, world.confirmer)[0] == "OrderMismatch"


def test_a_lock_is_no_longer_than_the_longest(world: World) -> None:
    limit = world.now() + 30 * DAY
    order = world.order(pay_by=limit + 600)
    refused = world.refusal(world.lock_call(order))
    assert refused[:3] == ("PayByTooFar", world.id_of(order), limit + 600)
    assert limit <= refused[3] < limit + 600
    world.lock(world.order(pay_by=limit))
