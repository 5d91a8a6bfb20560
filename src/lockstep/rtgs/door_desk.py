"""What the desk looks at, and how it leads the day, as JSON. A GET's parameters stand in its query.

GET  desk                                          → all that the page shows, at one moment
     desk/day                                      → date, phase, cut-offs, the clock
     desk/accounts                                 → accounts, amounts as decimal text
     desk/queue     account?, limit?               → what waits, by debtor's account
     desk/held      limit?                         → payments held, with their releases
     desk/payments  state?, limit?                 → payments of every kind, newest first, and counts by state
     desk/messages  party?, limit?                 → headers of messages in and out, newest first
     desk/message   reference                      → {"reference": …, "message": "<xml>"}
     desk/statement account, day?                  → an account's day; of the day that is open, what there is so far
     desk/statement/messages  account, day?        → {"messages": [{"id": …, "message": "<xml>"}, …]}, camt.053
POST clock/advance  {seconds}                      → desk/day, once what became due is done
     clock/set      {instant, running?}            → desk/day, the same
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money
from lockstep.domain.payment import PaymentState
from lockstep.rtgs import page_views
from lockstep.rtgs.core import Rtgs
from lockstep.rtgs.door_form import Form
from lockstep.rtgs.facts import plain
from lockstep.rtgs.page_views import MESSAGES_SHOWN, SHOWN

LONGEST_ADVANCE_SECONDS = 366 * 24 * 3600


def _limit(form: Form, most: int = SHOWN) -> int:
    return form.bounded("limit", most, most)


def _desk(rtgs: Rtgs, form: Form) -> object:
    rtgs.tick()  # whoever looks sees no payment that has run out
    now = rtgs.now()
    return rtgs.operator.look(
        lambda connection: {
            "bic": rtgs.bic,
            "day": page_views.day(connection, now),
            "accounts": page_views.accounts(connection),
            "queue": page_views.queue(connection, None, SHOWN),
            "held": page_views.held(connection, SHOWN),
            "counts": page_views.orders(connection, (), 1)["counts"],
            "messages": page_views.messages(connection, rtgs.bic, _limit(form)),
        }
    )


def _day(rtgs: Rtgs, _: Form) -> object:
    now = rtgs.now()
    return rtgs.operator.look(lambda connection: page_views.day(connection, now))


def _queue(rtgs: Rtgs, form: Form) -> object:
    account, limit = form.optional("account"), _limit(form)
    return rtgs.operator.look(lambda connection: page_views.queue(connection, account, limit))


def _orders(rtgs: Rtgs, form: Form) -> object:
    named, limit = form.optional("state"), _limit(form)
    try:
        states = None if named is None else [PaymentState[named.upper()]]
    except KeyError:
        rule = f"one of {', '.join(state.name for state in PaymentState)}"
        raise InvalidInput("state", named, rule) from None
    return rtgs.operator.look(lambda connection: page_views.orders(connection, states, limit))


def _messages(rtgs: Rtgs, form: Form) -> object:
    party, limit = form.optional("party"), _limit(form, MESSAGES_SHOWN)
    found = rtgs.operator.look(lambda connection: page_views.messages(connection, rtgs.bic, limit, party))
    return {"messages": found}


def _message(rtgs: Rtgs, form: Form) -> object:
    reference = form.text("reference")
    data = rtgs.operator.look(lambda connection: page_views.message(connection, reference))
    return {"reference": reference, "message": data.decode()}


def _statement(rtgs: Rtgs, form: Form) -> object:
    stated = rtgs.operator.statement(form.text("account"), _stated_day(rtgs, form))

    def text(amount: int) -> str:
        return Money(currency=stated.currency, amount=amount).text()

    told: Mapping[str, Any] = plain(stated)
    entries = [
        line | {"amount": text(entry.amount)} for line, entry in zip(told["entries"], stated.entries, strict=True)
    ]
    return {**told, "opening": text(stated.opening), "entries": entries, "closing": text(stated.closing)}


def _statement_messages(rtgs: Rtgs, form: Form) -> object:
    account, day, now = form.text("account"), _stated_day(rtgs, form), rtgs.now()
    pages = rtgs.operator.look(
        lambda connection: page_views.statement_messages(connection, rtgs.bic, account, day, now)
    )
    return {"messages": [{"id": identity, "message": message} for identity, message in pages]}


def _stated_day(rtgs: Rtgs, form: Form) -> date:
    """The day that was asked for, else the one that is open, else the last."""
    if form.optional("day") is not None:
        return form.day("day")
    days = rtgs.operator.days()
    if not days:
        raise InvalidInput("day", "", "a business day; none was opened yet")
    return days[-1]


def _advance(rtgs: Rtgs, form: Form) -> object:
    seconds = form.whole("seconds")
    if not 0 < seconds <= LONGEST_ADVANCE_SECONDS:
        raise InvalidInput("seconds", seconds, f"1 to {LONGEST_ADVANCE_SECONDS}, a year")
    rtgs.operator.advance_clock(timedelta(seconds=seconds))
    rtgs.tick()
    return _day(rtgs, form)


def _set_clock(rtgs: Rtgs, form: Form) -> object:
    rtgs.operator.set_clock(form.instant("instant"), running=form.truth("running"))
    rtgs.tick()
    return _day(rtgs, form)


DESK_ACTS: dict[tuple[str, str], Callable[[Rtgs, Form], Any]] = {
    ("GET", "desk"): _desk,
    ("GET", "desk/day"): _day,
    ("GET", "desk/accounts"): lambda rtgs, _: {"accounts": rtgs.operator.look(page_views.accounts)},
    ("GET", "desk/queue"): _queue,
    ("GET", "desk/held"): lambda rtgs, form: rtgs.operator.look(lambda books: page_views.held(books, _limit(form))),
    ("GET", "desk/payments"): _orders,
    ("GET", "desk/messages"): _messages,
    ("GET", "desk/message"): _message,
    ("GET", "desk/statement"): _statement,
    ("GET", "desk/statement/messages"): _statement_messages,
    ("POST", "clock/advance"): _advance,
    ("POST", "clock/set"): _set_clock,
}
