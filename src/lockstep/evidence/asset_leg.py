"""What the chain says: two transactions in blocks that are trusted, and the events that they left."""

from collections.abc import Mapping
from dataclasses import dataclass

import rlp

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Order, OutcomeResult
from lockstep.evidence.blocks import Header, Log, Receipt
from lockstep.evidence.links import BrokenLink, Link
from lockstep.evidence.pack import Pack, TransactionPart
from lockstep.evidence.tries import value_at
from lockstep.evidence.trust import Trust
from lockstep.signing.words import address_word, hash_word, keccak, number_word

__all__ = ["EVENTS", "AssetFacts", "judge_chain", "locked_data"]

_MOVEMENT = "(address,address,address,uint64,uint32,uint64)"
_TERMS = "(bytes32,uint32,uint64,bytes32,bytes32,uint40,uint40)"
EVENTS: Mapping[str, bytes] = {
    signature.partition("(")[0]: keccak(signature.encode())
    for signature in (
        f"Locked(bytes32,{_MOVEMENT},{_TERMS})",
        "Settled(bytes32)",
        "GivenBack(bytes32)",
        "Transfer(address,address,uint256)",
    )
}
"""The first topic of each event that is looked for (IDvP, ERC-20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFacts:
    """When the asset leg moved: blocks' timestamps, seconds. `lock_final` is of the block that made the lock final."""

    locked: int
    lock_final: int
    ended: int
    lock_transaction: str
    """Hash, 0x-prefixed hex."""
    end_transaction: str
    units_moved: bool
    """Whether the end shows the order's units going from its seller to its buyer."""


def judge_chain(pack: Pack, order: Order, settlement: SettlementId, result: OutcomeResult, trust: Trust) -> AssetFacts:
    """Raises BrokenLink."""
    lock, end = pack.chain.lock, pack.chain.end
    headers = _proven(pack, trust)
    for name, one in (("lock", lock), ("end", end)):
        for number in range(one.block, one.block + trust.network.finality_depth + 1):
            if number not in headers:
                raise BrokenLink(Link.FINALITY, f"block {number}, which makes the {name} final, is not there")
    if (lock.block, lock.place) >= (end.block, end.place):
        raise BrokenLink(Link.FINALITY, f"the end, in block {end.block}, is not after the lock, in block {lock.block}")
    lock_hash, lock_receipt = _included("lock", lock, headers[lock.block])
    end_hash, end_receipt = _included("end", end, headers[end.block])
    contract, topic = bytes.fromhex(trust.network.dvp.removeprefix("0x")), hash_word(settlement)
    wanted = Log(address=contract, topics=(EVENTS["Locked"], topic), data=locked_data(order))
    if not lock_receipt.has(wanted):
        raise BrokenLink(Link.LOCK, f"its receipt has no event of {trust.network.dvp} that this order was locked")
    event = "Settled" if result is OutcomeResult.PAID else "GivenBack"
    if not end_receipt.has(Log(address=contract, topics=(EVENTS[event], topic), data=b"")):
        raise BrokenLink(Link.END, f"its receipt has no event {event} of {trust.network.dvp} for this settlement")
    return AssetFacts(
        locked=headers[lock.block].timestamp,
        lock_final=headers[lock.block + trust.network.finality_depth].timestamp,
        ended=headers[end.block].timestamp,
        lock_transaction=lock_hash,
        end_transaction=end_hash,
        units_moved=end_receipt.has(_transfer(order)),
    )


def _proven(pack: Pack, trust: Trust) -> Mapping[int, Header]:
    """The headers by number: each is of a block that is trusted, or the parent of one that is proven here."""
    found: dict[int, Header] = {}
    blocks, lowest = frozenset(trust.blocks), 0
    for data in reversed(pack.chain.headers):
        try:
            header = Header.read(data)
        except ValueError as error:
            raise BrokenLink(Link.HEADER, str(error)) from error
        if found and header.number >= lowest:
            raise BrokenLink(Link.HEADER, f"block {header.number} does not stand in its place: they ascend")
        above = found.get(header.number + 1)
        if header.hash not in blocks and (above is None or above.parent != header.hash):
            shown = f"block {header.number} ({header.hash.hex()})"
            raise BrokenLink(Link.HEADER, f"{shown} is none that you trust, nor the parent of one")
        found[header.number] = header
        lowest = header.number
    return found


def _included(name: str, one: TransactionPart, header: Header) -> tuple[str, Receipt]:
    """The transaction's hash, and its receipt, both as they stand in the block."""
    if one.place < 0:
        raise BrokenLink(Link.TRANSACTION, f"the {name}'s place in its block is {one.place}")
    key = rlp.encode(one.place)
    try:
        transaction = value_at(header.transactions, key, one.transaction_proof)
    except ValueError as error:
        where = f"the {name}'s, at place {one.place} of block {header.number}"
        raise BrokenLink(Link.TRANSACTION, f"{where}: {error}") from error
    try:
        receipt = Receipt.read(value_at(header.receipts, key, one.receipt_proof))
    except ValueError as error:
        where = f"the {name}'s, at place {one.place} of block {header.number}"
        raise BrokenLink(Link.RECEIPT, f"{where}: {error}") from error
    if not receipt.succeeded:
        raise BrokenLink(Link.RECEIPT, f"the {name}'s transaction failed")
    return f"0x{keccak(transaction).hex()}", receipt


def locked_data(order: Order) -> bytes:
    """The data of the event `Locked`: the whole order, a word each."""
    movement, terms = order.movement, order.terms
    return b"".join(
        (
            address_word(movement.token),
            address_word(movement.seller),
            address_word(movement.buyer),
            number_word(movement.quantity, 64),
            number_word(movement.epoch, 32),
            number_word(movement.nonce, 64),
            hash_word(terms.trade_id),
            number_word(terms.part, 32),
            number_word(terms.minimum_lot, 64),
            hash_word(terms.group),
            hash_word(terms.cash_hash),
            number_word(terms.lock_by, 40),
            number_word(terms.pay_by, 40),
        )
    )


def _transfer(order: Order) -> Log:
    movement = order.movement
    topics = (EVENTS["Transfer"], address_word(movement.seller), address_word(movement.buyer))
    token = bytes.fromhex(movement.token.removeprefix("0x"))
    return Log(address=token, topics=topics, data=number_word(movement.quantity, 256))
