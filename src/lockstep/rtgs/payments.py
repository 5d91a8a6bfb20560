"""The states a payment passes through. Every change is announced in the step that makes it.

(new) ──> HELD ──release by the quorum──> BOOKED         final; what is not held goes there at once
  │  └──> PENDING ──its turn, funds──> HELD, BOOKED
  ├─────> REJECTED <──expiry, end of day── HELD, PENDING     never: a tombstone stands
  └ ─ ─ ─ CANCELLED <──camt.056── HELD, PENDING              never: a tombstone stands
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import bindparam, select

from lockstep.domain.identifiers import Bic, Uetr
from lockstep.domain.payment import PaymentState
from lockstep.rtgs import announcing, bulk, ledger, limits, queueing, register
from lockstep.rtgs.bulk import Entry
from lockstep.rtgs.database import Step
from lockstep.rtgs.held import Earmarked
from lockstep.rtgs.orders import Kind, Order, Priority
from lockstep.rtgs.parties import agents, quorum
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.register import Reason, StoredOrder
from lockstep.rtgs.tables import earmarks, releases

_RELEASED = Prepared(select(releases.c.agent, releases.c.uetr).where(releases.c.settlement_id == bindparam("of")))
_EARMARKED = Prepared(
    select(earmarks.c.account, earmarks.c.amount, earmarks.c.from_reservation).where(earmarks.c.uetr == bindparam("of"))
)
_TAKE_EARMARKS = Prepared(earmarks.delete().where(earmarks.c.uetr == bindparam("of")))


def take(
    step: Step, order: Order, *, instructing: Bic, message_id: str, verdict: Reason | Mapping[str, int]
) -> StoredOrder:
    """Enters a new payment. A verdict that is a reason makes it REJECTED, with a tombstone for its
    settlement; any other names the mandate of each account debited.

    What can go now is HELD or BOOKED, the rest PENDING; a liquidity transfer is booked now or refused.
    """
    refused = verdict if isinstance(verdict, Reason) else None
    mandates = {} if isinstance(verdict, Reason) else verdict
    wait = None if refused else obstacle(step, order)
    if wait and order.kind is Kind.TRANSFER:
        refused = wait
    number, position = step.next_payment()
    stored = StoredOrder(
        number=number,
        order=order,
        position=position,
        instructing=instructing,
        message_id=message_id,
        mandate=mandates.get(order.debtor.number),
        state=PaymentState.PENDING,
        decided_at=step.now,
        entered_at=step.now,
    )
    if refused:
        stored = _with(step, stored, PaymentState.REJECTED, refused)
        if order.settlement_id and register.tombstone(step.connection, order.settlement_id) is None:
            register.end(step, order.settlement_id, "NEVER", order.uetr, refused.code)
    elif wait:
        stored = _with(step, stored, PaymentState.PENDING, wait)
    if order.held and not refused and not wait:
        return _hold(step, stored, new_under=mandates)
    register.insert(step, stored, mandates)
    if refused or wait:
        announcing.status(step, stored)
        return stored
    stored, credited = _book(step, stored)
    serve(step, credited)
    return stored


def obstacle(step: Step, order: Order) -> Reason | None:
    """Why a new payment cannot go now, or None."""
    begins = order.timing.not_before
    if begins is not None and step.now < begins:
        return Reason.of("TM01", "SttlmTmReq/FrTm", begins.isoformat(), "not settled before")
    if queueing.blocked(step, order):
        return Reason.of("AM04", "IntrBkSttlmAmt", order.amount, "waits behind payments queued before it")
    return _lacking(step, order, step.once(limits.of_account, order.debtor.number))


def book(step: Step, stored: StoredOrder) -> StoredOrder:
    """Moves the money, finally; tells everybody concerned, and serves who waited for it."""
    booked, credited = _book(step, stored)
    serve(step, credited)
    return booked


def book_if_released(step: Step, stored: StoredOrder) -> bool:
    """Books a held payment that a quorum of those who are agents now has released."""
    given = released(step, stored)
    counted = [agent for agent in step.once(agents) if given.get(agent) == stored.order.uetr]
    if len(counted) < step.once(quorum):
        return False
    book(step, stored)
    return True


def released(step: Step, stored: StoredOrder) -> dict[Bic, Uetr]:
    """Who has released a held payment's settlement, each under which UETR; add who does."""
    held = step.held.of(stored)
    if held.released is None:
        held.released = {
            Bic(agent): Uetr(uetr) for agent, uetr in _RELEASED.all(step.connection, of=stored.order.settlement_id)
        } | step.released_now(stored.order.settlement_id)
    return held.released


def go_together(step: Step, chosen: Sequence[StoredOrder]) -> None:
    """Holds or books payments that wait, all at one moment: only their net must be within limits.

    Raises Refused if it is not; then the whole step is to be given up.
    """
    entries: list[Entry] = []
    first_entry: dict[int, int] = {}
    for stored in chosen:
        if not stored.order.held:
            first_entry[stored.number] = len(entries)
            entries.extend(_entries(stored.order))
    posting = step.books.post(entries) if entries else 0
    for stored in chosen:
        if stored.order.held:
            _hold(step, stored)
        else:
            for account, amount in stored.order.debits().items():
                step.books.use_reservation(account, amount, _class(stored.order))
            _booked(step, stored, posting + first_entry[stored.number])
    serve(step, dict.fromkeys(stored.order.creditor.number for stored in chosen))


def never(step: Step, ended: Sequence[StoredOrder], state: PaymentState, reason: Reason) -> None:
    """Ends open payments as REJECTED or CANCELLED and frees their money, then serves who waits for it."""
    for stored in ended:
        order = stored.order
        if stored.state is PaymentState.HELD:
            for account, amount, from_reservation in _take_earmarks(step, stored):
                step.books.free(account, amount, priority=_class(order), to_reservation=from_reservation)
        if order.settlement_id:
            register.end(step, order.settlement_id, "NEVER", order.uetr, reason.code)
        changed = _with(step, stored, state, reason)
        register.update(step, changed)
        announcing.status(step, changed)
    serve(step, dict.fromkeys(account for stored in ended for account in stored.order.debits()))


def serve(step: Step, accounts: Iterable[str]) -> None:
    """Tries again what waits in the accounts' queues, in their order, and in those of whom that pays.

    Ends, since each round either lets a payment go or takes an account off the list.
    """
    todo = list(dict.fromkeys(accounts))
    while todo:
        account = todo.pop(0)
        for stored in _ready(step, account):
            _, credited = _go(step, stored)
            todo.extend(number for number in credited if number not in todo)


def _ready(step: Step, account: str) -> Iterable[StoredOrder]:
    """What of an account's queue can go, one after another: the caller lets each go before the next."""
    if queueing.idle(step, account):
        return
    for batch in queueing.batches_of(step, account):
        if _lacking(step, batch.order, {}) is None:
            yield batch
    known = step.once(limits.of_account, account)
    room = step.books.room(account, Priority.NORMAL)
    for stored in queueing.waiting(step, account, at_most=room):
        if _lacking(step, stored.order, known) is None:
            yield stored
        elif stored.order.priority is not Priority.NORMAL:
            return


def _lacking(step: Step, order: Order, known: dict[str, int]) -> Reason | None:
    """What a payment lacks: money, or room under one of its debtor's limits (`known`)."""
    for account, amount in order.debits().items():
        if step.books.room(account, _class(order)) < amount:
            return Reason.of("AM04", "IntrBkSttlmAmt", order.amount, "at most what the debtor has available")
    name = limits.name_of(known, order.creditor.number) if limits.applies(order) else None
    if name is not None:
        room = limits.room(step.connection, order.debtor.number, name, known)
        if room < order.amount.amount:
            return Reason.of("AM14", "IntrBkSttlmAmt", order.amount, f"at most {room} minor units under limit {name}")
    return None


def _go(step: Step, stored: StoredOrder) -> tuple[StoredOrder, list[str]]:
    """Holds or books what can go; who has been credited."""
    return (_hold(step, stored), []) if stored.order.held else _book(step, stored)


def _hold(step: Step, stored: StoredOrder, *, new_under: Mapping[str, int] | None = None) -> StoredOrder:
    """Sets a payment's money aside. A new one is stored so; `new_under` names the mandate of each account debited."""
    uetr, priority = stored.order.uetr, _class(stored.order)
    set_aside = [
        (account, amount, step.books.earmark(account, amount, priority))
        for account, amount in stored.order.debits().items()
    ]
    held = _with(step, stored, PaymentState.HELD, None)
    if new_under is None:
        register.update(step, held)
    else:
        register.insert(step, held, new_under)
    bulk.write_rows(step.connection, "earmarks", bulk.EARMARK, [(uetr, *one) for one in set_aside])
    step.held.of(held).earmarks = set_aside
    announcing.status(step, held)
    return held


def _book(step: Step, stored: StoredOrder) -> tuple[StoredOrder, list[str]]:
    order = stored.order
    earmarked = {}
    if stored.state is PaymentState.HELD:
        earmarked = {account: amount for account, amount, _ in _take_earmarks(step, stored)}
    else:
        for account, amount in order.debits().items():
            step.books.use_reservation(account, amount, _class(order))
    entries = _entries(order)
    posting = step.books.post(entries, earmarked)
    booked = _booked(step, stored, posting)
    return booked, [one.credit for one in entries if one.credit != ledger.technical_account(one.currency)]


def _booked(step: Step, stored: StoredOrder, posting: int) -> StoredOrder:
    """Records that a payment's postings are made."""
    order = stored.order
    if order.settlement_id:
        register.end(step, order.settlement_id, "BOOKED", order.uetr)
    booked = _with(step, stored, PaymentState.BOOKED, None)
    register.update(step, booked)
    announcing.booked(step, booked, posting)
    return booked


def _entries(order: Order) -> list[Entry]:
    """What a payment books; a batch pays in first and out then."""
    if order.kind is Kind.BATCH:
        technical, name = order.debtor.number, f"batch/{order.settlement_id or order.uetr}"
        legs = sorted(order.legs, key=lambda leg: not leg.debit)
        return [
            Entry(
                f"{name}/{at}",
                leg.account if leg.debit else technical,
                technical if leg.debit else leg.account,
                order.amount.currency,
                leg.amount,
            )
            for at, leg in enumerate(legs, 1)
        ]
    subject = f"payment/{order.settlement_id}" if order.settlement_id else f"{order.kind.value.lower()}/{order.uetr}"
    return [ledger.entry(subject, order.debtor.number, order.creditor.number, order.amount)]


def _take_earmarks(step: Step, stored: StoredOrder) -> list[Earmarked]:
    """Account, amount and part out of the reservation of each earmark of a payment, which then are none."""
    of_payment, held = {"of": stored.order.uetr}, step.held.of(stored)
    if held.earmarks is None:
        held.earmarks = [
            (str(row[0]), int(row[1]), int(row[2])) for row in _EARMARKED.all(step.connection, **of_payment)
        ]
    _TAKE_EARMARKS.run(step.connection, [of_payment])
    return held.earmarks


def _class(order: Order) -> Priority:
    """Whose reservation a payment may use: a batch's is the urgent one."""
    return Priority.URGENT if order.kind is Kind.BATCH else order.priority


def _with(step: Step, stored: StoredOrder, state: PaymentState, reason: Reason | None) -> StoredOrder:
    code, text = (reason.code, reason.text) if reason else (None, None)
    final = step.now if state is PaymentState.BOOKED else None
    return replace(
        stored,
        state=state,
        decided_at=step.now,
        reason_code=code,
        reason=text,
        irrevocable_at=final,
        booked_at=final,
    )
