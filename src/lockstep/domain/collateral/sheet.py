"""Who has what, and what of it can be used: one line for each wallet and security, from holdings and claims.

Exact and plain, for the positions of a market. For a million of them at once `analytics.inventory` has the same sums as
columns.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lockstep.domain.collateral.claims import Claim
from lockstep.domain.collateral.register import AgreementMode
from lockstep.domain.rounding import PARTS, divide_down

__all__ = ["Holding", "Line", "sheet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One wallet's account in one security, as the token shows it. Base units."""

    wallet: str
    token: str
    owned: int
    free: int
    in_settlement: int = 0
    """Earmarked by DvP."""
    in_register: int = 0
    """Earmarked by the collateral register."""
    elsewhere: int = 0
    """Earmarked in any other lane."""
    frozen: int = 0
    """Of these, what the officers froze."""
    account_frozen: bool = False

    @property
    def earmarked(self) -> int:
        return self.in_settlement + self.in_register + self.elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One wallet's units of one security. Base units."""

    wallet: str
    token: str
    owned: int
    free: int
    """Neither earmarked nor frozen."""
    earmarked: int
    in_settlement: int
    pledged: int
    """Given as collateral out of its own, in place; what is out for sale included."""
    selling: int
    """Of these, out for sale."""
    received: int
    """Taken as collateral in place, given on or not."""
    reused: int
    """Of these, given on."""
    reusable: int
    """Of these, what may still be given on: cap, depth, recall and term allow it."""
    due_in: int
    """Units that others owe to it: of title transferred, or lost further down."""
    due_out: int
    """Units that it owes to others."""
    frozen: int
    account_frozen: bool
    attempts: int
    """Refused tries to commit more than there was."""
    over_committed: int
    """By how much more is pledged than the register has earmarked, or given on than the cap allows: zero, unless a
    ledger lies."""


_AMOUNTS = ("pledged", "lane", "selling", "received", "reused", "reusable", "due_in", "due_out", "excess")


def sheet(
    holdings: Iterable[Holding],
    claims: Sequence[Claim],
    now: int,
    attempts: Iterable[tuple[str, str]] = (),
    heirs: Mapping[str, str] | None = None,
) -> list[Line]:
    """A line for each wallet and security that has anything, by wallet, then by security; both as they are written.

    `now` is the block's time, seconds. `attempts`: the wallet and the security of each. `heirs`: who has taken a
    wallet's place; what is the old one's is the new one's.
    """
    heirs = heirs or {}
    accounts: dict[tuple[str, str], Holding] = {}
    for one in holdings:
        place = heirs.get(one.wallet, one.wallet), one.token
        accounts[place] = _joined(accounts.get(place), replace(one, wallet=place[0]))
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(_AMOUNTS, 0))
    tried: dict[tuple[str, str], int] = defaultdict(int)
    for wallet, token in attempts:
        tried[heirs.get(wallet, wallet), token] += 1
    for claim in claims:
        _count(sums, claim, now, heirs)
    return [
        line
        for place in sorted({*accounts, *sums, *tried})
        if _is_something(line := _line(place, accounts.get(place), sums[place], tried[place]))
    ]


def _joined(before: Holding | None, one: Holding) -> Holding:
    """Two wallets' accounts as one."""
    if before is None:
        return one
    amounts = ("owned", "free", "in_settlement", "in_register", "elsewhere", "frozen")
    sums = {name: getattr(before, name) + getattr(one, name) for name in amounts}
    frozen = before.account_frozen or one.account_frozen
    return Holding(wallet=one.wallet, token=one.token, account_frozen=frozen, **sums)


def _count(sums: dict[tuple[str, str], dict[str, int]], claim: Claim, now: int, heirs: Mapping[str, str]) -> None:
    pledge, terms = claim.pledge, claim.agreement
    giver = sums[heirs.get(terms.giver, terms.giver), pledge.token]
    taker = sums[heirs.get(terms.taker, terms.taker), pledge.token]
    if pledge.is_root and terms.mode is AgreementMode.SECURITY_INTEREST:
        giver["pledged"] += pledge.quantity
        giver["selling"] += pledge.selling
        giver["lane"] += pledge.quantity - pledge.selling
    limit = divide_down((pledge.quantity - pledge.selling) * pledge.reuse_cap, PARTS)
    taker["received"] += pledge.quantity
    taker["reused"] += pledge.reused
    taker["reusable"] += pledge.reusable(now)
    taker["excess"] += max(pledge.reused - limit, 0)
    giver["due_in"] += pledge.owed
    taker["due_out"] += pledge.owed


def _line(place: tuple[str, str], account: Holding | None, sums: dict[str, int], attempts: int) -> Line:
    wallet, token = place
    held = account or Holding(wallet=wallet, token=token, owned=0, free=0)
    over = max(sums["lane"] - held.in_register, 0) + max(held.earmarked - held.owned, 0) + sums["excess"]
    return Line(
        wallet=wallet,
        token=token,
        owned=held.owned,
        free=held.free,
        earmarked=held.earmarked,
        in_settlement=held.in_settlement,
        pledged=sums["pledged"],
        selling=sums["selling"],
        received=sums["received"],
        reused=sums["reused"],
        reusable=sums["reusable"],
        due_in=sums["due_in"],
        due_out=sums["due_out"],
        frozen=held.frozen,
        account_frozen=held.account_frozen,
        attempts=attempts,
        over_committed=over,
    )


def _is_something(line: Line) -> bool:
    return any(getattr(line, name) for name in Line.__dataclass_fields__ if name not in ("wallet", "token"))
