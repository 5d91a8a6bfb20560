"""What the models share: how a call is refused, and the two hands of token and registry.

A model names every rule that a call breaks; the contract may report any one of them. So the order in which a
contract looks at its rules is not copied into the model, only the rules are.
"""

from dataclasses import dataclass, field

from eth_hash.auto import keccak

__all__ = ["ANYTHING", "ZERO", "Broken", "Context", "Hands", "broken", "stop"]

ZERO = "0x" + "00" * 20
DAY = 86_400
# A callee that is not ours may end a call with any data, or none.
ANYTHING = frozenset({"*"})
PROPOSAL_LIFETIME = 7 * DAY


class Broken(Exception):
    """The names of the rules that a call breaks, as errors.md has them."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


@dataclass(frozen=True, slots=True)
class Context:
    """Who calls, when, and with what calldata."""

    sender: str
    now: int
    data: bytes = b""


def broken(**rules: bool) -> frozenset[str]:
    """The names whose rule is broken."""
    return frozenset([name for name, is_broken in rules.items() if is_broken])


def stop(names: frozenset[str]) -> None:
    if names:
        raise Broken(names)


@dataclass
class Hands:
    """Proposals: one has to propose the very call that another makes; for seven days."""

    proposals: dict[bytes, tuple[str, int]] = field(default_factory=dict)

    def propose(self, at: Context, action: bytes) -> None:
        id_ = keccak(action)
        _, expires = self.proposals.get(id_, ("", -1))
        stop(broken(AlreadyProposed=at.now <= expires))
        self.proposals[id_] = (at.sender, at.now + PROPOSAL_LIFETIME)

    def withdraw(self, at: Context, id_: bytes) -> None:
        if id_ not in self.proposals:
            raise Broken(frozenset({"NotProposed"}))
        stop(broken(WrongProposer=self.proposals[id_][0] != at.sender))
        del self.proposals[id_]

    def against(self, at: Context, *proposers: str) -> frozenset[str]:
        """What speaks against making this call, if one of `proposers` is to have proposed it."""
        if keccak(at.data) not in self.proposals:
            return frozenset({"NotProposed"})
        proposer, expires = self.proposals[keccak(at.data)]
        return broken(ProposalExpired=at.now > expires, WrongProposer=proposer not in proposers)

    def proposer(self, at: Context) -> str | None:
        return self.proposals.get(keccak(at.data), (None, 0))[0]

    def use(self, at: Context) -> None:
        del self.proposals[keccak(at.data)]
