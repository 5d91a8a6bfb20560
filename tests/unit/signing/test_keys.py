"""Keys: what a signature must look like, and the file that keeps a key."""

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.signing import Key, read_keystore, recover, write_keystore
from lockstep.testing.fakes import key

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = b"\x42" * 32
SIGNER = key("signer")
SIGNATURE = SIGNER.sign(DIGEST)
R, S, V = SIGNATURE[:32], int.from_bytes(SIGNATURE[32:64]), SIGNATURE[64]
LENGTH = "65 bytes: r, s, and v of 27 or 28"
LOW = "s in the lower half of the curve's order (EIP-2)"
CURVE = "a signature on secp256k1"


def word(number: int) -> bytes:
    return number.to_bytes(32)


@settings(max_examples=30)
@given(st.integers(1, 1_000), st.binary(min_size=32, max_size=32))
def test_sign_and_recover(secret: int, digest: bytes) -> None:
    signer = Key(word(secret))
    signature = signer.sign(digest)
    assert recover(digest, signature) == signer.address == Account.from_key(word(secret)).address
    assert signature == bytes(Account.unsafe_sign_hash(digest, word(secret)).signature)
    assert int.from_bytes(signature[32:64]) <= ORDER // 2 and signature[64] in (27, 28)


@pytest.mark.parametrize(
    ("signature", "rule"),
    [
        (b"", LENGTH),
        (SIGNATURE[:-1], LENGTH),
        (SIGNATURE + b"\x1b", LENGTH),
        (R + word(S)[:-1] + bytes([V]), LENGTH),
        *((R + word(S) + bytes([v]), LENGTH) for v in (0, 1, 26, 29, 55)),
        (R + word(ORDER - S) + bytes([55 - V]), LOW),
        (R + word(ORDER // 2 + 1) + b"\x1b", LOW),
        (R + b"\xff" * 32 + b"\x1b", LOW),
        (R + word(0) + b"\x1b", CURVE),
        (word(0) + word(S) + b"\x1b", CURVE),
        (word(ORDER) + word(S) + b"\x1b", CURVE),
        (b"\xff" * 32 + word(S) + b"\x1b", CURVE),
        (word(5) + word(S) + b"\x1b", CURVE),  # no point has this x
    ],
)
def test_refused(signature: bytes, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        recover(DIGEST, signature)
    assert (caught.value.field, caught.value.value, caught.value.rule) == ("signature", signature.hex(), rule)


def test_altered_it_is_somebody_elses() -> None:
    assert recover(DIGEST, SIGNATURE) == SIGNER.address
    assert recover(b"\x43" * 32, SIGNATURE) != SIGNER.address
    assert recover(DIGEST, R + word(S) + bytes([55 - V])) != SIGNER.address


def test_a_key_shows_its_address_only() -> None:
    assert repr(SIGNER) == str(SIGNER) == f"Key({SIGNER.address})"
    assert SIGNER.secret().hex() not in repr(SIGNER)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "agent.json"


@pytest.fixture
def kept(path: Path) -> Path:
    write_keystore(path, SIGNER, "correct horse", iterations=2)
    return path


def test_keystore_round_trip(kept: Path) -> None:
    assert read_keystore(kept, "correct horse").secret() == SIGNER.secret()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    content = json.loads(kept.read_text())
    assert content["version"] == 3 and SIGNER.secret().hex() not in kept.read_text()
    assert bytes(Account.decrypt(content, "correct horse")) == SIGNER.secret(), "any wallet opens it"


@pytest.mark.parametrize("password", ["", "correct horse ", "Correct horse"])
def test_wrong_password(kept: Path, password: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_keystore(kept, password)
    assert str(kept) in str(caught.value)


def test_missing(path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_keystore(path, "correct horse")
    assert str(caught.value) == f"keystore {path} is missing"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "5", '{"version":3}', '{"version":3,"crypto":[]}', "\x00"])
def test_no_keystore(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        read_keystore(path, "correct horse")
    assert str(caught.value).startswith(f"keystore {path}: ")


def test_never_overwritten(kept: Path) -> None:
    before = kept.read_bytes()
    with pytest.raises(FileExistsError):
        write_keystore(kept, key("another"), "x", iterations=2)
    assert kept.read_bytes() == before
