"""The typed data that wallets and agents sign (EIP-712), hashed as `contracts/DvP.sol` hashes it."""

from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.log_run import LogRun
from lockstep.domain.market import Network
from lockstep.domain.money import Money
from lockstep.domain.order import Attestation, Movement, Order, OrderTerms, OutcomeResult, Rotation
from lockstep.domain.payment import CashAccount
from lockstep.signing.words import address_word, hash_word, keccak, number_word, text_hash

__all__ = [
    "cash_hash",
    "leg_id",
    "line_digests",
    "log_digest",
    "outcome_digest",
    "outcomes_digest",
    "rotation_digest",
    "run_digest",
    "settlement_id",
    "terms_hash",
]

_MOVEMENT = "Movement(address token,address seller,address buyer,uint64 quantity,uint32 epoch,uint64 nonce)"
_TERMS = (
    "Terms(bytes32 tradeId,uint32 part,uint64 minimumLot,bytes32 group,bytes32 cashHash,uint40 lockBy,uint40 payBy)"
)
_DOMAIN_TYPE = text_hash("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_MOVEMENT_TYPE = text_hash(_MOVEMENT)
_TERMS_TYPE = text_hash(_TERMS)
_ORDER_TYPE = text_hash(f"Order(Movement movement,Terms terms){_MOVEMENT}{_TERMS}")
_OUTCOME_TYPE = text_hash("Outcome(bytes32 settlementId,uint8 result,uint32 epoch)")
_OUTCOMES_TYPE = text_hash("Outcomes(bytes32[] settlementIds,uint8 result,uint32 epoch)")
_LOG_TYPE = text_hash(
    "LogEntry(address agent,uint64 number,bytes32 previous,bytes32 settlementId,uint8 result,uint32 epoch)"
)
_RUN_TYPE = text_hash("LogEntries(address agent,uint64 first,uint64 last,bytes32 head,bytes32 signatures)")
_ROTATION_TYPE = text_hash(
    "Rotation(uint32 epoch,address[] agents,uint8 quorum,uint8 faulty,address officer,address confirmer)"
)
_CASH_TYPE = text_hash(
    "Cash(bytes16 salt,string currency,uint256 amount,"
    "string debtor,string debtorAccount,string creditor,string creditorAccount)"
)
_NAME, _VERSION = text_hash("Lockstep DvP"), text_hash("1")


@lru_cache
def _domain_separator(network: Network) -> bytes:
    words = (_DOMAIN_TYPE, _NAME, _VERSION, number_word(network.chain_id, 256), address_word(network.dvp))
    return keccak(b"".join(words))


def _digest(network: Network, struct_hash: bytes) -> bytes:
    return keccak(b"\x19\x01" + _domain_separator(network) + struct_hash)


def _movement_hash(movement: Movement) -> bytes:
    return keccak(
        _MOVEMENT_TYPE
        + address_word(movement.token)
        + address_word(movement.seller)
        + address_word(movement.buyer)
        + number_word(movement.quantity, 64)
        + number_word(movement.epoch, 32)
        + number_word(movement.nonce, 64)
    )


def terms_hash(terms: OrderTerms) -> bytes:
    """hashStruct(Terms), 32 bytes: what settle and give back carry in place of the terms."""
    return keccak(
        _TERMS_TYPE
        + hash_word(terms.trade_id)
        + number_word(terms.part, 32)
        + number_word(terms.minimum_lot, 64)
        + hash_word(terms.group)
        + hash_word(terms.cash_hash)
        + number_word(terms.lock_by, 40)
        + number_word(terms.pay_by, 40)
    )


@lru_cache(maxsize=2048)
def settlement_id(order: Order, network: Network) -> SettlementId:
    """The digest that both wallets sign; it covers chain id, DvP address and the whole order.

    Kept for a while, as is `cash_hash`: who makes an order, both wallets and every check of it ask for the same.
    """
    return leg_id(order.movement, terms_hash(order.terms), network)


def leg_id(movement: Movement, hash_of_terms: bytes, network: Network) -> SettlementId:
    """The same from a leg (IDvP.Leg), which has the terms as their hash only."""
    return SettlementId(_digest(network, keccak(_ORDER_TYPE + _movement_hash(movement) + hash_of_terms)).hex())


def outcome_digest(settlement: SettlementId, result: OutcomeResult, epoch: int, network: Network) -> bytes:
    """The 32 bytes that an agent signs for one outcome of one settlement in one epoch."""
    return _digest(network, keccak(_OUTCOME_TYPE + hash_word(settlement) + _said(result, epoch)))


def _said(result: OutcomeResult, epoch: int) -> bytes:
    return number_word(int(result), 8) + number_word(epoch, 32)


def outcomes_digest(settlements: Sequence[SettlementId], result: OutcomeResult, epoch: int, network: Network) -> bytes:
    """The 32 bytes that an agent signs for one outcome of a whole batch (IDvP.outcomesDigest)."""
    ids = keccak(b"".join(hash_word(one) for one in settlements))
    return _digest(network, keccak(_OUTCOMES_TYPE + ids + _said(result, epoch)))


def log_digest(number: int, previous: str, attestation: Attestation, network: Network) -> bytes:
    """The 32 bytes that an agent signs for one line of its signature log; the next line names them.

    No contract takes it: it has a type of its own, so that it can never pass for an outcome.
    """
    one = attestation
    return _digest(
        network,
        keccak(
            _LOG_TYPE
            + address_word(one.agent)
            + number_word(number, 64)
            + hash_word(previous)
            + hash_word(one.settlement_id)
            + _said(one.result, one.epoch)
        ),
    )


def line_digests(
    first: int, previous: str, attestations: Sequence[Attestation], network: Network
) -> Iterator[tuple[int, str]]:
    """Number and digest, in hex, of each of consecutive lines of a signature log."""
    return enumerate(_heads(first, previous, tuple(attestations), network), first)


@lru_cache(maxsize=64)
def _heads(first: int, previous: str, attestations: tuple[Attestation, ...], network: Network) -> tuple[str, ...]:
    """Each line's digest. Kept, as the same run is verified, compared and gone on from, one after another."""
    heads = []
    for number, attestation in enumerate(attestations, first):
        previous = log_digest(number, previous, attestation, network).hex()
        heads.append(previous)
    return tuple(heads)


def run_digest(run: LogRun, network: Network, head: str | None = None) -> bytes:
    """The 32 bytes that an agent signs for several lines of its signature log at once.

    The last line's digest, `head` where the caller has it, stands for all lines up to it; the outcomes' signatures,
    which lines do not cover, are covered here. It has a type of its own too.
    """
    if head is None:
        head = deque(line_digests(run.first, run.previous, run.attestations, network), maxlen=1)[0][1]
    return _digest(
        network,
        keccak(
            _RUN_TYPE
            + address_word(run.agent)
            + number_word(run.first, 64)
            + number_word(run.last, 64)
            + hash_word(head)
            + keccak(b"".join(one.signature for one in run.attestations))
        ),
    )


def rotation_digest(rotation: Rotation, network: Network) -> bytes:
    """The 32 bytes that an agent of the present epoch signs for the next."""
    return _digest(
        network,
        keccak(
            _ROTATION_TYPE
            + number_word(rotation.number, 32)
            + keccak(b"".join(address_word(one) for one in rotation.agents))
            + number_word(rotation.quorum, 8)
            + number_word(rotation.faulty, 8)
            + address_word(rotation.officer)
            + address_word(rotation.confirmer)
        ),
    )


@lru_cache(maxsize=2048)
def cash_hash(salt: str, cash: Money, debtor: CashAccount, creditor: CashAccount) -> str:
    """The cash terms as the order names them: salted, so that the chain never shows a price. Hex."""
    salted = bytes.fromhex(salt)
    if len(salted) > 16:
        raise ValueError(f"{salt} is more than 32 hex digits")
    return keccak(
        _CASH_TYPE
        + salted.ljust(32, b"\0")
        + text_hash(cash.currency)
        + number_word(cash.amount, 256)
        + text_hash(debtor.owner)
        + text_hash(debtor.number)
        + text_hash(creditor.owner)
        + text_hash(creditor.number)
    ).hex()
