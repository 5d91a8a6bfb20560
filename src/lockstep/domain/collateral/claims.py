"""Every pledge as the register's events tell it, now and as of any block: no question to a node's old state is needed.

Each event changes a pledge as the contract does when it emits it, so that the pledges of a block are those that
`pledgeOf` answered there. One thing events do not tell: whose account holds a root's units after a wallet was
succeeded by its heir; here it is the giver's that the agreement names.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lockstep.domain.collateral import register_events as said
from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, Pledge, PledgeId
from lockstep.domain.collateral.register_events import RegisterEvent, Said
from lockstep.domain.errors import Contradiction
from lockstep.domain.identifiers import SettlementId

__all__ = ["NOBODY", "Claim", "Claims", "Version"]

NOBODY = "0x" + "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A pledge with its parties: who gave, who took, under which terms as they were at the block asked for."""

    pledge_id: PledgeId
    pledge: Pledge
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A pledge as it was from a block's end on, until the next version of it."""

    since: int
    pledge: Pledge


class Claims:
    """All pledges of one register, folded from its events. Events are taken in the chain's order, each once."""

    def __init__(self, events: Iterable[RegisterEvent] = ()) -> None:
        self._now: dict[PledgeId, Pledge] = {}
        self._versions: dict[PledgeId, list[Version]] = {}
        self._terms: dict[AgreementId, list[tuple[int, Agreement]]] = {}
        self._sales: dict[SettlementId, int] = {}
        self._block = -1
        self.take(events)

    def take(self, events: Iterable[RegisterEvent]) -> None:
        """Raises Contradiction for an event that no register could have emitted after those before it: some are
        missing, or come twice."""
        for event in events:
            if event.block < self._block:
                raise Contradiction(f"an event of block {event.block} comes after one of block {self._block}")
            self._block = event.block
            try:
                self._apply(event.said)
            except KeyError as error:
                name = type(event.said).__name__
                raise Contradiction(f"{name} in block {event.block} is about {error}, which was never made") from error

    # --- what is asked

    def pledges(self, block: int | None = None) -> Mapping[PledgeId, Pledge]:
        """All that were ever made, as of the end of a block; of the last one if None."""
        if block is None:
            return dict(self._now)
        found = {}
        for one, versions in self._versions.items():
            place = bisect_right(versions, block, key=lambda version: version.since)
            if place:
                found[one] = versions[place - 1].pledge
        return found

    def live(self, block: int | None = None) -> list[Claim]:
        """Those of which units are pledged or owed, in the order in which they were made."""
        return [
            Claim(pledge_id=one, pledge=pledge, agreement=self.agreement(pledge.agreement_id, block))
            for one, pledge in self.pledges(block).items()
            if pledge.quantity or pledge.owed
        ]

    def agreement(self, agreement_id: AgreementId, block: int | None = None) -> Agreement:
        """Its terms as of the end of a block. Raises KeyError for one that was not opened by then."""
        terms = self._terms[agreement_id]
        if block is None:
            return terms[-1][1]
        place = bisect_right(terms, block, key=lambda one: one[0])
        if not place:
            raise KeyError(agreement_id)
        return terms[place - 1][1]

    def versions(self) -> Iterator[tuple[PledgeId, tuple[Version, ...]]]:
        """Each pledge's life, a version for each block that changed it."""
        for one, versions in self._versions.items():
            yield one, tuple(versions)

    # --- events

    def _apply(self, event: Said) -> None:
        match event:
            case said.Agreed():
                terms = self._terms.setdefault(event.agreement_id, [])
                if terms and terms[-1][0] == self._block:
                    terms.pop()
                terms.append((self._block, event.agreement))
            case said.Pledged():
                self._pledged(event)
            case said.TitleTransferred():
                self._make(event.pledge_id, self._root(event.agreement_id, event.token, owed=event.quantity))
            case said.Released() | said.Appropriated():
                self._shrink(event.pledge_id, event.quantity)
            case said.Recalled():
                self._change(event.pledge_id, recalled=event.quantity)
            case said.SaleStarted():
                self._sales[event.settlement_id] = event.quantity
                self._change(event.pledge_id, selling=self._now[event.pledge_id].selling + event.quantity)
            case said.SaleEnded():
                quantity = self._sales[event.settlement_id]
                self._change(event.pledge_id, selling=self._now[event.pledge_id].selling - quantity)
                if event.settled:
                    self._shrink(event.pledge_id, quantity)
            case said.EquivalentOwed():
                self._lose(event.pledge_id, event.quantity)
            case said.SetOff() | said.Returned():
                self._change(event.pledge_id, owed=self._now[event.pledge_id].owed - event.quantity)
            case _:
                pass  # of values, payments, defaults, income: no unit is pledged or freed by it

    def _root(self, agreement_id: AgreementId, token: str, *, quantity: int = 0, owed: int = 0) -> Pledge:
        terms = self.agreement(agreement_id)
        return Pledge(
            agreement_id=agreement_id,
            parent=NO_PLEDGE,
            token=token,
            quantity=quantity,
            depth=0,
            max_depth=terms.max_depth,
            holder=terms.giver,
            reused=0,
            reuse_cap=terms.reuse_cap,
            owed=owed,
            recalled=0,
            until=terms.until,
            selling=0,
        )

    def _pledged(self, event: said.Pledged) -> None:
        made = self._root(event.agreement_id, event.token, quantity=event.quantity)
        if event.parent != NO_PLEDGE:
            parent = self._now[event.parent]
            made = replace(
                made,
                parent=event.parent,
                depth=event.depth,
                max_depth=min(event.depth + made.max_depth, parent.max_depth),
                holder=NOBODY,
                until=event.until,
            )
            self._change(event.parent, reused=parent.reused + event.quantity)
        self._make(event.pledge_id, made)

    def _shrink(self, pledge_id: PledgeId, quantity: int) -> None:
        given = self._now[pledge_id]
        left, recalled = given.quantity - quantity, max(given.recalled - quantity, 0)
        self._change(pledge_id, quantity=left, recalled=recalled)
        self._back(given.parent, quantity)

    def _lose(self, pledge_id: PledgeId, quantity: int) -> None:
        """Its units went by one further down, whose share of `reused` went with that one's quantity."""
        given = self._now[pledge_id]
        self._change(pledge_id, quantity=given.quantity - quantity, owed=given.owed + quantity)
        self._back(given.parent, quantity)

    def _back(self, parent: PledgeId, quantity: int) -> None:
        if parent != NO_PLEDGE:
            self._change(parent, reused=self._now[parent].reused - quantity)

    def _change(self, pledge_id: PledgeId, **amounts: int) -> None:
        for name, amount in amounts.items():
            if amount < 0:
                raise Contradiction(f"pledge {pledge_id} would have {name} {amount} in block {self._block}")
        self._keep(pledge_id, replace(self._now[pledge_id], **amounts))  # type: ignore[arg-type]  # all are amounts

    def _make(self, pledge_id: PledgeId, pledge: Pledge) -> None:
        if pledge_id in self._now:
            raise Contradiction(f"pledge {pledge_id} is made a second time, in block {self._block}")
        self._keep(pledge_id, pledge)

    def _keep(self, pledge_id: PledgeId, pledge: Pledge) -> None:
        self._now[pledge_id] = pledge
        versions = self._versions.setdefault(pledge_id, [])
        if versions and versions[-1].since == self._block:
            versions.pop()
        versions.append(Version(since=self._block, pledge=pledge))
