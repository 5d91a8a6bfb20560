"""The service's records anew, after all of them were lost: from the RTGS's mail, the chain's events and the original
instructions. Nothing here asks or sends; `app.rebuilding` reads, and stores what comes out.

A trade's id is the hash of its terms and its salt. So a pair of instructions is known to have been a trade where the
chain has a lock of the id that the pair makes, with the salt that the receiver's payment carries or with the one that
the service's key draws; or where the RTGS has a payment with the salt that the key draws. What neither ledger knows of
is matched as it would be on a new day: of that only the instructions tell.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from lockstep.domain.cash import CashView
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import AdviceStatus, Instruction, Side
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.order import AssetEvent
from lockstep.domain.payment import CashAccount
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.gathering import Gathered, Heard, SeenLock
from lockstep.flow.lost import Lost
from lockstep.flow.matching import agree, match, match_key, salt_of, trade_of
from lockstep.flow.mirroring import missing_in
from lockstep.flow.naming import RegistersOwn, account_text, facts_of
from lockstep.flow.reporting import advise_both, end_both
from lockstep.flow.settling import Sight, observed
from lockstep.ports import Change, StoredInstruction, Unclaimed
from lockstep.signing import check_order

__all__ = ["Rebuilt", "rebuild"]

TOGETHER = 500
"""Trades in one change."""
SUBJECT = "service"
"""Whom the journal's first entry is about."""
_Key = tuple[Lei, Reference]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of it, and what is to be stored."""

    states: Mapping[str, int]
    """Trades recreated, by state."""
    waiting: int
    """Instructions whose counterpart was not given, or that wait for a pass to cancel them."""
    uninstructed: Mapping[SettlementId, Mapping[str, str]]
    """Settlements that no trade explains, with what is known of each."""
    of_register: Mapping[SettlementId, Mapping[str, str]]
    """Payments of margin and income, and sales of pledged units: no trade's."""
    changes: Iterator[Change]
    """In order, once; the first has the journal's first entry."""


def rebuild(
    gathered: Gathered,
    heard: Heard,
    salt_key: bytes,
    histories: Iterable[tuple[SettlementId, Sequence[AssetEvent]]],
    final_time: int,
    register: RegistersOwn | None = None,
) -> Rebuilt:
    """Every trade that the instructions and the ledgers tell of. `final_time`: when the last final block was made;
    `register`: what is the collateral register's own, where the market has one. Raises Unavailable of its node."""
    return _Rebuilding(
        given=gathered,
        heard=heard,
        market=gathered.market,
        now=gathered.now,
        salt_key=salt_key,
        final_time=final_time,
        register=register,
    ).run(histories)


@dataclass(slots=True, kw_only=True)
class _Rebuilding:
    given: Gathered
    heard: Heard
    market: Market
    now: datetime
    salt_key: bytes
    final_time: int
    register: RegistersOwn | None
    of_register: dict[SettlementId, dict[str, str]] = field(default_factory=dict)
    locks: dict[SettlementId, SeenLock] = field(default_factory=dict)
    of_trade: dict[TradeId, list[SeenLock]] = field(default_factory=lambda: defaultdict(list))
    """In the order of the locks."""
    shapes: set[tuple[str, int, int]] = field(default_factory=set)
    payments: dict[_Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The salts of the payments that name an instruction."""
    trades: list[tuple[Trade, Trade, StoredInstruction, StoredInstruction]] = field(default_factory=list)
    """Each as matched and as it is now, with its instructions, the deliverer's first."""

    def run(self, histories: Iterable[tuple[SettlementId, Sequence[AssetEvent]]]) -> Rebuilt:
        self._read_chain(histories)
        payers = {one.bic: lei for lei, one in reversed([*self.market.participants.items()])}
        for view in self.heard.views.values():
            if view.payment is not None and (payer := payers.get(view.payment.debtor.owner)) is not None:
                self.payments[payer, Reference(view.payment.end_to_end_id)].append(view.payment.salt)
        matched = self._match_what_is_known()
        explained: set[SettlementId | None] = {trade.settlement_id for _, trade, _, _ in self.trades}
        self._find_registers(explained)
        uninstructed = self._uninstructed(explained | self.of_register.keys())
        left = [one for one in self.given.instructions.values() if one.key not in matched]
        rest = match(left, self.market, self.salt_key, self.now, self._lost(uninstructed))
        states = {state.value: 0 for state in TradeState}
        for trade in (*(trade for _, trade, _, _ in self.trades), *(one for change in rest for one in change.trades)):
            states[trade.state.value] += 1
        waiting = sum(stored.status == "WAITING" for change in rest for stored in change.instructions)
        states = {state: count for state, count in states.items() if count}
        return Rebuilt(
            states=states,
            waiting=waiting,
            uninstructed=uninstructed,
            of_register=self.of_register,
            changes=self._changes(rest, explained | self.of_register.keys(), uninstructed, states, waiting),
        )

    def _read_chain(self, histories: Iterable[tuple[SettlementId, Sequence[AssetEvent]]]) -> None:
        for settlement, events in histories:
            order = next((event.order for event in events if event.order is not None), None)
            if order is not None:
                self.locks[settlement] = SeenLock(settlement_id=settlement, order=order, events=events)
        for lock in sorted(self.locks.values(), key=lambda one: one.events[0].block):
            self.of_trade[lock.order.terms.trade_id].append(lock)
            movement = lock.order.movement
            self.shapes.add((movement.token, movement.quantity, lock.order.terms.pay_by))

    # --- whose was what

    def _match_what_is_known(self) -> set[_Key]:
        """Makes the trades of the pairs that a ledger knows; the instructions that are theirs."""
        sides: dict[str, tuple[dict[_Key, StoredInstruction], list[StoredInstruction]]] = {}
        for stored in self.given.instructions.values():
            delivers, receives = sides.setdefault(match_key(stored.instruction), ({}, []))
            if stored.instruction.side is Side.DELIVER:
                delivers[stored.key] = stored
            else:
                receives.append(stored)
        matched: set[_Key] = set()
        for delivers, receives in sides.values():
            if not delivers or not receives:
                continue
            known = self._may_be_locked(receives[0].instruction)
            named = {
                (one.instruction.receiver.lei, reference): key
                for key, one in delivers.items()
                if (reference := one.instruction.counterparty_reference) is not None
            }
            for receive_ in receives:
                if not known and receive_.key not in self.payments:
                    continue
                for deliver in self._candidates(receive_, delivers, named):
                    trade = self._known_trade(deliver, receive_)
                    if trade is not None:
                        del delivers[deliver.key]
                        matched |= {deliver.key, receive_.key}
                        self.trades.append((trade, self._as_it_is(trade), deliver, receive_))
                        break
        return matched

    def _may_be_locked(self, instruction: Instruction) -> bool:
        """Wallets are left out, as a bank may have another by now."""
        security = self.market.security(instruction.isin)
        pay_by = int(self.market.pay_by_on(instruction.settlement_date).timestamp())
        return (security.token, instruction.quantity.units(security.decimals), pay_by) in self.shapes

    @staticmethod
    def _candidates(
        receive_: StoredInstruction,
        delivers: Mapping[_Key, StoredInstruction],
        named: Mapping[_Key, _Key],
    ) -> Sequence[StoredInstruction]:
        """Those that it may be a trade with, the likeliest first."""
        reference = receive_.instruction.counterparty_reference
        key = (receive_.instruction.deliverer.lei, reference) if reference is not None else named.get(receive_.key)
        first = [delivers[key]] if key is not None and key in delivers else []
        if reference is not None:
            return first
        return [*first, *(one for one in delivers.values() if one.instruction.counterparty_reference is None)]

    def _known_trade(self, deliver: StoredInstruction, receive_: StoredInstruction) -> Trade | None:
        if not agree(deliver.instruction, receive_.instruction, self.market):
            return None
        drawn = salt_of(deliver, receive_, self.salt_key)
        paid = self.payments.get(receive_.key, ())
        for salt in (drawn, *(one for one in paid if one != drawn)):
            trade = trade_of(deliver, receive_, salt, self.salt_key, self.now)
            if trade.trade_id in self.of_trade or (salt == drawn and salt in paid):
                return trade
        return None

    def _as_it_is(self, trade: Trade) -> Trade:
        """The trade as both ledgers show it; as matched where the chain has no lock of it, or one of other terms."""
        locks = self.of_trade.get(trade.trade_id)
        if not locks:
            return trade
        lock = next((one for one in locks[:-1] if not one.given_back), locks[-1])
        try:
            check_order(lock.order, trade.terms, self.market)
        except LockstepError:  # the service meets it when it steps the trade, and shows it to people
            return trade
        view = self.heard.views.get(lock.settlement_id)
        intents = {"cash": view.decided_at} if view is not None and view.decided_at is not None else {}
        adopted = replace(trade, order=lock.order, settlement_id=lock.settlement_id, intents=intents)
        return observed(adopted, Sight(now=self.now, asset=lock.view(self.final_time), cash=view))

    # --- what no trade explains

    def _lost(self, uninstructed: Mapping[SettlementId, Mapping[str, str]]) -> Lost:
        """That nothing that is left is one of these was found out: no salt of theirs is asked about again."""
        views = {one: view for one in uninstructed if (view := self.heard.views.get(one)) is not None and view.payment}
        orders = [self.locks[one].order for one in uninstructed if one in self.locks and one not in views]
        return Lost(self.market, lambda _: False, views.values(), orders)

    def _find_registers(self, explained: set[SettlementId | None]) -> None:
        if self.register is None:
            return
        paid = [view for one, view in self.heard.views.items() if one not in explained and one not in self.locks]
        for settlement, payment in self.register.named([view for view in paid if not view.is_never]).items():
            self.of_register[settlement] = self._facts(None, self.heard.views[settlement]) | facts_of(payment)
        for settlement, lock in self.locks.items():
            pledge = None if settlement in explained else self.register.sold(settlement, lock.order)
            if pledge is not None:
                facts = self._facts(lock, self.heard.views.get(settlement))
                self.of_register[settlement] = {"what": "sale", "pledge_id": pledge, **facts}

    def _uninstructed(self, explained: set[SettlementId | None]) -> dict[SettlementId, dict[str, str]]:
        known = {trade.trade_id for trade, _, _, _ in self.trades}
        salts = {trade.terms.salt for trade, _, _, _ in self.trades}
        found: dict[SettlementId, dict[str, str]] = {}
        for settlement in dict.fromkeys((*self.locks, *self.heard.views)):
            if settlement in explained:
                continue
            lock, view = self.locks.get(settlement), self.heard.views.get(settlement)
            if lock is None and (view is None or view.is_never):
                continue
            found[settlement] = self._facts(lock, view)
            if lock is not None and lock.order.terms.trade_id in known:
                found[settlement]["also"] = "another lock of a trade that is there"
            elif lock is None and self.heard.salts.get(settlement) in salts:
                found[settlement]["also"] = "its trade is there, and waits for the chain to show the lock"
        return found

    def _facts(self, lock: SeenLock | None, view: CashView | None) -> dict[str, str]:
        """What the ledgers tell of a settlement whose instructions were not given."""
        facts = {"units": "NONE", "cash": "NONE"}
        if lock is not None:
            movement = lock.order.movement
            token = next((one for one in self.market.securities.values() if one.token == movement.token), None)
            facts |= {
                "units": lock.view(self.final_time).head.name,
                "trade_id": lock.order.terms.trade_id,
                "seller": self._party(movement.seller),
                "buyer": self._party(movement.buyer),
                "isin": token.isin if token else movement.token,
                "quantity": str(movement.quantity),
                "pay_by": datetime.fromtimestamp(lock.order.terms.pay_by, UTC).isoformat(),
            }
        if view is not None and view.payment is not None:
            payment = view.payment
            facts |= {
                "amount": str(payment.amount),
                "debtor": account_text(payment.debtor),
                "creditor": account_text(payment.creditor),
                "receiver_reference": payment.end_to_end_id,
                "settlement_date": payment.settlement_date.isoformat(),
            }
        if view is not None:
            facts["cash"] = view.state.name if view.state else "BOOKED" if view.noticed_at else "NONE"
        return facts

    def _party(self, wallet: str) -> str:
        return next(
            (f"{one.bic} ({wallet})" for one in self.market.participants.values() if one.wallet == wallet), wallet
        )

    # --- what is stored

    def _changes(
        self,
        rest: Sequence[Change],
        explained: set[SettlementId | None],
        uninstructed: Mapping[SettlementId, Mapping[str, str]],
        states: Mapping[str, int],
        waiting: int,
    ) -> Iterator[Change]:
        given = self.given
        facts = {
            "chain_final": datetime.fromtimestamp(self.final_time, UTC).isoformat(),
            "chain_block": str(max((one.events[-1].block for one in self.locks.values()), default=0)),
            "locks": str(len(self.locks)),
            "mail": str(self.heard.cursor),
            "payments": str(len(self.heard.views)),
            "instructions": str(len(given.instructions)),
            "cancellations": str(sum(map(len, given.requests.values()))),
            "waiting": str(waiting),
            "without_instructions": str(len(uninstructed)),
            "of_register": str(len(self.of_register)),
            **{f"trades_{state.lower()}": str(count) for state, count in states.items()},
        }
        first = Entry(at=self.now, kind="rebuilt", subject=SUBJECT, facts=facts)
        yield Change(
            entries=(first, *self.heard.entries, *self._breaks(explained)), cash_cursor=self.heard.cursor or None
        )
        yield from _by(
            TOGETHER, tuple((sender, one, digest) for (sender, one), digest in given.messages_seen.items()), "seen"
        )
        yield from _by(TOGETHER, tuple(self.heard.views.values()), "cash")
        yield from _by(TOGETHER, tuple(one for requests in given.requests.values() for one in requests), "requests")
        for trade in self.trades:
            yield self._change(*trade)
        for change in rest:
            yield self._told_before(change)
        yield from _by(TOGETHER, tuple(self._unclaimed((*uninstructed, *self.of_register))), "unclaimed")
        for kind, several in (("no instructions", uninstructed), ("register payment", self.of_register)):
            for settlement, known in several.items():
                yield Change(entries=(Entry(at=self.now, kind=kind, subject=settlement, facts=known),))

    def _change(self, matched: Trade, trade: Trade, deliver: StoredInstruction, receive_: StoredInstruction) -> Change:
        """A trade that a ledger knows, and what its parties are told: the match, and how it stands."""
        both = deliver.instruction, receive_.instruction
        outgoing = advise_both(both, self.market, matched, AdviceStatus.MATCHED, self.now)
        if trade.state.is_end:
            events = self.locks[trade.settlement_id].events if trade.settlement_id else ()
            settled = trade.state is TradeState.SETTLED
            at = next((one.at for one in events if one.name == "Settled"), None) if settled else None
            asked = [
                (one.instruction, request)
                for one in (deliver, receive_)
                for request in self.given.requests.get(one.key, ())
            ]
            outgoing += end_both(both, self.market, trade, at, asked, self.now)
        elif trade.reason is not None:
            outgoing += advise_both(both, self.market, trade, AdviceStatus.PENDING, self.now, trade.reason)
        terms = trade.terms
        facts = {
            "state": trade.state.value,
            "settlement_id": str(trade.settlement_id),
            "deliverer_reference": terms.deliverer_reference,
            "receiver_reference": terms.receiver_reference,
            "isin": terms.isin,
            "quantity": terms.quantity.text(),
            "cash": str(terms.cash),
        }
        if trade.reason is not None:
            facts["reason"] = str(trade.reason)
        return Change(
            entries=(Entry(at=self.now, kind="rebuilt", subject=trade.trade_id, facts=facts),),
            instructions=tuple(
                replace(one, status="MATCHED", trade_id=trade.trade_id, reason=None) for one in (deliver, receive_)
            ),
            trades=(trade,),
            outgoing=outgoing,
        )

    def _told_before(self, change: Change) -> Change:
        """What neither ledger knows of: a wish to cancel it waits, as its party is told again."""
        waiting = [stored for stored in change.instructions if stored.status == "WAITING"]
        told = [message for stored in waiting for message in self.given.pending.get(stored.key, ())]
        return replace(change, outgoing=(*told, *change.outgoing))

    def _unclaimed(self, settlements: Iterable[SettlementId]) -> Iterator[Unclaimed]:
        """Payments that wait for their trade or call, and locks that are to be ended without one."""
        now = self.now.replace(microsecond=0)
        for settlement in settlements:
            lock, view = self.locks.get(settlement), self.heard.views.get(settlement)
            ended = lock is not None and lock.view(0).final.is_done
            salt = self.heard.salts.get(settlement, "")
            if ended and not salt:
                continue
            contradicted = view is not None and view.contradiction is not None
            told = ended or contradicted or (lock is None and settlement in self.of_register)
            yield Unclaimed(settlement_id=settlement, salt=salt, due=None if told else now)

    def _breaks(self, explained: set[SettlementId | None]) -> Iterator[Entry]:
        """What is booked as far as the mail tells, and a statement does not show. Of each only the first is told."""
        by_account: dict[CashAccount, list[CashView]] = defaultdict(list)
        if self.heard.statements:
            for settlement, view in self.heard.views.items():
                if settlement in explained and view.is_booked and view.payment is not None:
                    by_account[view.payment.debtor].append(view)
                    by_account[view.payment.creditor].append(view)
        for statement in self.heard.statements:
            account = f"{statement.account.owner}/{statement.account.number}"
            facts = {"statement": statement.statement_id, "account": account, "rule": "shows every booked payment"}
            for view in missing_in(statement, by_account[statement.account]):
                yield Entry(at=self.now, kind="break", subject=view.settlement_id, facts=facts)


def _by(most: int, values: tuple[object, ...], name: str) -> Iterator[Change]:
    for start in range(0, len(values), most):
        some: dict[str, Any] = {name: values[start : start + most]}
        yield Change(**some)
