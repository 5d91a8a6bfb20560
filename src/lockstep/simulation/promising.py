"""Collects what P1 to P7 are judged by (`lockstep.testing.promises`): boxes, mail, what was handed in, both ledgers.

A message is looked at when it lies in its box, so that what was sent too early, or anew with other content, is seen.
All else is read once, at the end.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from lockstep.app.founding import AGENTS, agent_bic
from lockstep.chain.audit import ChainFacts, checksummed
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.journal import JournalRow
from lockstep.domain.money import minor_units
from lockstep.domain.order import OutcomeResult
from lockstep.domain.payment import Payment
from lockstep.simulation.market import MARKET, UNITS
from lockstep.simulation.promising_hindrance import hindered, pay_by
from lockstep.simulation.promising_mail import Letter, heard, letter, statement, told
from lockstep.simulation.world import World
from lockstep.testing.promises import check_promises
from lockstep.testing.promises_facts import BoxRow, Delivered, Given, Heard, PromiseFacts, Signed, Told

__all__ = ["Promises"]


class Promises:
    """One run's."""

    def __init__(self, world: World, chain: Callable[[], ChainFacts]) -> None:
        self._world, self._chain = world, chain
        self._outbox = world.ground.root / "outbox"
        world.witness.delivered = self._delivered_to
        self._files: dict[tuple[str, str], bytes] = {}
        """By box and message id."""
        self._told: dict[tuple[str, str], Told] = {}
        self._final: set[str] = set()
        self._times: dict[str, set[datetime]] = defaultdict(set)
        """By settlement: when it was settled, finally."""
        """Settlements whose delivery was ever seen final."""
        self._seen: ChainFacts | None = None
        self._breaks: set[str] = set()
        self._undeliverable: set[str] = set()
        self._unreadable: set[int] = set()
        """Positions in the service's mail that it could not read, by its own word, which is in its journal at once."""
        self._mail: dict[str, dict[int, tuple[Letter | None, int, Sequence[Heard]]]] = {}
        self._signed: dict[tuple[str, str, bool], Signed] = {}
        self._votes = 0
        self._looked = world.clock.now()
        keys = world.ground.roles.agents
        self._agents = {keys[number - 1].address: agent_bic(MARKET.service, number) for number in range(1, AGENTS + 1)}

    # --- while it runs

    def look(self, rows: Iterable[JournalRow]) -> None:
        """After a step; `rows` are the journal's new lines."""
        self.see()
        for row in rows:
            self._read(row)
        if len(self._world.votes) > self._votes:
            self._hear_votes()
        self._looked = self._world.clock.now()

    def see(self) -> None:
        """Takes in what is final on the chain now; also before it reorganises within a step."""
        found = self._chain()
        if found is not self._seen:
            self._seen = found
            final = found.head - self._world.market.network.finality_depth
            for one in found.moves:
                if one.name == "Settled" and one.block <= final:
                    self._final.add(one.settlement)
                    self._times[one.settlement].add(datetime.fromtimestamp(one.at, UTC))

    def _read(self, row: JournalRow) -> None:
        entry = row.entry
        if entry.kind == "break" or entry.facts.get("reason", "").startswith("BREAK"):
            self._breaks |= {entry.subject, entry.facts.get("settlement_id", entry.subject)}
        elif entry.kind == "undeliverable":
            self._undeliverable.add(entry.subject)
        elif entry.kind == "unreadable":
            self._unreadable.add(int(entry.facts.get("sequence", "0")))

    def _delivered_to(self, box: str, message_id: str) -> None:
        """Right when a message lies in a box."""
        self.see()
        key, path = (box, message_id), self._outbox / box / f"{message_id}.xml"
        data, before = path.read_bytes(), self._files.get(key)
        self._files[key] = data
        self._take(key, data, before)

    def _take(self, key: tuple[str, str], data: bytes, before: bytes | None) -> None:
        known, life = self._told.get(key), self._world.witness.life
        if known is not None and before is not None:
            changed = known.life == life and _undated(data) != _undated(before)
            self._told[key] = replace(known, changed=known.changed or changed, life=life)
            return
        found = told(key[0], data)
        if found is not None:
            final = found.kind != "sese.025" or found.settlement in self._final
            self._told[key] = replace(found, final=final, life=life)

    def _hear_votes(self) -> None:
        """What had been told to an agent when it signed. Taken from its log again, a signature is no new one."""
        votes, self._votes = self._world.votes[self._votes :], len(self._world.votes)
        robbed = agent_bic(MARKET.service, AGENTS) if self._world.witness.did("agent-stolen") else None
        for one in votes:
            party, paid = self._agents[one.agent], one.result is OutcomeResult.PAID
            key = (party, one.settlement_id, paid)
            if party == robbed or key in self._signed:  # a thief's lines in its log it takes for its own
                continue
            settlement, looked = one.settlement_id, int(self._looked.timestamp())
            said = [(since, what.word) for since, what in self._heard(party) if what.settlement == settlement]
            self._signed[key] = Signed(
                agent=party,
                settlement=settlement,
                paid=paid,
                told=frozenset(word for _, word in said),
                told_before=frozenset(word for since, word in said if since < looked),
            )

    # --- mail

    def _read_mail(self, party: str) -> Mapping[int, tuple[Letter | None, int, Sequence[Heard]]]:
        """By position, as the line carried it and as far as it was given out, with the second it was there from, and
        what it says of settlements."""
        known = self._mail.setdefault(party, {})
        with closing(sqlite3.connect(self._world.ground.root / "rtgs.db")) as books:
            for position, data, since in books.execute(_CARRIED, {"party": party}):
                if position not in known:
                    found = letter(bytes(data))
                    said = () if found is None else tuple(heard(party, position, found))
                    known[position] = found, since, said
        return known

    def _heard(self, party: str) -> list[tuple[int, Heard]]:
        """What a party was told, and since which second of the RTGS's clock."""
        mail = sorted(self._read_mail(party).items())
        return [(since, one) for _, (_, since, said) in mail for one in said]

    # --- at the end

    def finish(self, undone: Iterable[str], trades: Collection[str] = ()) -> list[str]:
        """All violations, in plain words. `undone` are settlements, `trades` those that had them."""
        self.see()
        promises = check_promises(self.facts(undone, trades))
        return [f"{name}: {one}" for name, found in promises.items() for one in found]

    def facts(self, undone: Iterable[str], trades_undone: Collection[str] = ()) -> PromiseFacts:
        world, service = self._world, MARKET.service
        trades, lost = world.trades(), frozenset(undone)
        cursor, rows = self._records()
        readable = {
            position: (found, said)
            for position, (found, _, said) in self._read_mail(service).items()
            if found is not None and position <= cursor and position not in self._unreadable
        }
        statements = [
            one for position, (found, _) in readable.items() if (one := statement(position, found)) is not None
        ]
        payments = {one.payment.settlement_id: one.payment for one in world.facts().payments}
        booked: dict[str, tuple[datetime, str, str]] = {
            settlement: (one.booked_at, one.debit, one.credit)
            for one in world.facts().postings
            if (settlement := SettlementId(one.reference.removeprefix("payment/"))) in payments
        }
        return PromiseFacts(
            given=self._given(),
            asked=world.witness.asked,
            told=[one for one in self._told.values() if (self._outbox / one.box / f"{one.message_id}.xml").is_file()],
            rows=rows,
            delivered=self._delivered(payments, booked),
            undone=lost,
            trades_undone=frozenset(
                one.trade_id
                for one in trades
                if one.settlement_id in lost or (one.settlement_id is None and one.trade_id in trades_undone)
            ),
            heard=[one for _, (_, said) in sorted(readable.items()) for one in said],
            service=service,
            statements=sorted(statements, key=lambda one: one.position),
            breaks=frozenset(self._breaks)
            | {one.settlement_id for one in trades if one.trade_id in self._breaks and one.settlement_id},
            undeliverable=frozenset(self._undeliverable),
            booked=booked,
            known_settlements=frozenset(one.settlement_id for one in trades if one.settlement_id is not None),
            garbled=bool(world.faults.counts.get("line-corrupt")),
            life=world.witness.life,
            signed=list(self._signed.values()),
            spoke=world.witness.spoke,
        )

    def _records(self) -> tuple[int, list[BoxRow]]:
        """How far the service read its mail, and what it has for participants, as its tables have it."""
        with closing(sqlite3.connect(self._world.ground.root / "service.db")) as records:
            (cursor,) = records.execute("SELECT coalesce(max(sequence), 0) FROM mail_cursor").fetchone()
            rows = records.execute("SELECT message_id, delivered FROM outgoing ORDER BY number").fetchall()
        return cursor, [BoxRow(message_id=name, delivered=bool(delivered)) for name, delivered in rows]

    def _delivered(
        self, payments: Mapping[SettlementId, Payment], booked: Mapping[str, tuple[datetime, str, str]]
    ) -> list[Delivered]:
        """What both ledgers have done, one lock for one payment; net cycles are not the service's."""
        world, found = self._world, self._chain()
        owners = {checksummed(one.wallet): lei for lei, one in world.market.participants.items()}
        tokens = {checksummed(one.token): one for one in world.market.securities.values()}
        locks = {one.settlement: one for one in found.locks}
        done = []
        for move in found.moves:
            lock, payment = locks.get(move.settlement), payments.get(SettlementId(move.settlement))
            if move.name != "Settled" or lock is None or payment is None or move.settlement not in booked:
                continue
            security, amount = tokens.get(checksummed(lock.token)), payment.amount
            if security is None or lock.of_order is not None:
                continue
            done.append(
                Delivered(
                    settlement=lock.settlement,
                    trade=lock.trade,
                    seller=owners.get(checksummed(lock.seller), ""),
                    buyer=owners.get(checksummed(lock.buyer), ""),
                    isin=security.isin,
                    units=Decimal(lock.quantity).scaleb(-security.decimals),
                    at=datetime.fromtimestamp(move.at, UTC),
                    earlier=frozenset(self._times[lock.settlement]),
                    pay_by=datetime.fromtimestamp(lock.pay_by, UTC),
                    cash=_decimal(amount.amount, amount.currency),
                    currency=amount.currency,
                    salt=payment.salt,
                    debtor=booked[lock.settlement][1],
                    creditor=booked[lock.settlement][2],
                )
            )
        return done

    def _given(self) -> Given:
        world, market = self._world, self._world.market
        accounts = {
            (str(lei), currency): number
            for lei, one in market.participants.items()
            for currency, number in one.accounts.items()
        }
        units = {
            (str(lei), str(isin)): Decimal(owned).scaleb(-market.securities[isin].decimals)
            for lei in market.participants
            for isin, owned in UNITS.items()
        }
        money = {
            (str(one.lei), cash.currency): _decimal(cash.amount, cash.currency)
            for one in MARKET.members
            for cash in one.cash
        }
        bands = {
            currency: (
                _decimal(band.threshold, currency),
                _decimal(band.up_to, currency),
                _decimal(band.above, currency),
            )
            for currency, band in market.tolerances.items()
        }
        return Given(
            accounts=accounts,
            tolerances=bands,
            units=units,
            money=money,
            pay_by=pay_by(world),
            calm_since=world.witness.calm_since,
            hindered=hindered(world),
        )


_CARRIED = """
SELECT sequence, data, created_at FROM outbox
WHERE receiver = :party AND sequence <= coalesce((SELECT begins FROM lines WHERE receiver = :party), sequence)
UNION ALL
SELECT transit.position, coalesce(transit.data, outbox.data), transit.available_at FROM transit
JOIN outbox ON outbox.receiver = transit.receiver AND outbox.sequence = transit.sequence
WHERE transit.receiver = :party AND transit.position IS NOT NULL
ORDER BY 1
"""
"""A party's mail as `rtgs.faults_line` numbers it."""


def _decimal(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-minor_units(currency))


def _undated(data: bytes) -> bytes:
    """Without the header's time of creation: what is told again after a loss of records is told later."""
    before, _, rest = data.partition(b"<CreDt>")
    return before + rest.partition(b"</CreDt>")[2]
