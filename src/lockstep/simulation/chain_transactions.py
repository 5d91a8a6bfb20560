"""Signed transactions as they arrive at a node: decoded, their sender recovered, refused where no node would take them.

Types 0 (with and without EIP-155) and 2 (EIP-1559). Access lists must be empty: see `chain_machine`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rlp
from coincurve import PublicKey
from eth_hash.auto import keccak

__all__ = ["NodeError", "PoolTx", "create_address", "decode_transaction", "floor_gas", "intrinsic_gas"]

BASE_GAS = 21_000
CREATION_GAS = 32_000
TOKEN_GAS = 4
FLOOR_TOKEN_GAS = 10
INITCODE_WORD_GAS = 2
INITCODE_LIMIT = 2 * 24_576
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class NodeError(Exception):
    """A JSON-RPC error: its code, its message and its data, which is absent but for reverts."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        self.code, self.message, self.data = code, message, data
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTx:
    """A signed transaction. Addresses are lower-case hexadecimal; fees are wei per gas."""

    hash: str
    raw: bytes
    type: int
    sender: str
    nonce: int
    to: str | None
    value: int
    data: bytes
    gas: int
    fee_cap: int
    tip_cap: int
    v: int
    r: int
    s: int
    chain_id: int | None

    def price(self, base_fee: int) -> int:
        """What it pays per gas in a block of this base fee (EIP-1559)."""
        return min(self.fee_cap, base_fee + self.tip_cap)


@lru_cache(maxsize=4096)
def decode_transaction(raw: bytes) -> PoolTx:
    """Raises NodeError -32000 or -32602, as geth words it, for what is no signed transaction."""
    if not raw:
        raise NodeError(-32602, "empty transaction")
    try:
        return _dynamic(raw) if raw[0] == 2 else _legacy(raw)
    except (rlp.exceptions.DecodingError, ValueError, TypeError, IndexError) as error:
        raise NodeError(-32000, f"rlp: {error}") from error


def _dynamic(raw: bytes) -> PoolTx:
    fields: Any = rlp.decode(raw[1:])
    if len(fields) != 12:
        raise ValueError(f"a transaction of type 2 has 12 fields, this has {len(fields)}")
    chain, nonce, tip, cap, gas, to, value, data, accesses, v, r, s = fields
    if accesses:
        raise NodeError(-32000, "access lists are not supported by this chain")
    parity = _number(v)
    digest = keccak(b"\x02" + rlp.encode(fields[:9]))
    return PoolTx(
        hash="0x" + keccak(raw).hex(),
        raw=raw,
        type=2,
        sender=_sender(digest, parity, _number(r), _number(s)),
        nonce=_number(nonce),
        to=_address(to),
        value=_number(value),
        data=bytes(data),
        gas=_number(gas),
        fee_cap=_number(cap),
        tip_cap=_number(tip),
        v=parity,
        r=_number(r),
        s=_number(s),
        chain_id=_number(chain),
    )


def _legacy(raw: bytes) -> PoolTx:
    if raw[0] < 0xC0:
        raise NodeError(-32000, "transaction type not supported")
    fields: Any = rlp.decode(raw)
    if len(fields) != 9:
        raise ValueError(f"a legacy transaction has 9 fields, this has {len(fields)}")
    nonce, price, gas, to, value, data, v, r, s = fields
    number = _number(v)
    chain_id = (number - 35) // 2 if number >= 35 else None
    signed = list(fields[:6])
    if chain_id is not None:
        signed += [chain_id.to_bytes((chain_id.bit_length() + 7) // 8), b"", b""]
    parity = number - 27 if chain_id is None else (number - 35) % 2
    return PoolTx(
        hash="0x" + keccak(raw).hex(),
        raw=raw,
        type=0,
        sender=_sender(keccak(rlp.encode(signed)), parity, _number(r), _number(s)),
        nonce=_number(nonce),
        to=_address(to),
        value=_number(value),
        data=bytes(data),
        gas=_number(gas),
        fee_cap=_number(price),
        tip_cap=_number(price),
        v=number,
        r=_number(r),
        s=_number(s),
        chain_id=chain_id,
    )


def _sender(digest: bytes, parity: int, r: int, s: int) -> str:
    if parity not in (0, 1) or not 0 < s <= HALF_ORDER:
        raise NodeError(-32000, "invalid transaction v, r, s values")
    try:
        key = PublicKey.from_signature_and_message(r.to_bytes(32) + s.to_bytes(32) + bytes([parity]), digest, None)
    except Exception as error:  # coincurve raises bare Exception
        raise NodeError(-32000, "invalid transaction v, r, s values") from error
    return "0x" + keccak(key.format(compressed=False)[1:])[12:].hex()


def _number(field: bytes) -> int:
    if field[:1] == b"\0":
        raise ValueError("leading zero in a number")
    return int.from_bytes(field)


def _address(field: bytes) -> str | None:
    if len(field) not in (0, 20):
        raise ValueError(f"an address has 20 bytes, this has {len(field)}")
    return "0x" + bytes(field).hex() if field else None


def create_address(sender: str, nonce: int) -> str:
    """Where a contract creation of this sender and nonce goes."""
    return "0x" + keccak(rlp.encode([bytes.fromhex(sender[2:]), nonce]))[12:].hex()


def intrinsic_gas(data: bytes, creates: bool) -> int:
    """What a transaction costs before its first instruction (EIP-2028, EIP-2, EIP-3860)."""
    gas = BASE_GAS + TOKEN_GAS * _tokens(data)
    if creates:
        gas += CREATION_GAS + INITCODE_WORD_GAS * ((len(data) + 31) // 32)
    return gas


def floor_gas(data: bytes) -> int:
    """What a transaction costs at least (EIP-7623, Prague)."""
    return BASE_GAS + FLOOR_TOKEN_GAS * _tokens(data)


def _tokens(data: bytes) -> int:
    return 4 * len(data) - 3 * data.count(0)
