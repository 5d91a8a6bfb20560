"""The register's calls as bytes: what a party signs in an act, and what goes to the chain.

Equal to eth_abi's bytes, which a test shows. Arguments lie as the contract's ABI has them: a word each, an order's
thirteen in line, a signature behind its offset.
"""

from collections.abc import Sequence
from functools import lru_cache

from lockstep.domain.collateral.calls import (
    AcknowledgeIncomeCall,
    AppropriateCall,
    BurnNonceCall,
    Call,
    ConfirmLongStopCall,
    DeclareDefaultCall,
    EndDefaultCall,
    PledgeCall,
    ProposeLongStopCall,
    RecallCall,
    RecordReturnCall,
    RecordTitleCall,
    ReleaseCall,
    ReleaseExcessCall,
    RepledgeCall,
    ReturnUnitsCall,
    SellCall,
    SetOffCall,
    SubstituteCall,
)
from lockstep.domain.order import Order
from lockstep.signing.words import address_word, hash_word, keccak, number_word

__all__ = ["call_bytes"]

_ORDER = "((address,address,address,uint64,uint32,uint64),(bytes32,uint32,uint64,bytes32,bytes32,uint40,uint40))"
_QUANTITY = ("bytes32", "uint64")


@lru_cache
def _selector(name: str, kinds: tuple[str, ...]) -> bytes:
    return keccak(f"{name}({','.join(kinds)})".encode())[:4]


def call_bytes(call: Call) -> bytes:
    """Selector and arguments. Raises ValueError for what does not fit its type."""
    name, kinds, words = _parts(call)
    return _selector(name, tuple(kinds)) + b"".join(words)


def _parts(call: Call) -> tuple[str, Sequence[str], Sequence[bytes]]:
    kinds: tuple[str, ...]
    match call:
        case PledgeCall():
            kinds = ("bytes32", "address", "uint64", "bytes32")
            return "pledge", kinds, (hash_word(call.agreement_id), address_word(call.token), *_salted(call))
        case RepledgeCall():
            kinds = ("bytes32", "bytes32", "uint64", "bytes32")
            return "repledge", kinds, (hash_word(call.parent), hash_word(call.agreement_id), *_salted(call))
        case ReleaseCall():
            return "release", _QUANTITY, _quantity(call)
        case ReleaseExcessCall():
            return "releaseExcess", _QUANTITY, _quantity(call)
        case SubstituteCall():
            kinds = ("bytes32", "uint64", "address", "uint64", "bytes32")
            old = (hash_word(call.old_pledge), number_word(call.quantity, 64))
            new = (address_word(call.token), number_word(call.new_quantity, 64), hash_word(call.salt))
            return "substitute", kinds, (*old, *new)
        case RecallCall():
            words = (hash_word(call.pledge_id), number_word(call.quantity, 64), number_word(call.by, 40))
            return "recall", ("bytes32", "uint64", "uint40"), words
        case DeclareDefaultCall():
            return "declareDefault", ("bytes32",), (hash_word(call.agreement_id),)
        case EndDefaultCall():
            return "endDefault", ("bytes32",), (hash_word(call.agreement_id),)
        case AppropriateCall():
            return "appropriate", _QUANTITY, _quantity(call)
        case SetOffCall():
            return "setOff", _QUANTITY, _quantity(call)
        case SellCall():
            kinds = ("bytes32", _ORDER, "bytes", "bytes32")
            order = _order(call.order)
            place = number_word(32 * (1 + len(order) + 2), 256)
            signature = call.buyer_signature
            tail = number_word(len(signature), 256) + signature + bytes(-len(signature) % 32)
            return "sell", kinds, (hash_word(call.pledge_id), *order, place, hash_word(call.previous), tail)
        case AcknowledgeIncomeCall():
            return "acknowledgeIncome", _QUANTITY, (hash_word(call.pledge_id), number_word(call.amount, 64))
        case ReturnUnitsCall():
            return "returnUnits", _QUANTITY, _quantity(call)
        case RecordTitleCall():
            return "recordTitle", ("bytes32", _ORDER), (hash_word(call.agreement_id), *_order(call.order))
        case RecordReturnCall():
            return "recordReturn", ("bytes32", _ORDER), (hash_word(call.pledge_id), *_order(call.order))
        case ProposeLongStopCall():
            return "proposeLongStop", ("bytes32",), (hash_word(call.pledge_id),)
        case ConfirmLongStopCall():
            return "confirmLongStop", ("bytes32",), (hash_word(call.pledge_id),)
        case BurnNonceCall():
            return "burnNonce", ("uint256",), (number_word(call.nonce, 256),)


def _quantity(
    call: ReleaseCall | ReleaseExcessCall | AppropriateCall | SetOffCall | ReturnUnitsCall,
) -> tuple[bytes, bytes]:
    return hash_word(call.pledge_id), number_word(call.quantity, 64)


def _salted(call: PledgeCall | RepledgeCall) -> tuple[bytes, bytes]:
    return number_word(call.quantity, 64), hash_word(call.salt)


def _order(order: Order) -> tuple[bytes, ...]:
    """IDvP.Order: 13 words."""
    one, terms = order.movement, order.terms
    return (
        address_word(one.token),
        address_word(one.seller),
        address_word(one.buyer),
        number_word(one.quantity, 64),
        number_word(one.epoch, 32),
        number_word(one.nonce, 64),
        hash_word(terms.trade_id),
        number_word(terms.part, 32),
        number_word(terms.minimum_lot, 64),
        hash_word(terms.group),
        hash_word(terms.cash_hash),
        number_word(terms.lock_by, 40),
        number_word(terms.pay_by, 40),
    )
