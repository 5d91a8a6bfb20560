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
    """Proposals: one proposes the very call that another makes, for seven days. Each proposer has its own."""

    proposals: dict[tuple[str, bytes], int] = field(default_factory=dict)

    def propose(self, at: Context, action: bytes) -> None:
        mine = (at.sender, keccak(action))
        stop(broken(AlreadyProposed=at.now <= self.proposals.get(mine, -1)))
        self.proposals[mine] = at.now + PROPOSAL_LIFETIME

    def withdraw(self, at: Context, id_: bytes) -> None:
        stop(broken(NotProposed=(at.sender, id_) not in self.proposals))
        del self.proposals[at.sender, id_]

    def open_by(self, at: Context, *proposers: str) -> str | None:
        """The first of `proposers` whose proposal of this very call counts now."""
        id_ = keccak(at.data)
        return next((one for one in proposers if at.now <= self.proposals.get((one, id_), -1)), None)

    def against(self, at: Context, *proposers: str) -> frozenset[str]:
        """What speaks against making this call, if one of `proposers` is to have proposed it."""
        if self.open_by(at, *proposers) is not None:
            return frozenset()
        lapsed = any((one, keccak(at.data)) in self.proposals for one in proposers)
        # Of several, none may be named as the one whose proposal lapsed.
        return broken(ProposalExpired=lapsed, NotProposed=not lapsed or len(proposers) > 1)

    def use(self, at: Context, *proposers: str) -> None:
        proposer = self.open_by(at, *proposers)
        assert proposer is not None
        del self.proposals[proposer, keccak(at.data)]
