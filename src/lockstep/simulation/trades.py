"""What participants want of a run: a handful of trades, some of which cannot settle, and cancellations.

Each message is written once; handed in again, whenever and however often, it is the same to the byte.
"""

import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from lockstep.app.market_file import MarketFile, Member
from lockstep.domain.identifiers import Isin, Reference
from lockstep.domain.instruction import CancellationRequest, Instruction, Party, Side
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.iso20022 import write

__all__ = ["Post", "posts"]

FEWEST, MOST = 3, 6
TWINS = 0.2
"""How many trades have the terms of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message that a participant will hand in, not before step `after` of the schedule."""

    name: str
    data: bytes
    after: int


def posts(
    market: MarketFile, now: datetime, rng: random.Random, *, steps: int, cancel: random.Random | None
) -> list[Post]:
    """The messages of a run of so many steps, by the step from which each is due."""
    written: list[Post] = []
    twins: tuple[Instruction, Instruction] | None = None
    days = _settlement_days(market.business_day)
    for number in range(1, rng.randint(FEWEST, MOST) + 1):
        if twins is not None and rng.random() < TWINS:
            deliver, receive = _twin(*twins, number, rng)
        else:
            deliver, receive = _pair(market, number, days, rng)
        twins = deliver, receive
        since = rng.randrange(max(1, steps // 9))
        missing = rng.random() < 0.08
        for place, one in enumerate((deliver, receive)):
            if missing and place:
                continue
            written.append(_post(market, one, f"I{number}{one.side.value}", now, since + rng.randrange(5)))
        if cancel is not None and cancel.random() < 0.3:
            who = (deliver, receive) if cancel.random() < 0.6 else (cancel.choice((deliver, receive)),)
            asked = since + 5 + cancel.randrange(max(1, steps // 2))
            for one in who:
                request = CancellationRequest(reference=one.reference, side=one.side, owner=one.owner)
                name = f"C{number}{one.side.value}"
                written.append(_post(market, request, name, now, asked + cancel.randrange(20)))
    return sorted(written, key=lambda one: (one.after, one.name))


def _settlement_days(first: date) -> list[date]:
    """Mostly today; else the next day, which may be a holiday, or one after the weekend."""
    return [first] * 18 + [first + timedelta(days=1), first + timedelta(days=4)]


def _pair(market: MarketFile, number: int, days: list[date], rng: random.Random) -> tuple[Instruction, Instruction]:
    seller, buyer = rng.sample(market.members, 2)
    security = rng.choice(market.securities)
    owned = next(one.units for one in market.holdings if one.participant == seller.bic and one.isin == security.isin)
    units = rng.randint(1, owned // 2) if rng.random() < 0.85 else rng.randint(owned // 2, owned + owned // 4)
    money = next(one.amount for one in buyer.cash if one.currency == security.currency)
    amount = rng.randint(1, money // 2) if rng.random() < 0.85 else rng.randint(money // 2, money + money // 4)
    deliver = Instruction(
        reference=Reference(f"T{number}D"),
        side=Side.DELIVER,
        deliverer=_party(seller),
        receiver=_party(buyer),
        isin=Isin(security.isin),
        quantity=Quantity.of_units(units, security.decimals),
        quantity_type=security.quantity_type,
        cash=Money(currency=security.currency, amount=amount),
        trade_date=market.business_day - timedelta(days=2),
        settlement_date=rng.choice(days),
    )
    apart = rng.choice((0, 0, 0, 1, 2, 100, 5_000))  # within the tolerance, or not
    cash = Money(currency=security.currency, amount=amount + apart)
    return deliver, replace(deliver, reference=Reference(f"T{number}R"), side=Side.RECEIVE, cash=cash)


def _twin(
    deliver: Instruction, receive: Instruction, number: int, rng: random.Random
) -> tuple[Instruction, Instruction]:
    """Another trade of the same terms, or nearly: only what each names of the other tells the two apart."""
    own, other = Reference(f"T{number}D"), Reference(f"T{number}R")
    names = rng.random() < 0.7
    cash = replace(receive.cash, amount=max(1, deliver.cash.amount + rng.choice((-2, 0, 0, 1, 100))))
    return (
        replace(deliver, reference=own, counterparty_reference=other if names else None),
        replace(
            receive,
            reference=other,
            counterparty_reference=own if names and rng.random() < 0.8 else None,
            cash=cash,
        ),
    )


def _party(member: Member) -> Party:
    return Party(lei=member.lei, bic=member.bic)


def _post(market: MarketFile, body: Instruction | CancellationRequest, name: str, now: datetime, after: int) -> Post:
    message = Message(sender=body.owner.bic, receiver=market.service, message_id=name, created=now, body=body)
    return Post(name=name, data=write(message), after=after)
