"""What a step remembers, each time in one commit: the trade, the journal's line, and the messages that tell of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lockstep.domain.errors import Unavailable
from lockstep.domain.instruction import AdviceStatus, Instruction
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.trade import Reason, Trade, TradeState
from lockstep.flow.reporting import advise_both, end_both
from lockstep.flow.settling import Sight
from lockstep.flow.wants import CancellationsOf, Commit, History, InstructionOf, Steps
from lockstep.ports import Change, Clock, PartyBody

__all__ = ["Storing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Storing:
    """How a trade is stored on its way."""

    market: Market
    clock: Clock

    def _intend(self, trade: Trade, name: str) -> Steps[Trade]:
        """The trade with an intent and its time, durable before anything leaves."""
        if name in trade.intents:
            return trade
        intents = {**trade.intents, name: self.clock.now().replace(microsecond=0)}
        settlement = str(trade.settlement_id)
        return (yield from self._commit(replace(trade, intents=intents), f"{name} intended", settlement_id=settlement))

    def _give_up(self, trade: Trade, reason: Reason) -> Steps[bool]:
        """No further try with this order; it ends once nobody can lock it any more."""
        if "give up" in trade.intents:
            return False
        intents = {**trade.intents, "give up": self.clock.now()}
        yield from self._commit(replace(trade, reason=reason, intents=intents), "given up", reason=str(reason))
        return True

    def _wait_for(self, trade: Trade, reason: Reason) -> Steps[bool]:
        """Remembers, and tells both, why a trade waits; once per reason."""
        if trade.reason == reason:
            return False
        now = self.clock.now()
        both = yield from self._instructions(trade)
        yield from Commit(
            Change(
                entries=(Entry(at=now, kind="waiting", subject=trade.trade_id, facts={"reason": str(reason)}),),
                trades=(replace(trade, reason=reason),),
                outgoing=advise_both(both, self.market, trade, AdviceStatus.PENDING, now, reason),
            )
        )
        return True

    def _ended(self, trade: Trade, state: TradeState, reason: Reason) -> Steps[bool]:
        now = self.clock.now()
        ended = trade.moved(state, reason)
        facts = {"from": trade.state.value, "reason": str(reason)}
        outgoing = yield from self._ending_messages(ended, now)
        yield from Commit(
            Change(
                entries=(Entry(at=now, kind=state.value.lower(), subject=trade.trade_id, facts=facts),),
                trades=(ended,),
                outgoing=outgoing,
            )
        )
        return True

    def _store_observation(self, before: Trade, after: Trade, sight: Sight, intent: str | None) -> Steps[Trade]:
        """State, journal entry, the messages that tell of it, and what is decided on at once: one commit."""
        now = sight.now
        begun = intent is not None and intent not in after.intents
        if intent is not None and begun:
            after = replace(after, intents={**after.intents, intent: now.replace(microsecond=0)})
        outgoing: tuple[Message[PartyBody], ...] = ()
        if after.state.is_end:
            outgoing = yield from self._ending_messages(after, now)
        elif after.reason is not None and after.reason != before.reason and not (sight.cash and sight.cash.is_never):
            both = yield from self._instructions(after)
            outgoing = advise_both(both, self.market, after, AdviceStatus.PENDING, now, after.reason)
        facts = {"from": before.state.value, "settlement_id": str(after.settlement_id)}
        if after.reason is not None:
            facts["reason"] = str(after.reason)
        changed = after.state is not before.state
        kind = after.state.value.lower() if changed else "waiting" if after.reason else "going on"
        entries = [Entry(at=now, kind=kind, subject=after.trade_id, facts=facts)]
        if begun:
            facts = {"settlement_id": str(after.settlement_id)}
            entries.append(Entry(at=now, kind=f"{intent} intended", subject=after.trade_id, facts=facts))
        yield from Commit(Change(entries=tuple(entries), trades=(after,), outgoing=outgoing))
        return replace(after, version=after.version + 1)

    def _ending_messages(self, trade: Trade, now: datetime) -> Steps[tuple[Message[PartyBody], ...]]:
        """sese.025 for a settled trade, sese.024 for one that ended otherwise, and open sese.027s."""
        both = yield from self._instructions(trade)
        settled_at = None
        if trade.state is TradeState.SETTLED:
            assert trade.settlement_id is not None
            events = yield from History(trade.settlement_id)
            settled_at = next((event.at for event in events if event.name == "Settled"), None)
            if settled_at is None:
                raise Unavailable(f"the node shows settlement {trade.settlement_id} settled and not yet the event")
        asked = []
        for request in (yield from CancellationsOf(trade.trade_id)):
            stored = yield from InstructionOf(request.body.owner.lei, request.body.reference)
            if stored is not None:
                asked.append((stored.instruction, request))
        return end_both(both, self.market, trade, settled_at, asked, now)

    def _instructions(self, trade: Trade) -> Steps[Sequence[Instruction]]:
        """Both parties' instructions, the deliverer's first."""
        terms = trade.terms
        deliver = yield from InstructionOf(terms.deliverer, terms.deliverer_reference)
        receive = yield from InstructionOf(terms.receiver, terms.receiver_reference)
        return [stored.instruction for stored in (deliver, receive) if stored is not None]

    def _commit(self, trade: Trade, kind: str, **facts: str) -> Steps[Trade]:
        """Stores a trade with its journal entry; returns it as stored."""
        entry = Entry(at=self.clock.now(), kind=kind, subject=trade.trade_id, facts=facts)
        yield from Commit(Change(entries=(entry,), trades=(trade,)))
        return replace(trade, version=trade.version + 1)
