"""Margin calls met in bonds: the called party names units, its wallet signs, the register shows them, they count.

A delivery is a pledge by the giver (`PledgeCall`, of title where the agreement transfers it); a return is a release by
the taker (`ReleaseCall`, or `ReturnUnitsCall`). What is to be signed is stored first. Its salt and its number derive
from the call and from the name that the party gave it, so that killed anywhere the next look sends the same act, and a
delivery makes one pledge however often it is sent. What moved counts when the register shows it finally, as of its
block and by the valuation that was the latest there: whoever looks, and whenever, counts the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from lockstep.domain.collateral.calls import Call, PledgeCall, ReleaseCall, ReturnUnitsCall
from lockstep.domain.collateral.register import Act, Agreement, AgreementMode, PledgeId
from lockstep.domain.collateral.register_events import (
    Pledged,
    RegisterEvent,
    Released,
    Returned,
    TitleTransferred,
)
from lockstep.domain.errors import Conflict, InvalidInput, Refused
from lockstep.domain.identifiers import Isin, Reference
from lockstep.domain.journal import Entry
from lockstep.domain.margin_bonds import ActState, BondMove, bond_nonce, bond_salt
from lockstep.domain.margin_call import deliver
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.market import Market
from lockstep.domain.money import Money
from lockstep.domain.values import replace
from lockstep.flow.collateral_acts import is_told, made_by, run_alone
from lockstep.flow.margin_figures import prices_by, require_fresh, worth
from lockstep.ports import Change, Clock, CollateralLedger, CollateralWallet, MarginBook
from lockstep.signing import call_bytes, pledge_id

__all__ = ["ACT_SECONDS", "MarginBonds"]

ACT_SECONDS = 86_400
"""From when a movement is decided on to the last second of its act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginBonds:
    """Movements of bonds for margin calls, over the ports."""

    market: Market
    clock: Clock
    book: MarginBook
    ledger: CollateralLedger
    wallet: CollateralWallet | None
    """None: nothing is signed here, and what the parties' own software has run is counted."""

    # --- what the called party says

    def deliver(self, case: MarginCase, name: Reference, isin: Isin, units: int) -> MarginCase:
        """The giver pledges units for a call. Stored here, sent by `step`; more than is owed may be given.

        The same again changes nothing, or tries a delivery anew that died. Raises InvalidInput for a security that the
        latest valuation gives no value, for units that count for nothing, or where nothing is left to be met; Conflict
        for a name used otherwise; Refused CallEnded, StaleValuation.
        """
        if case.is_return:
            raise InvalidInput("call", case.reference, "a call for a delivery: bonds of a return are released")
        token = self.market.security(isin).token
        made = pledge_id(case.agreement_id, token, bond_salt(case.agreement_id, case.reference, name))
        return self._begin(case, name, token, units, made)

    def give_back(self, case: MarginCase, name: Reference, pledge: PledgeId, units: int) -> MarginCase:
        """The taker releases units of a pledge, for a return that the giver called. Otherwise as `deliver`.

        Raises InvalidInput also for a pledge of another agreement, for more units than can be released, and for more
        than is called: what is over would leave the taker uncovered. Refused InDefault while a default is declared.
        """
        if not case.is_return:
            raise InvalidInput("call", case.reference, "a call for a return: bonds of a delivery are pledged")
        at = self.ledger.final_block()
        found, terms = self.ledger.pledge(pledge, at), self._terms(case)
        if found is None or found.agreement_id != case.agreement_id:
            raise InvalidInput("pledge", pledge, f"a pledge under {case.agreement_id}, finally")
        most = found.releasable if terms.mode is AgreementMode.SECURITY_INTEREST else found.owed
        if self._is_said(case, name, found.token, units, pledge):
            return case
        if units > most:
            raise InvalidInput("units", units, f"at most {most}: what of the pledge can be released")
        state = self.ledger.state(case.agreement_id, at)
        if state.in_default:
            raise Refused("InDefault", {"agreement_id": case.agreement_id, "actual": state.enforce_from})
        return self._begin(case, name, found.token, units, pledge)

    def _begin(self, case: MarginCase, name: Reference, token: str, units: int, pledge: PledgeId) -> MarginCase:
        """The movement, durable before anything is signed."""
        if self._is_said(case, name, token, units, pledge):
            return case
        if case.call.state.is_end:
            raise Refused("CallEnded", {"call": case.reference, "actual": case.call.state.value})
        if not case.unmet:
            raise InvalidInput("units", units, "nothing: all that is owed has arrived or is under way")
        at = self.ledger.final_block()
        state, terms = self.ledger.state(case.agreement_id, at), self._terms(case)
        require_fresh(state, case.agreement_id, terms.max_age_seconds, self.ledger.time_of(at))
        price = prices_by(self.ledger.events_of(case.agreement_id, at)).get(token)
        expected = worth(units, price)
        if price is None or not price.price:
            raise InvalidInput("security", token, "one to which the latest valuation gives a price")
        if not expected:
            raise InvalidInput("units", units, f"so many that they count for something at {price.price} a million")
        if case.is_return and expected > case.unmet:
            rule = f"worth at most {self._money(case, case.unmet)}, by the latest valuation {expected}"
            raise InvalidInput("units", units, rule)
        by = int(self.clock.now().timestamp()) + ACT_SECONDS
        move = BondMove(name=name, token=token, units=units, pledge_id=pledge, act_by=by, expected=expected)
        return self._keep(case, move, "margin bonds intended")

    @staticmethod
    def _is_said(case: MarginCase, name: Reference, token: str, units: int, pledge: PledgeId) -> bool:
        """Whether the same was said before, and has not died. Raises Conflict where something else was."""
        known = case.bond(name)
        if known is not None and (known.token, known.units, known.pledge_id) != (token, units, pledge):
            raise Conflict("movement of margin call", f"{case.reference}/{name}")
        return known is not None and known.state is not ActState.DEAD

    # --- steps

    def step(self, case: MarginCase) -> bool:
        """The next step of the first movement that has one. True if anything was stored.

        Raises Conflict where another moved the call, Unavailable where nothing is known.
        """
        return any(self._move(case, one) for one in case.bonds_under_way)

    def _move(self, case: MarginCase, move: BondMove) -> bool:
        terms, final = self._terms(case), self.ledger.final_block()
        party = terms.taker if case.is_return else terms.giver
        line = self.ledger.lines([party], final)[party]  # an act may have been run before its wallet was succeeded
        nonce = bond_nonce(case.agreement_id, case.reference, move.name, move.act_by)
        if case.is_return:
            by = next((one for one in line if self.ledger.is_nonce_used(one, nonce, final)), None)
            used = by is not None
            event = None if by is None else made_by(self.ledger, move.pledge_id, by, nonce, final)
        else:
            event = self._pledge(case, move, final)
            used = event is None and any(self.ledger.is_nonce_used(one, nonce, final) for one in line)
        if event is not None:
            return self._arrived(case, move, event)
        if used:
            return self._died(case, move, "the wallet burnt the number of its act")
        if self.ledger.time_of(final) > move.act_by:  # in no later block can it be run any more
            return self._died(case, move, "not run in time")
        act = Act(party=line[-1], call=self._call(case, move, terms), nonce=nonce, by=move.act_by)
        return self._run(case, move, act)

    def _call(self, case: MarginCase, move: BondMove, terms: Agreement) -> bytes:
        call: Call
        if not case.is_return:
            salt = bond_salt(case.agreement_id, case.reference, move.name)
            call = PledgeCall(agreement_id=case.agreement_id, token=move.token, quantity=move.units, salt=salt)
        elif terms.mode is AgreementMode.SECURITY_INTEREST:
            call = ReleaseCall(pledge_id=move.pledge_id, quantity=move.units)
        else:
            call = ReturnUnitsCall(pledge_id=move.pledge_id, quantity=move.units)
        return call_bytes(call)

    def _run(self, case: MarginCase, move: BondMove, act: Act) -> bool:
        hindrance = run_alone(self.ledger, self.wallet, act)
        return hindrance is not None and self._wait(case, move, hindrance.reason)

    def _pledge(self, case: MarginCase, move: BondMove, final: int) -> RegisterEvent | None:
        """The event that made the pledge, whoever submitted it, and of however many units."""
        for one in self.ledger.events_of_pledge(move.pledge_id, final):
            if isinstance(one.said, Pledged | TitleTransferred) and one.said.pledge_id == move.pledge_id:
                return one
        return None

    def _arrived(self, case: MarginCase, move: BondMove, event: RegisterEvent) -> bool:
        """It counts as of its block, by the valuation that was the latest before it."""
        said = event.said
        assert isinstance(said, Pledged | TitleTransferred | Released | Returned)
        price = prices_by(self._before(self.ledger.events_of(case.agreement_id, event.block), event)).get(move.token)
        value = worth(said.quantity, price)
        at = datetime.fromtimestamp(self.ledger.time_of(event.block), UTC)
        call, reason = case.call, ""
        if not value:
            reason = "the valuation of its block gives it no price: it counts for nothing"
        elif not call.state.is_end:
            call = deliver(call, self._money(case, value), at)
        done = replace(move, state=ActState.DONE, units=said.quantity, value=value, reason=reason)
        self._keep(replace(case, call=call), done, "margin bonds counted")
        return True

    @staticmethod
    def _before(events: Iterable[RegisterEvent], event: RegisterEvent) -> Iterable[RegisterEvent]:
        return (one for one in events if (one.block, one.place) < (event.block, event.place))

    # --- what the steps share

    def _died(self, case: MarginCase, move: BondMove, reason: str) -> bool:
        self._keep(case, replace(move, state=ActState.DEAD, reason=reason), "margin bonds died")
        return True

    def _wait(self, case: MarginCase, move: BondMove, reason: str) -> bool:
        """Remembers why it waits, once per reason."""
        if is_told(move.reason, reason):
            return False
        self._keep(case, replace(move, reason=reason), "margin bonds wait")
        return True

    def _terms(self, case: MarginCase) -> Agreement:
        terms = self.ledger.agreement(case.agreement_id, self.ledger.final_block())
        if terms is None:
            raise Refused("UnknownAgreement", {"agreement_id": case.agreement_id})
        return terms

    @staticmethod
    def _money(case: MarginCase, amount: int) -> Money:
        return Money(currency=case.call.amount.currency, amount=amount)

    def _keep(self, case: MarginCase, move: BondMove, kind: str) -> MarginCase:
        """Stores the movement in its place, and the call's state in the journal."""
        others = tuple(move if one.name == move.name else one for one in case.bonds)
        bonds = others if case.bond(move.name) is not None else (*case.bonds, move)
        facts = {"name": move.name, "pledge_id": move.pledge_id, "token": move.token, "units": str(move.units)}
        facts |= {"state": case.call.state.value}
        if move.value:
            facts |= {"value": str(self._money(case, move.value))}
        if move.reason:
            facts |= {"reason": move.reason}
        entry = Entry(at=self.clock.now(), kind=kind, subject=case.reference, facts=facts)
        changed = replace(case, bonds=bonds)
        self.book.commit(Change(entries=(entry,), margin=(changed,)))
        return replace(changed, version=changed.version + 1)
