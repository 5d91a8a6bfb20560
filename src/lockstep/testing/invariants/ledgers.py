"""Ways to look at the facts: what both ledgers say, gathered by what it is about."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from lockstep.testing.facts import Cycle, Facts, Lock, Move, Payment, Posting

__all__ = [
    "Place",
    "all_made",
    "arrivals",
    "booked_payments",
    "cycles",
    "debits",
    "deliveries",
    "ended_in",
    "foreign",
    "locks",
    "made",
    "net",
    "not_ended",
    "owed",
    "owners",
    "released",
    "still_earmarked",
    "tokens",
    "told",
]

Place = tuple[str, str, str]
"""Transaction, token, holder."""


_Made = TypeVar("_Made", Lock, Cycle, Lock | Cycle)


def locks(facts: Facts) -> defaultdict[str, list[Lock]]:
    found: defaultdict[str, list[Lock]] = defaultdict(list)
    for lock in facts.locks:
        found[lock.settlement].append(lock)
    return found


def cycles(facts: Facts) -> defaultdict[str, list[Cycle]]:
    found: defaultdict[str, list[Cycle]] = defaultdict(list)
    for cycle in facts.cycles:
        found[cycle.settlement].append(cycle)
    return found


def all_made(facts: Facts) -> list[Lock | Cycle]:
    return [*facts.locks, *facts.cycles]


def made(facts: Facts) -> defaultdict[str, list[Lock | Cycle]]:
    """Whatever was locked, by settlement."""
    found: defaultdict[str, list[Lock | Cycle]] = defaultdict(list)
    for one in all_made(facts):
        found[one.settlement].append(one)
    return found


def net(cycle: Cycle) -> Counter[tuple[str, str]]:
    """Received less delivered, by token and party."""
    found: Counter[tuple[str, str]] = Counter()
    for leg in cycle.legs:
        found[leg.token, leg.seller] -= leg.quantity
        found[leg.token, leg.buyer] += leg.quantity
    return found


def tokens(made: Lock | Cycle) -> set[str]:
    return {made.token} if isinstance(made, Lock) else {leg.token for leg in made.legs}


def owed(facts: Facts) -> tuple[Counter[Place], Counter[Place]]:
    """What all settlements that one transaction delivers take from holders, and what they bring them."""
    taken: Counter[Place] = Counter()
    brought: Counter[Place] = Counter()
    for (transaction, token, seller, buyer, units), times in deliveries(facts, "Settled").items():
        taken[transaction, token, str(seller)] += units * times
        brought[transaction, token, buyer] += units * times
    made_net = cycles(facts)
    for move in facts.moves:
        for cycle in made_net[move.settlement][:1] if move.name == "Settled" else ():
            for (token, holder), units in net(cycle).items():
                (taken if units < 0 else brought)[ended_in(cycle, move, token), token, holder] += abs(units)
    return taken, brought


def owners(facts: Facts) -> list[frozenset[str]]:
    """For each transfer the wallets that it arrived for: its target, or those lost wallets whose heir that is."""
    found: list[frozenset[str]] = []
    for place, one in enumerate(facts.transfers):
        successors = {step.wallet: step.successor for step in facts.successions if step.transfers <= place}
        heirs: dict[str, str] = {}
        for recovery in facts.recoveries:
            if recovery.token == one.token and recovery.transfers <= place:
                heirs[recovery.wallet] = _last_in_line(recovery.wallet, successors)
        lost = [wallet for wallet, heir in heirs.items() if heir == one.target]
        itself = [one.target] if one.target is not None and one.target not in heirs else []
        found.append(frozenset([*itself, *lost]))
    return found


def _last_in_line(wallet: str, successors: Mapping[str, str]) -> str:
    seen = {wallet}
    while (following := successors.get(wallet, wallet)) not in seen:
        wallet = following
        seen.add(wallet)
    return wallet


def arrivals(facts: Facts) -> Counter[tuple[str, str, str | None, str, int]]:
    """What moved, by transaction, token, source, the wallet that it arrived for, and units."""
    return Counter(
        (one.transaction, one.token, one.source, owner, one.units)
        for one, arrived_for in zip(facts.transfers, owners(facts), strict=True)
        for owner in arrived_for
    )


def ended_in(cycle: Cycle, move: Move, token: str) -> str:
    """The transaction in which the units of one security were to move; empty: in none yet."""
    return move.transaction if cycle.apart is None else cycle.apart.get(token, "")


def still_earmarked(facts: Facts) -> Iterator[tuple[Cycle, set[str]]]:
    """Cycles with the securities whose units are still earmarked: all of an open one, the rest of one taken apart."""
    still_open = {cycle.settlement for cycle in not_ended(facts, facts.cycles)}
    for cycle in facts.cycles:
        if cycle.settlement in still_open:
            yield cycle, tokens(cycle)
        elif cycle.apart is not None:
            yield cycle, tokens(cycle) - cycle.apart.keys()


def debits(facts: Facts) -> defaultdict[str, list[Posting]]:
    """The postings that pay a settlement: the RTGS's ledger itself, by settlement."""
    found: defaultdict[str, list[Posting]] = defaultdict(list)
    for posting in facts.postings:
        if posting.settlement is not None:
            found[posting.settlement].append(posting)
    return found


def booked_payments(facts: Facts) -> defaultdict[str, list[Payment]]:
    found: defaultdict[str, list[Payment]] = defaultdict(list)
    for payment in facts.payments:
        if payment.state == "BOOKED":
            found[payment.settlement].append(payment)
    return found


def released(facts: Facts, settlement: str, until: datetime) -> frozenset[str]:
    """Which agents had released a settlement's payment by an instant."""
    given = {one.agent for one in facts.releases if one.settlement == settlement and one.released_at <= until}
    return facts.releasers & given


def foreign(facts: Facts, made: Iterable[Lock | Cycle]) -> list[str]:
    """Tokens outside the market, locked where somebody paid for it or the service shows it as its own.

    Anyone may lock a token of his own making: of that alone no promise of ours is touched.
    """
    paid = debits(facts)
    return [
        token
        for one in made
        if paid[one.settlement] or one.settlement in facts.claims
        for token in sorted(tokens(one) - facts.supplies.keys())
    ]


def not_ended(facts: Facts, made: Sequence[_Made]) -> list[_Made]:
    ended = {move.settlement for move in facts.moves if move.name in ("Settled", "GivenBack")}
    return [one for one in made if one.settlement not in ended]


def deliveries(facts: Facts, name: str) -> Counter[tuple[str, str, str | None, str, int]]:
    """The transfers that the moves of one name should have made, as Transfer tells them."""
    locked = locks(facts)
    return Counter(
        (move.transaction, lock.token, lock.seller, lock.buyer, lock.quantity)
        for move in facts.moves
        if move.name == name
        for lock in locked[move.settlement][:1]
    )


def told(facts: Facts, made: Lock | Cycle) -> bool:
    """Whether people were told of a contradiction about what a reorganisation beyond the depth took."""
    return not facts.alarms.isdisjoint({made.settlement, made.trade if isinstance(made, Lock) else made.settlement})
