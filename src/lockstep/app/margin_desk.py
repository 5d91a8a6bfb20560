"""Margin calls of an installation, for people: called and answered as messages would be, paid, resolved, withdrawn.

What a member says by command is handed in as the message that it would have sent (`flow.margin_mail`), so that both
ways are judged and passed on alike. A command given again changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar, cast

from lockstep.app.collateral import open_collateral
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.margin import open_margining
from lockstep.app.margin_cases import Figures, agreement_named, figures_of, pledge_named
from lockstep.app.processes import open_cash
from lockstep.app.records import open_book
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.collateral.register import AgreementId, register_of
from lockstep.domain.collateral.register_events import Agreed
from lockstep.domain.errors import Conflict, InvalidInput, Misconfigured, Unavailable
from lockstep.domain.identifiers import Reference, derive_message_id, reference
from lockstep.domain.identifiers import isin as checked_isin
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import (
    CollateralKind,
    ExposureKind,
    MarginAgreement,
    MarginBody,
    MarginCallRequest,
    MarginCallResponse,
    Obligation,
)
from lockstep.domain.market import Participant
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.flow.margin_figures import require_fresh
from lockstep.flow.margin_mail import MarginMail
from lockstep.flow.margining import Margining
from lockstep.flow.register_parties import owner_of
from lockstep.iso20022 import write
from lockstep.ports import CollateralLedger

__all__ = [
    "Asked",
    "again",
    "answer",
    "call",
    "deliver",
    "give_back",
    "open_margin_mail",
    "pay",
    "register_ledger",
    "resolve",
    "withdraw",
]

TRIES = 10
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a caller may say of its call; what is None is taken from the register, or of today."""

    amount: str | None = None
    is_return: bool = False
    on: date | None = None
    """The day of delivery."""
    collateral: tuple[CollateralKind, ...] | None = None
    """Both kinds, where nothing is said."""
    exposure_kind: ExposureKind = ExposureKind.REPO
    name: str | None = None
    """The agreement's, for people."""
    signed_on: date | None = None


# --- opening


def register_ledger(home: Home) -> CollateralLedger:
    """The register, to look at. Raises Misconfigured where the market has none, or the chain is another process's."""
    register_of(home.market().network)
    if home.settings().rpc == EMBEDDED:
        raise Misconfigured("an embedded chain is inside its own process alone: no other can look at it")
    return open_collateral(home)


def open_margin_mail(home: Home) -> MarginMail:
    """Where margin calls are handed in; it sends no transactions. Raises Misconfigured, Unavailable."""
    register_ledger(home)
    node, network = Node(home.settings().rpcs), home.market().network
    assets = EvmAssetLedger(node, network, live=False)
    margining = open_margining(home, node, None, open_book(home), assets, open_cash(home))
    assert margining is not None
    return MarginMail(margining=margining)


# --- acting


def call(mail: MarginMail, agreement: str, call_id: str, asked: Asked) -> MarginCase:
    """The taker calls for what the giver is to deliver, or the giver for a return.

    Raises what `MarginMail.submit` raises; InvalidInput where no amount is said and nothing is due.
    """
    margining = mail.margining
    ledger, now = margining.ledger, margining.clock.now()
    agreement_id, terms = agreement_named(ledger, agreement)
    wanted = reference(call_id, field="call")
    known = margining.book.margin_case(agreement_id, wanted)
    if known is not None:
        return _same(known, asked)
    at = ledger.final_block()
    state = ledger.state(agreement_id, at)
    require_fresh(state, agreement_id, terms.max_age_seconds, ledger.time_of(at))
    figures = figures_of(ledger, agreement_id, terms)
    giver, taker = (_member(margining, wallet, agreement_id) for wallet in (terms.giver, terms.taker))
    caller, called = (giver, taker) if asked.is_return else (taker, giver)
    body = MarginCallRequest(
        call_id=wanted,
        obligation=Obligation(
            party_a=caller.bic,
            party_b=called.bic,
            exposure_kind=asked.exposure_kind,
            valued_at=datetime.fromtimestamp(figures.valued_at, UTC),
        ),
        agreement=MarginAgreement(
            agreement_id=agreement_id,
            name=asked.name or f"agreement {agreement_id[:8]}",
            signed_on=asked.signed_on or _opened_on(ledger, agreement_id),
            currency=terms.currency,
        ),
        amount=_amount(asked, figures),
        is_return=asked.is_return,
        deliver_on=asked.on or now.date(),
        collateral=asked.collateral or tuple(CollateralKind),
        exposure=None if asked.is_return else Money(currency=terms.currency, amount=figures.exposure),
        held=None if asked.is_return else Money(currency=terms.currency, amount=figures.held),
    )
    _hand_in(mail, caller, f"{agreement_id}/{wanted}", "colr.003", body)
    return _stored(margining, agreement_id, wanted)


def answer(mail: MarginMail, case: MarginCase, agreed: str | None = None, reason: str | None = None) -> MarginCase:
    """Who is called agrees: to all, or to so much, and says why not the rest. Raises what `MarginMail.submit` raises,
    Conflict for another answer than the one that was given."""
    currency = case.call.amount.currency
    said = case.call.amount if agreed is None else Money.parse(agreed, currency)
    if said != case.call.amount and not reason:
        raise InvalidInput("reason", "", f"given, where less than {case.call.amount} is agreed")
    if case.response is not None:
        if case.response.agreed == said:
            return case
        raise Conflict("answer to margin call", case.reference)
    request = case.request
    body = MarginCallResponse(
        response_id=Reference(derive_message_id(case.call.called, "/".join(case.key), "answer")),
        obligation=request.obligation if request else _obligation(case),
        agreement=request.agreement if request else _agreement(case),
        call_id=case.reference,
        agreed=said,
        reason=reason,
    )
    member = next(one for one in mail.margining.market.participants.values() if one.bic == case.call.called)
    _hand_in(mail, member, "/".join(case.key), "colr.004", body)
    return _stored(mail.margining, *case.key)


def pay(margining: Margining, case: MarginCase, amount: str | None = None) -> MarginCase:
    """Who is called pays what is owed, or so much of it, in cash. Raises what `Margining.pay` raises."""
    money = None if amount is None else Money.parse(amount, case.call.amount.currency)
    return again(lambda: margining.pay(*case.key, money))


def deliver(margining: Margining, case: MarginCase, isin: str, quantity: str, name: str | None = None) -> MarginCase:
    """The called giver pledges so much of a security. Raises what `Margining.deliver_bonds` raises."""
    security = margining.market.security(checked_isin(isin, field="security"))
    units = Quantity.parse(quantity).units(security.decimals)
    named = _name(name or f"{security.isin}/{units}")
    return again(lambda: margining.deliver_bonds(*case.key, named, security.isin, units))


def give_back(
    margining: Margining, case: MarginCase, pledge: str, quantity: str, name: str | None = None
) -> MarginCase:
    """The called taker releases so much of a pledge. Raises what `Margining.return_bonds` raises."""
    ledger = margining.ledger
    identifier = pledge_named(ledger, case.agreement_id, pledge)
    found = ledger.pledge(identifier)
    tokens = {one.token: one for one in margining.market.securities.values()}
    if found is None or found.token not in tokens:
        raise InvalidInput("pledge", pledge, "a pledge of a security of this market")
    units = Quantity.parse(quantity).units(tokens[found.token].decimals)
    named = _name(name or f"{identifier[:8]}/{units}")
    return again(lambda: margining.return_bonds(*case.key, named, identifier, units))


def _name(text: str) -> Reference:
    return reference(text, field="name")


def withdraw(margining: Margining, case: MarginCase, reason: str) -> MarginCase:
    """The caller takes the call back. Raises what `Margining.withdraw` raises."""
    if case.call.state.is_end:
        raise InvalidInput("call", case.reference, f"a call that has not ended; it is {case.call.state.value}")
    return again(lambda: margining.withdraw(*case.key, reason))


def resolve(margining: Margining, case: MarginCase, amount: str, reason: str) -> MarginCase:
    """Both parties of a disputed call say what is owed. Raises what `Margining.resolve` raises."""
    money = Money.parse(amount, case.call.amount.currency)
    return again(lambda: margining.resolve(*case.key, money, reason))


# --- what they share


def _hand_in(mail: MarginMail, member: Participant, about: str, definition: str, body: MarginBody) -> None:
    margining = mail.margining
    message: Message[MarginBody] = Message(
        sender=member.bic,
        receiver=margining.market.service,
        message_id=derive_message_id(member.bic, about, definition),
        created=margining.clock.now().replace(microsecond=0),
        body=body,
    )
    mail.submit(message, write(cast(Message[Any], message)))


def _same(known: MarginCase, asked: Asked) -> MarginCase:
    """A call that is there, if it says what is asked for. Raises Conflict."""
    stated = known.call
    differs = known.is_return != asked.is_return
    if asked.amount is not None:
        differs |= Money.parse(asked.amount, stated.amount.currency) != stated.amount
    if asked.on is not None:
        differs |= asked.on != stated.deliver_by.date()
    if known.request is not None and asked.collateral is not None:
        differs |= known.request.collateral != asked.collateral
    if differs:
        raise Conflict("margin call", stated.call_id)
    return known


def _amount(asked: Asked, figures: Figures) -> Money:
    if asked.amount is not None:
        return Money.parse(asked.amount, figures.currency)
    due = -figures.short if asked.is_return else figures.short
    if due <= 0:
        what = "may go back" if asked.is_return else "is short"
        found = f"required {figures.required}, held {figures.held}"
        raise InvalidInput("amount", found, f"given, where by the register's figures nothing {what}")
    return Money(currency=figures.currency, amount=due)


def _member(margining: Margining, wallet: str, agreement_id: AgreementId) -> Participant:
    owner = owner_of(margining.ledger, margining.market, wallet, margining.ledger.final_block())
    if owner is not None:
        return owner
    raise InvalidInput("agreement", agreement_id, f"one between participants; {wallet} is nobody's wallet here")


def _opened_on(ledger: CollateralLedger, agreement_id: AgreementId) -> date:
    first = next(one for one in ledger.events_of(agreement_id) if isinstance(one.said, Agreed))
    return datetime.fromtimestamp(ledger.time_of(first.block), UTC).date()


def _obligation(case: MarginCase) -> Obligation:
    """Of a call that came otherwise than by a message."""
    return Obligation(
        party_a=case.call.caller,
        party_b=case.call.called,
        exposure_kind=ExposureKind.REPO,
        valued_at=case.call.issued_at.replace(microsecond=0),
    )


def _agreement(case: MarginCase) -> MarginAgreement:
    return MarginAgreement(
        agreement_id=case.agreement_id,
        name=f"agreement {case.agreement_id[:8]}",
        signed_on=case.call.issued_at.date(),
        currency=case.call.amount.currency,
    )


def _stored(margining: Margining, agreement_id: AgreementId, call_id: Reference) -> MarginCase:
    found = margining.book.margin_case(agreement_id, call_id)
    assert found is not None
    return found


def again(act: Callable[[], Result]) -> Result:
    """Until the service does not move the call at the same time. Raises Unavailable."""
    for _ in range(TRIES):
        try:
            return act()
        except Conflict as conflict:
            if conflict.kind != "margin call version":
                raise
    raise Unavailable("the margin call is being moved: say it again")
