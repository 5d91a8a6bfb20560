"""A deployment worked out before anything is sent, then carried out: what is there already is left as it is.

Each contract's address follows from the factory, the salt, its bytecode and its arguments; the code that it will have,
from running its constructor here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_typing import HexAddress, HexStr
from web3.types import Nonce
from web3.utils.address import get_create_address

from lockstep.chain.artifacts import MADE_BY
from lockstep.chain.deployment import ZERO, Deployer
from lockstep.chain.factory import Factory, create2_address, ensure_factory
from lockstep.chain.named import constructor_data, creation_code
from lockstep.chain.node import Node
from lockstep.chain.roles import RoleHolders
from lockstep.domain.errors import ContractRefused, Misconfigured

__all__ = [
    "ANCHOR",
    "COLLATERAL",
    "DVP",
    "REGISTRY",
    "Planned",
    "PlannedPart",
    "Planner",
    "carry_out",
    "plan_anchor",
    "plan_collateral",
    "plan_market",
    "token_arguments",
    "token_id",
]

REGISTRY, DVP, COLLATERAL, ANCHOR = "registry", "dvp", "collateral", "anchor"
"""Ids of the contracts that a deployment has once, the last two if its market wants them; a token's is `token/<ISIN>`.
"""

# Of ISecurityToken.Terms and Setup: the kind for neither bond, share nor fund unit; the most units that an account
# can hold; all bits of the rules' jurisdictions and investor classes.
OTHER_KIND = 3
MAX_UNITS = 2**60 - 1
ANYWHERE = 2**192 - 1
ANYONE = 2**32 - 1


def token_id(isin: str) -> str:
    return f"token/{isin}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPart:
    """A contract that another one's constructor will create, and the code it must have."""

    contract: str
    address: str
    runtime: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One contract to be: `arguments` by name as `chain.named` writes them, `runtime` the code it must have,
    `parts` what its constructor creates."""

    id: str
    contract: str
    arguments: Mapping[str, Any]
    init_code: bytes
    address: str
    runtime: bytes
    parts: tuple[PlannedPart, ...]


class Planner:
    """Works out contract after contract for one chain, factory and salt."""

    def __init__(self, chain_id: int, factory: str, salt: bytes) -> None:
        from lockstep.chain.rebuilding import Rebuilt  # an EVM, a second of loading for who deploys or compares

        self.rebuilt = Rebuilt(chain_id)
        self._factory, self._salt = factory, salt

    def add(self, name: str, contract: str, arguments: Mapping[str, Any]) -> Planned:
        """Raises InvalidInput for arguments that do not fit, ContractRefused for those that a constructor refuses."""
        init_code = creation_code(contract) + constructor_data(contract, arguments)
        address = create2_address(self._factory, self._salt, init_code)
        return Planned(
            id=name,
            contract=contract,
            arguments=arguments,
            init_code=init_code,
            address=address,
            runtime=self.rebuilt.create(address, init_code),
            parts=tuple(
                self._part(address, number, made) for number, made in enumerate(MADE_BY.get(contract, ()), start=1)
            ),
        )

    def _part(self, creator: str, number: int, contract: str) -> PlannedPart:
        """What the creator's constructor made as its `number`th; its address follows from that (CREATE, EIP-161)."""
        address = str(get_create_address(HexAddress(HexStr(creator)), Nonce(number)))
        return PlannedPart(contract=contract, address=address, runtime=self.rebuilt.code(address))


def plan_market(planner: Planner, roles: RoleHolders) -> tuple[Planned, Planned]:
    """Registry and DvP."""
    registry = planner.add(
        REGISTRY,
        "ParticipantRegistry",
        {"firstRegistrar": roles.registrar, "firstConfirmer": roles.registrar_confirmer},
    )
    epoch = {
        "agents": sorted(roles.agents, key=lambda address: int(address, 16)),
        "quorum": roles.quorum,
        "faulty": roles.faulty,
        "officer": roles.officer,
        "confirmer": roles.confirmer,
    }
    return registry, planner.add(DVP, "DvP", {"first": epoch})


def plan_collateral(planner: Planner, registry: str, dvp: str) -> Planned:
    """The collateral register beside them."""
    return planner.add(COLLATERAL, "CollateralRegister", {"dvp_": dvp, "registry_": registry})


def plan_anchor(planner: Planner, registry: str, anchorer: str) -> Planned:
    """Where the journal's daily roots will stand."""
    return planner.add(ANCHOR, "JournalAnchor", {"registry_": registry, "firstAnchorer": anchorer})


def token_arguments(
    *,
    name: str,
    symbol: str,
    isin: str,
    currency: str,
    decimals: int,
    registry: str,
    roles: RoleHolders,
    dvp: str,
    collateral: str = ZERO,
) -> dict[str, Any]:
    """What SecurityToken's constructor takes (ISecurityToken.Terms and Setup): a security that every
    registered participant may hold, without interest or maturity, issued up to the contract's limit. DvP has its first
    lane, the collateral register, where there is one, its second."""
    return {
        "name_": name,
        "symbol_": symbol,
        "terms_": {
            "isin": "0x" + isin.encode().hex(),
            "kind": OTHER_KIND,
            "currency": "0x" + currency.encode().hex(),
            "decimals": decimals,
            "nominal": "0",
            "issueDate": 0,
            "maturityDate": 0,
            "couponRate": 0,
            "couponFrequency": 0,
            "dayCount": 0,
        },
        "setup": {
            "registry": registry,
            "issuer": roles.issuer,
            "officer": roles.officer,
            "confirmer": roles.confirmer,
            "earmarkers": [dvp, collateral, ZERO],
            "authorised": str(MAX_UNITS),
            "jurisdictions": str(ANYWHERE),
            "investorClasses": ANYONE,
            "predecessor": ZERO,
        },
    }


def carry_out(
    node: Node,
    deployer: Deployer,
    factory: Factory,
    salt: bytes,
    contracts: Iterable[Planned],
    told: Callable[[str], None] = lambda _: None,
) -> set[str]:
    """Creates what is missing; returns the ids of what was created. Run again, it finds everything and sends nothing.

    Tells every address before it sends anything.

    Raises Misconfigured where other code is at an address, before anything is sent and after all is.
    """
    contracts = tuple(contracts)
    missing = [one for one in contracts if not _is_there(node, one)]
    for one in contracts:
        told(f"{one.id} at {one.address}, {'to be created' if one in missing else 'is there'}")
    if missing:
        ensure_factory(node, factory, deployer)
        for one in missing:
            deployer.create2(factory.address, salt, one.init_code)
        try:
            deployer.flush()
        except ContractRefused:
            # Whoever saw these bytes may have sent them first: then the same contract is there, and ours reverted.
            if not all(_is_there(node, one) for one in missing):
                raise
    for one in missing:
        if not _is_there(node, one):
            raise Misconfigured(f"{one.id}: no code came to be at {one.address}")
    told(f"{len(missing)} of {len(contracts)} contracts created, each with the code that it must have")
    return {one.id for one in missing}


def _is_there(node: Node, planned: Planned) -> bool:
    code = node.code(planned.address)
    if code and code != planned.runtime:
        raise Misconfigured(f"{planned.id}: {planned.address} has other code than {planned.contract}")
    for part in planned.parts if code else ():
        if node.code(part.address) != part.runtime:
            raise Misconfigured(f"{planned.id}: {part.address}, which it runs, has other code than {part.contract}")
    return bool(code)
