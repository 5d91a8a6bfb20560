"""An EVM in this process: deploy, call, read logs and storage, take back. No blocks, no fees, no nonces checked.

pyrevm runs all calls in one journal, as if they were one transaction. Results, logs and storage are those of
transactions of their own, which `tests/contracts/test_machine_evm.py` shows beside py-evm. Gas is not: what an earlier
call touched is warm, and what it wrote is dirty already, so a call costs less here than in a block, never more.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import default_codec
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic, function_abi_to_4byte_selector
from pyrevm import EVM, AccountInfo, BlockEnv, CfgEnv, Env

from .abi import decoder, encoder

__all__ = ["CHAIN_ID", "Chain", "Codec", "Log", "Outcome", "mapped"]

CHAIN_ID = 131_277_322_940_537
SIZE_LIMIT = 2**20
REVERTED = re.compile(r"output: 0x([0-9a-f]*)")
TOO_LITTLE = "CallGasCostMoreThanGasLimit"
RESULT = re.compile(r"(?:Revert|Halt) \{")
Log = tuple[str, tuple[bytes, ...], bytes]
PANIC = bytes.fromhex("4e487b71")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call ended: what it returned, or the data that it reverted with; empty too if it ran out of gas."""

    done: bool
    data: bytes
    gas: int
    logs: tuple[Log, ...]


class Chain:
    """One EVM and its clock. Addresses are lower-case hexadecimal throughout."""

    def __init__(self, now: int, chain_id: int = CHAIN_ID) -> None:
        self._block = BlockEnv(number=1, timestamp=now, gas_limit=2**62)
        self.evm = EVM(
            env=Env(cfg=CfgEnv(chain_id=chain_id, limit_contract_code_size=SIZE_LIMIT), block=self._block),
            spec_id="PRAGUE",
        )

    @property
    def now(self) -> int:
        return int(self._block.timestamp or 0)

    @now.setter
    def now(self, time: int) -> None:
        self._block.timestamp = time
        self.evm.set_block_env(self._block)

    def deploy(self, sender: str, code: bytes) -> str:
        """Raises RuntimeError with the revert data when the constructor refuses."""
        return str(self.evm.deploy(sender, code)).lower()

    def call(self, sender: str, to: str, data: bytes, gas: int, static: bool = False) -> Outcome:
        try:
            answer = bytes(self.evm.message_call(sender, to, data, gas=gas, is_static=static))
        except RuntimeError as error:
            text = str(error)
            if TOO_LITTLE in text:
                return Outcome(False, b"", gas, ())
            if not RESULT.match(text):
                raise
            found = REVERTED.search(text)
            result = self.evm.result
            return Outcome(False, bytes.fromhex(found[1]) if found else b"", result.gas_used if result else 0, ())
        result = self.evm.result
        if result is None:
            raise RuntimeError("a call without a result")
        return Outcome(True, answer, result.gas_used, tuple(_log(log) for log in result.logs))

    def codes(self, addresses: Sequence[str]) -> dict[str, bytes]:
        return {one: bytes(self.evm.get_code(one) or b"") for one in addresses}

    def put_code(self, address: str, code: bytes) -> None:
        """In the place of the contract's own, for good: no {revert} takes it back. Storage stays."""
        self.evm.insert_account_info(address, AccountInfo(nonce=1, code=code))

    def storage(self, address: str, slot: int) -> int:
        return int(self.evm.storage(address, slot))

    def snapshot(self) -> Any:
        return self.evm.snapshot()

    def revert(self, mark: Any) -> None:
        self.evm.revert(mark)


class Codec:
    """Calldata, answers, events and errors by the contracts' ABIs."""

    def __init__(self, abis: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self._calls: dict[tuple[str, str], tuple[bytes, Any]] = {}
        self._answers: dict[tuple[str, str], Any] = {}
        self._errors: dict[bytes, tuple[str, list[str]]] = {}
        self._events: dict[bytes, tuple[str, list[tuple[str, Any]], Any]] = {}
        self.mutating: dict[str, set[str]] = {}
        for contract, abi in abis.items():
            self.mutating[contract] = set()
            for one in abi:
                self._learn(contract, one)

    def _learn(self, contract: str, one: Any) -> None:
        types = [collapse_if_tuple(item) for item in one.get("inputs", ())]
        if one["type"] == "error":
            self._errors[bytes(function_abi_to_4byte_selector(one))] = (one["name"], types)
        elif one["type"] == "event":
            indexed = [(item["name"], decoder([item["type"]])) for item in one["inputs"] if item["indexed"]]
            self._events[bytes(event_abi_to_log_topic(one))] = (one["name"], indexed, _unindexed(one))
        elif one["type"] == "function":
            self._calls[contract, one["name"]] = (bytes(function_abi_to_4byte_selector(one)), encoder(types))
            self._answers[contract, one["name"]] = decoder([collapse_if_tuple(item) for item in one["outputs"]])
            if one["stateMutability"] not in ("view", "pure"):
                self.mutating[contract].add(one["name"])

    @staticmethod
    def constructor(one: Mapping[str, Any], arguments: Sequence[Any]) -> bytes:
        return bytes(default_codec.encode([collapse_if_tuple(item) for item in one["inputs"]], arguments))

    def encode(self, contract: str, function: str, arguments: Sequence[Any]) -> bytes:
        selector, encode = self._calls[contract, function]
        return selector + bytes(encode(arguments))

    def answer(self, contract: str, function: str, data: bytes) -> tuple[Any, ...]:
        return tuple(self._answers[contract, function](data))

    def name_of(self, data: bytes) -> str:
        """The error's name; "" if there is no revert data, "?" if no contract knows it."""
        if not data:
            return ""
        if data[:4] == PANIC:
            return "Panic"
        return self._errors.get(data[:4], ("?",))[0]

    def refusal(self, data: bytes) -> tuple[Any, ...]:
        """(name, argument, …) of revert data."""
        name = self.name_of(data)
        types = self._errors.get(data[:4], ("", []))[1]
        try:
            return (name, *default_codec.decode(types, data[4:]))
        except DecodingError:
            # Not what a contract of ours says: a liar's, or cut off in a batch.
            return (name,)

    def event(self, log: Log) -> tuple[str, dict[str, Any]]:
        """Name and arguments; ("?", {}) of an event that no contract has."""
        if not log[1] or log[1][0] not in self._events:
            return ("?", {})
        name, indexed, unindexed = self._events[log[1][0]]
        values = {key: decode(topic)[0] for (key, decode), topic in zip(indexed, log[1][1:], strict=True)}
        return name, values | unindexed(log[2])


def _unindexed(event: Mapping[str, Any]) -> Any:
    """How to read an event's data: names to values; structs of words are read word by word."""
    plain = [one for one in event["inputs"] if not one["indexed"]]
    if any(part["type"].endswith("[]") for one in plain for part in one.get("components", ())):
        whole, titles = [collapse_if_tuple(one) for one in plain], [one["name"] for one in plain]
        return lambda data: dict(zip(titles, default_codec.decode(whole, data), strict=True))
    flat = [(one["name"], part["type"]) for one in plain for part in one.get("components", [one])]
    decode, names = decoder([type_ for _, type_ in flat]), [one["name"] for one in plain]
    if not any(one["type"] == "tuple" for one in plain):
        return lambda data: dict(zip(names, decode(data), strict=True))
    sizes = [len(one.get("components", [one])) for one in plain]

    def read(data: bytes) -> dict[str, Any]:
        words, found, start = decode(data), {}, 0
        for name, size in zip(names, sizes, strict=True):
            found[name] = words[start : start + size] if size > 1 else words[start]
            start += size
        return found

    return read


def mapped(key: int, slot: int) -> int:
    """Where a mapping at `slot` keeps `key`."""
    return int.from_bytes(keccak(key.to_bytes(32) + slot.to_bytes(32)))


def _log(log: Any) -> Log:
    topics, data = log.data
    return (str(log.address).lower(), tuple(bytes(topic) for topic in topics), bytes(data))
