"""Repos of an installation, wired: their records, the service's book, the register, the wallets of a rehearsal."""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from lockstep.app.collateral import LocalCollateralWallets, open_collateral
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.keeping import kept
from lockstep.app.operators import OperatorKeys
from lockstep.app.records import open_reception
from lockstep.app.repo_files import party_of, read_positions
from lockstep.chain.acting import Sending
from lockstep.chain.node import Node
from lockstep.domain.collateral.documents import parse_schedule
from lockstep.domain.collateral.register import register_of
from lockstep.domain.collateral.schedules import Parties
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.instruction import Instruction
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.repo.fails import late_interest
from lockstep.domain.repo.life import Repo, RepoState
from lockstep.domain.repo.terms import repo_id
from lockstep.flow.repoing import Repoing
from lockstep.flow.selecting import Basket, select
from lockstep.flow.sharing import LEASE_SECONDS, key_subject
from lockstep.iso20022 import write
from lockstep.ports import Lease
from lockstep.store import SqlLeases, SqlRepoBook

__all__ = ["acting_repoing", "open_repoing", "recorded", "selected", "shown"]


def open_repoing(home: Home, sender: Sending | None = None) -> Repoing:
    """Repos to look at and to change; without a sender nothing is sent. Raises Misconfigured, Unavailable."""
    if home.settings().rpc == EMBEDDED:
        raise Misconfigured("an embedded chain is inside its own process alone: no other can look at it")
    market, database = home.market(), home.open_database()
    register = register_of(market.network)
    wallets = {key.address: key for key in home.wallets(home.market_file()).values()}
    reception = open_reception(home)

    def hand_in(message: Message[Instruction]) -> None:
        reception.submit(message, write(message))

    return Repoing(
        repos=SqlRepoBook(database),
        book=reception.book,
        ledger=open_collateral(home, sender=sender),
        wallet=LocalCollateralWallets(wallets, register),
        market=market,
        hand_in=hand_in,
        clock=home.clock(),
    )


@contextmanager
def acting_repoing(home: Home) -> Iterator[Repoing]:
    """The same with a sender: an operator's key that no running service has is its own meanwhile.

    Raises Misconfigured where there is none.
    """
    node, database = Node(home.settings().rpcs), home.open_database()
    leases = SqlLeases(database, home.clock())
    keys = OperatorKeys(home, node, database, lambda _: None)
    holder = f"{socket.gethostname()}/repo/{os.getpid()}"
    lease: Lease | None = None
    for address in keys.in_use(1, lambda _: None):
        lease = leases.claim(key_subject(address), holder, LEASE_SECONDS)
        if lease is not None:
            break
    if lease is None:
        raise Misconfigured("every operator's key is in use by a service: a key operator-N more is needed")
    try:
        with kept(leases, [lease], LEASE_SECONDS):
            yield open_repoing(home, keys.sender(lease))
    finally:
        leases.release(lease)


def recorded(home: Home, identity: str | None = None) -> Sequence[Repo]:
    """All repos, or the one of an id; the ledgers need not be up. Raises InvalidInput for an id of none."""
    book = SqlRepoBook(home.open_database())
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
    late = late_interest(repo, today) if repo.state is RepoState.FAILED else None
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
        "pricingRate": repo.rate,
        "dayCount": repo.terms.basis.value,
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
        else {"on": late.on.text(), "amount": late.amount.text(), "perDay": late.per_day.text(), "rate": late.rate},
        "history": [{**asdict(one), "at": one.at.isoformat()} for one in repo.history],
    }
