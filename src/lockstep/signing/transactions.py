"""Transactions of type 2 (EIP-1559), written and signed byte for byte as every node takes them.

eth-account does the same for every kind of transaction, in ten times the time. Here is the one kind that Lockstep
sends: no access list, no value, a contract or nobody's code at the other end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import rlp
from eth_utils.crypto import keccak

from lockstep.domain.errors import InvalidInput

__all__ = ["SignedTransaction", "SigningKey", "Unsigned", "sign_transaction"]

_TYPE = b"\x02"


class SigningKey(Protocol):
    """A key that signs, wherever it is: a file that was decrypted, a hardware security module (PKCS#11), a cloud's key
    management. It never has to show its secret."""

    @property
    def address(self) -> str:
        """Whose signatures these are: EIP-55 text."""

    def sign(self, digest: bytes) -> bytes:
        """65 bytes over 32: r, s in the lower half of the order (EIP-2), v of 27 or 28.

        Raises Unavailable where a device does not answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A call as it is to be signed: gas in units, fees in wei per gas."""

    chain_id: int
    nonce: int
    to: str
    data: bytes
    gas: int
    priority_fee: int
    max_fee: int

    def payload(self) -> bytes:
        """What is hashed to be signed; it can be stored and read again."""
        return _TYPE + _list(self._fields())

    def digest(self) -> bytes:
        """The 32 bytes that the key signs."""
        return keccak(self.payload())

    def dearer(self, priority_fee: int, max_fee: int) -> "Unsigned":
        """The same call under the same nonce for other fees."""
        return replace(self, priority_fee=priority_fee, max_fee=max_fee)

    def _fields(self) -> list[bytes]:
        to = bytes.fromhex(self.to.removeprefix("0x"))
        numbers = (self.chain_id, self.nonce, self.priority_fee, self.max_fee, self.gas)
        return [*map(_number, numbers), _bytes(to), _number(0), _bytes(self.data), _list([])]

    @classmethod
    def read(cls, data: bytes) -> "Unsigned":
        """Of a payload, or of a signed transaction's bytes. Raises InvalidInput for anything else."""
        try:
            fields: Any = rlp.decode(data[1:]) if data[:1] == _TYPE else ()
            chain_id, nonce, priority_fee, max_fee, gas, to, value, call, accesses = fields[:9]
        except (rlp.exceptions.DecodingError, ValueError, TypeError) as error:
            raise InvalidInput("transaction", data.hex(), "of type 2 (EIP-1559)") from error
        if value or accesses or len(to) != 20:
            raise InvalidInput("transaction", data.hex(), "a call without value and without an access list")
        return cls(
            chain_id=int.from_bytes(chain_id),
            nonce=int.from_bytes(nonce),
            priority_fee=int.from_bytes(priority_fee),
            max_fee=int.from_bytes(max_fee),
            gas=int.from_bytes(gas),
            to="0x" + to.hex(),
            data=bytes(call),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """What leaves: the bytes, and the hash under which the chain knows them."""

    raw: bytes
    hash: str


def sign_transaction(unsigned: Unsigned, key: SigningKey) -> SignedTransaction:
    """Signs; the same call by the same key of a file gives the same bytes (RFC 6979)."""
    fields = unsigned._fields()
    signature = key.sign(keccak(_TYPE + _list(fields)))
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise InvalidInput("signature", signature.hex(), "65 bytes: r, s, and v of 27 or 28")
    words = (signature[64] - 27, int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]))
    raw = _TYPE + _list([*fields, *map(_number, words)])
    return SignedTransaction(raw=raw, hash="0x" + keccak(raw).hex())


def _number(value: int) -> bytes:
    return _bytes(value.to_bytes((value.bit_length() + 7) // 8))


def _bytes(value: bytes) -> bytes:
    """RLP of a text (Yellow Paper, appendix B)."""
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _length(len(value), 0x80) + value


def _list(items: Sequence[bytes]) -> bytes:
    """RLP of a list whose items are RLP already."""
    body = b"".join(items)
    return _length(len(body), 0xC0) + body


def _length(size: int, offset: int) -> bytes:
    if size < 56:
        return bytes([offset + size])
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([offset + 55 + len(digits)]) + digits
