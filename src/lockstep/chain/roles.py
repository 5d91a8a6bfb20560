"""Who holds which key of a deployment, and the rules that hold before anything is sent.

The contracts refuse most of this too (`RolesNotApart`, `DuplicateRole`, `SameHands`, `UnsafeQuorum`), each for what it
knows; nobody but this module sees all keys of a deployment at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from eth_utils.address import is_address

from lockstep.domain.errors import InvalidInput

__all__ = ["MAX_AGENTS", "RoleHolders"]

MAX_AGENTS = 8
"""The most agents that an epoch may have (the contract's Proofs.MAX_AGENTS)."""

_NOBODY = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleHolders:
    """Addresses by role. Of `agents`, `quorum` must agree, and up to `faulty` of them may be faulty or stolen.

    `registrar_confirmer` confirms what the registrar proposes at the registry; `officer` and `confirmer` are the two
    of DvP and of every token. `operator` may write the journal's roots, where a market has a contract for that; other
    rights it has none, and `deployer` has none at all.
    """

    issuer: str
    registrar: str
    registrar_confirmer: str
    officer: str
    confirmer: str
    operator: str
    deployer: str
    agents: tuple[str, ...]
    quorum: int
    faulty: int

    def named(self) -> Iterator[tuple[str, str]]:
        """Every role with its holder; agents count from 1."""
        for name in ("issuer", "registrar", "registrar_confirmer", "officer", "confirmer", "operator", "deployer"):
            yield name, getattr(self, name)
        for number, agent in enumerate(self.agents, 1):
            yield f"agents/{number}", agent

    def check(self, wallets: Mapping[str, str] | None = None) -> None:
        """Raises InvalidInput for a key in two roles, an address that is none, or an unsafe quorum.

        `wallets` are participants' addresses by name: a role's key is no participant's either.
        """
        held: dict[str, str] = {}
        for name, holder in (*self.named(), *((f"wallets/{name}", one) for name, one in (wallets or {}).items())):
            field = name if name.startswith("wallets/") else f"roles/{name}"
            if not is_address(holder) or int(holder, 16) == _NOBODY:
                raise InvalidInput(field, holder, "an address: 0x and 40 hex digits, not zero")
            other = held.setdefault(holder.lower(), field)
            if other != field:
                raise InvalidInput(field, holder, f"a key of its own: this one is {other} too")
        self._check_quorum()

    def _check_quorum(self) -> None:
        count, quorum, faulty = len(self.agents), self.quorum, self.faulty
        if not 1 <= count <= MAX_AGENTS:
            raise InvalidInput("roles/agents", count, f"from 1 to {MAX_AGENTS} agents")
        if faulty < 0:
            raise InvalidInput("roles/faulty", faulty, "no less than 0")
        if not 1 <= quorum <= count:
            raise InvalidInput("roles/quorum", quorum, f"from 1 to {count}, the number of agents")
        if 2 * quorum - count <= faulty:
            rule = f"two quorums of {count} agents share more than the {faulty} that may be faulty: 2m - n > faulty"
            raise InvalidInput("roles/quorum", quorum, rule)
