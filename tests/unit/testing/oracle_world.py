"""A short history in which nothing went wrong: one trade settled, one given back, one under way."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lockstep.testing.facts import (
    Account,
    Cycle,
    Epoch,
    Facts,
    Holding,
    Leg,
    Lock,
    Mandate,
    Member,
    Move,
    Party,
    Payment,
    Posting,
    Release,
    Row,
    Transfer,
    Vote,
)

DEPTH = 5
START = datetime(2026, 11, 20, 9, tzinfo=UTC)
PAY_BY = datetime(2026, 11, 20, 16, tzinfo=UTC)
SELLER, BUYER, THIRD, TOKEN = "0xSeller", "0xBuyer", "0xThird", "0xBond"
SETTLED, GIVEN_BACK, UNDER_WAY = "aa", "bb", "cc"
PAID_AGENTS = frozenset({"0xA1", "0xA2", "0xA3"})


def at(block: int) -> datetime:
    return START + timedelta(seconds=12 * block)


def lock(settlement: str, quantity: int, block: int, nonce: int) -> Lock:
    return Lock(
        settlement=settlement,
        derived=settlement,
        trade=f"trade-{settlement}",
        token=TOKEN,
        seller=SELLER,
        buyer=BUYER,
        quantity=quantity,
        epoch=1,
        nonce=nonce,
        cash_hash=f"cash-{settlement}",
        pay_by=PAY_BY,
        block=block,
        seller_signed=True,
        buyer_signed=True,
    )


def payment(settlement: str, amount: int, state: str, decided_at: datetime) -> Payment:
    return Payment(
        settlement=settlement,
        uetr=f"uetr-{settlement}",
        state=state,
        decided_at=decided_at,
        debtor="BUYRBIC",
        debtor_account="BUYER-EUR",
        creditor="SELLBIC",
        creditor_account="SELLER-EUR",
        currency="EUR",
        amount=amount,
        cash_hash=f"cash-{settlement}",
        settlement_date=date(2026, 11, 20),
        instructing="SERVICE",
        mandate=1,
    )


def posting(number: int, settlement: str | None, debit: str, credit: str, amount: int, booked_at: datetime) -> Posting:
    return Posting(
        number=number,
        settlement=settlement,
        debit=debit,
        credit=credit,
        currency="EUR",
        amount=amount,
        booked_at=booked_at,
    )


def account(number: str, posted: int, earmarked: int = 0, *, technical: bool = False) -> Account:
    return Account(number=number, currency="EUR", technical=technical, posted=posted, earmarked=earmarked)


def move(name: str, settlement: str, block: int, signers: frozenset[str] = PAID_AGENTS) -> Move:
    return Move(name=name, settlement=settlement, at=at(block), transaction=f"tx-{block}", signers=signers)


def votes(settlement: str, outcome: str, agents: frozenset[str] = PAID_AGENTS) -> list[Vote]:
    return [Vote(settlement=settlement, outcome=outcome, epoch=1, agent=agent) for agent in sorted(agents)]


def released(settlement: str, block: int, *agents: str) -> list[Release]:
    return [Release(settlement=settlement, agent=agent, released_at=at(block)) for agent in agents]


def journal(*subjects: str) -> list[Row]:
    rows, previous = [], "0" * 64
    for number, subject in enumerate(subjects, start=1):
        content = [previous, number, START.isoformat(), "locked", subject, [("ref", "Zürich")]]
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(text.encode()).hexdigest()
        row = Row(
            number=number,
            at=START.isoformat(),
            kind="locked",
            subject=subject,
            facts={"ref": "Zürich"},
            hash=previous,
        )
        rows.append(row)
    return rows


def clean() -> Facts:
    return Facts(
        locks=[lock(SETTLED, 30, 10, 0), lock(GIVEN_BACK, 20, 11, 1), lock(UNDER_WAY, 10, 60, 2)],
        moves=[move("Settled", SETTLED, 40), move("GivenBack", GIVEN_BACK, 50)],
        epochs=[Epoch(number=1, agents=PAID_AGENTS | {"0xA4"}, quorum=3)],
        holdings=[
            Holding(token=TOKEN, holder=SELLER, balance=970, free=960, earmarked=10, earmarked_by_dvp=10),
            Holding(token=TOKEN, holder=BUYER, balance=30, free=30, earmarked=0, earmarked_by_dvp=0),
        ],
        supplies={TOKEN: 1000},
        transfers=[
            Transfer(token=TOKEN, source=None, target=SELLER, units=1000, transaction="tx-1"),
            Transfer(token=TOKEN, source=SELLER, target=BUYER, units=30, transaction="tx-40"),
        ],
        block_times={number: at(number) for number in range(100)},
        finality_depth=DEPTH,
        members={
            SELLER: Member(bank="SELLBIC", accounts=frozenset({"SELLER-EUR"})),
            BUYER: Member(bank="BUYRBIC", accounts=frozenset({"BUYER-EUR"})),
        },
        accounts=[
            account("BUYER-EUR", 700, 100),
            account("CENTRAL", -1000, technical=True),
            account("SELLER-EUR", 300),
        ],
        postings=[
            posting(1, None, "CENTRAL", "BUYER-EUR", 1000, at(0)),
            posting(2, SETTLED, "BUYER-EUR", "SELLER-EUR", 300, at(30)),
        ],
        payments=[
            payment(SETTLED, 300, "BOOKED", at(30)),
            payment(GIVEN_BACK, 200, "CANCELLED", at(35)),
            payment(UNDER_WAY, 100, "HELD", at(65)),
        ],
        releases=[*released(SETTLED, 29, "AGT1", "AGT2"), *released(SETTLED, 30, "AGT3")],
        releasers=frozenset({"AGT1", "AGT2", "AGT3", "AGT4"}),
        mandates=[
            Mandate(
                number=1,
                account="BUYER-EUR",
                currency="EUR",
                maximum=500,
                until=date(2026, 12, 31),
                payee="SELLER-EUR",
                instructing="SERVICE",
                given_at=START,
            )
        ],
        tombstones=frozenset({GIVEN_BACK}),
        votes=[*votes(SETTLED, "PAID"), *votes(GIVEN_BACK, "NEVER")],
        instructions={
            f"trade-{settlement}": (("LEI-S", f"D-{settlement}"), ("LEI-B", f"R-{settlement}"))
            for settlement in (SETTLED, GIVEN_BACK, UNDER_WAY)
        },
        claims={SETTLED: "SETTLED", GIVEN_BACK: "RELEASED", UNDER_WAY: "EARMARKED", "trade-dd": "CANCELLED"},
        journal=journal("one", "two", "three"),
    )


def over() -> Facts:
    """The same without what is under way, at the end of the day."""
    facts = clean()
    return replace(
        facts,
        locks=facts.locks[:2],
        payments=facts.payments[:2],
        accounts=[replace(facts.accounts[0], earmarked=0), *facts.accounts[1:]],
        holdings=[replace(facts.holdings[0], free=970, earmarked=0, earmarked_by_dvp=0), facts.holdings[1]],
        claims={SETTLED: "SETTLED", GIVEN_BACK: "RELEASED"},
        ended=True,
    )


def leg(seller: str, buyer: str, quantity: int, terms: str) -> Leg:
    return Leg(token=TOKEN, seller=seller, buyer=buyer, quantity=quantity, terms_hash=terms)


def netted() -> Facts:
    """What is under way is a cycle instead: the seller gives 10 net, the buyer gets 4 and a third party 6."""
    facts = clean()
    cycle = Cycle(
        settlement=UNDER_WAY,
        derived=UNDER_WAY,
        parties=[
            Party(wallet=SELLER, signed=True, least={TOKEN: -10}),
            Party(wallet=BUYER, signed=True, least={TOKEN: 0}),
            Party(wallet=THIRD, signed=True, least={TOKEN: 6}),
        ],
        legs=[leg(SELLER, BUYER, 15, "t1"), leg(BUYER, THIRD, 11, "t2"), leg(THIRD, SELLER, 5, "t3")],
        cash_hash=f"cash-{UNDER_WAY}",
        epoch=1,
        pay_by=PAY_BY,
        block=60,
    )
    members = {**facts.members, THIRD: Member(bank="THRDBIC", accounts=frozenset())}
    return replace(facts, locks=facts.locks[:2], cycles=[cycle], claims={}, members=members)


def net_settled() -> Facts:
    """The cycle paid by the buyer and delivered: the token passed on the seller's 10 units."""
    facts = netted()
    facts = but(facts, "payments", 2, state="BOOKED", decided_at=at(70))
    facts = plus(facts, "releases", *released(UNDER_WAY, 69, "AGT1", "AGT2", "AGT4"))
    facts = plus(facts, "postings", posting(3, UNDER_WAY, "BUYER-EUR", "SELLER-EUR", 100, at(70)))
    facts = plus(facts, "moves", move("Settled", UNDER_WAY, 80))
    passed = [
        Transfer(token=TOKEN, source=SELLER, target=BUYER, units=4, transaction="tx-80"),
        Transfer(token=TOKEN, source=SELLER, target=THIRD, units=6, transaction="tx-80"),
    ]
    holdings = [
        Holding(token=TOKEN, holder=holder, balance=units, free=units, earmarked=0, earmarked_by_dvp=0)
        for holder, units in ((SELLER, 960), (BUYER, 34), (THIRD, 6))
    ]
    accounts = [account("BUYER-EUR", 600), facts.accounts[1], account("SELLER-EUR", 400)]
    facts = plus(facts, "transfers", *passed)
    return replace(facts, holdings=holdings, accounts=accounts)


def but(facts: Facts, kind: str, place: int, **changes: Any) -> Facts:
    """The facts with one of a kind changed."""
    items = list(getattr(facts, kind))
    items[place] = replace(items[place], **changes)
    return replace(facts, **{kind: items})


def plus(facts: Facts, kind: str, *more: Any) -> Facts:
    """The facts with more of a kind."""
    return replace(facts, **{kind: [*getattr(facts, kind), *more]})


def less(facts: Facts, kind: str, place: int) -> Facts:
    """The facts with one of a kind taken out."""
    items = list(getattr(facts, kind))
    del items[place]
    return replace(facts, **{kind: items})
