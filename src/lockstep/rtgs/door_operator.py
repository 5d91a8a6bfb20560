"""The operator's functions as JSON. Keys of the objects are the functions' parameters.

GET  accounts, postings, payments, facts, faults
POST accounts  {owner, number, currency}
     funds     {account, currency, amount, reference}                    → {"posting": 1}
     mandates  {account, currency, maximum, until, payee?, instructing?}
     parties   {bic, role, key?}
     quorum    {agents}
     day/open  {day}
     day/close {}                                                        → {"day": "2026-11-20" | null}
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
from lockstep.domain.identifiers import bic
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
    ("POST", "tick"): lambda rtgs, _: {"expired": rtgs.tick()},
    **DESK_ACTS,
}
