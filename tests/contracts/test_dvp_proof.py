"""DvP: what counts as the agents' word, and which quorums may exist."""

from itertools import combinations

import pytest

from .harness import NEVER, PAID, ZERO, Key, Status, World, compact, high_s, recovered, sign

FORGERS = sorted((Key.named(f"forger {i}") for i in range(4)), key=lambda key: key.address.lower())


def settle(world: World, order, proof):
    return world.call("settle", order, proof)


# Proofs that hold


@pytest.mark.parametrize("signers", [*combinations(range(4), 3), (0, 1, 2, 3)], ids=str)
def test_any_quorum_of_the_epoch_proves_an_outcome(world: World, signers: tuple[int, ...]) -> None:
    order = world.brought_to(Status.LOCKED)
    proof = world.proof(world.outcome(world.id_of(order), PAID), signers)
    world.send(settle(world, order, proof), world.outsider)
    assert world.status(order) is Status.SETTLED


def test_the_epoch_is_stored_as_one_hash_and_told_in_an_event(world: World) -> None:
    agents = [key.address for key in world.agents]
    assert world.dvp.functions.epochHash(1).call() == world.epoch_hash(agents)
    assert world.dvp.functions.epochHash(2).call() == b"\x00" * 32
    assert world.dvp.functions.currentEpoch().call() == 1
    made = world.w3.eth.get_logs({"address": world.dvp.address, "fromBlock": 0})[0]
    told = {
        "epoch": 1,
        "epochHash": world.epoch_hash(agents),
        "quorum": 3,
        "faulty": 1,
        "agents": agents,
        "officer": world.officer.address,
        "confirmer": world.confirmer.address,
    }
    assert world.events({"logs": [made]}) == [("EpochStarted", told)]


# Proofs that do not


@pytest.mark.parametrize(("call", "result"), [("settle", PAID), ("recordPaid", PAID), ("giveBack", NEVER)])
def test_below_the_quorum(world: World, call: str, result: int) -> None:
    order = world.brought_to(Status.LOCKED)
    id_ = world.id_of(order)
    for signers in ((), (0,), (1, 3)):
        proof = world.proof(world.outcome(id_, result), signers)
        assert world.refusal(world.call(call, order, proof)) == ("QuorumNotReached", id_, len(signers), 3)


@pytest.mark.parametrize("quorum", [0, 1, 2, 4, 255])
def test_a_quorum_that_is_not_the_epochs(world: World, quorum: int) -> None:
    order = world.brought_to(Status.LOCKED)
    id_ = world.id_of(order)
    signers = range(min(quorum, 4))
    refused = world.refusal(settle(world, order, world.proof(world.outcome(id_, PAID), signers, quorum)))
    if quorum > 4:
        assert refused == ("QuorumNotReached", id_, 4, quorum)
    else:
        agents = [key.address for key in world.agents]
        actual = world.epoch_hash(agents, quorum=quorum)
        assert refused == ("ProofNotFromEpoch", id_, actual, world.epoch_hash(agents))


def test_forged_agents(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    id_ = world.id_of(order)
    expected = world.epoch_hash([key.address for key in world.agents])
    for agents in (FORGERS, FORGERS[:3], [*world.agents[:2], *FORGERS[2:]]):
        proof = world.proof(world.outcome(id_, PAID), range(3), agents=agents)
        actual = world.epoch_hash([key.address for key in agents])
        assert world.refusal(settle(world, order, proof)) == ("ProofNotFromEpoch", id_, actual, expected)


def test_one_agent_counted_more_than_once(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    digest = world.outcome(world.id_of(order), PAID)
    one = compact(sign(world.agents[0], digest))
    others = [key.address for key in world.agents[1:]]
    for proof in ((3, 0b0111, one * 3, others[:1]), (3, 0b111, one * 3, []), (3, 0b111000, one * 3, others)):
        assert world.refusal(settle(world, order, proof))[0] == "ProofNotFromEpoch"


def test_signatures_in_another_order_than_the_agents(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    quorum, signers, signatures, absent = world.proof(world.outcome(world.id_of(order), PAID))
    swapped = signatures[64:128] + signatures[:64] + signatures[128:]
    refused = world.refusal(settle(world, order, (quorum, signers, swapped, absent)))
    assert refused[0] == "ProofNotFromEpoch"


def elsewhere(world: World, order, what: str) -> bytes:
    """The digest of a good outcome, but of something else."""
    id_ = world.id_of(order)
    if what == "settlement":
        return world.outcome(world.id_of(world.brought_to(Status.LOCKED, nonce=9)), PAID)
    return {
        "chain": world.outcome(id_, PAID, chain_id=world.chain_id + 1),
        "contract": world.outcome(id_, PAID, contract=FORGERS[0].address),
        "epoch": world.outcome(id_, PAID, epoch=2),
        "outcome": world.outcome(id_, NEVER),
        "unknown result": world.outcome(id_, 3),
        "order": id_,
    }[what]


@pytest.mark.parametrize("what", ["settlement", "chain", "contract", "epoch", "outcome", "unknown result", "order"])
def test_the_agents_word_about_something_else(world: World, what: str) -> None:
    order = world.brought_to(Status.LOCKED)
    id_ = world.id_of(order)
    quorum, signers, signatures, absent = world.proof(elsewhere(world, order, what))
    # What the contract must see instead of the agents: keys that the signatures give for the right digest.
    right = world.outcome(id_, PAID)
    seen = [recovered(right, signatures[i : i + 64]) for i in (0, 64, 128)]
    assert world.refusal(settle(world, order, (quorum, signers, signatures, absent))) == (
        "ProofNotFromEpoch",
        id_,
        world.epoch_hash([*seen, *absent]),
        world.epoch_hash([key.address for key in world.agents]),
    )
    assert world.status(order) is Status.LOCKED


def test_a_proof_is_good_for_its_settlement_only_once_but_harmless_again(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    call = world.prove("settle", order, PAID)
    world.send(call, world.outsider)
    assert world.refusal(call) == ("AlreadyEnded", world.id_of(order), Status.SETTLED, Status.LOCKED)
    assert world.holding(world.buyer.address) == (100, 100)


def test_a_proof_for_one_lane_does_not_open_its_neighbour(world: World) -> None:
    first = world.brought_to(Status.LOCKED, nonce=2)
    second = world.brought_to(Status.LOCKED, nonce=3)
    proof = world.proof(world.outcome(world.id_of(first), PAID))
    assert world.refusal(settle(world, second, proof))[:2] == ("ProofNotFromEpoch", world.id_of(second))
    world.send(settle(world, first, proof), world.outsider)
    assert world.status(second) is Status.LOCKED


def test_an_agents_signature_with_high_s(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    digest = world.outcome(world.id_of(order), PAID)
    quorum, signers, signatures, absent = world.proof(digest)
    twin = high_s(sign(world.agents[0], digest))
    # A high s has no compact form: its top bit collides with v's. So it cannot even be written down.
    vs = (int.from_bytes(twin[32:64]) | (twin[64] - 27) << 255).to_bytes(32)
    refused = world.refusal(settle(world, order, (quorum, signers, twin[:32] + vs + signatures[64:], absent)))
    assert refused[0] == "ProofNotFromEpoch"


@pytest.mark.parametrize("altered", range(5))
def test_malformed_proofs(world: World, altered: int) -> None:
    order = world.brought_to(Status.LOCKED)
    id_ = world.id_of(order)
    quorum, signers, signatures, absent = world.proof(world.outcome(id_, PAID))
    proof = [
        (quorum, signers, signatures + b"\x00", absent),
        (quorum, signers | 0b10000, signatures, absent),
        (quorum, 0b0011, signatures, absent),
        (quorum, 0b1111, signatures, absent),
        (quorum, signers, signatures, absent * 6),
    ][altered]
    expected = ("MalformedProof", id_, 2 + len(proof[2]) + 20 * len(proof[3]), proof[1])
    assert world.refusal(settle(world, order, proof)) == expected


@pytest.mark.parametrize("length", [0, 1])
def test_a_proof_without_a_head(world: World, length: int) -> None:
    order = world.brought_to(Status.LOCKED)
    call = world.dvp.functions.settle(world.leg(order), b"\x00" * length)
    assert world.refusal(call) == ("MalformedProof", world.id_of(order), length, 0)


@pytest.mark.parametrize("absent", [[], [ZERO], "doubled"])
def test_the_absent_must_complete_the_epoch(world: World, absent) -> None:
    order = world.brought_to(Status.LOCKED)
    quorum, signers, signatures, missing = world.proof(world.outcome(world.id_of(order), PAID))
    given = missing * 2 if absent == "doubled" else absent
    refused = world.refusal(settle(world, order, (quorum, signers, signatures, given)))
    assert refused[:2] == ("ProofNotFromEpoch", world.id_of(order))


# Quorums


def refusal_of(world: World, agents: list[str], quorum: int, faulty: int):
    made = world.artifacts["DvP"]
    factory = world.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    return world.refusal_of_deployment(
        factory, (agents, quorum, faulty, world.officer.address, world.confirmer.address)
    )


def addresses(count: int) -> list[str]:
    return sorted((Key.named(f"agent {i}").address for i in range(count)), key=str.lower)


@pytest.mark.parametrize(
    ("count", "quorum", "faulty"),
    [(4, 2, 0), (4, 2, 1), (4, 3, 2), (4, 5, 0), (4, 0, 0), (3, 2, 1), (8, 4, 0), (8, 8, 8), (1, 2, 0)],
)
def test_an_unsafe_quorum_is_refused(world: World, count: int, quorum: int, faulty: int) -> None:
    assert refusal_of(world, addresses(count), quorum, faulty) == ("UnsafeQuorum", count, quorum, faulty)


@pytest.mark.parametrize(("count", "quorum", "faulty"), [(1, 1, 0), (3, 2, 0), (4, 3, 1), (7, 5, 2), (8, 8, 7)])
def test_a_safe_quorum_proves(world: World, count: int, quorum: int, faulty: int) -> None:
    agents = sorted((Key.named(f"agent {i}") for i in range(count)), key=lambda key: key.address.lower())
    world.dvp = world.deploy("DvP", world.epoch(agents, quorum, faulty))
    token = world.deploy("MockToken")
    order = world.brought_to(Status.LOCKED, token=token.address)
    digest = world.outcome(world.id_of(order), PAID)
    if quorum > 1:
        few = world.proof(digest, range(quorum - 1), quorum, agents)
        assert world.refusal(settle(world, order, few))[0] == "QuorumNotReached"
    world.send(settle(world, order, world.proof(digest, range(quorum), quorum, agents)), world.outsider)
    assert world.status(order) is Status.SETTLED


def test_agents_must_be_one_to_eight_and_strictly_ascending(world: World) -> None:
    assert refusal_of(world, [], 0, 0) == ("BadAgentCount", 0, 8)
    assert refusal_of(world, addresses(9), 9, 0) == ("BadAgentCount", 9, 8)
    a, b, c = addresses(3)
    assert refusal_of(world, [a, c, b], 2, 0) == ("AgentsNotAscending", 2, c.lower(), b.lower())
    assert refusal_of(world, [a, a, b], 2, 0) == ("AgentsNotAscending", 1, a.lower(), a.lower())
    assert refusal_of(world, [ZERO, a, b], 2, 0) == ("AgentsNotAscending", 0, ZERO, ZERO)
