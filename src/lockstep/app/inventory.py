"""Inventory: of any participant and security what is owned, free, earmarked, pledged out, received, re-used and frozen;
where, to whom, until when, and re-usable how far. As of now and as of any past block.

Holdings come from the tokens' state at that block, pledges from the register's events up to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from lockstep.app.collateral import attempts_of, open_collateral
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.records import open_book
from lockstep.chain.holdings import heirs_at, holdings_at, registry_of
from lockstep.chain.node import Node
from lockstep.domain.collateral.claims import Claim, Claims
from lockstep.domain.collateral.register import PledgeId
from lockstep.domain.collateral.register_events import OverCommitment
from lockstep.domain.collateral.sheet import Line, sheet
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import Isin
from lockstep.domain.market import Market, Participant, Security
from lockstep.domain.money import Quantity
from lockstep.ports import Book, CollateralLedger

__all__ = ["Attempt", "Inventory", "Names", "Position", "Tie", "inventory_of", "read_inventory", "ties_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One participant's units of one security, as a person reads them. Who is no participant is told by its wallet."""

    participant: str
    name: str
    isin: str
    network: str
    owned: str
    free: str
    earmarked: str
    """In any lane: in settlement and pledged in place."""
    in_settlement: str
    pledged: str
    selling: str
    received: str
    reused: str
    reusable: str
    due_in: str
    due_out: str
    frozen: str
    account_frozen: bool
    attempts: int
    over_committed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One pledge, or transfer of title: where units are, to whom, until when, and how far they may go on."""

    pledge: str
    agreement: str
    kind: str
    """`pledge`, `re-pledge` or `title`."""
    isin: str
    network: str
    giver: str
    taker: str
    held_by: str | None
    """In whose account the units are; None where the taker only owes as many."""
    quantity: str
    reused: str
    reusable: str
    recalled: str
    selling: str
    due: str
    """What the taker owes to the giver."""
    depth: int
    parent: str | None
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A refused try to commit more than there was."""

    participant: str
    isin: str
    network: str
    refusal: str
    actual: str
    needed: str
    block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The sheet of one block."""

    block: int
    at: datetime
    final: bool
    """Whether the block lies at the depth that counts as final."""
    positions: tuple[Position, ...]
    ties: tuple[Tie, ...]
    attempts: tuple[Attempt, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "block": self.block,
            "at": self.at.isoformat(),
            "final": self.final,
            "positions": [asdict(one) for one in self.positions],
            "pledges": [{**asdict(one), "until": one.until.isoformat()} for one in self.ties],
            "attempts": [asdict(one) for one in self.attempts],
        }


class Names:
    """Wallets and tokens as the market names them."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.wallets: dict[str, Participant] = {one.wallet: one for one in market.participants.values()}
        self.tokens: Mapping[str, Security] = {one.token: one for one in market.securities.values()}
        self.network = str(market.network.chain_id)

    def who(self, wallet: str) -> str:
        return self.wallets[wallet].bic if wallet in self.wallets else wallet

    def isin(self, token: str) -> str:
        return self.tokens[token].isin if token in self.tokens else token

    def quantity(self, token: str, units: int) -> str:
        return Quantity.of_units(units, self.tokens[token].decimals).text() if token in self.tokens else str(units)


def inventory_of(
    market: Market,
    node: Node,
    claims: Claims | None,
    *,
    block: int | None = None,
    participant: str | None = None,
    security: str | None = None,
    attempts: Sequence[OverCommitment] = (),
    waiting: Sequence[tuple[str, str]] = (),
) -> Inventory:
    """The sheet of a block, of the head if None; of one participant (BIC or LEI) and one security (ISIN), if named.

    `claims` hold the register's events up to that block at least; None: the market has no register. `attempts`
    are those up to that block; `waiting` have seller's wallet and token of each trade that waits for units, and count
    as attempts too. Raises InvalidInput for a block that is not there or a name that the market does not know,
    Unavailable where the node does not answer, or keeps no state of that block.
    """
    names, head = Names(market), node.head()
    number = head.number if block is None else block
    if not 0 <= number <= head.number:
        raise InvalidInput("block", number, f"0 to {head.number}, the head")
    time = node.block(number).timestamp
    wallets, tokens = _chosen(market, participant, security)
    live = [one for one in ([] if claims is None else claims.live(number)) if one.pledge.token in tokens]
    everyone = sorted({*names.wallets, *(wallet for one in live for wallet in _parties(one))})
    heirs = heirs_at(node, registry_of(node, tokens[0]), everyone, number) if tokens else {}
    names.wallets |= {heir: names.wallets[old] for old, heir in heirs.items() if old in names.wallets}
    wallets = [heirs.get(one, one) for one in wallets]
    mine = [one for one in live if any(heirs.get(party, party) in wallets for party in _parties(one))]
    holders = _holders(live)
    asked = [*wallets, *(old for old, heir in heirs.items() if heir in wallets)]
    held = holdings_at(node, market.network, tokens, asked, number)
    tried = [*((one.party, one.token) for one in attempts), *waiting]
    order = {one: place for place, one in enumerate((*wallets, *tokens))}  # of the market, not of addresses
    lines = [one for one in sheet(held, live, time, tried, heirs) if one.wallet in order and one.token in order]
    lines.sort(key=lambda one: (order[one.wallet], order[one.token]))
    return Inventory(
        block=number,
        at=datetime.fromtimestamp(time, UTC),
        final=number <= head.number - market.network.finality_depth,
        positions=tuple(_position(one, names) for one in lines),
        ties=tuple(_tie(one, names, time, holders) for one in mine),
        attempts=tuple(
            _attempt(one, names)
            for one in attempts
            if heirs.get(one.party, one.party) in wallets and one.token in tokens
        ),
    )


def _chosen(market: Market, participant: str | None, security: str | None) -> tuple[list[str], list[str]]:
    members = [one for one in market.participants.values() if participant in (None, one.bic, one.lei)]
    if not members:
        raise InvalidInput("participant", participant, "the BIC or LEI of a participant")
    if security is not None and security not in market.securities:
        raise InvalidInput("security", security, "the ISIN of a security that is settled here")
    chosen = market.securities if security is None else [Isin(security)]
    return [one.wallet for one in members], [market.securities[one].token for one in chosen]


def ties_of(live: Sequence[Claim], names: Names, now: int) -> list[Tie]:
    """All live pledges of one moment as a person reads them; `now` is that moment, in seconds."""
    holders = _holders(live)
    return [_tie(one, names, now, holders) for one in live]


def _parties(claim: Claim) -> tuple[str, str]:
    return claim.agreement.giver, claim.agreement.taker


def _holders(claims: Iterable[Claim]) -> dict[PledgeId, str]:
    """In whose account each pledge's units are: its root's giver. A parent was made before its children."""
    found: dict[PledgeId, str] = {}
    for one in (claim for claim in claims if claim.pledge.quantity):
        found[one.pledge_id] = one.agreement.giver if one.pledge.is_root else found[one.pledge.parent]
    return found


def _position(line: Line, names: Names) -> Position:
    member = names.wallets.get(line.wallet)
    amounts = {
        name: names.quantity(line.token, getattr(line, name))
        for name in (
            *("owned", "free", "earmarked", "in_settlement", "pledged", "selling", "received", "reused", "reusable"),
            *("due_in", "due_out", "frozen", "over_committed"),
        )
    }
    return Position(
        participant=names.who(line.wallet),
        name=member.name if member else "",
        isin=names.isin(line.token),
        network=names.network,
        account_frozen=line.account_frozen,
        attempts=line.attempts,
        **amounts,
    )


def _attempt(one: OverCommitment, names: Names) -> Attempt:
    return Attempt(
        participant=names.who(one.party),
        isin=names.isin(one.token),
        network=names.network,
        refusal=one.name,
        actual=names.quantity(one.token, one.actual),
        needed=names.quantity(one.token, one.needed),
        block=one.block,
    )


def _tie(claim: Claim, names: Names, now: int, holders: Mapping[PledgeId, str]) -> Tie:
    pledge, terms = claim.pledge, claim.agreement
    title = pledge.is_root and not pledge.quantity and bool(terms.mode)
    amounts = {
        "quantity": pledge.quantity,
        "reused": pledge.reused,
        "reusable": pledge.reusable(now),
        "recalled": pledge.recalled,
        "selling": pledge.selling,
        "due": pledge.owed,
    }
    return Tie(
        pledge=claim.pledge_id,
        agreement=pledge.agreement_id,
        kind="title" if title else "pledge" if pledge.is_root else "re-pledge",
        isin=names.isin(pledge.token),
        network=names.network,
        giver=names.who(terms.giver),
        taker=names.who(terms.taker),
        held_by=names.who(holders[claim.pledge_id]) if pledge.quantity else None,
        depth=pledge.depth,
        parent=None if pledge.is_root else pledge.parent,
        until=datetime.fromtimestamp(pledge.until, UTC),
        **{name: names.quantity(pledge.token, units) for name, units in amounts.items()},
    )


def read_inventory(
    home: Home, participant: str | None = None, security: str | None = None, block: int | None = None
) -> Inventory:
    """`inventory_of` an installation, attempts included: those of its file, and of now the open trades that wait for a
    seller's units. Raises as `inventory_of` does, and Misconfigured for a chain inside another process."""
    settings = home.settings()
    if settings.rpc == EMBEDDED:
        raise Misconfigured("an embedded chain is inside its own process alone: no other can look at it")
    node, market = Node(settings.rpcs), home.market()
    number = node.head().number if block is None else block  # the same block for pledges and accounts
    claims: Claims | None = None
    if market.network.collateral is not None:
        ledger: CollateralLedger = open_collateral(home, node)
        claims = Claims(ledger.events(last=number))
    return inventory_of(
        market,
        node,
        claims,
        block=number,
        participant=participant,
        security=security,
        attempts=attempts_of(home).attempts(block),
        waiting=_short(open_book(home), market) if block is None else (),
    )


def _short(book: Book, market: Market) -> list[tuple[str, str]]:
    """Seller and security of each open trade that waits for units: they are committed elsewhere."""
    return [
        (market.participants[one.terms.deliverer].wallet, market.securities[one.terms.isin].token)
        for one in book.open_trades()
        if one.reason is not None and one.reason.code == "LACK"
    ]
