"""A shadow of the collateral register: each act that came true is judged by the rules, and done in plain books.

The shadow reads acts, and who was behind them; it works out what they should have done, and holds the contract's own
events against that. What it then has (`Shadow.books`) a watcher holds against what contracts answer. Violations are
named C1 to C3, see docs/reference/invariants.md. Standard library only: it shares no code with what it judges.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lockstep.testing.collateral_acts import Wrong
from lockstep.testing.collateral_enforcing import Enforcing
from lockstep.testing.collateral_facts import Act, Around, Step
from lockstep.testing.collateral_pledges import Pledging

__all__ = ["Shadow"]


class Shadow(Pledging, Enforcing):
    """Books of one register, which follow the chain's acts in their order."""

    def follow(self, happened: Step | Around) -> list[str]:
        """Takes in one thing that happened; its violations in plain words."""
        if isinstance(happened, Around):
            self._around(happened)
            return []
        self._begin()
        self.books.now = happened.at
        where = f"transaction {happened.transaction[:12]}"
        if not happened.acts:
            return [f"C3: {where}: events of the register, and the call that made them is not shown"]
        for act in happened.acts:
            self._do(act)
        found = [f"C3: {where}: {one}" for one in self._wrong]
        found += [f"C1: {where}: {one}" for one in self._differences(happened)]
        return found + [f"C2: {where}: {one}" for one in self.books.complaints()]

    def _around(self, one: Around) -> None:
        books, given = self.books, one.arguments
        match one.name:
            case "EpochStarted":
                books.epoch, books.body = given["epoch"], given["body"]
                books.officer, books.confirmer = given["officer"], given["confirmer"]
            case "Succeeded":
                books.heirs[given["wallet"]] = given["successor"]
            case "Locked":
                of = given["movement"]
                books.locked[given["settlementId"]] = (of["token"], of["seller"], of["buyer"], of["quantity"])
            case name:
                books.ended[given["settlementId"]] = name

    def _differences(self, step: Step) -> Iterator[str]:
        said, expected = (
            [(one.name, dict(one.arguments)) for one in step.events],
            [(one.name, dict(one.arguments)) for one in self._said],
        )
        for place in range(max(len(said), len(expected))):
            one, other = (part[place] if place < len(part) else None for part in (said, expected))
            if one != other:
                yield f"its event {place + 1} is {_brief(one)}, its acts come to {_brief(other)}"
        plain = [one for one in step.transfers if not {one[1], one[2]} & self._lost()]
        wanted = [one for one in self._moved if not {one[1], one[2]} & self._lost()]
        if sorted(plain) != sorted(wanted):
            yield f"it moved units as {plain}, its acts come to {wanted}"

    def _lost(self) -> set[str]:
        """Wallets that were succeeded: what reaches or leaves them, their token passes on."""
        return {*self.books.heirs, *self.books.heirs.values()}

    # --- one act

    def _do(self, act: Act) -> None:
        if not act.by_itself:
            if not act.is_signed:
                self._wrong.append(f"{act.name} of {act.party}, who neither called nor signed it")
            if self.books.now > act.by:
                self._wrong.append(f"{act.name} of {act.party}, signed until {act.by}, came at {self.books.now}")
            if not act.is_together:
                self._wrong.append(f"{act.name} of {act.party}, signed to be run with other acts")
            self._once(("number", act.party, str(act.nonce)), f"{act.name} of {act.party}, number {act.nonce}")
            self._say("NonceUsed", party=act.party, nonce=act.nonce)
        handler: Callable[[Act, Mapping[str, Any]], None] | None = getattr(self, f"_{_snake(act.name)}", None)
        if handler is None:
            self._wrong.append(f"the call {act.name or 'unknown'} is none that is known here")
            return
        try:
            handler(act, act.arguments)
        except Wrong as error:
            self._wrong.append(f"{act.name}: {error}")


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name)


def _brief(event: tuple[str, Mapping[str, Any]] | None) -> str:
    if event is None:
        return "none"
    name, given = event
    told: Sequence[str] = [f"{field}={str(value)[:40]}" for field, value in given.items()]
    return f"{name}({', '.join(told)})"
