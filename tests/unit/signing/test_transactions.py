"""Transactions as eth-account writes and signs them, byte for byte, and keys that never show their secret."""

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.errors import InvalidInput
from lockstep.signing import Key
from lockstep.signing.transactions import SigningKey, Unsigned, sign_transaction
from lockstep.testing.fakes import key

FEES = st.integers(0, 2**70)


@st.composite
def calls(draw: st.DrawFn) -> Unsigned:
    tip = draw(FEES)
    return Unsigned(
        chain_id=draw(st.integers(1, 2**53)),
        nonce=draw(st.one_of(st.sampled_from([0, 1, 127, 128, 255, 256]), st.integers(0, 2**64 - 2))),
        to="0x" + draw(st.binary(min_size=20, max_size=20)).hex(),
        data=draw(st.one_of(st.sampled_from([b"", b"\0", b"\x7f", b"\x80"]), st.binary(max_size=400))),
        gas=draw(st.integers(21_000, 2**30)),
        priority_fee=tip,
        max_fee=tip + draw(FEES),
    )


def known(unsigned: Unsigned, secret: bytes) -> tuple[bytes, str]:
    """By eth-account."""
    terms = {
        "type": 2,
        "chainId": unsigned.chain_id,
        "nonce": unsigned.nonce,
        "to": bytes.fromhex(unsigned.to[2:]),
        "value": 0,
        "data": unsigned.data,
        "gas": unsigned.gas,
        "maxPriorityFeePerGas": unsigned.priority_fee,
        "maxFeePerGas": unsigned.max_fee,
    }
    signed = Account.sign_transaction(terms, secret)
    return bytes(signed.raw_transaction), signed.hash.to_0x_hex()


@given(calls(), st.binary(min_size=32, max_size=32).filter(lambda one: 0 < int.from_bytes(one) < 2**255))
def test_the_bytes_are_eth_accounts(unsigned: Unsigned, secret: bytes) -> None:
    signed = sign_transaction(unsigned, Key(secret))
    assert (signed.raw, signed.hash) == known(unsigned, secret)


@pytest.mark.parametrize("size", [0, 1, 55, 56, 255, 256, 65_535, 65_536, 120_000])
def test_data_of_any_length(size: int) -> None:
    data, secret = bytes(range(256)) * (size // 256 + 1), key("operator").secret()
    unsigned = Unsigned(
        chain_id=31_337, nonce=7, to="0x" + "11" * 20, data=data[:size], gas=10**7, priority_fee=1, max_fee=2
    )
    assert sign_transaction(unsigned, Key(secret)).raw == known(unsigned, secret)[0]


@given(calls())
def test_what_was_stored_is_read_again_signed_or_not(unsigned: Unsigned) -> None:
    assert Unsigned.read(unsigned.payload()) == unsigned
    assert Unsigned.read(sign_transaction(unsigned, key("operator")).raw) == unsigned
    dearer = unsigned.dearer(unsigned.priority_fee + 1, unsigned.max_fee + 2)
    assert dearer.digest() != unsigned.digest() and dearer.nonce == unsigned.nonce


@pytest.mark.parametrize("data", [b"", b"\x02", b"\x01\xc0", b"\x02\xc0", b"\x02" + b"\xff" * 40])
def test_what_is_no_such_transaction_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="transaction"):
        Unsigned.read(data)


class Device:
    """A module that signs and gives nothing else: what PKCS#11 or a cloud's key management is to its caller."""

    def __init__(self, secret: bytes) -> None:
        inner = Key(secret)
        self.address, self.asked = inner.address, list[bytes]()
        self._sign = inner.sign

    def sign(self, digest: bytes) -> bytes:
        self.asked.append(digest)
        return self._sign(digest)


def test_a_device_that_never_gives_its_secret_signs_the_same() -> None:
    secret = key("operator").secret()
    device: SigningKey = Device(secret)
    unsigned = Unsigned(chain_id=1, nonce=0, to="0x" + "22" * 20, data=b"lock", gas=21_000, priority_fee=1, max_fee=2)
    assert not hasattr(device, "secret")
    assert sign_transaction(unsigned, device).raw == known(unsigned, secret)[0]


def test_a_device_whose_answer_is_no_signature_is_refused() -> None:
    class Broken(Device):
        def sign(self, digest: bytes) -> bytes:
            return super().sign(digest)[:64] + b"\x00"

    unsigned = Unsigned(chain_id=1, nonce=0, to="0x" + "22" * 20, data=b"", gas=21_000, priority_fee=1, max_fee=2)
    with pytest.raises(InvalidInput, match="v of 27 or 28"):
        sign_transaction(unsigned, Broken(b"\x01" * 32))
