"""Banks that lend bonds against cash, over the real repos of the service (`flow.repoing`): opened and closed as trades,
changed in between."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.register import Agreement, AgreementMode
from lockstep.domain.instruction import Party
from lockstep.domain.money import Money
from lockstep.domain.repo import moves
from lockstep.domain.repo.life import Repo, RepoState
from lockstep.domain.repo.terms import Lot, RepoTerms, repo_id
from lockstep.flow.repoing import Repoing
from lockstep.signing import valuers_hash
from lockstep.simulation.actors_collateral import DAY, open_agreement
from lockstep.simulation.actors_hands import Hands
from lockstep.simulation.collateral_hands import REPO_SALTS, Desk, a_share, the_valuers

__all__ = ["agrees_on_repos", "changes_a_repo", "opens_a_repo", "terminates_a_repo"]

MOST = 3
"""Repos of a run."""


def agrees_on_repos(hands: Hands, rng: random.Random) -> str | None:
    """A bank and another: title goes to the buyer. Nobody does anything under it but the service's repos."""
    desk = Desk(hands, rng)
    if len(desk.repo_agreements()) >= MOST:
        return None
    seller, buyer = rng.sample([one.wallet for one in hands.members], 2)
    terms = Agreement(
        giver=seller,
        taker=buyer,
        mode=AgreementMode.TITLE_TRANSFER,
        currency="EUR",
        valuers=valuers_hash(the_valuers()),
        until=desk.now + 60 * DAY,
        max_age_seconds=DAY,
        salt=rng.getrandbits(32) % REPO_SALTS,
    )
    return open_agreement(desk, terms)


def _said(hands: Hands, say: Callable[[Repoing], Repo]) -> Repo:
    made = hands.stage.repo(say)
    hands.stage.remember(lambda: hands.stage.repo(say))
    return made


def opens_a_repo(hands: Hands, rng: random.Random) -> str | None:
    """A bond about its price, until tomorrow, a few days on, or on demand."""
    desk = Desk(hands, rng)
    known = list(desk.repo_agreements().items())
    if not known or len(hands.stage.repo(lambda one: one.book.repos())) >= MOST:
        return None
    name, terms = rng.choice(known)
    seller, buyer = desk.member(terms.giver), desk.member(terms.taker)
    security = next(one for one in hands.securities if one.currency == terms.currency)
    units = max(1, a_share(rng, hands.units(security.token, terms.giver)) // 2)
    today = hands.stage.clock.now().date()
    price = max(1, units * rng.choice((95, 98, 100)) // 100)
    made = RepoTerms(
        repo_id=repo_id(f"R{rng.getrandbits(32):08X}"),
        agreement_id=name,
        seller=Party(lei=seller.lei, bic=seller.bic),
        buyer=Party(lei=buyer.lei, bic=buyer.bic),
        purchase_date=today,
        repurchase_date=rng.choice((today + timedelta(days=1), today + timedelta(days=1), None)),
        purchase_price=Money(currency=terms.currency, amount=price),
        rate=rng.choice((20_000, 35_000, -5_000)),
        basis=DayCount.ACTUAL_360,
        lots=(Lot(number=1, isin=security.isin, units=units, price=price),),
    )
    repo = _said(hands, lambda one: one.open(made))
    until = made.repurchase_date or "demand"
    return f"{seller.bic} sells {units} of {security.isin} to {buyer.bic} for {price} until {until}: {repo.state.value}"


def _open(hands: Hands) -> list[Repo]:
    return [one for one in hands.stage.repo(lambda one: one.book.repos()) if one.state is RepoState.OPEN]


def changes_a_repo(hands: Hands, rng: random.Random) -> str | None:
    """Another rate, units on top, or some of them back."""
    found = _open(hands)
    if not found:
        return None
    repo = rng.choice(found)
    isin, lot = repo.lots[0].isin, rng.choice(repo.lots)
    today, rate = hands.stage.clock.now().date(), rng.choice((10_000, 50_000))
    units, less = rng.choice((1, 500)), max(1, lot.units // 10)
    name, move = rng.choice(
        (
            ("another rate", lambda one, now: moves.repriced(one, rate, today, now)),
            ("a top-up", lambda one, now: moves.topped_up(one, isin, units, now)),
            ("a top-up", lambda one, now: moves.topped_up(one, isin, units, now)),
            ("units back", lambda one, now: moves.returned_free(one, lot.number, less, now)),
            ("a part back", lambda one, now: moves.partly_returned(one, lot.number, less, today, now)),
        )
    )
    return f"{repo.terms.repo_id}, {name}: {_changed(hands, repo, move)}"


def terminates_a_repo(hands: Hands, rng: random.Random) -> str | None:
    """Of one on demand: the buyer, or the seller, wants it to end today."""
    found = [one for one in _open(hands) if one.repurchase_date is None]
    if not found:
        return None
    repo, today = rng.choice(found), hands.stage.clock.now().date()
    return f"{repo.terms.repo_id}: {_changed(hands, repo, lambda one, now: moves.terminated(one, today, now))}"


def _changed(hands: Hands, repo: Repo, move: Callable[[Repo, datetime], Repo]) -> str:
    made = hands.stage.repo(lambda one: one.change(repo.terms.repo_id, move))
    return made.history[-1].what
