"""The contracts as Ape compiles and drives them: one settlement, and its refusals."""

import pytest
from eth_account import Account
from eth_utils import keccak

import ape

PAID, NEVER = 1, 2
SETTLED, GIVEN_BACK = 3, 4


def signature(account, digest: bytes) -> bytes:
    """EIP-2098: 64 bytes."""
    signed = Account.unsafe_sign_hash(digest, account.private_key)
    return signed.r.to_bytes(32) + (signed.s | (signed.v - 27) << 255).to_bytes(32)


@pytest.fixture
def order(token, seller, buyer, chain):
    movement = (token.address, seller.address, buyer.address, 100, 1, 0)
    deadline = chain.blocks.head.timestamp + 86_400
    return movement, (keccak(text="trade"), 0, 0, bytes(32), keccak(text="cash"), deadline, deadline)


@pytest.fixture
def locked(dvp, order, seller, buyer, registrar) -> bytes:
    id_ = bytes(dvp.settlementId(order))
    dvp.lock(order, signature(seller, id_), signature(buyer, id_), sender=registrar)
    return id_


def proof(dvp, agents, id_: bytes, result: int, count: int = 3):
    digest = bytes(dvp.outcomeDigest(id_, result, 1))
    signatures = b"".join(signature(agent, digest) for agent in agents[:count])
    absent = b"".join(bytes.fromhex(agent.address[2:]) for agent in agents[count:])
    return bytes([3, 2**count - 1]) + signatures + absent


def test_paid_delivers(dvp, token, order, locked, agents, seller, buyer, registrar):
    assert token.freeOf(seller) == 900
    paid = proof(dvp, agents, locked, PAID)
    receipt = dvp.settle((order[0], dvp.termsHash(order[1])), paid, sender=registrar)
    settled = receipt.events.filter(dvp.Settled)
    assert [event.settlementId for event in settled] == [locked]
    assert dvp.statusOfSettlement(locked, seller, 0) == SETTLED
    assert (token.balanceOf(seller), token.balanceOf(buyer)) == (900, 100)


def test_never_gives_back(dvp, token, order, locked, agents, seller, registrar):
    never = proof(dvp, agents, locked, NEVER)
    dvp.giveBack((order[0], dvp.termsHash(order[1])), never, sender=registrar)
    assert dvp.statusOfSettlement(locked, seller, 0) == GIVEN_BACK
    assert token.freeOf(seller) == 1_000


def test_too_few_agents_are_refused_by_name(dvp, order, locked, agents, registrar):
    few = proof(dvp, agents, locked, PAID, count=2)
    with ape.reverts(dvp.QuorumNotReached, settlementId=locked, signed=2, quorum=3):
        dvp.settle((order[0], dvp.termsHash(order[1])), few, sender=registrar)


def test_the_wrong_outcome_is_refused_by_name(dvp, order, locked, agents, registrar):
    never = proof(dvp, agents, locked, NEVER)
    with ape.reverts(dvp.ProofNotFromEpoch):
        dvp.settle((order[0], dvp.termsHash(order[1])), never, sender=registrar)


def test_earmarked_units_do_not_move(token, locked, seller, buyer):
    with ape.reverts(token.ERC20InsufficientBalance, sender=seller, balance=900, needed=901):
        token.transfer(buyer, 901, sender=seller)
    token.transfer(buyer, 900, sender=seller)
    assert token.balanceOf(seller) == 100
