"""One trade from two instructions made here: what `scripts/settle_dvp.py` runs."""

import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lockstep.app.home import Home
from lockstep.app.market_file import read_market
from lockstep.app.processes import open_book, open_ledger, open_reception
from lockstep.app.views import Row, timeline, trade_rows
from lockstep.app.world import World
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.identifiers import Reference, isin
from lockstep.domain.instruction import Instruction, Party, Side
from lockstep.domain.market import Market, Participant
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.flow.receiving import Reception
from lockstep.iso20022 import write

__all__ = ["Wanted", "settle_fresh", "settle_on"]

_ENDED = ("SETTLED", "RELEASED", "CANCELLED")
PAUSE_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A trade in plain texts: BICs, an ISIN, decimal amounts."""

    seller: str
    buyer: str
    isin: str
    quantity: str
    cash: str


def settle_fresh(market: Path, wanted: Wanted, told: Callable[[str], None]) -> Row:
    """Deploys, funds, issues and settles, all in this process on eth-tester."""
    with tempfile.TemporaryDirectory(prefix="lockstep-") as root:
        world = World(read_market(market), Path(root), told=told)
        try:
            reference = _instruct(world.reception, world.market, wanted, world.clock.now())
            world.run_until_quiet()
            trade = next((one for one in world.book.trades() if reference == one.terms.deliverer_reference), None)
            for moment in timeline(trade, world.book, world.ledger) if trade else ():
                told(f"{moment.at:%H:%M:%S}  {moment.leg:<8} {moment.what}  {moment.detail}")
            return _row(trade_rows(world.book, world.market, world.ledger), reference)
        finally:
            world.close()


def settle_on(home: Home, wanted: Wanted, *, wait_seconds: float, told: Callable[[str], None]) -> Row:
    """Instructs both sides at an installation that is up, and waits for the end.

    Raises Unavailable if it does not come in time; the trade stays under way.
    """
    reception = open_reception(home)
    reference = _instruct(reception, reception.market, wanted, reception.clock.now())
    told(f"instructed as {reference} and {reference.replace('-D', '-R')}")
    deadline, seen = time.monotonic() + wait_seconds, ""
    while time.monotonic() < deadline:
        row = _row(trade_rows(open_book(home), reception.market, open_ledger(home)), reference)
        if row.state != seen:
            seen = row.state
            told(f"{row.state} {row.reason or ''}")
        if row.state in _ENDED:
            return row
        time.sleep(PAUSE_SECONDS)
    raise Unavailable(f"{reference} is {seen} after {wait_seconds} seconds; `lockstep trade {reference}` tells more")


def _instruct(reception: Reception, market: Market, wanted: Wanted, now: datetime) -> Reference:
    security = market.security(isin(wanted.isin, field="isin"))
    seller, buyer = _member(market, wanted.seller, "seller"), _member(market, wanted.buyer, "buyer")
    stem = f"SCRIPT-{secrets.token_hex(5).upper()}"
    for side, owner in ((Side.DELIVER, seller), (Side.RECEIVE, buyer)):
        reference = Reference(f"{stem}-{'D' if side is Side.DELIVER else 'R'}")
        message = Message(
            sender=owner.bic,
            receiver=market.service,
            message_id=reference,
            created=now.replace(microsecond=0),
            body=Instruction(
                reference=reference,
                side=side,
                deliverer=Party(lei=seller.lei, bic=seller.bic),
                receiver=Party(lei=buyer.lei, bic=buyer.bic),
                isin=security.isin,
                quantity=Quantity.parse(wanted.quantity),
                quantity_type=security.quantity_type,
                cash=Money.parse(wanted.cash, security.currency, field="cash"),
                trade_date=now.date(),
                settlement_date=now.date(),
            ),
        )
        reception.submit(message, write(message))
    return Reference(f"{stem}-D")


def _member(market: Market, code: str, field: str) -> Participant:
    found = next((one for one in market.participants.values() if one.bic == code), None)
    if found is None:
        raise InvalidInput(field, code, "the BIC of a participant")
    return found


def _row(rows: list[Row], reference: str) -> Row:
    return next(row for row in rows if row.reference == reference)
