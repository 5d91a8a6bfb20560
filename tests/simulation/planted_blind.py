"""Bugs written by someone who has not read what judges the simulator's runs.

Each is one that a good engineer could make in this code: a lost condition, two writes in the wrong order, something
not read again. What the simulator finds of them is in docs/reference/planted-bugs.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from lockstep.agent import asking, judging, watching
from lockstep.agent import register as agent_register
from lockstep.agent.signature_log import SignatureLog
from lockstep.chain import events, ledger, sender
from lockstep.domain.cash import CashView
from lockstep.domain.errors import LockstepError, Unavailable
from lockstep.domain.identifiers import Bic, SettlementId
from lockstep.domain.journal import entry_hash
from lockstep.domain.market import Market
from lockstep.domain.money import Money, minor_units
from lockstep.domain.order import AssetStatus, AssetView, Attestation, Epoch, Order, OutcomeResult
from lockstep.domain.payment import Payment, PaymentState
from lockstep.domain.trade import Reason as TradeReason
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow import engine, hearing, matching, mirroring, receives, receiving, reporting, settling, stepping
from lockstep.flow.asking import AT_FIRST
from lockstep.flow.wants import Steps
from lockstep.iso20022.fields import Fields
from lockstep.ports import Change, PartyBody, StoredInstruction
from lockstep.rtgs import core, parties, payments, recalls, register, rules
from lockstep.rtgs.database import Step
from lockstep.rtgs.register import Reason
from lockstep.signing import build_proof
from lockstep.store import book, committing, transactions
from simulation.planting import Planted, rewrite

Patch = pytest.MonkeyPatch


# --- the service


def settled_at_head(patch: Patch) -> None:
    real = settling.observed

    def observed(trade: Trade, sight: settling.Sight) -> Trade:
        asset = sight.asset
        if asset is not None and asset.head is AssetStatus.SETTLED:
            sight = replace(sight, asset=replace(asset, final=asset.head))
        return real(trade, sight)

    patch.setattr(stepping, "observed", observed)


def stale_by_own_clock(patch: Patch) -> None:
    def before_lock(trade: Trade, asset: Any, now: datetime) -> settling.Step:
        assert trade.order is not None
        signed = trade.seller_signature is not None and trade.buyer_signature is not None
        stale = now.timestamp() > trade.order.terms.lock_by or asset.epoch_over
        if settling.wants_out(trade, now):
            return settling.Step.CANCEL if stale or not signed else settling.Step.WAIT
        if stale:
            return settling.Step.RENEW
        return settling.Step.LOCK if signed else settling.Step.SIGN

    patch.setattr(settling, "_before_lock", before_lock)


def one_cancels_for_both(patch: Patch) -> None:
    patch.setattr(Trade, "cancel_agreed", property(lambda trade: bool(trade.cancel_asked)))


def receivers_amount_settles(patch: Patch) -> None:
    real = matching._matched

    def matched(
        deliver: StoredInstruction, receive: StoredInstruction, market: Market, salt_key: bytes, now: datetime
    ) -> Change:
        agreed = replace(deliver, instruction=replace(deliver.instruction, cash=receive.instruction.cash))
        change = real(agreed, receive, market, salt_key, now)
        kept = tuple(
            replace(one, instruction=deliver.instruction) if one.key == deliver.key else one
            for one in change.instructions
        )
        return replace(change, instructions=kept)

    patch.setattr(matching, "_matched", matched)


def references_not_compared(patch: Patch) -> None:
    for names in ("_filed_under", "_looked_up"):
        patch.setattr(receives, names, lambda _: ((None, None),))


def salt_of_the_hour(patch: Patch) -> None:
    real = matching._pair

    def pair(deliver: StoredInstruction, receive: StoredInstruction) -> bytes:
        times = (deliver.received_at.isoformat(), receive.received_at.isoformat())
        return real(deliver, receive) + "\n".join(("", *times)).encode()

    patch.setattr(matching, "_pair", pair)


def chain_not_asked_before_a_new_order(patch: Patch) -> None:
    rewrite(patch, stepping.Settler._prepare, ("known = yield from SettlementsOf(trade.trade_id)", "known = ()"))


def chain_not_asked_before_cancelling(patch: Patch) -> None:
    def cancel(self: stepping.Settler, trade: Trade) -> Steps[bool]:
        if trade.cancel_agreed:
            reason = TradeReason(code="CANI", text="cancelled: both parties asked, before any lock")
        elif trade.reason is not None:
            reason = trade.reason
        else:
            reason = TradeReason(code="LATE", text="not locked before the time to pay was over")
        return (yield from self._ended(trade, TradeState.CANCELLED, reason))

    patch.setattr(stepping.Settler, "_cancel", cancel)


def last_word_wins(patch: Patch) -> None:
    def ended(view: CashView, state: PaymentState, decided_at: datetime) -> CashView:
        booked = state is PaymentState.BOOKED
        return replace(view, state=state, decided_at=decided_at, booked_at=decided_at if booked else None)

    patch.setattr(mirroring, "_ended", ended)


def half_told_is_paid(patch: Patch) -> None:
    patch.setattr(
        CashView,
        "is_booked",
        property(lambda view: view.contradiction is None and view.state is PaymentState.BOOKED),
    )


def breaks_on_the_creditors_account(patch: Patch) -> None:
    real = mirroring.missing_in

    def missing_in(statement: Any, views: Any) -> list[CashView]:
        return [
            view
            for view in real(statement, views)
            if view.payment is not None and statement.account == view.payment.creditor
        ]

    patch.setattr(hearing, "missing_in", missing_in)


def doubled_is_refused(patch: Patch) -> None:
    real = receiving.receive

    def receive(*arguments: Any, **named: Any) -> Change:
        change = real(*arguments, **named)
        return replace(change, seen=()) if change.instructions else change

    patch.setattr(receiving, "receive", receive)


def one_confirmation_for_both(patch: Patch) -> None:
    real = reporting._message

    def message(market: Market, instruction: Any, body: PartyBody, about: str, said: str, now: datetime) -> Any:
        said = "sese.025" if said.startswith("sese.025/") else said
        return real(market, instruction, body, about, said, now)

    patch.setattr(reporting, "_message", message)


def delivered_before_it_is(patch: Patch) -> None:
    def note(self: engine.Engine) -> bool:
        if self.under_way.outbox is None:
            return False
        (messages, ended), self.under_way.outbox = self.under_way.outbox, None
        self.settler.book.commit(Change(delivered=tuple(one.message_id for one in messages)))
        for message, error in zip(messages, ended(), strict=True):
            if error is not None:
                facts = {"receiver": message.receiver, "rule": str(error)}
                self._note_once(message.message_id, "undeliverable", facts)
        return True

    patch.setattr(engine.Engine, "_note_delivered", note)


def cents_by_float(patch: Patch) -> None:
    real = Fields.money

    def money(self: Fields, path: str) -> Money:
        exact = real(self, path)
        if not path.startswith("SttlmAmt"):
            return exact
        return Money(currency=exact.currency, amount=int(float(self[path]) * 10 ** minor_units(exact.currency)))

    patch.setattr(Fields, "money", money)


def asks_once(patch: Patch) -> None:
    def due(begun: datetime, last: datetime | None, now: datetime) -> bool:
        return last is None and now >= begun + AT_FIRST

    patch.setattr(stepping, "due", due)
    patch.setattr(asking, "due", due)


def long_stop_forgets_the_cash(patch: Patch) -> None:
    patch.setattr(settling, "_cash_may_come", lambda trade, cash: False)


# --- store


def late_worker_writes(patch: Patch) -> None:
    patch.setattr(book, "require", lambda connection, lease: None)
    patch.setattr(transactions, "require", lambda connection, lease: None)


def hash_of_the_headings(patch: Patch) -> None:
    """The journal's chain binds time, kind and subject; what the entry says is left out."""
    real = entry_hash
    patch.setattr(
        book,
        "entry_hash",
        lambda previous, number, entry, *more: real(previous, number, replace(entry, facts={}), *more),
    )


def lost_update(patch: Patch) -> None:
    real = committing.Batch._judged

    def judged(self: Any, change: Change) -> Any:
        rows = {one: row.version for one, row in self._trades.items()}
        trades = (replace(one, version=rows.get(one.trade_id, 0) if one.version else 0) for one in change.trades)
        return real(self, replace(change, trades=tuple(trades)))

    patch.setattr(committing.Batch, "_judged", judged)


# --- the chain's adapters


def final_one_block_early(patch: Patch) -> None:
    """Confirmations counted with the block itself."""

    def early(real: Any) -> Any:
        def method(self: Any, *arguments: Any) -> Any:
            kept, self._network = self._network, replace(self._network, finality_depth=self._network.finality_depth - 1)
            try:
                return real(self, *arguments)
            finally:
                self._network = kept

        return method

    for name in ("view", "history", "views", "histories"):
        patch.setattr(ledger.EvmAssetLedger, name, early(getattr(ledger.EvmAssetLedger, name)))


def mined_for_ever(patch: Patch) -> None:
    real = sender.Sender._observed

    def observed(self: sender.Sender, sent: Any, standing: Any) -> Any:
        mined = {one.identity: one for one in sent if one.status == "mined"}
        seen, standing = real(self, [one for one in sent if one.identity not in mined], standing)
        return seen | mined, standing

    patch.setattr(sender.Sender, "_observed", observed)


def nonce_from_own_records(patch: Patch) -> None:
    def free(self: Any, wanted: Mapping[str, tuple[int, int]]) -> Mapping[str, Sequence[int]]:
        return {seller: range(at_least, at_least + count) for seller, (at_least, count) in wanted.items()}

    patch.setattr(ledger.EvmAssetLedger, "next_nonce", lambda self, seller, at_least: at_least)
    patch.setattr(ledger.EvmAssetLedger, "free_nonces_of", free)


def reader_trusts_the_height(patch: Patch) -> None:
    real = events.EventReader._refresh

    def refresh(self: Any, head: Any) -> None:
        if self._read_to >= 0 and head.number > self._read_to:  # what was read is there still, so it is taken
            self._hash = self._hashes[self._read_to] = self._source.block(self._read_to).hash
            if self._final >= 0:
                self._hashes[self._final] = self._source.block(self._final).hash
        elif head.number == self._read_to:
            return
        real(self, head)

    patch.setattr(events.EventReader, "_refresh", refresh)


def epoch_cached(patch: Patch) -> None:
    real = ledger.EvmAssetLedger.epoch

    def epoch(self: Any, number: int | None = None) -> Epoch:
        if number is None and self._epochs:
            number = min(self._epochs)
        return real(self, number)

    patch.setattr(ledger.EvmAssetLedger, "epoch", epoch)


def last_file_counts(patch: Patch) -> None:
    """Signatures are gathered by agent before they are verified: of two files under one name one is looked at."""
    real = build_proof

    def proof(result: OutcomeResult, attestations: Any, epoch: Epoch, network: Any) -> Any:
        by_agent = {one.agent: one for one in attestations}
        return real(result, by_agent.values(), epoch, network)

    patch.setattr(stepping, "build_proof", proof)


# --- the agents


def any_amount_is_released(patch: Patch) -> None:
    def same_terms(evidence: judging.Evidence, order: Order, payment: Payment) -> None:
        judging._same_parties(evidence, order, payment)
        pay_by = int(payment.pay_by.timestamp())
        if pay_by != order.terms.pay_by:
            raise judging._refused(evidence, "PayByDiffers", actual=pay_by, expected=order.terms.pay_by)

    patch.setattr(judging, "_same_terms", same_terms)


def released_before_final(patch: Patch) -> None:
    """The lock's finality is asked for before an outcome is signed, and no more before the release."""
    views = ledger.EvmAssetLedger.views

    def judge_release(evidence: judging.Evidence) -> None:
        history = [replace(one, final=True) if one.name == "Locked" else one for one in evidence.history]
        judging.judge_release(replace(evidence, history=history))

    def at_head(self: ledger.EvmAssetLedger, settlement: SettlementId, order: Order) -> AssetView:
        return views_at_head(self, {settlement: order})[settlement]

    def views_at_head(
        self: ledger.EvmAssetLedger, orders: Mapping[SettlementId, Order]
    ) -> Mapping[SettlementId, AssetView]:
        seen = views(self, orders)
        if self._sender is not None:
            return seen
        return {one: replace(view, final=view.head) for one, view in seen.items()}

    patch.setattr(watching, "judge_release", judge_release)
    patch.setattr(ledger.EvmAssetLedger, "view", at_head)
    patch.setattr(ledger.EvmAssetLedger, "views", views_at_head)


def refused_is_forgotten(patch: Patch) -> None:
    """What cannot be judged yet leaves the list of what is attended to, like what never can be."""

    def attend(self: watching.Agent, view: CashView) -> Any:
        settlement = view.settlement_id
        try:
            return self._release(view) if view.state is PaymentState.HELD else self._sign(view)
        except Unavailable:
            raise
        except LockstepError as error:
            self.register.note(self.clock.now(), "refused", settlement, str(error))
            self._watched.discard(settlement)
            return None

    patch.setattr(watching.Agent, "_attend", attend)


def signs_twice(patch: Patch) -> None:
    """The register keeps the newest outcome of a settlement, not its first."""

    def insert(self: agent_register.Register, attestation: Attestation, sources: Sequence[str]) -> Attestation:
        one = attestation
        self._database.execute(
            "INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, ?, ?)",
            (one.settlement_id, int(one.result), one.epoch, one.agent, one.signature, " ".join(sources)),
        )
        return attestation

    patch.setattr(agent_register.Register, "_insert", insert)


def trade_twice(patch: Patch) -> None:
    patch.setattr(watching.Agent, "_earlier", lambda self, settlement, order: [])


def pay_by_exclusive(patch: Patch) -> None:
    real = judging.judge_outcome

    def judge_outcome(evidence: judging.Evidence) -> OutcomeResult | None:
        result, cash = real(evidence), evidence.cash
        if result is OutcomeResult.PAID and cash.payment is not None:
            booked = max(at for at in (cash.booked_at, cash.noticed_at) if at is not None)
            if booked >= cash.payment.pay_by:
                raise judging._refused(evidence, "BookedLate", actual=booked, expected=cash.payment.pay_by)
        return result

    patch.setattr(watching, "judge_outcome", judge_outcome)


def speaks_before_reconciling(patch: Patch) -> None:
    def is_reconciled(self: watching.Agent) -> bool:
        if not self._reconciled:
            self._logs = tuple(
                SignatureLog(key=key, register=self.register, board=self.board, network=self.market.network)
                for key in self._keys
            )
            self._unended = {one.settlement_id: one for one in self.register.all()}
            self._reconciled = True
        return True

    patch.setattr(watching.Agent, "_is_reconciled", is_reconciled)


# --- the RTGS


def one_release_short(patch: Patch) -> None:
    real = parties.quorum
    patch.setattr(payments, "quorum", lambda connection: real(connection) - 1)


def expiry_by_tick_only(patch: Patch) -> None:
    def handle(self: core.Rtgs, data: bytes, sender_: Any) -> list[bytes]:
        message = self._read(data, sender_)
        now = self._database.now()
        self.faults.take_due(lambda step, data, who: self._take(step, self._read(data, who), data), now)
        with self._database.step("message", now, sender_, reads_once=True) as step:
            return self._take(step, message, data)

    patch.setattr(core.Rtgs, "_handle", handle)
    rewrite(
        patch,
        core.Rtgs._together,
        ("now, _ = self._catch_up()", "now = self._database.now()"),
        ("            self._overtaken(step, now)\n", ""),
    )


def unknown_is_not_buried(patch: Patch) -> None:
    """A cancellation of what never came is answered, and no tombstone is written for its settlement."""

    def bury(step: Any, uetr: Any, asked_by: Any, settlement: Any, code: str) -> datetime:
        if register.by_uetr(step.connection, uetr) is None:
            register.bar(step, uetr, asked_by, code)
        now: datetime = step.now
        return now

    patch.setattr(recalls, "_bury", bury)


def ended_is_not_asked(patch: Patch) -> None:
    """A payment for a settlement that has its tombstone is judged as any other."""
    real = rules.judge

    def judge(step: Step, order: Any, instructing: Bic) -> Any:
        verdict = real(step, order, instructing)
        if isinstance(verdict, Reason) and verdict.code == "ED05" and verdict.text.startswith("RmtInf"):
            return real(step, replace(order, settlement_id=None), instructing)
        return verdict

    patch.setattr(rules, "judge", judge)


def mail_page_begins_late(patch: Patch) -> None:
    """Each page of mail but the first begins one too late."""
    real = core.Rtgs.mailbox

    def mailbox(self: core.Rtgs, receiver: Bic, after: int = 0, limit: int = 200) -> list[tuple[int, bytes]]:
        return real(self, receiver, after + 1 if after else 0, limit)

    patch.setattr(core.Rtgs, "mailbox", mailbox)


_NEEDS: Mapping[str, tuple[str, ...]] = {
    "asks-once": (
        "line-loss",
        "line-answer-lost",
    ),
    "breaks-on-the-creditors-account": ("line-statement",),
    "ended-is-not-asked": ("service-door-stolen",),
    "refused-is-forgotten": ("rpc-stale",),
    "settled-at-head": ("reorg-at-once",),
    "reader-trusts-the-height": ("reorg",),
    "epoch-cached": ("agents-rotated",),
    "last-file-counts": ("agent-stolen",),
    "any-amount-is-released": ("service-door-stolen",),
    "speaks-before-reconciling": ("restore-agent",),
    "trade-twice": ("trade-locked-twice",),
    "lost-update": (
        "party-cancels",
        "worker-pause",
    ),
    "late-worker-writes": (
        "second-worker",
        "worker-pause",
    ),
    "one-cancels-for-both": ("cancellation",),
    "doubled-is-refused": ("message-doubled",),
    "long-stop-forgets-the-cash": ("long-stop",),
    "last-word-wins": ("line-contradict",),
    "half-told-is-paid": ("line-loss",),
    "signs-twice": ("line-contradict",),
    "mined-for-ever": ("reorg-at-once",),
    "pay-by-exclusive": ("cut-off",),
    "expiry-by-tick-only": ("cut-off",),
    "chain-not-asked-before-a-new-order": ("lost-writes",),
    "chain-not-asked-before-cancelling": ("lost-writes",),
    "released-before-final": ("service-door-stolen",),
    "nonce-from-own-records": ("operator-stolen",),
    "stale-by-own-clock": ("clock-forward",),
    "unknown-is-not-buried": ("line-recall-race",),
}
_RATES: Mapping[str, Mapping[str, float]] = {
    "trade-twice": {"trade-locked-twice": 0.3},
    "epoch-cached": {"agents-rotated": 0.2},
    "any-amount-is-released": {"service-door-stolen": 0.3},
    "released-before-final": {"service-door-stolen": 0.3},
    "expiry-by-tick-only": {"cut-off": 0.3},
    "long-stop-forgets-the-cash": {"long-stop": 0.3},
    "nonce-from-own-records": {"operator-stolen": 0.3},
    "last-file-counts": {"agent-stolen": 0.3},
    "refused-is-forgotten": {"rpc-stale": 0.2},
    "chain-not-asked-before-a-new-order": {"lost-writes": 0.1},
    "chain-not-asked-before-cancelling": {"lost-writes": 0.1},
    "lost-update": {"party-cancels": 0.15, "worker-pause": 0.4},
    "mined-for-ever": {"reorg-at-once": 1.0, "reorg": 0.3},
    "stale-by-own-clock": {"clock-forward": 0.1},
    "ended-is-not-asked": {"service-door-stolen": 0.3},
    "signs-twice": {"restore-agent": 0.1},
    "speaks-before-reconciling": {"restore-agent": 0.08},
}
PLANTED: Sequence[Planted] = tuple(
    Planted(name, what, plant, needs=_NEEDS.get(name, ()), rates=_RATES.get(name, {}))
    for name, what, plant in (
        (
            "settled-at-head",
            "A trade counts as settled, and sese.025 goes out, when the head shows it: a reorganisation may "
            "take it back.",
            settled_at_head,
        ),
        (
            "stale-by-own-clock",
            "An unlocked order is over by the service's clock, not by the final block's: its lock may be on the way.",
            stale_by_own_clock,
        ),
        ("one-cancels-for-both", "One party's request to cancel a matched trade is enough.", one_cancels_for_both),
        (
            "receivers-amount-settles",
            "Within the tolerance the receiver's amount settles, not the deliverer's.",
            receivers_amount_settles,
        ),
        (
            "references-not-compared",
            "Matching does not ask whose reference an instruction names.",
            references_not_compared,
        ),
        (
            "salt-of-the-hour",
            "The salt is also of the times of receipt: handed in anew after a loss, the same two make another trade.",
            salt_of_the_hour,
        ),
        (
            "chain-not-asked-before-a-new-order",
            "A new order is written without asking the chain for the trade's locks: after a loss it is locked twice.",
            chain_not_asked_before_a_new_order,
        ),
        (
            "chain-not-asked-before-cancelling",
            "A trade is cancelled as never locked without asking the chain for its locks.",
            chain_not_asked_before_cancelling,
        ),
        (
            "last-word-wins",
            "Of two endings that exclude each other the later counts; no contradiction stops anything.",
            last_word_wins,
        ),
        ("half-told-is-paid", "pacs.002 ACSC alone counts as booked, without the camt.054.", half_told_is_paid),
        (
            "breaks-on-the-creditors-account",
            "A statement is held against what we know on the creditor's account only; asked for is the debtor's.",
            breaks_on_the_creditors_account,
        ),
        (
            "doubled-is-refused",
            "An instruction's message id is not kept: handed in twice, the party is told that it is rejected.",
            doubled_is_refused,
        ),
        (
            "one-confirmation-for-both",
            "The id of sese.025 derives from the settlement alone: the second party's is taken for a double.",
            one_confirmation_for_both,
        ),
        ("delivered-before-it-is", "A message is marked as delivered before it is.", delivered_before_it_is),
        ("cents-by-float", "The amount of an instruction is read through a float: some lose a cent.", cents_by_float),
        ("asks-once", "Silence of the RTGS is asked about once; the answer may be lost as well.", asks_once),
        (
            "long-stop-forgets-the-cash",
            "Units given back end the trade, whatever became of the payment.",
            long_stop_forgets_the_cash,
        ),
        ("late-worker-writes", "What a worker writes is not held against its lease.", late_worker_writes),
        ("hash-of-the-headings", "The journal's hash leaves out what an entry says.", hash_of_the_headings),
        ("lost-update", "A trade is stored over another's later version: a request to cancel is lost.", lost_update),
        (
            "final-one-block-early",
            "Confirmations are counted with the block itself: final one block too early.",
            final_one_block_early,
        ),
        (
            "mined-for-ever",
            "A transaction once seen in a block is never looked for again: after a reorganisation it is not sent anew.",
            mined_for_ever,
        ),
        (
            "nonce-from-own-records",
            "An order's nonce is the records' next, whatever the chain has seen used.",
            nonce_from_own_records,
        ),
        (
            "reader-trusts-the-height",
            "The event reader looks at block numbers, not hashes: after a reorganisation it keeps what is gone.",
            reader_trusts_the_height,
        ),
        ("epoch-cached", "The agents' epoch is read once per process.", epoch_cached),
        (
            "last-file-counts",
            "Of two files under one agent's name one is looked at, before it is verified: a forged one hides the true.",
            last_file_counts,
        ),
        (
            "any-amount-is-released",
            "An agent compares accounts and time of the payment with the order, not its amount.",
            any_amount_is_released,
        ),
        (
            "released-before-final",
            "An agent releases a payment whose lock is at the head and not yet final.",
            released_before_final,
        ),
        ("refused-is-forgotten", "What an agent cannot judge yet it never looks at again.", refused_is_forgotten),
        (
            "signs-twice",
            "The register keeps the newest outcome that was signed for a settlement, not the first.",
            signs_twice,
        ),
        ("trade-twice", "An agent does not look at earlier settlements of the same trade.", trade_twice),
        (
            "pay-by-exclusive",
            "A payment booked in the very second of payBy is late for the agents, in time for the RTGS.",
            pay_by_exclusive,
        ),
        (
            "speaks-before-reconciling",
            "An agent acts at once after a start, with whatever register it finds.",
            speaks_before_reconciling,
        ),
        ("one-release-short", "The RTGS books at one release below the quorum.", one_release_short),
        (
            "expiry-by-tick-only",
            "A release after payBy is taken if it comes before the RTGS's next tick: booked late.",
            expiry_by_tick_only,
        ),
        (
            "unknown-is-not-buried",
            "A cancellation of what never came is answered as done, without a tombstone for the settlement.",
            unknown_is_not_buried,
        ),
        (
            "ended-is-not-asked",
            "A payment for a settlement that has ended as never is judged as any other.",
            ended_is_not_asked,
        ),
        ("mail-page-begins-late", "Each page of mail but the first begins one too late.", mail_page_begins_late),
    )
)
