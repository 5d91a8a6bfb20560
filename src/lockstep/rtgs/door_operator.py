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
     faults    {seed, rules, by}, see `faults`                           → {"number": 1}
     faults/clear {by}

Amounts are decimal text ("100.00"), days ISO 8601.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import bic
from lockstep.domain.money import Money
from lockstep.rtgs import faults
from lockstep.rtgs.core import Rtgs
from lockstep.rtgs.parties import Role


@dataclass(frozen=True, slots=True)
class Form:
    """A JSON object whose members are all of the right type, or named in an InvalidInput."""

    members: dict[str, Any]

    @classmethod
    def parse(cls, content: bytes) -> "Form":
        try:
            members = json.loads(content or b"{}", parse_float=Decimal)
        except ValueError as error:
            raise InvalidInput("body", content[:40], f"JSON ({error})") from None
        if not isinstance(members, dict):
            raise InvalidInput("body", content[:40], "a JSON object")
        return cls(members)

    def text(self, name: str) -> str:
        value = self.members.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidInput(name, value, "text")
        return value

    def optional(self, name: str) -> str | None:
        return None if self.members.get(name) is None else self.text(name)

    def whole(self, name: str) -> int:
        value = self.members.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput(name, value, "a whole number")
        return value

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise InvalidInput(name, self.text(name), "a day as ISO 8601 writes it: 2026-11-20") from None

    def money(self, name: str) -> Money:
        return Money.parse(self.text(name), self.text("currency"), field=name)

    def role(self, name: str) -> Role:
        try:
            return Role(self.text(name))
        except ValueError:
            raise InvalidInput(name, self.text(name), f"one of {', '.join(role.value for role in Role)}") from None


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
    return {"number": rtgs.faults.set(faults.parse(given), by=form.text("by"))}


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
}
