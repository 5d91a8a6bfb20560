"""Who holds which key of an installation, and how many agents it has: what all its processes know, the smallest too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockstep.domain.identifiers import Bic, bic
from lockstep.signing import Key

if TYPE_CHECKING:
    from lockstep.chain.roles import RoleHolders

__all__ = ["AGENTS", "FAULTY", "QUORUM", "Roles", "agent_bic"]

AGENTS, QUORUM, FAULTY = 4, 3, 1
"""Four synchronisation agents; three must agree; one may be faulty."""


def agent_bic(service: Bic, number: int) -> Bic:
    """The RTGS address of an agent: the service's institution, a branch of its own."""
    return bic(f"{service[:8]}A{number:02d}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who holds which key. No two roles share one."""

    deployer: Key
    registrar: Key
    registrar_confirmer: Key
    issuer: Key
    operator: Key
    officer: Key
    confirmer: Key
    agents: tuple[Key, ...]
    wallets: Mapping[Bic, Key]

    def holders(self) -> "RoleHolders":
        """Their addresses, checked. Raises InvalidInput for a key in two roles."""
        from lockstep.chain.roles import RoleHolders  # the chain's libraries, which most who know the roles need not

        holders = RoleHolders(
            deployer=self.deployer.address,
            registrar=self.registrar.address,
            registrar_confirmer=self.registrar_confirmer.address,
            issuer=self.issuer.address,
            operator=self.operator.address,
            officer=self.officer.address,
            confirmer=self.confirmer.address,
            agents=tuple(key.address for key in self.agents),
            quorum=QUORUM,
            faulty=FAULTY,
        )
        holders.check({bic_: key.address for bic_, key in self.wallets.items()})
        return holders
