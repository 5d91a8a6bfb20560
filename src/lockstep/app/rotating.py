"""New agents and roles: a next epoch is written to a file, then signed by a quorum or put through by two roles.

The file is what everybody looks at and signs: `{"epoch", "agents", "quorum", "faulty", "officer", "confirmer"}`.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockstep.app.officiating import Observer, Office
from lockstep.chain.ledger import EvmAssetLedger, packed, read, rotation_words, serving
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.order import Rotation
from lockstep.signing import Key, build_rotation_proof, recover, rotation_digest

__all__ = ["Rotations", "content", "read_rotation", "read_signature", "write_rotation", "write_signature"]

_FIELDS = ("epoch", "agents", "quorum", "faulty", "officer", "confirmer")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
LARGEST_FILE = 16_384


class Rotations:
    """The next epoch: drafted and signed by whoever can look, moved by whoever has a desk."""

    def __init__(self, eyes: Observer) -> None:
        self._eyes, self._node, self._network = eyes, eyes.node, eyes.market.network

    def draft(
        self,
        *,
        swaps: Sequence[tuple[str, str]] = (),
        joining: Sequence[str] = (),
        leaving: Sequence[str] = (),
        **changes: int | str,
    ) -> Rotation:
        """The present epoch with some agents changed, under the next number. `changes`: quorum, faulty and roles."""
        now = serving(self._node, self._network.dvp)
        agents = set(now.agents)
        for left, came in [*swaps, *((one, None) for one in leaving)]:
            gone = self._eyes.address("agent", left)
            if gone not in agents:
                raise InvalidInput("agent", left, f"an agent of epoch {now.number}")
            agents.remove(gone)
            agents |= {self._eyes.address("agent", came)} if came else set()
        agents |= {self._eyes.address("agent", one) for one in joining}
        roles: dict[str, Any] = {
            name: self._eyes.address(name, value) if isinstance(value, str) else value
            for name, value in changes.items()
        }
        return replace(now, number=now.number + 1, agents=_ascending(agents), **roles)

    def sign(self, rotation: Rotation, key: Key) -> bytes:
        """One present agent's word for it. Raises InvalidInput where its word would not count."""
        now = serving(self._node, self._network.dvp)
        if key.address not in now.agents:
            raise InvalidInput("agent", key.address, f"an agent of epoch {now.number}, which decides on the next")
        return key.sign(self._digest(rotation))

    def serving_among(self, keys: Sequence[Key]) -> Key:
        """Of an agent's keys the one that serves now, else its first."""
        now = serving(self._node, self._network.dvp)
        return next((one for one in keys if one.address in now.agents), keys[0])

    def start(self, rotation: Rotation, signatures: Sequence[bytes]) -> Mapping[str, Any]:
        """On a quorum's signatures, at once. Anyone may."""
        digest, epoch = self._digest(rotation), EvmAssetLedger(self._node, self._network).epoch()
        proof = build_rotation_proof(rotation, signatures, epoch, self._network)
        if proof is None:
            signers = sorted({_signer(digest, one) for one in signatures} & set(epoch.agents))
            rule = f"{epoch.quorum} of epoch {epoch.number}'s agents, over this very file"
            raise InvalidInput("signatures", signers, rule)
        return self._act("rotate", rotation, packed(proof))

    def propose(self, rotation: Rotation) -> Mapping[str, Any]:
        """By the officer, without the agents; takes the place of an earlier proposal, and its wait begins anew."""
        self._digest(rotation)
        told = self._act("proposeRotation", rotation)
        (delay,) = read(self._node, "DvP", self._network.dvp, "ROTATION_DELAY")
        receipt = self._node.receipt(told["transaction"])
        assert receipt is not None  # it is in a block
        at = self._node.block(receipt["blockNumber"]).timestamp
        return {**told, "confirmable_after": datetime.fromtimestamp(at + delay, UTC).isoformat()}

    def confirm(self, rotation: Rotation) -> Mapping[str, Any]:
        """By the confirmer, once the wait is over: the epoch begins."""
        self._digest(rotation)
        return self._act("confirmRotation", rotation)

    def _act(self, function: str, rotation: Rotation, *more: object) -> Mapping[str, Any]:
        if not isinstance(self._eyes, Office):
            raise Refused("ReadOnly", {"call": function})
        transaction = self._eyes.desk.act("DvP", self._network.dvp, function, rotation_words(rotation), *more)
        return {**content(rotation), "transaction": transaction}

    def _digest(self, rotation: Rotation) -> bytes:
        """What agents sign, as we and the contract compute it. Raises InvalidInput for any but the next epoch."""
        now = serving(self._node, self._network.dvp)
        for one in (*rotation.agents, rotation.officer, rotation.confirmer):
            self._eyes.address("address", one)
        if rotation.number != now.number + 1:
            raise InvalidInput("epoch", rotation.number, f"{now.number + 1}: epoch {now.number} serves now")
        digest = rotation_digest(rotation, self._network)
        (theirs,) = read(self._node, "DvP", self._network.dvp, "rotationDigest", rotation_words(rotation))
        if digest != theirs:
            raise InvalidInput("rotation", digest.hex(), f"what the contract computes, {theirs.hex()}")
        return digest


def content(rotation: Rotation) -> dict[str, Any]:
    """What the file says."""
    return dict(
        zip(
            _FIELDS,
            (
                rotation.number,
                list(rotation.agents),
                rotation.quorum,
                rotation.faulty,
                rotation.officer,
                rotation.confirmer,
            ),
            strict=True,
        )
    )


def write_rotation(path: Path, rotation: Rotation) -> None:
    """A new file, never over another. Raises InvalidInput where there is one."""
    _write(path, content(rotation))


def read_rotation(path: Path) -> Rotation:
    """Raises InvalidInput with the field that breaks its rule."""
    given = _read(path)
    if given.keys() != set(_FIELDS):
        raise InvalidInput(str(path), sorted(given), f"exactly the fields {', '.join(_FIELDS)}")
    agents = given["agents"]
    if not isinstance(agents, list):
        raise InvalidInput("agents", agents, "a list of addresses")
    for name, value in (("officer", given["officer"]), ("confirmer", given["confirmer"]), *_named("agent", agents)):
        if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
            raise InvalidInput(name, value, "an address: 0x and 40 hexadecimal digits")
    for name, limit in (("epoch", 2**32), ("quorum", 2**8), ("faulty", 2**8)):
        if isinstance(given[name], bool) or not isinstance(given[name], int) or not 0 <= given[name] < limit:
            raise InvalidInput(name, given[name], f"a whole number from 0 to {limit - 1}")
    if tuple(agents) != _ascending(set(agents)):
        raise InvalidInput("agents", agents, "ascending by address, none twice")
    return Rotation(
        number=given["epoch"],
        agents=tuple(agents),
        quorum=given["quorum"],
        faulty=given["faulty"],
        officer=given["officer"],
        confirmer=given["confirmer"],
    )


def write_signature(path: Path, agent: str, signature: bytes) -> Path:
    """Beside the rotation's file, named after it and the agent; signing again leaves what is there."""
    beside = path.with_name(f"{path.stem}.{agent}.json")
    if not beside.exists():
        _write(beside, {"agent": agent, "signature": signature.hex()})
    return beside


def read_signature(path: Path) -> bytes:
    """Raises InvalidInput for anything but one of ours."""
    try:
        return bytes.fromhex(_read(path)["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(str(path), error, 'JSON with "signature", in hexadecimal digits') from error


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        given = json.loads(data)
    except OSError as error:
        raise InvalidInput("file", path, f"readable: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput("file", path, f"JSON of at most {LARGEST_FILE} bytes: {error}") from error
    if not isinstance(given, dict):
        raise InvalidInput("file", path, "a JSON object")
    return given


def _write(path: Path, given: Mapping[str, Any]) -> None:
    try:
        with path.open("x") as file:
            json.dump(given, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise InvalidInput("file", path, "a name that is not taken yet") from error
    except OSError as error:
        raise InvalidInput("file", path, f"writable: {error.strerror}") from error


def _named(name: str, values: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(name, value) for value in values]


def _ascending(agents: set[str]) -> tuple[str, ...]:
    return tuple(sorted(agents, key=lambda one: int(one, 16)))


def _signer(digest: bytes, signature: bytes) -> str:
    try:
        return recover(digest, signature)
    except InvalidInput:
        return "nobody"
