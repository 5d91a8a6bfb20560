"""Repos of an installation, wired: their records, the service's book, the register, the wallets of a rehearsal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, cast

from lockstep.app.collateral import LocalCollateralWallets, open_collateral
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.records import open_book
from lockstep.app.repo_files import party_of, percent_text, read_positions
from lockstep.chain.acting import Sending
from lockstep.chain.node import Node
from lockstep.domain.collateral.documents import parse_schedule
from lockstep.domain.collateral.schedules import Parties
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.market import Market
from lockstep.domain.money import Money, Quantity
from lockstep.domain.repo.fails import late_interest
from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.terms import repo_id
from lockstep.flow.repoing import Repoing
from lockstep.flow.selecting import Basket, select
from lockstep.iso20022 import write
from lockstep.ports import Book, CollateralLedger, RepoBook
from lockstep.signing import Key

__all__ = ["open_repoing", "recorded", "selected", "service_repoing", "shown"]


def open_repoing(home: Home) -> Repoing:
    """Repos to look at and to change; the service takes their steps. Raises Misconfigured, Unavailable."""
    if home.settings().rpc == EMBEDDED:
        raise Misconfigured("an embedded chain is inside its own process alone: no other can look at it")
    return _repoing(home, open_book(home), open_collateral(home), ())


def service_repoing(
    home: Home, node: Node, sender: Sending | None, book: Book, wallets: Iterable[Key]
) -> Repoing | None:
    """The service's steps of repos, None where the market has no register; without a sender nothing is sent."""
    if home.market().network.collateral is None:
        return None
    return _repoing(home, book, open_collateral(home, node, sender), wallets)


def _repoing(home: Home, book: Book, ledger: CollateralLedger, wallets: Iterable[Key]) -> Repoing:
    """Over these records and this ledger, signed for by a rehearsal's wallets."""
    return Repoing(
        book=cast(RepoBook, book),
        ledger=ledger,
        wallet=LocalCollateralWallets({key.address: key for key in wallets}, ledger.register),
        market=home.market(),
        write=write,
        clock=home.clock(),
    )


def recorded(home: Home, identity: str | None = None) -> Sequence[Repo]:
    """All repos, or the one of an id; the ledgers need not be up. Raises InvalidInput for an id of none."""
    book = open_book(home)
    if identity is None:
        return book.repos()
    found = book.repo(repo_id(identity))
    if found is None:
        raise InvalidInput("repo_id", identity, "the id of a repo")
    return [found]


def selected(
    home: Home, price: Money, schedule: Path, positions: Path, seller: str, country: str, *, cheapest: bool
) -> dict[str, Any]:
    """What covers a purchase price, in the form in which `read_terms` takes it. Raises InvalidInput, Refused."""
    from lockstep.analytics.cheapest import CheapestAllocator  # numeric libraries, which nothing else here needs
    from lockstep.analytics.greedy import GreedyAllocator

    market, now = home.market(), home.clock().now()
    try:
        text = schedule.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("schedule", schedule, f"a readable file in UTF-8 ({error})") from error
    basket = Basket(
        schedule=parse_schedule(text),
        parties=Parties(giver=party_of(market, seller, field="seller").lei, giver_country=country),
        on=now.date(),
        available=read_positions(positions, market, now),
    )
    found = select(CheapestAllocator() if cheapest else GreedyAllocator(), price, basket)
    return {
        "method": found.method,
        "cost": Money(currency=price.currency, amount=found.cost).text(),
        "currency": price.currency,
        "purchasePrice": price.text(),
        "securities": [
            {
                "isin": one.isin,
                "quantity": Quantity.of_units(one.units, market.security(one.isin).decimals).text(),
                "price": Money(currency=price.currency, amount=one.price).text(),
            }
            for one in found.lots
        ],
    }


def shown(repo: Repo, market: Market, today: date) -> Mapping[str, Any]:
    """A repo as a person or a program reads it; of one that failed, what a late close has come to."""
    differential = repo.price_differential(min(today, repo.repurchase_date or today))
    late = late_interest(repo, today)
    return {
        "repoId": repo.terms.repo_id,
        "state": repo.state.value,
        "agreementId": repo.terms.agreement_id,
        "seller": repo.terms.seller.bic,
        "buyer": repo.terms.buyer.bic,
        "purchaseDate": repo.terms.purchase_date.isoformat(),
        "repurchaseDate": repo.repurchase_date.isoformat() if repo.repurchase_date else None,
        "currency": repo.terms.purchase_price.currency,
        "purchasePrice": repo.money(repo.principal).text(),
        "priceDifferential": repo.money(differential).text(),
        "pricingRate": percent_text(repo.rate),
        "dayCount": repo.terms.basis.value,
        "waits": repo.waits,
        "securities": [
            {
                "lot": one.number,
                "isin": one.isin,
                "quantity": Quantity.of_units(one.units, market.security(one.isin).decimals).text(),
                "price": repo.money(one.price).text(),
                "title": one.pledge_id,
            }
            for one in repo.lots
        ],
        "legs": [
            {
                "reference": one.reference,
                "cash": one.cash.text(),
                "settlementDate": one.settlement_date.isoformat(),
                "state": one.state.value,
                "reason": one.reason,
            }
            for one in repo.legs
        ],
        "transfers": [
            {"number": one.number, "kind": one.kind.value, "state": one.state.value, "reason": one.reason}
            for one in repo.transfers
        ],
        "late": None
        if late is None
        else {
            "on": late.on.text(),
            "amount": late.amount.text(),
            "perDay": late.per_day.text(),
            "rate": percent_text(late.rate),
        },
        "history": [{**asdict(one), "at": one.at.isoformat()} for one in repo.history],
    }
