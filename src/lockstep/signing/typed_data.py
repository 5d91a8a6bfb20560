"""The typed data that wallets and agents sign (EIP-712), hashed as `contracts/DvP.sol` hashes it."""

from collections.abc import Sequence
from functools import lru_cache

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.domain.money import Money
from lockstep.domain.order import Attestation, Movement, Order, OrderTerms, OutcomeResult, Rotation
from lockstep.domain.payment import CashAccount

__all__ = [
    "cash_hash",
    "leg_id",
    "log_digest",
    "outcome_digest",
    "outcomes_digest",
    "rotation_digest",
    "settlement_id",
    "terms_hash",
]

_MOVEMENT = "Movement(address token,address seller,address buyer,uint64 quantity,uint32 epoch,uint64 nonce)"
_TERMS = (
    "Terms(bytes32 tradeId,uint32 part,uint64 minimumLot,bytes32 group,bytes32 cashHash,uint40 lockBy,uint40 payBy)"
)
_DOMAIN_TYPE = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_MOVEMENT_TYPE = keccak(text=_MOVEMENT)
_TERMS_TYPE = keccak(text=_TERMS)
_ORDER_TYPE = keccak(text=f"Order(Movement movement,Terms terms){_MOVEMENT}{_TERMS}")
_OUTCOME_TYPE = keccak(text="Outcome(bytes32 settlementId,uint8 result,uint32 epoch)")
_OUTCOMES_TYPE = keccak(text="Outcomes(bytes32[] settlementIds,uint8 result,uint32 epoch)")
_LOG_TYPE = keccak(
    text="LogEntry(address agent,uint64 number,bytes32 previous,bytes32 settlementId,uint8 result,uint32 epoch)"
)
_ROTATION_TYPE = keccak(
    text="Rotation(uint32 epoch,address[] agents,uint8 quorum,uint8 faulty,address officer,address confirmer)"
)
_CASH_TYPE = keccak(
    text="Cash(bytes16 salt,string currency,uint256 amount,"
    "string debtor,string debtorAccount,string creditor,string creditorAccount)"
)
_NAME, _VERSION = keccak(text="Lockstep DvP"), keccak(text="1")


@lru_cache
def _domain_separator(network: Network) -> bytes:
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [_DOMAIN_TYPE, _NAME, _VERSION, network.chain_id, network.dvp],
        )
    )


def _digest(network: Network, struct_hash: bytes) -> bytes:
    return keccak(b"\x19\x01" + _domain_separator(network) + struct_hash)


def _movement_hash(movement: Movement) -> bytes:
    return keccak(
        encode(
            ["bytes32", "address", "address", "address", "uint64", "uint32", "uint64"],
            [
                _MOVEMENT_TYPE,
                movement.token,
                movement.seller,
                movement.buyer,
                movement.quantity,
                movement.epoch,
                movement.nonce,
            ],
        )
    )


def terms_hash(terms: OrderTerms) -> bytes:
    """hashStruct(Terms), 32 bytes: what settle and give back carry in place of the terms."""
    return keccak(
        encode(
            ["bytes32", "bytes32", "uint32", "uint64", "bytes32", "bytes32", "uint40", "uint40"],
            [
                _TERMS_TYPE,
                bytes.fromhex(terms.trade_id),
                terms.part,
                terms.minimum_lot,
                bytes.fromhex(terms.group),
                bytes.fromhex(terms.cash_hash),
                terms.lock_by,
                terms.pay_by,
            ],
        )
    )


def settlement_id(order: Order, network: Network) -> SettlementId:
    """The digest that both wallets sign; it covers chain id, DvP address and the whole order."""
    return leg_id(order.movement, terms_hash(order.terms), network)


def leg_id(movement: Movement, hash_of_terms: bytes, network: Network) -> SettlementId:
    """The same from a leg (IDvP.Leg), which has the terms as their hash only."""
    words = [_ORDER_TYPE, _movement_hash(movement), hash_of_terms]
    return SettlementId(_digest(network, keccak(encode(["bytes32", "bytes32", "bytes32"], words))).hex())


def outcome_digest(settlement: SettlementId, result: OutcomeResult, epoch: int, network: Network) -> bytes:
    """The 32 bytes that an agent signs for one outcome of one settlement in one epoch."""
    return _digest(
        network,
        keccak(
            encode(
                ["bytes32", "bytes32", "uint8", "uint32"],
                [_OUTCOME_TYPE, bytes.fromhex(settlement), int(result), epoch],
            )
        ),
    )


def outcomes_digest(settlements: Sequence[SettlementId], result: OutcomeResult, epoch: int, network: Network) -> bytes:
    """The 32 bytes that an agent signs for one outcome of a whole batch (IDvP.outcomesDigest)."""
    ids = keccak(b"".join(bytes.fromhex(one) for one in settlements))
    kinds = ["bytes32", "bytes32", "uint8", "uint32"]
    return _digest(network, keccak(encode(kinds, [_OUTCOMES_TYPE, ids, int(result), epoch])))


def log_digest(number: int, previous: str, attestation: Attestation, network: Network) -> bytes:
    """The 32 bytes that an agent signs for one line of its signature log; the next line names them.

    No contract takes it: it has a type of its own, so that it can never pass for an outcome.
    """
    one = attestation
    values = [one.agent, number, bytes.fromhex(previous), bytes.fromhex(one.settlement_id), int(one.result), one.epoch]
    kinds = ["bytes32", "address", "uint64", "bytes32", "bytes32", "uint8", "uint32"]
    return _digest(network, keccak(encode(kinds, [_LOG_TYPE, *values])))


def rotation_digest(rotation: Rotation, network: Network) -> bytes:
    """The 32 bytes that an agent of the present epoch signs for the next."""
    agents = keccak(b"".join(encode(["address"], [one]) for one in rotation.agents))
    values = [rotation.number, agents, rotation.quorum, rotation.faulty, rotation.officer, rotation.confirmer]
    kinds = ["bytes32", "uint32", "bytes32", "uint8", "uint8", "address", "address"]
    return _digest(network, keccak(encode(kinds, [_ROTATION_TYPE, *values])))


def cash_hash(salt: str, cash: Money, debtor: CashAccount, creditor: CashAccount) -> str:
    """The cash terms as the order names them: salted, so that the chain never shows a price. Hex."""
    return keccak(
        encode(
            ["bytes32", "bytes16", "bytes32", "uint256", "bytes32", "bytes32", "bytes32", "bytes32"],
            [
                _CASH_TYPE,
                bytes.fromhex(salt),
                keccak(text=cash.currency),
                cash.amount,
                keccak(text=debtor.owner),
                keccak(text=debtor.number),
                keccak(text=creditor.owner),
                keccak(text=creditor.number),
            ],
        )
    ).hex()
