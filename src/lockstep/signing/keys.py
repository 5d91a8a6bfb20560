"""secp256k1 keys: signing, recovering, and the encrypted file that keeps one (Web3 Secret Storage v3).

What takes a while to import is imported where it is used: commands that have no key start without it.
"""

import json
import os
from functools import lru_cache
from pathlib import Path

from coincurve import PrivateKey, PublicKey

from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.signing.words import keccak

__all__ = ["Key", "keystore_address", "read_keystore", "recover", "write_keystore"]

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Key:
    """A private key. Shows its address only; sign what you have checked, not what you were handed."""

    __slots__ = ("_private", "address")

    def __init__(self, secret: bytes) -> None:
        """`secret` is 32 bytes. Raises ValueError for what is no key of the curve."""
        if len(secret) != 32:
            raise ValueError("a key has 32 bytes")
        self._private = PrivateKey(secret)
        self.address: str = _address(self._private.public_key.format(compressed=False))

    def __repr__(self) -> str:
        return f"Key({self.address})"

    def sign(self, digest: bytes) -> bytes:
        """65 bytes: r, s in the lower half of the order, v of 27 or 28. The nonce follows from both (RFC 6979)."""
        signature = self._private.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])

    def secret(self) -> bytes:
        """The key itself, for a transaction signer or a keystore file."""
        return self._private.secret


def recover(digest: bytes, signature: bytes) -> str:
    """Who signed. Raises InvalidInput for anything but 65 bytes with low s and v of 27 or 28."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise InvalidInput("signature", signature.hex(), "65 bytes: r, s, and v of 27 or 28")
    if int.from_bytes(signature[32:64], "big") > _ORDER // 2:
        raise InvalidInput("signature", signature.hex(), "s in the lower half of the curve's order (EIP-2)")
    try:
        return _signer(bytes(digest), bytes(signature))
    except Exception as error:  # the library raises Exception itself, and ValueError
        raise InvalidInput("signature", signature.hex(), "a signature on secp256k1") from error


@lru_cache(maxsize=65_536)
def _signer(digest: bytes, signature: bytes) -> str:
    """Kept, as what lies on the board is looked at again and again: a proof asks for three signatures a trade."""
    raw = signature[:64] + bytes([signature[64] - 27])
    return _address(PublicKey.from_signature_and_message(raw, digest, hasher=None).format(compressed=False))


@lru_cache(maxsize=4096)
def _address(public_key: bytes) -> str:
    """EIP-55, of an uncompressed key with its 0x04 before it; the same few come again and again."""
    from eth_utils.address import to_checksum_address

    return str(to_checksum_address(keccak(public_key[1:])[-20:]))


def write_keystore(path: Path, key: Key, password: str, *, iterations: int = 262_144) -> None:
    """Encrypts a key into a new file, readable by its owner only. An existing file is never replaced."""
    from eth_account import Account

    content = Account.encrypt(key.secret(), password, kdf="pbkdf2", iterations=iterations)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())


def read_keystore(path: Path, password: str) -> Key:
    """Raises Misconfigured if the file is missing, is no keystore, or the password is wrong."""
    from eth_account import Account

    try:
        return Key(bytes(Account.decrypt(json.loads(path.read_text()), password)))
    except FileNotFoundError as error:
        raise Misconfigured(f"keystore {path} is missing") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"keystore {path}: {error}") from error


def keystore_address(path: Path) -> str:
    """Whose key it says it has; needs no password, and proves nothing. Raises Misconfigured."""
    from eth_utils.address import to_checksum_address

    try:
        return str(to_checksum_address(json.loads(path.read_text())["address"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"keystore {path}: {error}") from error
