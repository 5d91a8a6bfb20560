"""One look of an agent at its node: what a step asks of the chain, all at once where the ledger can.

What goes wrong with one settlement is that settlement's: a bulk question that fails is asked again in halves, so the
others get their answers.
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lockstep.domain.errors import LockstepError, Unavailable
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.order import AssetEvent, AssetView, Order
from lockstep.ports import AssetLedger

__all__ = ["Look"]

MOST_FAILURES = 24
"""Of one bulk question: halving finds a bad one among 200 in eight."""

Named = TypeVar("Named", bound=Hashable)
Answer = TypeVar("Answer")
Answers = dict[Named, Answer | LockstepError]


@dataclass(slots=True)
class Look:
    """Answers of one step. What was not asked for ahead is asked for when it is wanted."""

    assets: AssetLedger
    _histories: Answers[SettlementId, Sequence[AssetEvent]] = field(default_factory=dict)
    _settlements: Answers[TradeId, Sequence[SettlementId]] = field(default_factory=dict)
    _views: Answers[SettlementId, AssetView] = field(default_factory=dict)

    def ask_histories(self, ids: Collection[SettlementId]) -> None:
        """Of these settlements."""
        bulk = getattr(self.assets, "histories", None)
        if bulk is not None:
            self._histories.update(_asked(bulk, [one for one in ids if one not in self._histories]))

    def ask_earlier(self, ids: Collection[SettlementId]) -> None:
        """Of those of the same trades that were locked before these, whose histories are asked for."""
        bulk = getattr(self.assets, "settlements_of_all", None)
        if bulk is None:
            return
        orders = (order_in(self._histories.get(one)) for one in ids)
        trades = {order.terms.trade_id for order in orders if order is not None} - self._settlements.keys()
        self._settlements.update(_asked(bulk, sorted(trades)))
        found = (self._settlements[one] for one in trades)
        self.ask_histories([one for locked in found if not isinstance(locked, LockstepError) for one in locked])

    def ask_views(self, orders: Mapping[SettlementId, Order]) -> None:
        bulk = getattr(self.assets, "views", None)
        if bulk is not None:
            self._views.update(_asked(lambda ids: bulk({one: orders[one] for one in ids}), list(orders)))

    def history(self, settlement: SettlementId) -> Sequence[AssetEvent]:
        """See `ports.AssetLedger.history`."""
        return _given(self._histories, settlement, self.assets.history)

    def settlements_of(self, trade: TradeId) -> Sequence[SettlementId]:
        """See `ports.AssetLedger.settlements_of`."""
        return _given(self._settlements, trade, self.assets.settlements_of)

    def view(self, settlement: SettlementId, order: Order) -> AssetView:
        """See `ports.AssetLedger.view`."""
        return _given(self._views, settlement, lambda one: self.assets.view(one, order))

    def known_order(self, settlement: SettlementId) -> tuple[Order, bool] | None:
        """The order as locked, and whether its lock is final, where that was asked for ahead."""
        history = self._histories.get(settlement)
        if history is None or isinstance(history, LockstepError):
            return None
        return next(((event.order, event.final) for event in history if event.order is not None), None)


def order_in(history: Sequence[AssetEvent] | LockstepError | None) -> Order | None:
    """The order as its lock's event tells it."""
    if history is None or isinstance(history, LockstepError):
        return None
    return next((event.order for event in history if event.order is not None), None)


def _given(known: Answers[Named, Answer], name: Named, ask: Callable[[Named], Answer]) -> Answer:
    if name not in known:
        return ask(name)
    answer = known[name]
    if isinstance(answer, LockstepError):
        raise answer
    return answer


def _asked(bulk: Callable[[Collection[Named]], Mapping[Named, Any]], names: Sequence[Named]) -> Answers[Named, Any]:
    """An answer or an error for each name; after too many failures the last one is everybody's who is left."""
    answers: Answers[Named, Any] = {}
    waiting, failures = [list(names)] if names else [], 0
    while waiting:
        some = waiting.pop()
        try:
            found = bulk(some)
        except LockstepError as error:
            failures += 1
            if len(some) == 1 or failures >= MOST_FAILURES:
                answers.update(dict.fromkeys(some, error))
            else:
                waiting += [some[len(some) // 2 :], some[: len(some) // 2]]
            continue
        for one in some:
            answers[one] = found[one] if one in found else Unavailable(f"the node gave no answer for {one}")
    return answers
