"""A margin call from its issue to its end.

```
ISSUED ──> AGREED ──> DELIVERED
  │  │        ^ └──┐
  │  └──> DISPUTED │
  └───────────┴────┴─> DEFAULTED ──> CURED
```

What is no end can be WITHDRAWN, which is one. A dispute holds back only what is disputed: the undisputed part is owed
by the same deadline (CSA paragraph 5). What is delivered late, within the cure period, cures the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from lockstep.domain.errors import InvalidInput, LockstepError
from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.domain.payment import require_positive

__all__ = ["CALL_MOVES", "CallState", "MarginCall", "agree", "deliver", "dispute", "overdue", "resolve", "withdraw"]


class CallState(Enum):
    """Where a call is; the diagram above."""

    ISSUED = "ISSUED"
    AGREED = "AGREED"
    DISPUTED = "DISPUTED"
    DELIVERED = "DELIVERED"
    DEFAULTED = "DEFAULTED"
    CURED = "CURED"
    WITHDRAWN = "WITHDRAWN"

    @property
    def is_end(self) -> bool:
        return not CALL_MOVES[self]


_S = CallState
CALL_MOVES: Mapping[CallState, frozenset[CallState]] = {
    _S.ISSUED: frozenset({_S.AGREED, _S.DISPUTED, _S.DEFAULTED, _S.WITHDRAWN}),
    _S.AGREED: frozenset({_S.DELIVERED, _S.DEFAULTED, _S.WITHDRAWN}),
    _S.DISPUTED: frozenset({_S.AGREED, _S.DEFAULTED, _S.WITHDRAWN}),
    _S.DELIVERED: frozenset(),
    _S.DEFAULTED: frozenset({_S.CURED, _S.WITHDRAWN}),
    _S.CURED: frozenset(),
    _S.WITHDRAWN: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCall:
    """A demand for collateral, and what became of it. Amounts are collateral values in one currency.

    `agreed` is what the giver owes: None until it has answered, less than `amount` while the rest is disputed.
    """

    call_id: str
    caller: Bic
    called: Bic
    amount: Money
    issued_at: datetime
    deliver_by: datetime
    """UTC, inclusive."""
    cure_seconds: int = 0
    """After `deliver_by`; 0: no cure period, as Directive 2002/47/EC Art. 4(4) lets parties agree."""
    state: CallState = CallState.ISSUED
    agreed: Money | None = None
    delivered: int = 0
    """Minor units, over all deliveries."""
    decided_at: datetime | None = None
    """When the state was entered."""
    reason: str = ""

    def __post_init__(self) -> None:
        require_positive(self.amount, "amount")
        if self.cure_seconds < 0:
            raise InvalidInput("cure_seconds", self.cure_seconds, "not below zero")
        for name in ("issued_at", "deliver_by"):
            moment: datetime = getattr(self, name)
            if moment.utcoffset() != timedelta(0):
                raise InvalidInput(name, moment, "an instant in UTC")
        if self.deliver_by <= self.issued_at:
            raise InvalidInput("deliver_by", self.deliver_by, f"after the call's issue, {self.issued_at}")
        if self.agreed is not None:
            _require_part(self.agreed, self.amount, "agreed")

    @property
    def cure_by(self) -> datetime:
        """UTC, inclusive."""
        return self.deliver_by + timedelta(seconds=self.cure_seconds)

    @property
    def owed(self) -> Money:
        """What is to be delivered by the deadline: what was agreed; all of it while nobody has answered."""
        return self.amount if self.agreed is None else self.agreed

    @property
    def disputed(self) -> Money:
        """What the giver does not agree to."""
        return Money(currency=self.amount.currency, amount=self.amount.amount - self.owed.amount)

    @property
    def open_amount(self) -> Money:
        """What is owed and not delivered yet."""
        return Money(currency=self.amount.currency, amount=max(0, self.owed.amount - self.delivered))


def agree(call: MarginCall, now: datetime) -> MarginCall:
    """The giver owes all of it. Raises LockstepError where the call has gone on, InvalidInput after its deadline."""
    _require_time(call, now)
    return _delivered(_moved(call, CallState.AGREED, now, agreed=call.amount), now)


def dispute(call: MarginCall, undisputed: Money, reason: str, now: datetime) -> MarginCall:
    """The giver owes part of it, perhaps nothing, and says why not the rest. Raises as `agree`."""
    _require_time(call, now)
    _require_part(undisputed, call.amount, "undisputed")
    if undisputed == call.amount:
        raise InvalidInput("undisputed", undisputed, f"less than {call.amount}: else agree")
    if not reason:
        raise InvalidInput("reason", "", "why the rest is disputed")
    return _moved(call, CallState.DISPUTED, now, agreed=undisputed, reason=reason)


def resolve(call: MarginCall, amount: Money, now: datetime) -> MarginCall:
    """A dispute ends: both now say what is owed, at least what was never disputed. Raises as `agree`."""
    _require_part(amount, call.amount, "amount")
    if call.state is CallState.DISPUTED and amount.amount < call.owed.amount:
        raise InvalidInput("amount", amount, f"at least {call.owed}, which was not disputed")
    return _delivered(_moved(call, CallState.AGREED, now, agreed=amount), now)


def deliver(call: MarginCall, value: Money, now: datetime) -> MarginCall:
    """Collateral of this value arrived, as a ledger says. Deliveries add up.

    What is agreed and delivered ends the call; after the deadline, within the cure period, it cures its default. A
    delivery on a call that nobody has answered counts as consent once it is enough. Raises LockstepError after the
    end, InvalidInput for another currency or nothing.
    """
    require_positive(value, "value")
    if value.currency != call.amount.currency:
        raise InvalidInput("value", value, f"an amount of {call.amount.currency}")
    if call.state.is_end:
        raise LockstepError(f"margin call {call.call_id} is {call.state.value}: nothing is delivered to it")
    call = overdue(call, now)
    call = replace(call, delivered=call.delivered + value.amount)
    if call.state is CallState.ISSUED and call.open_amount.amount == 0:
        call = _moved(call, CallState.AGREED, now, agreed=call.amount)
    return _delivered(call, now)


def overdue(call: MarginCall, now: datetime) -> MarginCall:
    """The call as time has made it: defaulted once its deadline went by with something owed still open.

    A disputed call whose undisputed part was delivered stays disputed. Unchanged where nothing follows.
    """
    waiting = call.state in (CallState.ISSUED, CallState.AGREED, CallState.DISPUTED)
    if not waiting or now <= call.deliver_by or call.open_amount.amount == 0:
        return call
    reason = f"{call.open_amount} not delivered by {call.deliver_by.astimezone(UTC).isoformat()}"
    return _moved(call, CallState.DEFAULTED, now, reason=reason)


def withdraw(call: MarginCall, reason: str, now: datetime) -> MarginCall:
    """The caller takes it back. What was delivered stays. Raises LockstepError after the end."""
    return _moved(call, CallState.WITHDRAWN, now, reason=reason)


def _delivered(call: MarginCall, now: datetime) -> MarginCall:
    """The end, where everything agreed has arrived."""
    if call.open_amount.amount:
        return call
    if call.state is CallState.AGREED:
        return _moved(call, CallState.DELIVERED, now)
    if call.state is CallState.DEFAULTED and now <= call.cure_by:
        return _moved(call, CallState.CURED, now)
    return call


def _moved(call: MarginCall, state: CallState, now: datetime, **changed: Any) -> MarginCall:
    if state not in CALL_MOVES[call.state]:
        raise LockstepError(f"margin call {call.call_id} cannot go from {call.state.value} to {state.value}")
    return replace(call, state=state, decided_at=now, **changed)


def _require_time(call: MarginCall, now: datetime) -> None:
    if now > call.deliver_by:
        raise InvalidInput("now", now, f"not after the deadline {call.deliver_by}")


def _require_part(part: Money, of: Money, field: str) -> None:
    if part.currency != of.currency or not 0 <= part.amount <= of.amount:
        raise InvalidInput(field, part, f"from nothing to {of}")
