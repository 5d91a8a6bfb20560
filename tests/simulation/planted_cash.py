"""Bugs in the agents and in the RTGS."""

from datetime import timedelta

import pytest

from lockstep.agent import judging
from lockstep.agent.register import Register
from lockstep.agent.watching import Agent
from lockstep.chain import looking
from lockstep.flow import mirroring
from lockstep.rtgs import business_day, core, payments, recalls
from simulation.planting import Planted, rewrite

__all__ = ["PLANTED"]


def _released_before_final(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, judging._locked_order, ("if not lock.final:", "if False:"))
    rewrite(patch, Agent._release, (".final is not AssetStatus.LOCKED", ".head is not AssetStatus.LOCKED"))
    at_final = "_statuses(node, network, there, final.number)"
    rewrite(
        patch,
        looking.views,
        (at_final, f"{{**{at_final}, **{{one: at_head[one] for one in there if at_head[one] == 1}}}}"),
    )


def _never_by_the_clock(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        Agent._sign,
        (
            "        if result is None:\n",
            "        since = view.decided_at\n"
            "        if result is None and since is not None and (self.clock.now() - since).total_seconds() > 300:\n"
            "            result = OutcomeResult.NEVER\n"
            "        if result is None:\n",
        ),
    )


def _signs_both(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        mirroring._ended,
        ("if view.state.is_never == booked_now:", "if view.state is not state and view.state.is_never != booked_now:"),
        ('return _contradicted(view, f"{view.state.name} and then {state.name}")', "return view"),
        (
            "return replace(view, booked_at=max(view.booked_at, decided_at))"
            " if booked_now and view.booked_at else view",
            "pass",
        ),
        ("if not booked_now and view.noticed_at is not None:", "if False:"),
    )
    rewrite(patch, mirroring._noticed, ("if view.state is not None and view.state.is_never:", "if False:"))
    rewrite(patch, mirroring._reported, ("told if _rank(view.state) < _END else view", "told"))
    rewrite(
        patch,
        Agent._watch,
        ("if view.contradiction or (stored is None and", "if not self._is_past(settlement) and (True and"),
    )
    rewrite(patch, Register._insert, ("INSERT OR IGNORE", "INSERT OR REPLACE"))


def _signed_and_not_stored(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, Register._stored, ("return self._insert(attestation, sources)", "return attestation"))


def _any_payment_will_do(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, judging.judge_release, ("_same_terms(evidence, order, _payment(evidence))", "pass"))


def _one_short(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, payments.book_if_released, ("< step.once(quorum)", "< step.once(quorum) - 1"))


def _a_second_late(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        core.Rtgs._catch_up,
        ("register.anything_late(connection, now)", "register.anything_late(connection, now - timedelta(seconds=1))"),
    )
    rewrite(patch, business_day.expire, ("due_before=step.now)", "due_before=step.now - timedelta(seconds=1))"))
    for module in (core, business_day):
        patch.setattr(module, "timedelta", timedelta, raising=False)


def _no_tombstone(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, recalls._bury, ("if settlement_id is not None:", "if False:"))


def _ended_without_ending(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, payments.never, ("if order.settlement_id:", "if False:"))


def _money_kept(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        payments.never,
        (
            "if stored.state is PaymentState.HELD:",
            "if stored.state is PaymentState.HELD and state is PaymentState.CANCELLED:",
        ),
    )


def _rounds_up(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        payments._entries,
        (
            "order.debtor.number, order.creditor.number, order.amount)]",
            "order.debtor.number, order.creditor.number,"
            " type(order.amount)(currency=order.amount.currency, amount=-(-order.amount.amount // 2) * 2))]",
        ),
    )


PLANTED = (
    Planted(
        "release before finality",
        "agents release on a lock that is in a block, final or not",
        _released_before_final,
        "the service, which asks for the payment of a final lock only",
    ),
    Planted(
        "give back on a time-out",
        "an agent that has heard of no ending for five minutes signs NEVER",
        _never_by_the_clock,
    ),
    Planted(
        "sign both outcomes",
        "told the opposite later, an agent believes it, and its register stores the second outcome over the first",
        _signs_both,
        needs=("line-contradict",),
    ),
    Planted(
        "skip a durable write",
        "an agent's register does not store what it signs",
        _signed_and_not_stored,
        needs=("crash-after-commit",),
    ),
    Planted(
        "any payment will do",
        "agents release without comparing the payment with the lock",
        _any_payment_will_do,
        needs=("service-door-stolen",),
    ),
    Planted("quorum one short", "the RTGS books on one release fewer than the quorum", _one_short),
    Planted(
        "off by one at payBy",
        "the RTGS books until one second after `payBy`",
        _a_second_late,
        needs=("cut-off",),
    ),
    Planted("forget a tombstone", "a cancelled payment that never came is not barred", _no_tombstone),
    Planted("end without an ending", "a payment that ends unbooked leaves no tombstone", _ended_without_ending),
    Planted("keep the money", "what was set aside for a payment stays so when time ends it", _money_kept),
    Planted("odd amounts", "the RTGS books odd amounts one minor unit higher", _rounds_up),
)
