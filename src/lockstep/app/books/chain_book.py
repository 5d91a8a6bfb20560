"""The chain's book: positions by balances, and trades by DvP's events, as of the last final block before a moment.

Positions are what the tokens' Transfer events leave, and are compared with the tokens' state where the node keeps that
of the block: a node that tells two stories is believed neither.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from lockstep.app.books.said import Said, silence
from lockstep.app.books.scope import Scope
from lockstep.chain.holdings import lines_at, registry_of
from lockstep.chain.node import Node
from lockstep.chain.transfers import Transfer, balances_at, balances_by, block_at, transactions_of, transfers
from lockstep.domain.errors import Contradiction, LockstepError, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Market
from lockstep.domain.order import AssetEvent
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.ports import BulkAssetLedger

__all__ = ["LAG_SECONDS", "ChainSaid", "OnChain", "owners", "read_chain", "trade_lines"]

LAG_SECONDS = 900
"""How much older than the books' moment the node's newest block may be: of an older one it is behind, and not asked."""
TOGETHER = 5_000
"""Settlements that are read at once."""
_ENDS = {"Settled": LineStatus.SETTLED, "GivenBack": LineStatus.ENDED}
_SUBJECTS = (Subject.POSITION, Subject.TRADE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChain:
    """A settlement as the chain has it by the block: its lock, and its end if it has one."""

    settlement: SettlementId
    locked: AssetEvent
    end: AssetEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSaid:
    """The chain's answer, with what other books' lines need of it to name the same things."""

    said: Said
    settlements: Mapping[SettlementId, OnChain] = field(default_factory=dict)
    owner: Callable[[str], str] = str
    """Whose a wallet is."""
    register_moves: Mapping[Key, int] = field(default_factory=dict)
    """Units that the collateral register moved, by position: no trade's, and the service keeps no other record."""


def read_chain(
    node: Node | None,
    assets: BulkAssetLedger | None,
    market: Market,
    scope: Scope,
    *,
    own_sales: Iterable[SettlementId] = (),
    first_block: int = 0,
) -> ChainSaid:
    """Positions as lines; settlements not yet, as their keys are the payments': see `trade_lines`.

    `own_sales` are settlements of the collateral register's sales: no trades. A chain that gives no whole answer is
    silent, and says why.
    """
    if node is None or assets is None:
        return ChainSaid(said=silence(Book.CHAIN, _SUBJECTS, "no node answers"))
    try:
        block = _final_block(node, market, scope.at)
        settlements = _settlements(assets, block)
        owner = owners(node, market, block)
    except LockstepError as error:
        return ChainSaid(said=silence(Book.CHAIN, _SUBJECTS, error))
    sales = {*own_sales}
    sold = [one for name, one in settlements.items() if name in sales]
    trades = {name: one for name, one in settlements.items() if name not in sales}
    as_of = f"block {block}"
    try:
        positions, moved, told = _positions(node, market, (first_block, block), sold, owner)
    except LockstepError as error:
        silent = {Subject.POSITION: str(error)}
        said = Said(book=Book.CHAIN, spoke=frozenset({Subject.TRADE}), silent=silent, as_of=as_of)
        return ChainSaid(said=said, settlements=trades, owner=owner)
    said = Said(book=Book.CHAIN, lines=positions, spoke=frozenset(_SUBJECTS), as_of=as_of, told=told)
    return ChainSaid(said=said, settlements=trades, owner=owner, register_moves=moved)


def trade_lines(chain: ChainSaid, market: Market, key: Callable[[SettlementId], Key]) -> tuple[Line, ...]:
    """A line for each settlement; `key` names a settlement as the other books do."""
    isins = {one.token: one.isin for one in market.securities.values()}
    lines = []
    for name, one in chain.settlements.items():
        assert one.locked.order is not None
        movement, terms = one.locked.order.movement, one.locked.order.terms
        status = LineStatus.OPEN if one.end is None else _ENDS[one.end.name]
        at = None if one.end is None else one.end.at
        settled = status is LineStatus.SETTLED and at is not None
        shown = one.end or one.locked
        lines.append(
            Line(
                book=Book.CHAIN,
                key=key(name),
                quantity=movement.quantity,
                instrument=isins.get(movement.token, movement.token),
                deliverer=chain.owner(movement.seller),
                receiver=chain.owner(movement.buyer),
                status=status,
                day=at.date() if settled and at is not None else _utc(terms.pay_by).date(),
                at=at,
                origin=f"block {shown.block} {shown.transaction}",
            )
        )
    return tuple(lines)


def _utc(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _final_block(node: Node, market: Market, at: datetime) -> int:
    """The last final block of the moment. Raises Unavailable for a node that is behind it."""
    head = node.head()
    newest = _utc(head.timestamp)
    if newest < at - timedelta(seconds=LAG_SECONDS):
        raise Unavailable(
            f"the node is behind: its newest block {head.number} is of {newest:%Y-%m-%d %H:%M:%S} UTC, "
            f"more than {LAG_SECONDS} seconds before {at:%Y-%m-%d %H:%M:%S} UTC"
        )
    block = block_at(node, int(at.timestamp()), head.number - market.network.finality_depth)
    if block is None:
        raise Unavailable(f"the chain has no final block of {at:%Y-%m-%d %H:%M:%S} UTC or before")
    return block


def _settlements(assets: BulkAssetLedger, block: int) -> dict[SettlementId, OnChain]:
    found: dict[SettlementId, OnChain] = {}
    names = iter(assets.locked())
    while some := list(islice(names, TOGETHER)):
        for name, events in assets.histories(some).items():
            until = [one for one in events if one.block <= block]
            locked = next((one for one in until if one.order is not None), None)
            if locked is not None:
                end = next((one for one in until if one.name in _ENDS), None)
                found[name] = OnChain(settlement=name, locked=locked, end=end)
    return found


Positions = tuple[tuple[Line, ...], Mapping[Key, int], tuple[str, ...]]


def _positions(
    node: Node, market: Market, blocks: tuple[int, int], sales: Sequence[OnChain], owner: Callable[[str], str]
) -> Positions:
    """Lines, what the collateral register moved, and what should be known. Raises Contradiction, Unavailable."""
    isins = {one.token: one.isin for one in market.securities.values()}
    first, block = blocks
    moves = transfers(node, list(isins), block, first)
    held = balances_by(moves)
    told = _as_state(node, market, held, moves, block)
    units: defaultdict[Key, int] = defaultdict(int)
    for (token, holder), amount in held.items():
        units[Key.position(owner(holder), isins[token])] += amount
    lines = tuple(
        Line(book=Book.CHAIN, key=key, quantity=amount, origin=f"block {block}")
        for key, amount in sorted(units.items())
    )
    moved: Counter[Key] = Counter()
    if market.network.collateral is not None:
        of_register = transactions_of(node, market.network.collateral, block, first)
        of_register |= {one.end.transaction for one in sales if one.end is not None}
        for (token, holder), amount in balances_by(one for one in moves if one.transaction in of_register).items():
            moved[Key.position(owner(holder), isins[token])] += amount
    return lines, moved, told


def _as_state(
    node: Node, market: Market, held: Mapping[tuple[str, str], int], moves: Sequence[Transfer], block: int
) -> tuple[str, ...]:
    """Compares what the events leave with what the tokens say. Raises Contradiction where they differ."""
    wallets = {one.wallet for one in market.participants.values()}
    tokens = {one.token for one in moves}
    places = sorted({*held, *((token, wallet) for token in tokens for wallet in wallets)})
    try:
        stated = balances_at(node, places, block)
    except Unavailable as error:
        return (f"positions are by events alone: {error}",)
    for place, units in zip(places, stated, strict=True):
        if units != held.get(place, 0):
            token, holder = place
            raise Contradiction(
                f"the node tells two stories of block {block}: {holder} has {units} units of {token} by the token's "
                f"state, {held.get(place, 0)} by its events"
            )
    return ()


def owners(node: Node, market: Market, block: int) -> Callable[[str], str]:
    """Whose a wallet is, by LEI, its successors included; the wallet itself where it is no participant's.

    Raises Unavailable.
    """
    known = {one.wallet: str(one.lei) for one in market.participants.values()}
    tokens = [one.token for one in market.securities.values()]
    if tokens and known:
        registry = registry_of(node, tokens[0])
        try:
            following = lines_at(node, registry, list(known), block)
        except Unavailable:  # a node that keeps no state of that block
            following = lines_at(node, registry, list(known), node.head().number)
        for wallet, line in following.items():
            known.update({one: known[wallet] for one in line if one not in known})
    return lambda wallet: known.get(wallet, wallet)
