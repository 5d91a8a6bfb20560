"""State and execution: what accounts and storage hold, and what one transaction or call does to them, on pyrevm.

pyrevm keeps one journal for all its calls and shows what a call wrote only in its debug text. So the state is kept
here, as Python values, and the EVM mirrors it. Each execution runs inside a checkpoint that is taken back at once; what
it changed is read off the journal before, and applied as a change of its own, which can be undone.

The journal is empty between executions, so that each finds all cold and unwritten, as a transaction does: a slot that
is inserted while its account is not in the journal goes into the database below, where the checkpoint does not reach.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from eth_hash.auto import keccak
from pyrevm import EVM, AccountInfo, BlockEnv, CfgEnv, Env

from lockstep.simulation.chain_transactions import NodeError, create_address

__all__ = ["EMPTY", "Account", "Changes", "Execution", "Instant", "Key", "Log", "Machine"]

GAS_AT_MOST = 2**62
_WRITTEN = re.compile(r"StorageChange \{ address: (0x[0-9a-f]{40}), key: (\d+), had_value: (?:Some\((\d+)\)|None) \}")
_OUTPUT = re.compile(r"output: 0x([0-9a-f]*)")
_RESULT = re.compile(r"(Revert|Halt) \{")
_BLANK = AccountInfo()
_PADDING = 33


class Account(NamedTuple):
    """Wei, transactions sent (or contracts created), code."""

    balance: int = 0
    nonce: int = 0
    code: bytes = b""


EMPTY = Account()
Key = str | tuple[str, int]
"""An address, of an account; an address and a slot, of storage."""
Value = Account | int
Changes = dict[Key, tuple[Value, Value]]
"""Before and after, by key."""
Log = tuple[str, tuple[bytes, ...], bytes]


@dataclass(frozen=True, slots=True)
class Instant:
    """What the EVM knows of the block that it runs in."""

    number: int
    timestamp: int
    base_fee: int
    gas_limit: int
    coinbase: str


@dataclass(frozen=True, slots=True)
class Execution:
    """How a call or creation ended. `output` is what it returned or reverted with; `changes` leave fees out."""

    done: bool
    output: bytes
    gas: int
    logs: tuple[Log, ...]
    changes: Changes
    halted: str | None = None
    "Why the EVM stopped it, in revm's words; None where it did not."


class Machine:
    """The state at the head of a chain, and an EVM over it."""

    def __init__(self, chain_id: int) -> None:
        self._values: dict[Key, Value] = {}
        self._infos: dict[bytes, AccountInfo] = {}
        self._evm = EVM(env=Env(cfg=CfgEnv(chain_id=chain_id)), gas_limit=2**64 - 1, spec_id="CANCUN")

    def account(self, address: str) -> Account:
        return cast(Account, self._values.get(address, EMPTY))

    def slot(self, address: str, slot: int) -> int:
        return cast(int, self._values.get((address, slot), 0))

    def value(self, key: Key) -> Value:
        return self._values.get(key, EMPTY if isinstance(key, str) else 0)

    def put(self, values: Iterable[tuple[Key, Value]]) -> None:
        """Changes the state, without a trace of what it was."""
        for key, value in values:
            if value not in (0, EMPTY):
                self._values[key] = value
            else:
                self._values.pop(key, None)
            self._mirror(key, value)

    def call(
        self,
        instant: Instant,
        sender: str,
        to: str | None,
        data: bytes,
        *,
        value: int = 0,
        gas: int = GAS_AT_MOST,
        earlier: Mapping[Key, Value] | None = None,
    ) -> Execution:
        """A call that leaves nothing behind, on the state with `earlier` laid over it. `to` None creates.

        Raises NodeError for a contract that calls itself: revm takes no caller that has code, so it has none meanwhile.
        """
        laid = dict(earlier or {})
        caller = cast(Account, laid.get(sender, self.account(sender)))
        if caller.code:
            if sender == to:
                raise NodeError(-32000, f"a call of the contract {sender} to itself is not supported")
            laid[sender] = caller._replace(code=b"")
        self._enter(instant)
        for key, was in laid.items():
            self._mirror(key, was)
        mark = self._evm.snapshot()
        try:
            return self._run(sender, to, data, value, gas)
        finally:
            self._evm.revert(mark)
            for key in laid:
                self._mirror(key, self.value(key))

    def execute(self, instant: Instant, sender: str, to: str | None, data: bytes, *, value: int, gas: int) -> Execution:
        """What a transaction does, fees and the sender's nonce apart. Changes nothing yet: see `put`."""
        evm = self._evm
        self._enter(instant)
        mark = evm.snapshot()
        try:
            execution = self._run(sender, to, data, value, gas)
            if execution.done:
                self._read_changes(execution.changes)
            return execution
        finally:
            evm.revert(mark)

    def _run(self, sender: str, to: str | None, data: bytes, value: int, gas: int) -> Execution:
        evm, created = self._evm, to is None
        try:
            if to is None:
                evm.deploy(sender, data, value=value, gas=gas)
                output = b""
            else:
                output = bytes(evm.message_call(sender, to, data, value=value, gas=gas))
        except RuntimeError as error:
            text = str(error)
            kind = _RESULT.match(text)
            result = evm.result
            if kind is None or result is None:  # refused before its first instruction
                raise NodeError(-32000, text) from error
            found = _OUTPUT.search(text)
            output = bytes.fromhex(found[1]) if found else b""
            return Execution(False, output, result.gas_used, (), {}, None if kind[1] == "Revert" else result.reason)
        result = evm.result
        if result is None:
            raise RuntimeError("pyrevm ran without a result")
        if created:
            output = bytes.fromhex(create_address(sender, self.account(sender).nonce)[2:])
        return Execution(True, output, result.gas_used, tuple(_log(log) for log in result.logs), {})

    def _read_changes(self, changes: Changes) -> None:
        """Accounts by what the journal holds of them; storage by the journal's own list of writes."""
        evm = self._evm
        for address, info in evm.journal_state.items():
            key, code = address.lower(), info.code
            before = self.account(key)
            if code is not None and len(code) > 1:
                evm.insert_account_info(address, _BLANK)  # in the journal only, or its code is printed below
                after = Account(
                    info.balance, info.nonce, before.code or _original(bytes(code), bytes(info.code_hash or b""))
                )
            else:
                after = Account(info.balance, info.nonce)
            if after != before:
                changes[key] = (before, after)
        text = evm.journal_str
        start = text.index("], [", text.rindex("journal: [["))
        for address, slot, _ in _WRITTEN.findall(text, start):
            place = (address, int(slot))
            if place not in changes:
                before_, after_ = self.slot(*place), int(evm.storage(address, place[1]))
                if before_ != after_:
                    changes[place] = (before_, after_)

    def _mirror(self, key: Key, value: Value) -> None:
        if isinstance(key, str):
            self._evm.insert_account_info(key, self._info(cast(Account, value)))
        else:
            mark = self._evm.snapshot()
            self._evm.insert_account_storage(key[0], key[1], cast(int, value))
            self._evm.revert(mark)

    def _info(self, account: Account) -> AccountInfo:
        if not account.code:
            return AccountInfo(balance=account.balance, nonce=account.nonce)  # type: ignore[call-arg]  # pyrevm's stub has no defaults
        if account.balance or account.nonce != 1:
            return AccountInfo(balance=account.balance, nonce=account.nonce, code=account.code)  # type: ignore[call-arg]  # pyrevm's stub has no defaults
        if account.code not in self._infos:  # hashing 24 kB takes longer than a call
            self._infos[account.code] = AccountInfo(nonce=1, code=account.code)
        return self._infos[account.code]

    def _enter(self, instant: Instant) -> None:
        self._evm.set_block_env(
            BlockEnv(
                number=instant.number,
                timestamp=instant.timestamp,
                basefee=instant.base_fee,
                gas_limit=instant.gas_limit,
                coinbase=instant.coinbase,
            )
        )


def _log(log: Any) -> Log:
    topics, data = log.data
    return (str(log.address).lower(), tuple(bytes(topic) for topic in topics), bytes(data))


def _original(code: bytes, code_hash: bytes) -> bytes:
    """Code as it was deployed: revm keeps what it created with zeros behind, for its analysis."""
    for length in (len(code), len(code) - _PADDING):
        if keccak(code[:length]) == code_hash:
            return code[:length]
    raise RuntimeError(f"revm shows {len(code)} bytes of code that are not those of {code_hash.hex()}")
