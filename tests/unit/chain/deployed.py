"""A deployment to verify and to tamper with: registry, DvP and one token on an embedded chain."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_utils import to_canonical_address

from lockstep.chain.deployment import Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.factory import find_factory, salt_of
from lockstep.chain.manifest import Manifest, recorded
from lockstep.chain.planning import Planner, carry_out, plan_market, token_arguments, token_id
from lockstep.chain.roles import RoleHolders
from lockstep.chain.verifying import Finding, Verdict, verify
from lockstep.testing.fakes import MORNING, FakeClock, key

NAMES = ("issuer", "registrar", "registrar_confirmer", "officer", "confirmer", "operator", "deployer")
ISIN = "DE0001102580"
TOKEN = token_id(ISIN)


def holders(**changed: Any) -> RoleHolders:
    """Eleven keys in eleven roles."""
    named = {name: key(name).address for name in NAMES}
    agents = tuple(key(f"agent {number}").address for number in range(4))
    return RoleHolders(**{**named, "agents": agents, "quorum": 3, "faulty": 1, **changed})


@dataclass(kw_only=True)
class Deployment:
    """The chain and what is on it; `as_found` compares."""

    clock: FakeClock
    chain: EmbeddedChain
    manifest: Manifest

    @classmethod
    def open(cls) -> "Deployment":
        clock = FakeClock(MORNING)
        chain = EmbeddedChain(clock)
        return cls(clock=clock, chain=chain, manifest=deploy(chain))

    def address(self, name: str) -> str:
        return self.manifest.contract(name).address

    def desk(self, name: str) -> Deployer:
        return Deployer(self.chain.node, key(name), poll=self.chain.mine)

    def act(self, name: str, contract: str, at: str, call: str, *arguments: object) -> None:
        """One call by one key, which must succeed."""
        desk = self.desk(name)
        desk.fund(self.chain.faucet, key(name).address)
        desk.call(contract, self.address(at), call, *arguments)
        desk.flush()

    def tamper(self, change: Callable[[Any], None]) -> None:
        """Rewrites the state itself, as no transaction can."""
        mining = self.chain.tester.backend.chain
        state = mining.get_vm().state
        change(state)
        state.persist()
        mining.header = mining.header.copy(state_root=state.state_root)
        self.chain.mine()

    def set_code(self, name: str, code: bytes) -> None:
        self.tamper(lambda state: state.set_code(to_canonical_address(self.address(name)), code))

    def set_slot(self, name: str, slot: int, value: int) -> None:
        self.tamper(lambda state: state.set_storage(to_canonical_address(self.address(name)), slot, value))

    def as_found(self, manifest: Manifest | None = None) -> dict[str, Finding]:
        """By field, what is not OK; no field is told twice."""
        found = verify(self.chain.node, manifest or self.manifest)
        fields = [one.field for one in found]
        assert len(set(fields)) == len(fields), fields
        return {one.field: one for one in found if one.verdict is not Verdict.OK}


def deploy(chain: EmbeddedChain, roles: RoleHolders | None = None) -> Manifest:
    """Deploys by the deployer's key, or finds it all there."""
    roles = roles or holders()
    roles.check()
    node, salt = chain.node, salt_of("test")
    factory = find_factory(node, roles.deployer)
    planner = Planner(node.chain_id(), factory.address, salt)
    registry, dvp = plan_market(planner, roles)
    token = planner.add(
        TOKEN,
        "SecurityToken",
        token_arguments(
            name="Bund",
            symbol="BUND",
            isin=ISIN,
            currency="EUR",
            decimals=2,
            registry=registry.address,
            roles=roles,
            dvp=dvp.address,
        ),
    )
    deployer = Deployer(node, key("deployer"), poll=chain.mine)
    deployer.fund(chain.faucet, roles.deployer)
    planned = (registry, dvp, token)
    carry_out(node, deployer, factory, salt, planned)
    return Manifest(
        chain_id=node.chain_id(),
        factory=factory,
        salt=salt,
        roles=roles,
        contracts=tuple(recorded(node, one, planner.rebuilt) for one in planned),
    )


def sent(chain: EmbeddedChain) -> int:
    """How many transactions are in blocks."""
    blocks = range(chain.node.head().number + 1)
    return sum(len(chain.node.web3.eth.get_block(number)["transactions"]) for number in blocks)
