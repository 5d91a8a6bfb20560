"""The operator's functions as JSON. Keys of the objects are the functions' parameters.

GET  accounts, postings, payments, orders, queue, phase, facts, faults
POST accounts  {owner, number, currency}
     funds     {account, currency, amount, reference}                    → {"posting": 1}
     mandates  {account, currency, maximum, until, payee?, instructing?}
     parties   {bic, role, key?}
     quorum    {agents}
     day/open  {day}
     day/close {}                                                        → {"day": "2026-11-20" | null}
     day/phase {phase}
     credit-limits {account, currency, amount}
     reservations  {account, currency, amount, priority, standing?}
     limits    {account, currency, amount, counterparty?}                counterparty: an account
     priority  {uetr, priority}
     offset    {currency}                                                → {"settled": 0}
     statement {account, day}                                            → the statement
     tick      {}                                                        → {"expired": 0}
     faults    {seed, rules, by}, or {plan, by}, a TOML text; see `faults` → {"number": 1}
     faults/clear {by}

What people look at and lead the day with is in `door_desk`.

Amounts are decimal text ("100.00"), days ISO 8601.
"""

import json
from collections.abc import Callable
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import bic, uetr
from lockstep.rtgs import faults
from lockstep.rtgs.core import Rtgs
from lockstep.rtgs.door_desk import DESK_ACTS
from lockstep.rtgs.door_form import Form


def operate(rtgs: Rtgs, method: str, act: str, content: bytes) -> Any:
    """Does what the request asks and returns what the answer says. Raises InvalidInput, Refused, Conflict."""
    try:
        function = _ACTS[method, act]
    except KeyError:
        known = ", ".join(f"{verb} {name}" for verb, name in _ACTS)
        raise InvalidInput("path", f"{method} {act}", f"one of {known}") from None
    return function(rtgs, Form.parse(content))


def _open_account(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.open_account(bic(form.text("owner"), field="owner"), form.text("number"), form.text("currency"))
    return {}


def _fund(rtgs: Rtgs, form: Form) -> object:
    return {"posting": rtgs.operator.fund(form.text("account"), form.money("amount"), form.text("reference"))}


def _set_mandate(rtgs: Rtgs, form: Form) -> object:
    instructing = form.optional("instructing")
    rtgs.operator.set_mandate(
        form.text("account"),
        form.money("maximum"),
        form.day("until"),
        payee=form.optional("payee"),
        instructing=None if instructing is None else bic(instructing, field="instructing"),
    )
    return {}


def _register_party(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.register_party(bic(form.text("bic"), field="bic"), form.role("role"), form.optional("key"))
    return {}


def _set_quorum(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.set_quorum(form.whole("agents"))
    return {}


def _open_day(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.open_day(form.day("day"))
    return {}


def _faults(rtgs: Rtgs, _form: Form) -> object:
    status = rtgs.faults.status()
    plan = None if status.plan is None else json.loads(status.plan.to_json())
    return {
        "plan": plan,
        "number": status.number,
        "set_at": status.set_at,
        "set_by": status.set_by,
        "uses": status.uses,
        "mail": {"waiting": status.mail_waiting, "lost": status.mail_lost},
        "arrivals": {"waiting": status.arrivals_waiting, "lost": status.arrivals_lost},
    }


def _set_faults(rtgs: Rtgs, form: Form) -> object:
    given = {name: value for name, value in form.members.items() if name != "by"}
    plan = faults.from_toml(form.text("plan")) if set(given) == {"plan"} else faults.parse(given)
    return {"number": rtgs.faults.set(plan, by=form.text("by"))}


def _clear_faults(rtgs: Rtgs, form: Form) -> object:
    rtgs.faults.clear(by=form.text("by"))
    return {}


def _enter_phase(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.enter_phase(form.text("phase"))
    return {}


def _set_credit_limit(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.set_credit_limit(form.text("account"), form.money("amount"))
    return {}


def _reserve(rtgs: Rtgs, form: Form) -> object:
    standing = form.members.get("standing", False)
    if not isinstance(standing, bool):
        raise InvalidInput("standing", standing, "true or false")
    rtgs.operator.reserve(form.text("account"), form.priority("priority"), form.money("amount"), standing=standing)
    return {}


def _set_limit(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.set_limit(form.text("account"), form.optional("counterparty"), form.money("amount"))
    return {}


def _set_priority(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.set_priority(uetr(form.text("uetr")), form.priority("priority"))
    return {}


_ACTS: dict[tuple[str, str], Callable[[Rtgs, Form], Any]] = {
    ("GET", "accounts"): lambda rtgs, _: rtgs.operator.accounts(),
    ("GET", "postings"): lambda rtgs, _: rtgs.operator.postings(),
    ("GET", "payments"): lambda rtgs, _: rtgs.operator.payments(),
    ("GET", "facts"): lambda rtgs, _: rtgs.facts(),
    ("GET", "faults"): _faults,
    ("POST", "faults"): _set_faults,
    ("POST", "faults/clear"): _clear_faults,
    ("POST", "accounts"): _open_account,
    ("POST", "funds"): _fund,
    ("POST", "mandates"): _set_mandate,
    ("POST", "parties"): _register_party,
    ("POST", "quorum"): _set_quorum,
    ("POST", "day/open"): _open_day,
    ("POST", "day/close"): lambda rtgs, _: {"day": rtgs.operator.close_day()},
    ("GET", "orders"): lambda rtgs, _: rtgs.operator.orders(),
    ("GET", "queue"): lambda rtgs, _: rtgs.operator.queue(),
    ("GET", "phase"): lambda rtgs, _: {"day": rtgs.operator.business_day(), "phase": rtgs.operator.phase()},
    ("POST", "day/phase"): _enter_phase,
    ("POST", "credit-limits"): _set_credit_limit,
    ("POST", "reservations"): _reserve,
    ("POST", "limits"): _set_limit,
    ("POST", "priority"): _set_priority,
    ("POST", "offset"): lambda rtgs, form: {"settled": rtgs.operator.offset(form.text("currency"))},
    ("POST", "statement"): lambda rtgs, form: rtgs.operator.statement(form.text("account"), form.day("day")),
    ("POST", "tick"): lambda rtgs, _: {"expired": rtgs.tick()},
    **DESK_ACTS,
}
