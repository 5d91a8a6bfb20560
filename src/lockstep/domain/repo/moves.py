"""What can become of a repo, as pure functions: each gives the repo after a move, or refuses.

Those that people ask for raise InvalidInput for figures that break a rule, and Refused RepoNotReady where the repo is
in no state for it or something of it is still under way. `now` is UTC; instants are kept in whole seconds.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from lockstep.domain.collateral.register import PledgeId
from lockstep.domain.errors import InvalidInput, LockstepError, Refused
from lockstep.domain.identifiers import Isin, Reference, SettlementId, reference
from lockstep.domain.money import Money
from lockstep.domain.order import Order
from lockstep.domain.repo.fails import MiniCloseOut
from lockstep.domain.repo.life import (
    MOVES,
    Event,
    Leg,
    LegKind,
    LegState,
    Repo,
    RepoState,
    Transfer,
    TransferKind,
)
from lockstep.domain.repo.pricing import Period, shares
from lockstep.domain.repo.terms import MOST_LOTS, Lot, RepoTerms
from lockstep.domain.rounding import PARTS, divide_down, divide_nearest

__all__ = [
    "ACT_SECONDS",
    "TRANSFER_SECONDS",
    "agreed",
    "closed_out",
    "closing",
    "finished",
    "leg_died",
    "leg_recorded",
    "leg_settled",
    "partly_returned",
    "recounted",
    "repriced",
    "retried",
    "returned_free",
    "rolled",
    "substituted",
    "terminated",
    "topped_up",
    "transfer_died",
    "transfer_done",
]

ACT_SECONDS = 7 * 86_400
"""How long a signed act that records a leg may be run; then it is signed anew."""
TRANSFER_SECONDS = 86_400
"""The same of a transfer, and never on the repurchase date; then it is given up, and holds up nothing more."""


# --- opening


def agreed(terms: RepoTerms, now: datetime) -> Repo:
    """A new repo with its opening legs, one for each lot, all on the purchase date."""
    at = _second(now)
    repo = Repo(
        terms=terms,
        state=RepoState.AGREED,
        agreed_at=at,
        repurchase_date=terms.repurchase_date,
        lots=terms.lots,
        periods=(Period(first=terms.purchase_date, principal=terms.purchase_price.amount, rate=terms.rate),),
        history=(Event(at=at, what="agreed", detail=f"{terms.purchase_price} on {terms.purchase_date}"),),
    )
    for lot in terms.lots:
        repo = _with_leg(repo, LegKind.OPENING, lot, lot.units, lot.price, lot.price, terms.purchase_date, now)
    return repo


def leg_settled(repo: Repo, of: Reference, order: Order, settlement_id: SettlementId, now: datetime) -> Repo:
    """A leg's trade has settled: the register is to be told, by an act that counts until a time."""
    by = int(now.timestamp()) + ACT_SECONDS
    return _leg(repo, of, now, "settled", state=LegState.SETTLED, order=order, settlement_id=settlement_id, act_by=by)


def leg_recorded(repo: Repo, of: Reference, now: datetime, pledge_id: PledgeId | None = None) -> Repo:
    """The register has a leg. `pledge_id`: of an opening leg, what the title is recorded under."""
    leg = repo.leg(of)
    repo = _leg(repo, of, now, "recorded", state=LegState.RECORDED)
    lot = repo.lot(leg.lot)
    if leg.kind is LegKind.OPENING:
        return _opened(_lot(repo, replace(lot, pledge_id=pledge_id)), now)
    left = replace(lot, units=lot.units - leg.units, price=lot.price - leg.principal)
    repo = _lot(repo, left)
    if leg.kind is LegKind.RETURN:
        paid = repo.interest_paid + leg.cash.amount - leg.principal
        period = Period(first=leg.settlement_date, principal=repo.principal, rate=repo.rate)
        return replace(repo, interest_paid=paid, periods=_from(repo.periods, period))
    return finished(repo, now)


def leg_died(repo: Repo, of: Reference, reason: str, now: datetime) -> Repo:
    """A leg's trade ended without settling. An opening leg's lot is out of the repo, a closing leg's has failed."""
    leg = repo.leg(of)
    repo = _leg(repo, of, now, "did not settle", state=LegState.DEAD, reason=reason)
    if leg.kind is LegKind.OPENING:
        return _opened(_lot(repo, replace(repo.lot(leg.lot), units=0, price=0)), now)
    if leg.kind is LegKind.CLOSING and repo.state is RepoState.CLOSING:
        return _moved(repo, RepoState.FAILED, now, f"{leg.reference}: {reason}")
    return repo


def _opened(repo: Repo, now: datetime) -> Repo:
    """Open once no opening leg is under way, with the lots that settled; cancelled where none did."""
    if repo.pending_legs:
        return repo
    if not repo.principal:
        return _moved(repo, RepoState.CANCELLED, now, "no opening leg settled")
    period = replace(repo.periods[0], principal=repo.principal)
    return _moved(replace(repo, periods=(period,)), RepoState.OPEN, now, str(repo.money(repo.principal)))


# --- while it is open


def repriced(repo: Repo, rate: int, on: date, now: datetime) -> Repo:
    """Another pricing rate from a day on; what has accrued before stays as it was. Nothing moves on a ledger.

    Another purchase price is another repo (paragraph 4(k)): `rolled` on the same repurchase date.
    """
    _require_open(repo)
    last = repo.periods[-1]
    if on < last.first:
        raise InvalidInput("on", on, f"not before {last.first}, since when {last.rate} parts of a million count")
    if repo.repurchase_date is not None and on >= repo.repurchase_date:
        raise InvalidInput("on", on, f"before the repurchase date {repo.repurchase_date}")
    if not -PARTS < rate <= PARTS:
        raise InvalidInput("rate", rate, "above -1000000 and at most 1000000 parts of a million")
    periods = _from(repo.periods, Period(first=on, principal=repo.principal, rate=rate))
    return _noted(replace(repo, periods=periods), now, "repriced", f"{rate} parts of a million from {on}")


def topped_up(repo: Repo, isin: Isin, units: int, now: datetime) -> Repo:
    """The seller is to give margin securities, free of payment."""
    _require_open(repo)
    lot = _next_lot(repo, isin, units, 0)
    return _with_transfer(repo, now, kind=TransferKind.TOP_UP, lot_in=lot)


def returned_free(repo: Repo, number: int, units: int, now: datetime) -> Repo:
    """The buyer is to give back units free of payment: margin securities, or an excess. The price stays as it is."""
    _require_open(repo)
    _require_part(repo.lot(number), units, all_of_it=repo.lot(number).price == 0)
    return _with_transfer(repo, now, kind=TransferKind.RETURN, lot_out=number, units_out=units)


def partly_returned(repo: Repo, number: int, units: int, on: date, now: datetime) -> Repo:
    """The buyer is to give back part of a lot on a day, against that part of its price and the interest on it.

    The part of the price is rounded down, its interest to the nearest minor unit; the rest stays with the rest.
    """
    _require_open(repo)
    lot = repo.lot(number)
    _require_part(lot, units, all_of_it=repo.principal > lot.price)
    _require_day(repo, on, now)
    part = divide_down(lot.price * units, lot.units)
    if part == 0:
        raise InvalidInput("units", units, f"enough to be worth a minor unit of {repo.money(lot.price)}")
    accrued = divide_nearest(repo.price_differential(on) * part, repo.principal)
    return _with_leg(repo, LegKind.RETURN, lot, units, part + accrued, part, on, now)


def substituted(repo: Repo, number: int, units: int, isin: Isin, new_units: int, now: datetime) -> Repo:
    """The seller is to give other securities in place of units of a lot, which come back in the same transaction."""
    _require_open(repo)
    lot = repo.lot(number)
    _require_part(lot, units, all_of_it=True)
    if isin == lot.isin:
        raise InvalidInput("isin", isin, "another security than the lot's")
    new = _next_lot(repo, isin, new_units, divide_down(lot.price * units, lot.units))
    return _with_transfer(repo, now, kind=TransferKind.SUBSTITUTE, lot_in=new, lot_out=number, units_out=units)


def recounted(repo: Repo, owed: Mapping[int, int], now: datetime) -> Repo:
    """What the register says is owed, by lot, counts from now on: units came back past the service. Prices stay."""
    if repo.state not in (RepoState.OPEN, RepoState.FAILED) or not repo.is_quiet:
        raise _not_ready(repo, "OPEN or FAILED, and nothing under way")
    for lot in repo.lots:
        units, least = owed.get(lot.number, lot.units), 1 if lot.price else 0
        if not least <= units <= lot.units:
            raise InvalidInput(f"lot {lot.number}/owed", units, f"{least} to {lot.units}, of price {lot.price}")
        if units != lot.units:
            repo, told = _lot(repo, replace(lot, units=units)), f"{units} in place of {lot.units}"
            repo = _noted(repo, now, f"lot {lot.number} recounted", told)
    return repo


def transfer_done(repo: Repo, number: int, now: datetime, pledge_id: PledgeId | None = None) -> Repo:
    """The register has a transfer. `pledge_id`: of the lot that came in."""
    one = _transfer_of(repo, number)
    repo = _transfer(repo, number, now, "done", state=LegState.RECORDED)
    moved = one.lot_in.price if one.lot_in is not None else 0
    if one.lot_out:
        lot = repo.lot(one.lot_out)
        repo = _lot(repo, replace(lot, units=lot.units - one.units_out, price=lot.price - moved))
    if one.lot_in is not None:
        repo = replace(repo, lots=(*repo.lots, replace(one.lot_in, pledge_id=pledge_id)))
    return finished(repo, now)


def transfer_died(repo: Repo, number: int, reason: str, now: datetime) -> Repo:
    """A transfer will not be made."""
    return _transfer(repo, number, now, "not made", state=LegState.DEAD, reason=reason)


# --- the end


def terminated(repo: Repo, on: date, now: datetime) -> Repo:
    """Its repurchase date is another: of one on demand the date demanded, else an earlier one that both agreed on."""
    _require_open(repo)
    _require_day(repo, on, now)
    return _noted(replace(repo, repurchase_date=on), now, "to be terminated", f"on {on}")


def rolled(repo: Repo, successor: RepoTerms, now: datetime) -> Repo:
    """It ends on the successor's purchase date, and the successor opens once it has: in sequence, not netted."""
    _require_open(repo)
    for name in ("agreement_id", "seller", "buyer"):
        if getattr(successor, name) != getattr(repo.terms, name):
            raise InvalidInput(name, getattr(successor, name), f"{getattr(repo.terms, name)}, as of the repo rolled")
    if successor.repo_id == repo.terms.repo_id:
        raise InvalidInput("repo_id", successor.repo_id, "another than that of the repo rolled")
    repo = terminated(repo, successor.purchase_date, now)
    return _noted(replace(repo, successor=successor), now, "to be rolled", f"into {successor.repo_id}")


def closing(repo: Repo, today: date, now: datetime) -> Repo:
    """On the repurchase date or after it: the legs that bring every lot back for the repurchase price of that date.

    Margin securities come back free of payment once the legs are done.
    """
    if repo.state is not RepoState.OPEN or not repo.is_quiet:
        raise _not_ready(repo, "OPEN, and nothing under way")
    due = repo.repurchase_date
    if due is None or today < due:
        raise InvalidInput("today", today, f"not before the repurchase date {due}")
    lots = [one for one in repo.lots if one.price]
    amounts = shares(repo.repurchase_price(due).amount, [one.price for one in lots])
    repo = _moved(repo, RepoState.CLOSING, now, str(repo.repurchase_price(due)))
    for lot, amount in zip(lots, amounts, strict=True):
        repo = _with_leg(repo, LegKind.CLOSING, lot, lot.units, amount, lot.price, max(due, today), now)
    return repo


def retried(repo: Repo, today: date, now: datetime) -> Repo:
    """The closing legs that failed, again, for the same amount, on a later day than they failed on.

    What is owed for the delay is a claim of its own (`fails.late_interest`). Unchanged before that day.
    """
    if repo.state is not RepoState.FAILED:
        return repo
    last = {one.lot: one for one in repo.legs if one.kind is LegKind.CLOSING}
    for one in last.values():
        if one.state is LegState.DEAD and today > one.settlement_date:
            lot = repo.lot(one.lot)
            repo = _with_leg(repo, LegKind.CLOSING, lot, lot.units, one.cash.amount, one.principal, today, now)
    return repo


def closed_out(repo: Repo, figures: MiniCloseOut, reason: str, now: datetime) -> Repo:
    """People have given notice and terminated it at these figures. Nothing moves by this on a ledger."""
    if repo.state is not RepoState.FAILED or not repo.is_quiet:
        raise _not_ready(repo, "FAILED, and nothing under way: else both could happen")
    if not reason:
        raise InvalidInput("reason", "", "who gave notice, and on which ground")
    return _moved(repo, RepoState.CLOSED_OUT, now, f"{figures.payer} owes {figures.net}: {reason}")


def finished(repo: Repo, now: datetime) -> Repo:
    """Once all is repurchased, what is left comes back free of payment; then it is over. Unchanged before."""
    if repo.state not in (RepoState.CLOSING, RepoState.FAILED) or repo.principal or not repo.is_quiet:
        return repo
    left = [one for one in repo.lots if one.units]
    for lot in left:
        repo = _with_transfer(repo, now, kind=TransferKind.RETURN, lot_out=lot.number, units_out=lot.units)
    return repo if left else _moved(repo, RepoState.CLOSED, now)


# --- parts


def _second(now: datetime) -> datetime:
    if now.utcoffset() != timedelta(0):
        raise InvalidInput("now", now, "an instant in UTC")
    return now.replace(microsecond=0)


def _noted(repo: Repo, now: datetime, what: str, detail: str = "") -> Repo:
    return replace(repo, history=(*repo.history, Event(at=_second(now), what=what, detail=detail)))


def _moved(repo: Repo, state: RepoState, now: datetime, detail: str = "") -> Repo:
    if state not in MOVES[repo.state]:
        raise LockstepError(f"repo {repo.terms.repo_id} cannot go from {repo.state.value} to {state.value}")
    return _noted(replace(repo, state=state), now, state.value.lower().replace("_", " "), detail)


def _from(periods: tuple[Period, ...], following: Period) -> tuple[Period, ...]:
    """With one more; of two that begin on a day the later counts."""
    return (*(one for one in periods if one.first != following.first), following)


def _with_leg(
    repo: Repo, kind: LegKind, lot: Lot, units: int, cash: int, principal: int, on: date, now: datetime
) -> Repo:
    if cash <= 0:
        raise InvalidInput("cash", Money(currency=repo.terms.purchase_price.currency, amount=cash), "above zero")
    attempt = 1 + sum(one.kind is kind and one.lot == lot.number for one in repo.legs)
    leg = Leg(
        reference=reference(f"{repo.terms.repo_id}-{kind.value}{lot.number}.{attempt}"),
        kind=kind,
        lot=lot.number,
        attempt=attempt,
        units=units,
        cash=repo.money(cash),
        principal=principal,
        settlement_date=on,
        decided_at=_second(now),
    )
    return _noted(replace(repo, legs=(*repo.legs, leg)), now, f"leg {leg.reference}", f"{leg.cash} on {on}")


def _with_transfer(repo: Repo, now: datetime, **fields: Any) -> Repo:
    by = _second(now) + timedelta(seconds=TRANSFER_SECONDS)
    if repo.state is RepoState.OPEN and repo.repurchase_date is not None:
        closes = datetime.combine(repo.repurchase_date, time(), tzinfo=UTC) - timedelta(seconds=1)
        if closes <= now:
            raise _not_ready(repo, "OPEN before its repurchase date")
        by = min(by, closes)
    one = Transfer(number=len(repo.transfers) + 1, decided_at=_second(now), act_by=int(by.timestamp()), **fields)
    return _noted(replace(repo, transfers=(*repo.transfers, one)), now, f"transfer {one.number}", one.kind.value)


def _leg(repo: Repo, of: Reference, now: datetime, what: str, **changed: Any) -> Repo:
    old = repo.leg(of)
    legs = tuple(replace(one, **changed) if one is old else one for one in repo.legs)
    return _noted(replace(repo, legs=legs), now, f"leg {of} {what}", changed.get("reason", ""))


def _transfer_of(repo: Repo, number: int) -> Transfer:
    if not 1 <= number <= len(repo.transfers):
        raise InvalidInput("transfer", number, f"1 to {len(repo.transfers)}")
    return repo.transfers[number - 1]


def _transfer(repo: Repo, number: int, now: datetime, what: str, **changed: Any) -> Repo:
    old = _transfer_of(repo, number)
    transfers = tuple(replace(one, **changed) if one is old else one for one in repo.transfers)
    return _noted(replace(repo, transfers=transfers), now, f"transfer {number} {what}", changed.get("reason", ""))


def _lot(repo: Repo, changed: Lot) -> Repo:
    return replace(repo, lots=tuple(changed if one.number == changed.number else one for one in repo.lots))


def _next_lot(repo: Repo, isin: Isin, units: int, price: int) -> Lot:
    if units <= 0:
        raise InvalidInput("units", units, "above zero")
    taken = len(repo.lots) + sum(one.lot_in is not None and one.state is LegState.DEAD for one in repo.transfers)
    if taken >= MOST_LOTS:
        raise InvalidInput("lot", taken + 1, f"at most {MOST_LOTS}")
    return Lot(number=taken + 1, isin=isin, units=units, price=price)


def _not_ready(repo: Repo, rule: str) -> Refused:
    way = [*(one.reference for one in repo.pending_legs), *(f"transfer {one.number}" for one in repo.pending_transfers)]
    details = {"repo": repo.terms.repo_id, "state": repo.state.value, "under_way": ", ".join(way) or "nothing"}
    return Refused("RepoNotReady", {**details, "expected": rule})


def _require_open(repo: Repo) -> None:
    if repo.state is not RepoState.OPEN or not repo.is_quiet or repo.successor is not None:
        raise _not_ready(repo, "OPEN, nothing under way, and not to be rolled")


def _require_part(lot: Lot, units: int, *, all_of_it: bool) -> None:
    most = lot.units if all_of_it else lot.units - 1
    if not 0 < units <= most:
        raise InvalidInput("units", units, f"1 to {most}, of the {lot.units} of lot {lot.number}")


def _require_day(repo: Repo, on: date, now: datetime) -> None:
    earliest = max(now.date(), repo.periods[-1].first)
    latest = repo.repurchase_date
    if on < earliest or (latest is not None and on > latest):
        raise InvalidInput("on", on, f"from {earliest} to {latest or 'any day later'}")
