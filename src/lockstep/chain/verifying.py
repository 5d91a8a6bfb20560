"""Comparing a chain with a manifest, value by value.

Nothing of the manifest is taken on trust where it can be worked out: addresses follow from the shipped creation code
and the arguments, the expected code and the first values of all parameters from running the constructors here. What
changed since is followed event by event; a value that no event explains is a failure.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from lockstep.chain.artifacts import artifact
from lockstep.chain.deployment import ZERO
from lockstep.chain.factory import PROXY_RUNTIME, factory_of
from lockstep.chain.history import Happened, happened
from lockstep.chain.ledger import call_data
from lockstep.chain.manifest import DeployedContract, Manifest, parameters_of
from lockstep.chain.named import constructor_data, creation_code
from lockstep.chain.node import Node
from lockstep.chain.planning import DVP, REGISTRY, Planned, Planner
from lockstep.chain.watched import Watched, watched
from lockstep.domain.errors import ContractRefused, Contradiction, InvalidInput, LockstepError

__all__ = ["Finding", "Verdict", "verify"]

NO_ANSWER = "no answer"


class Verdict(Enum):
    """OK: as deployed. CHANGED: otherwise, by an event on the chain. FAIL: otherwise, by nothing that explains it."""

    OK = "OK"
    CHANGED = "CHANGED"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One comparison. `expected` is the value as deployed; `event` tells what changed it."""

    verdict: Verdict
    field: str
    expected: str
    found: str
    event: str | None = None

    def as_json(self) -> dict[str, str | None]:
        return {
            "verdict": self.verdict.value,
            "field": self.field,
            "expected": self.expected,
            "found": self.found,
            "event": self.event,
        }


def verify(node: Node, manifest: Manifest) -> list[Finding]:
    """Every comparison, in the manifest's order. Raises Unavailable if the node does not answer."""
    return list(_Verification(node, manifest).findings())


class _Verification:
    def __init__(self, node: Node, manifest: Manifest) -> None:
        self._node, self._manifest = node, manifest
        self._planner = Planner(manifest.chain_id, manifest.factory.address, manifest.salt)
        self._holders: dict[str, str] = {}
        self._agents: tuple[str, ...] = ()

    def findings(self) -> Iterator[Finding]:
        manifest = self._manifest
        chain = _compared("chain_id", manifest.chain_id, self._node.chain_id())
        yield chain
        if chain.verdict is Verdict.FAIL:
            return  # everything else would be about another chain
        yield from self._rules()
        yield _compared(
            "factory/address",
            factory_of(manifest.factory.kind, manifest.roles.deployer).address,
            manifest.factory.address,
        )
        yield _compared("factory/code", _hash(PROXY_RUNTIME), _hash(self._node.code(manifest.factory.address)))
        for one in manifest.contracts:
            yield from self._contract(one)
        yield from self._separation()

    def _rules(self) -> Iterator[Finding]:
        """What the manifest says against itself."""
        try:
            self._manifest.roles.check()
            yield Finding(verdict=Verdict.OK, field="roles", expected="no key in two", found="no key in two")
        except InvalidInput as error:
            yield Finding(verdict=Verdict.FAIL, field=error.field, expected=error.rule, found=error.value)
        ids = [one.id for one in self._manifest.contracts]
        for needed in (REGISTRY, DVP):
            if ids.count(needed) != 1:
                yield _compared(f"contracts/{needed}", "one", str(ids.count(needed)))

    # --- one contract

    def _contract(self, one: DeployedContract) -> Iterator[Finding]:
        shipped = _compared(f"{one.id}/creation_code", one.creation_code_hash, _hash(creation_code(one.contract)))
        yield shipped
        if shipped.verdict is Verdict.FAIL:
            return  # another version of the package deployed it: only that version can judge it
        init_code = creation_code(one.contract) + constructor_data(one.contract, one.arguments)
        yield _compared(f"{one.id}/init_code", one.init_code_hash, _hash(init_code))
        yield _compared(f"{one.id}/compiler", one.compiler, artifact(one.contract).compiler)
        try:
            planned = self._planner.add(one.id, one.contract, one.arguments)
        except LockstepError as error:
            yield Finding(verdict=Verdict.FAIL, field=f"{one.id}/arguments", expected="accepted", found=str(error))
            return
        yield _compared(f"{one.id}/address", planned.address, one.address)
        code = self._node.code(one.address)
        yield from _code(one.id, one.contract, planned.runtime, planned.arguments, code)
        if code:
            yield _compared(
                f"{one.id}/runtime_code_hash in the manifest", _hash(planned.runtime), one.runtime_code_hash
            )
        yield from self._parts(one, planned)
        if code:
            yield from self._values(one, planned)
            yield self._born(one)

    def _parts(self, one: DeployedContract, planned: Planned) -> Iterator[Finding]:
        """What its constructor created, and runs as its own: code, address, and the shipped contract of that name."""
        listed = [part.contract for part in one.parts]
        expected = [part.contract for part in planned.parts]
        if listed != expected:
            yield _compared(f"{one.id}/parts", expected, listed)
            return
        for part, right in zip(one.parts, planned.parts, strict=True):
            name, compiled = f"{one.id}/{part.contract}", artifact(part.contract)
            holes = _holes(part.contract)
            yield _compared(
                f"{name}/shipped",
                _hash(_masked(bytes.fromhex(compiled.deployed_bytecode.removeprefix("0x")), holes)),
                _hash(_masked(right.runtime, holes)),
            )
            yield _compared(f"{name}/address", right.address, part.address)
            yield from _code(name, part.contract, right.runtime, {}, self._node.code(right.address))
            yield _compared(f"{name}/runtime_code_hash in the manifest", _hash(right.runtime), part.runtime_code_hash)

    def _born(self, one: DeployedContract) -> Finding:
        """The transaction that created it, where the manifest names one."""
        field, expected = f"{one.id}/transaction", f"{one.transaction} in block {one.block}"
        if one.transaction is None:
            return Finding(verdict=Verdict.OK, field=field, expected="not recorded", found="not recorded")
        receipt = self._node.receipt(one.transaction)
        if receipt is None:
            return _compared(field, expected, "unknown to this node")
        return _compared(field, expected, f"{one.transaction} in block {receipt['blockNumber']}")

    def _values(self, one: DeployedContract, planned: Planned) -> Iterator[Finding]:
        first = parameters_of(self._planner.rebuilt, planned)
        for name in sorted({*first, *one.parameters}):
            if first.get(name) != one.parameters.get(name):
                yield _compared(f"{one.id}/{name} in the manifest", first.get(name), one.parameters.get(name))
        names = sorted({name for value in watched(one.contract) for name in value.changes})
        try:
            events = happened(self._node, one.contract, one.address, names, one.block or 0)
        except Contradiction as error:
            yield _compared(f"{one.id}/events", f"those of {one.contract}", str(error))
            return
        for value in watched(one.contract):
            found = self._read(one.address, value)
            yield self._judged(one, value, first[value.name], found, events)
            if value.role is not None:
                yield from self._role(one, value, first[value.name], found)
        if one.id == DVP:
            yield from self._epoch(one, events)
        if one.contract == "SecurityToken":
            yield from self._lanes(one)

    def _read(self, address: str, value: Watched) -> Any:
        try:
            return value.value(self._node.call(address, value.call_data()))
        except (ContractRefused, InvalidInput) as error:  # code that is not the contract's
            return f"{NO_ANSWER}: {error}"[:120]

    def _judged(self, one: DeployedContract, value: Watched, first: Any, found: Any, events: list[Happened]) -> Finding:
        """A value now against its start and what became of it by events. The constructor's own say the start."""
        now, last = first, None
        created = one.transaction or (events[0].transaction if events else None)
        for event in events:
            if event.name in value.changes:
                after = value.changes[event.name](now, event.arguments)
                if event.transaction == created and after != first:
                    return Finding(
                        verdict=Verdict.FAIL,
                        field=f"{one.id}/{value.name}",
                        expected=_text(first),
                        found=f"{_text(after)} from the beginning: {event}",
                    )
                now, last = after, event if after != now else last
        field = f"{one.id}/{value.name}"
        if found == now:
            verdict = Verdict.OK if now == first else Verdict.CHANGED
            return Finding(
                verdict=verdict,
                field=field,
                expected=_text(first),
                found=_text(found),
                event=str(last) if last and verdict is Verdict.CHANGED else None,
            )
        if value.name == "authorised" and self._came_over(one, now, found):
            event_text = f"units came over from the predecessor {one.parameters['predecessor']}"
            return Finding(
                verdict=Verdict.CHANGED, field=field, expected=_text(first), found=_text(found), event=event_text
            )
        explained = f"; by its events {_text(now)}" if last else ""
        return Finding(verdict=Verdict.FAIL, field=field, expected=_text(first) + explained, found=_text(found))

    def _came_over(self, one: DeployedContract, now: Any, found: Any) -> bool:
        """Units of a predecessor raise what a token may issue, by no event of their own."""
        if one.parameters.get("predecessor") in (None, ZERO) or not str(found).isdecimal():
            return False
        return int(found) > int(now)

    # --- roles

    def _role(self, one: DeployedContract, value: Watched, first: Any, found: Any) -> Iterator[Finding]:
        assert value.role is not None
        named = getattr(self._manifest.roles, value.role)
        if str(named).lower() != str(first).lower():
            yield _compared(f"{one.id}/{value.name} as roles/{value.role}", first, named)
        if str(found).startswith(NO_ANSWER):
            return
        # A token's officer need not be DvP's for ever: each place is a holder of its own where they came apart.
        before = self._holders.setdefault(value.role, str(found))
        if before != str(found):
            self._holders[f"{one.id}/{value.name}"] = str(found)

    def _epoch(self, one: DeployedContract, events: list[Happened]) -> Iterator[Finding]:
        """Agents and quorum: the contract keeps their hash, the event says them."""
        first = one.arguments["first"]
        roles = self._manifest.roles
        deployed = _epoch_text(first["agents"], first["quorum"], first["faulty"])
        named = _epoch_text(sorted(roles.agents, key=lambda agent: int(agent, 16)), roles.quorum, roles.faulty)
        if named != deployed:
            yield _compared(f"{one.id}/agents as roles/agents", deployed, named)
        started = [event for event in events if event.name == "EpochStarted"]
        last = started[-1] if started else None
        epoch: Mapping[str, Any] = last.arguments if last else {**first, "epoch": 1}
        self._agents = tuple(epoch["agents"])
        field, now = f"{one.id}/agents", _epoch_text(epoch["agents"], epoch["quorum"], epoch["faulty"])
        try:
            answer = self._node.call(one.address, call_data("DvP", "epochHash", epoch["epoch"]))
        except ContractRefused as error:
            yield Finding(verdict=Verdict.FAIL, field=field, expected=deployed, found=f"{NO_ANSWER}: {error}")
            return
        words = [epoch["epoch"], epoch["quorum"], *(int(agent, 16) for agent in epoch["agents"])]
        if keccak(encode(["uint256"] * len(words), words)) != answer:
            text = f"epoch {epoch['epoch']} has the hash 0x{answer.hex()}, which is not that of {now}"
            yield Finding(verdict=Verdict.FAIL, field=field, expected=deployed, found=text)
        elif 2 * epoch["quorum"] - len(epoch["agents"]) <= epoch["faulty"]:
            yield Finding(verdict=Verdict.FAIL, field=field, expected="2m - n > faulty", found=now)
        else:
            changed = last is not None and epoch["epoch"] != 1
            yield Finding(
                verdict=Verdict.CHANGED if changed else _compared(field, deployed, now).verdict,
                field=field,
                expected=deployed,
                found=now,
                event=str(last) if changed else None,
            )

    def _lanes(self, one: DeployedContract) -> Iterator[Finding]:
        """Only contracts of this deployment may earmark, judge, and hand units over."""
        ours = {other.address.lower() for other in self._manifest.contracts}
        for number, earmarker in enumerate(one.arguments["setup"]["earmarkers"]):
            known = earmarker == ZERO or earmarker.lower() in ours
            yield Finding(
                verdict=Verdict.OK if known else Verdict.FAIL,
                field=f"{one.id}/lane {number}",
                expected="nobody" if earmarker == ZERO else "a contract of this manifest",
                found="nobody" if earmarker == ZERO else earmarker,
            )
        registry = next((other.address for other in self._manifest.contracts if other.id == REGISTRY), "none")
        yield _compared(f"{one.id}/registry is this deployment's", registry, one.arguments["setup"]["registry"])
        # A predecessor creates units without limit, by acceptMigration: it must be a token that was compared as well.
        predecessor = one.arguments["setup"]["predecessor"]
        tokens = {other.address.lower() for other in self._manifest.contracts if other.contract == "SecurityToken"}
        none = predecessor == ZERO
        known = none or predecessor.lower() in tokens - {one.address.lower()}
        yield Finding(
            verdict=Verdict.OK if known else Verdict.FAIL,
            field=f"{one.id}/predecessor is this deployment's",
            expected="nobody" if none else "a token of this manifest",
            found="nobody" if none else predecessor,
        )

    def _separation(self) -> Iterator[Finding]:
        """No key has two roles now, whatever changed since."""
        roles = self._manifest.roles
        held = {**self._holders, "operator": roles.operator, "deployer": roles.deployer}
        held |= {f"agent {number}": agent for number, agent in enumerate(self._agents, 1)}
        by_key: dict[str, set[str]] = {}
        for name, holder in held.items():
            by_key.setdefault(holder.lower(), set()).add(name.rpartition("/")[2])
        doubles = [f"{key} is {', '.join(sorted(names))}" for key, names in by_key.items() if len(names) > 1]
        yield _compared("roles now", "no key in two", "; ".join(doubles) or "no key in two")


def _code(name: str, contract: str, runtime: bytes, arguments: Mapping[str, Any], code: bytes) -> Iterator[Finding]:
    """Code byte for byte: outside the immutables, then each of them."""
    field = f"{name}/code"
    if not code:
        yield _compared(field, _hash(runtime), "no code")
        return
    if code == runtime:
        yield Finding(verdict=Verdict.OK, field=field, expected=_hash(runtime), found=_hash(code))
        return
    holes = _holes(contract)
    if _masked(code, holes) != _masked(runtime, holes):
        first = next(
            (at for at, (a, b) in enumerate(zip(code, runtime, strict=False)) if a != b),
            min(len(code), len(runtime)),
        )
        text = f"{_hash(code)}, {len(code)} bytes, other than {contract} from byte {first} on"
        yield Finding(verdict=Verdict.FAIL, field=field, expected=_hash(runtime), found=text)
    for start, end in holes:
        right, there = runtime[start:end], code[start:end]
        if right != there:
            immutable = f"{name}/immutable {_immutable(arguments, right)} at byte {start}"
            yield _compared(immutable, "0x" + right.hex(), "0x" + there.hex())


def _holes(contract: str) -> list[tuple[int, int]]:
    """Where a contract's immutables stand in its runtime code."""
    return [(at["start"], at["start"] + at["length"]) for at in artifact(contract).immutables]


def _masked(code: bytes, holes: list[tuple[int, int]]) -> bytes:
    masked = bytearray(code)
    for start, end in holes:
        masked[start:end] = b"\0" * len(masked[start:end])
    return bytes(masked)


def _immutable(arguments: Mapping[str, Any], word: bytes) -> str:
    """The constructor's argument that an immutable's word is, where one or more are."""
    names = [name for name, value in _leaves(arguments) if value in (word, word.lstrip(b"\0"), word.rstrip(b"\0"))]
    return " or ".join(names) if names and any(word) else "value"


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, bytes]]:
    """Each plain argument with its bytes, without leading zeroes for numbers."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, key)
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _leaves(one, f"{name}/{index}")
    elif str(value).startswith("0x"):
        yield name, bytes.fromhex(value[2:])
    elif str(value).isdecimal():
        yield name, int(value).to_bytes(32).lstrip(b"\0")


def _compared(field: str, expected: Any, found: Any) -> Finding:
    same = _text(expected).lower() == _text(found).lower()
    return Finding(
        verdict=Verdict.OK if same else Verdict.FAIL, field=field, expected=_text(expected), found=_text(found)
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _epoch_text(agents: Any, quorum: int, faulty: int) -> str:
    return f"{quorum} of {len(agents)}, {faulty} may be faulty: {', '.join(agents)}"


def _hash(content: bytes) -> str:
    return "0x" + keccak(content).hex()
