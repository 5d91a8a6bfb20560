"""The manifest: what was deployed, where, by whom and how, in a file that anybody can compare a chain with.

The same deployment gives the same bytes: sorted keys, no times, no paths. It holds nothing secret. Its fields stand
in docs/reference/files.md.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from eth_utils.address import is_address
from eth_utils.crypto import keccak

from lockstep.chain.artifacts import CONTRACTS, MADE_BY, artifact
from lockstep.chain.factory import KINDS, Factory
from lockstep.chain.history import happened
from lockstep.chain.named import constructor_data, creation_code
from lockstep.chain.node import Node
from lockstep.chain.planning import Planned
from lockstep.chain.roles import RoleHolders
from lockstep.chain.watched import watched
from lockstep.domain.errors import InvalidInput

if TYPE_CHECKING:
    from lockstep.chain.rebuilding import Rebuilt

__all__ = ["FORMAT", "DeployedContract", "DeployedPart", "Manifest", "parameters_of", "read_manifest", "recorded"]

FORMAT = "lockstep-deployment/1"

_FIRST_EVENTS = {
    "ParticipantRegistry": ("RegistrarChanged",),
    "DvP": ("EpochStarted",),
    "SecurityToken": ("RoleAssigned",),
    "JournalAnchor": ("AnchorerAllowed",),
}
"""By contract, an event that its constructor emits: it tells the block and the transaction of the creation. The
collateral register emits none, and was created after DvP, whose address it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedPart:
    """A contract that another one's constructor created: DvPNet, whose code DvP runs."""

    contract: str
    address: str
    runtime_code_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedContract:
    """One contract. Hashes are keccak256, 0x-prefixed: of the artifact's creation code; of that and the arguments,
    which the address follows from; of the code on the chain, immutables in place. `parameters` are what its views
    told when it was new, `parts` what its constructor created. Block and transaction are None where the node tells no
    events.
    """

    id: str
    contract: str
    address: str
    creation_code_hash: str
    init_code_hash: str
    runtime_code_hash: str
    compiler: Mapping[str, Any]
    arguments: Mapping[str, Any]
    parameters: Mapping[str, Any]
    parts: tuple[DeployedPart, ...]
    block: int | None
    transaction: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One deployment on one chain; contracts in the order of their creation. `salt` has 32 bytes."""

    chain_id: int
    factory: Factory
    salt: bytes
    roles: RoleHolders
    contracts: tuple[DeployedContract, ...]

    def text(self) -> str:
        """The file's content; the same manifest gives the same bytes."""
        content = {
            "format": FORMAT,
            "chain_id": self.chain_id,
            "factory": asdict(self.factory),
            "salt": "0x" + self.salt.hex(),
            "roles": asdict(self.roles),
            "contracts": [asdict(one) for one in self.contracts],
        }
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def contract(self, name: str) -> DeployedContract:
        """The contract with an id. Raises InvalidInput."""
        found = next((one for one in self.contracts if one.id == name), None)
        if found is None:
            raise InvalidInput("contracts/id", name, f"one of {', '.join(one.id for one in self.contracts)}")
        return found

    def with_contract(self, added: DeployedContract) -> "Manifest":
        """This manifest and one contract more; in the place of one with the same id."""
        others = tuple(one for one in self.contracts if one.id != added.id)
        return replace(self, contracts=(*others, added))


def recorded(node: Node, planned: Planned, rebuilt: "Rebuilt", first_block: int = 0) -> DeployedContract:
    """What the manifest says of a contract that is on the chain as planned."""
    compiled = artifact(planned.contract)
    names = _FIRST_EVENTS.get(planned.contract, ())
    first = next(iter(happened(node, planned.contract, planned.address, names, first_block)), None)
    return DeployedContract(
        id=planned.id,
        contract=planned.contract,
        address=planned.address,
        creation_code_hash=_hash(creation_code(planned.contract)),
        init_code_hash=_hash(planned.init_code),
        runtime_code_hash=_hash(node.code(planned.address)),
        compiler=compiled.compiler,
        arguments=planned.arguments,
        parameters=parameters_of(rebuilt, planned),
        parts=tuple(
            DeployedPart(
                contract=part.contract,
                address=part.address,
                runtime_code_hash=_hash(node.code(part.address)),
            )
            for part in planned.parts
        ),
        block=first.block if first else None,
        transaction=first.transaction if first else None,
    )


def parameters_of(rebuilt: "Rebuilt", planned: Planned) -> dict[str, Any]:
    """What a new contract's views tell, by the names of `chain.watched`."""
    return {one.name: one.value(rebuilt.view(planned.address, one.call_data())) for one in watched(planned.contract)}


def _hash(content: bytes) -> str:
    return "0x" + keccak(content).hex()


def read_manifest(text: str) -> Manifest:
    """The manifest in a file's text. Raises InvalidInput with the field that is missing or wrong."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InvalidInput("manifest", text[:40], f"JSON: {error}") from error
    top = _Fields(content, "manifest")
    if top.text("format") != FORMAT:
        raise InvalidInput("format", top.text("format"), f"{FORMAT!r}")
    factory, roles = top.fields("factory"), top.fields("roles")
    return Manifest(
        chain_id=top.number("chain_id"),
        factory=Factory(address=factory.address("address"), kind=factory.one_of("kind", KINDS)),
        salt=bytes.fromhex(top.hash("salt")[2:]),
        roles=RoleHolders(
            **{
                name: roles.address(name)
                for name in (
                    "issuer", "registrar", "registrar_confirmer", "officer", "confirmer", "operator", "deployer",
                )
            },
            agents=tuple(roles.addresses("agents")),
            quorum=roles.number("quorum"),
            faulty=roles.number("faulty"),
        ),
        contracts=tuple(_contract(one) for one in top.each("contracts")),
    )  # fmt: skip


def _contract(fields: "_Fields") -> DeployedContract:
    contract = fields.one_of("contract", CONTRACTS)
    arguments = fields.object("arguments")
    constructor_data(contract, arguments)
    return DeployedContract(
        id=fields.text("id"),
        contract=contract,
        address=fields.address("address"),
        creation_code_hash=fields.hash("creation_code_hash"),
        init_code_hash=fields.hash("init_code_hash"),
        runtime_code_hash=fields.hash("runtime_code_hash"),
        compiler=fields.object("compiler"),
        arguments=arguments,
        parameters=fields.object("parameters"),
        parts=tuple(_part(one, MADE_BY.get(contract, ())) for one in fields.each("parts")),
        block=None if fields.absent("block") else fields.number("block"),
        transaction=None if fields.absent("transaction") else fields.hash("transaction"),
    )


def _part(fields: "_Fields", made: tuple[str, ...]) -> DeployedPart:
    return DeployedPart(
        contract=fields.one_of("contract", made),
        address=fields.address("address"),
        runtime_code_hash=fields.hash("runtime_code_hash"),
    )


class _Fields:
    """One JSON object, read field by field."""

    def __init__(self, content: Any, path: str) -> None:
        if not isinstance(content, dict):
            raise InvalidInput(path, str(content)[:40], "a JSON object")
        self._content, self._path = content, "" if path == "manifest" else f"{path}/"

    def _take(self, name: str, fits: Callable[[Any], bool], rule: str) -> Any:
        if name not in self._content:
            raise InvalidInput(self._path + name, "", f"given: {rule}")
        value = self._content[name]
        if not fits(value):
            raise InvalidInput(self._path + name, value, rule)
        return value

    def absent(self, name: str) -> bool:
        return self._content.get(name) is None

    def text(self, name: str) -> str:
        return str(self._take(name, lambda value: isinstance(value, str) and value != "", "a text"))

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        return str(self._take(name, lambda value: value in choices, f"one of {', '.join(choices)}"))

    def number(self, name: str) -> int:
        return int(self._take(name, lambda value: type(value) is int and value >= 0, "a whole number"))

    def address(self, name: str) -> str:
        return str(self._take(name, is_address, "an address: 0x and 40 hex digits"))

    def addresses(self, name: str) -> list[str]:
        rule = "a list of addresses: 0x and 40 hex digits"
        return list(self._take(name, lambda value: isinstance(value, list) and all(map(is_address, value)), rule))

    def hash(self, name: str) -> str:
        return str(self._take(name, _is_hash, "0x and 64 hex digits"))

    def object(self, name: str) -> dict[str, Any]:
        return dict(self._take(name, lambda value: isinstance(value, dict), "a JSON object"))

    def fields(self, name: str) -> "_Fields":
        return _Fields(self.object(name), self._path + name)

    def each(self, name: str) -> list["_Fields"]:
        rows = self._take(name, lambda value: isinstance(value, list), "a list")
        return [_Fields(one, f"{self._path}{name}/{index}") for index, one in enumerate(rows)]


def _is_hash(value: Any) -> bool:
    if not isinstance(value, str) or not value.startswith("0x") or len(value) != 66:
        return False
    return all(digit in "0123456789abcdefABCDEF" for digit in value[2:])
