"""What people are shown of agreements and pledges: terms, figures, what is held, what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lockstep.app.collateral_files import shown
from lockstep.app.collateral_names import CollateralNames
from lockstep.app.inventory import Names, ties_of
from lockstep.domain.collateral.claims import Claim, Claims
from lockstep.domain.collateral.register import Agreement, AgreementId, AgreementMode, PledgeId, State
from lockstep.domain.collateral.register_events import Agreed
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money

__all__ = ["agreement_shown", "agreements_listed", "pledge_shown"]


def agreement_shown(names: CollateralNames, agreement_id: AgreementId) -> dict[str, Any]:
    """One agreement as of the head: what was agreed, what is owed and covered, what is pledged."""
    ledger = names.ledger
    at = ledger.head_block()
    terms = ledger.agreement(agreement_id, at)
    if terms is None:
        raise InvalidInput("agreement", agreement_id, "an agreement that was opened")
    state, now = ledger.state(agreement_id, at), ledger.time_of(at)
    claims = Claims(ledger.events(last=at))
    live = claims.live()
    mine = [one for one in live if one.pledge.agreement_id == agreement_id]

    def money(amount: int) -> str:
        return Money(currency=terms.currency, amount=amount).text()

    cover = ledger.cover(agreement_id, at)
    return {
        "agreement": agreement_id,
        "block": at,
        **_terms(terms, names),
        "exposure": money(state.exposure),
        "required": money(state.required),
        "credit": money(state.credit),
        "cover": money(cover),
        "missing": money(max(state.required - state.credit - cover, 0)),
        "owed": money(state.debt),
        "surplus": money(state.surplus),
        "selling": money(state.selling),
        "valuedAt": shown(state.valued_at) if state.valued_at else None,
        "fresh": state.fresh(terms.max_age_seconds, now),
        "default": _default(state, now),
        "securities": [
            {
                "isin": names.isin(one.token),
                "quantity": names.quantity(one.token, one.held),
                "price": one.price,
                "haircut": one.haircut,
                "value": money(one.covers(state)),
                "counts": one.priced_at == state.valued_at != 0,
            }
            for one in ledger.positions(agreement_id, at)
        ],
        "pledges": _ties(mine, live, names, now),
        "incomeOwed": {one.pledge_id: money(owed) for one in mine if (owed := ledger.income_owed(one.pledge_id, at))},
    }


def pledge_shown(names: CollateralNames, pledge_id: PledgeId) -> dict[str, Any]:
    """One pledge as of the head, and what happened to it."""
    ledger = names.ledger
    at = ledger.head_block()
    pledge = ledger.pledge(pledge_id, at)
    if pledge is None:
        raise InvalidInput("pledge", pledge_id, "a pledge in this register")
    claims = Claims(ledger.events(last=at))
    live, terms = claims.live(), claims.agreement(pledge.agreement_id)
    mine = [one for one in live if one.pledge_id == pledge_id]
    stop = ledger.long_stop_from(pledge_id, at)
    return {
        "pledge": pledge_id,
        "agreement": pledge.agreement_id,
        "block": at,
        "live": bool(mine),
        **(_ties(mine, live, names, ledger.time_of(at))[0] if mine else {"isin": names.isin(pledge.token)}),
        "releasable": names.quantity(pledge.token, pledge.releasable),
        "incomeOwed": Money(currency=terms.currency, amount=ledger.income_owed(pledge_id, at)).text(),
        "longStopFrom": shown(stop) if stop else None,
        "history": [
            {"block": one.block, "event": type(one.said).__name__, "transaction": one.transaction}
            for one in ledger.events_of_pledge(pledge_id, at)
        ],
    }


def agreements_listed(names: CollateralNames, participant: str | None = None) -> list[dict[str, Any]]:
    """Every agreement, or those of one participant, as of the head."""
    ledger = names.ledger
    at = ledger.head_block()
    wallet = None if participant is None else names.wallet(participant)
    found: dict[AgreementId, Agreement] = {}
    for one in ledger.events(last=at):
        if isinstance(one.said, Agreed):
            found[one.said.agreement_id] = one.said.agreement
    rows = []
    for identifier, terms in found.items():
        if wallet not in (None, terms.giver, terms.taker):
            continue
        state, cover = ledger.state(identifier, at), ledger.cover(identifier, at)
        amounts = {"exposure": state.exposure, "required": state.required, "credit": state.credit, "cover": cover}
        rows.append(
            {
                "agreement": identifier,
                "giver": names.who(terms.giver),
                "taker": names.who(terms.taker),
                "mode": _MODES[terms.mode],
                "currency": terms.currency,
                "until": shown(terms.until),
                **{name: Money(currency=terms.currency, amount=one).text() for name, one in amounts.items()},
                "inDefault": state.in_default,
            }
        )
    return rows


_MODES = {AgreementMode.SECURITY_INTEREST: "SecurityInterest", AgreementMode.TITLE_TRANSFER: "TitleTransfer"}


def _terms(terms: Agreement, names: CollateralNames) -> dict[str, Any]:
    return {
        "giver": names.who(terms.giver),
        "taker": names.who(terms.taker),
        "mode": _MODES[terms.mode],
        "currency": terms.currency,
        "until": shown(terms.until),
        "reuseCap": terms.reuse_cap,
        "maxDepth": terms.max_depth,
        "appropriation": terms.appropriation,
        "substitution": terms.substitution,
        "saleFloor": terms.sale_floor,
        "noticeSeconds": terms.notice_seconds,
        "cureSeconds": terms.cure_seconds,
        "maxAgeSeconds": terms.max_age_seconds,
    }


def _default(state: State, now: int) -> dict[str, Any] | None:
    if not state.in_default:
        return None
    return {"enforceableAfter": shown(state.enforce_from), "enforceable": state.enforceable(now)}


def _ties(mine: Sequence[Claim], live: Sequence[Claim], names: CollateralNames, now: int) -> list[Mapping[str, Any]]:
    """In the words of the inventory. Who holds a re-pledge's units, its root says: so all live pledges are needed."""
    wanted = {one.pledge_id for one in mine}
    ties = [one for one in ties_of(live, Names(names.market), now) if one.pledge in wanted]
    return [{**asdict(one), "until": shown(int(one.until.timestamp()))} for one in ties]
