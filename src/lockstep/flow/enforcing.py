"""Enforcement, level-triggered: a default declared, its periods kept, units taken or sold, the rest given back.

Each look reads the register's final block and takes the one next step that `domain.enforcement` says. An act is stored
before it is signed, and numbered by what was stored; what it did is read from the transaction that used its number. So
a process may die after any line: the next look goes on, and nothing is taken twice. What may be taken at all, the
register judges: within what the valuers say is owed, after notice and cure by the chain's time.

Of a sale, the register locks the buyer's order in DvP; that it is paid, ended and its proceeds counted is
`register_paying`'s, which has taken the order down before.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lockstep.domain.collateral.calls import NO_SALE
from lockstep.domain.collateral.register import Act, AgreementId, AgreementMode, PledgeId
from lockstep.domain.collateral.register_events import Appropriated, SaleEnded, SetOff
from lockstep.domain.enforcement import (
    Ended,
    Enforcement,
    Move,
    MoveKind,
    Offer,
    Planned,
    Standing,
    Waiting,
    move_nonce,
    next_step,
)
from lockstep.domain.errors import (
    Conflict,
    InvalidInput,
    LeaseLost,
    LockstepError,
    Refused,
    Unavailable,
)
from lockstep.domain.identifiers import Reference, SettlementId
from lockstep.domain.journal import Entry
from lockstep.domain.margin_bonds import ActState
from lockstep.domain.margin_call import CallState
from lockstep.domain.market import Market
from lockstep.domain.order import Order
from lockstep.domain.values import replace
from lockstep.flow.collateral_acts import is_told, made_by, run_alone
from lockstep.flow.enforcement_acts import call_of, require_sale, standing_of
from lockstep.flow.margin_figures import require_fresh
from lockstep.flow.margin_ordering import payment_of
from lockstep.flow.register_parties import heir_of
from lockstep.ports import (
    Change,
    Clock,
    CollateralLedger,
    CollateralWallet,
    EnforcementBook,
)
from lockstep.signing import margin_id, settlement_id

__all__ = ["ACT_SECONDS", "Enforcing"]

ACT_SECONDS = 900
"""From when an act is decided on to its last second. What was not run by then is decided on anew."""
_AGAINST_THE_GIVER = frozenset({MoveKind.DECLARE, MoveKind.APPROPRIATE, MoveKind.SET_OFF})


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcing:
    """Enforcements' next steps, over the ports."""

    market: Market
    clock: Clock
    book: EnforcementBook
    ledger: CollateralLedger
    wallet: CollateralWallet | None
    """None: nothing is signed here."""

    # --- what the taker says

    def begin(
        self, agreement_id: AgreementId, name: Reference, call: Reference | None = None, *, appropriates: bool = True
    ) -> Enforcement:
        """Stores that the taker enforces: for a margin call that was not met or cured, or for what is uncovered.

        The same again is the stored one. Raises Conflict for other terms under the name, Refused for an agreement that
        allows none, a call that has not failed, figures that are too old or show no ground, or where another is open.
        """
        known = self.book.enforcement(agreement_id, name)
        if known is not None:
            if (known.call, known.appropriates) != (call, appropriates):
                raise Conflict("enforcement", name)
            return known
        for one in self.book.open_enforcements():
            if one.agreement_id == agreement_id:
                raise Refused("EnforcementUnderWay", {"agreement_id": agreement_id, "actual": one.name})
        at = standing_of(self.ledger, agreement_id)
        if call is not None:
            self._require_failed(agreement_id, call)
        terms = at.terms
        if terms.mode is AgreementMode.SECURITY_INTEREST and not (terms.appropriation or terms.sale_floor):
            raise Refused(
                "NotAgreed", {"agreement_id": agreement_id, "expected": "appropriation, or sale with a floor"}
            )
        require_fresh(at.state, agreement_id, terms.max_age_seconds, at.now)
        if not at.state.in_default and not at.has_ground:
            details = {"agreement_id": agreement_id, "required": at.needed, "covered": at.covered}
            raise Refused("Covered", details)
        begun = Enforcement(
            agreement_id=agreement_id,
            name=name,
            currency=terms.currency,
            begun_at=self.clock.now(),
            call=call,
            appropriates=appropriates,
        )
        facts = {"agreement_id": agreement_id, "needed": str(at.needed), "covered": str(at.covered)}
        return self._store(begun, "enforcement begun", facts)

    def withdraw(self, agreement_id: AgreementId, name: Reference) -> Enforcement:
        """The taker wants the default ended. What it has taken stays its own. Said again it changes nothing.

        Raises Refused EnforcementEnded.
        """
        one = self._require(agreement_id, name)
        if one.withdrawn:
            return one
        if not one.is_open:
            raise Refused("EnforcementEnded", {"agreement_id": agreement_id, "actual": one.reason})
        return self._store(replace(one, withdrawn=True), "enforcement withdrawn", {})

    def sell(
        self,
        agreement_id: AgreementId,
        name: Reference,
        pledge: PledgeId,
        order: Order,
        buyer_signature: bytes,
        previous: SettlementId = NO_SALE,
    ) -> Enforcement:
        """Units of a pledge are sold to a buyer who signed the order.

        The same again changes nothing. Raises InvalidInput for an order that was not taken down to be paid
        (`RegisterPaying.take_sale`), is not the register's, or of other units; Refused NotAgreed, EnforcementEnded,
        TooEarly, ExceedsExposure.
        """
        one = self._require(agreement_id, name)
        identifier = settlement_id(order, self.market.network)
        if any(move.offer is not None and move.offer.settlement_id == identifier for move in one.moves):
            return one
        at = standing_of(self.ledger, agreement_id)
        require_sale(one, at, pledge, order, previous, self.ledger.register.address, identifier)
        if self.book.register_payment(identifier) is None:
            raise InvalidInput("order", identifier, "a sale that was taken down: what is locked is to be paid for")
        offer = Offer(settlement_id=identifier, order=order, buyer_signature=buyer_signature, previous=previous)
        move = self._decided(one, at, MoveKind.SELL, pledge, order.movement.quantity)
        return self._keep(
            one, replace(move, offer=offer, act_by=min(move.act_by, order.terms.lock_by)), "sale intended"
        )

    # --- steps

    def run(self, keep: Callable[[], None] = lambda: None) -> bool:
        """One step of each that is open. True if any moved. What fails holds up only its own. Raises LeaseLost."""
        moved = False
        for one in self.book.open_enforcements():
            keep()
            try:
                moved |= self.step(one)
            except LeaseLost:
                raise
            except (Unavailable, Conflict):  # nothing is known, or another has moved it: the next pass looks again
                continue
            except LockstepError as error:
                moved |= self._wait(one, str(error))
        return moved

    def step(self, one: Enforcement) -> bool:
        """Looks at the register and takes the next step. True if anything was stored.

        Raises Unavailable where nothing is known, LockstepError for what people must look at.
        """
        final = self.ledger.final_block()
        at = standing_of(self.ledger, one.agreement_id, final)
        if not one.is_declared and at.state.in_default:
            return self._declared(one, at)
        for move in one.under_way:
            if self._moved(one, move, at, final):
                return True
        if any(move.kind is not MoveKind.SELL for move in one.under_way):
            return False
        follows = next_step(one, at)
        match follows:
            case Planned():
                paid = self._booked_call(one.agreement_id) if follows.kind in _AGAINST_THE_GIVER else None
                if paid is not None:  # the register's figures are of before it
                    return self._wait(one, f"a payment of margin call {paid} is booked, and not counted yet")
                move = self._decided(one, at, follows.kind, follows.pledge_id, follows.units)
                self._keep(replace(one, reason=""), move, f"{follows.kind.name.lower().replace('_', ' ')} intended")
                return True
            case Waiting():
                return self._wait(one, follows.reason)
            case Ended():
                ended = replace(one, outcome=follows.outcome, left=follows.left, reason=follows.reason)
                facts = {"outcome": follows.outcome.value, "left": str(follows.left), "reason": follows.reason}
                self._store(ended, "enforcement ended", facts)
                return True

    def _booked_call(self, agreement_id: AgreementId) -> Reference | None:
        """A call that the giver has paid, and of which the register does not know yet, finally."""
        for case in self.book.open_margin_cases():
            if case.agreement_id != agreement_id or case.is_return or not case.is_paying:
                continue
            view = self.book.cash_view(margin_id(payment_of(case, self.market), self.ledger.register))
            if view is not None and view.is_booked:
                return case.reference
        return None

    def _declared(self, one: Enforcement, at: Standing) -> bool:
        """The default is on the register, whoever had the act run."""
        # Nothing but DECLARE is under way before.
        done = tuple(replace(m, state=ActState.DONE) if m.is_under_way else m for m in one.moves)
        declared = replace(one, is_declared=True, enforce_from=at.state.enforce_from, moves=done, reason="")
        self._store(declared, "default declared", {"enforce_from": str(at.state.enforce_from)})
        return True

    def _moved(self, one: Enforcement, move: Move, at: Standing, final: int) -> bool:
        """What became of an act, or it is sent. True if anything was stored."""
        if move.kind is MoveKind.END and not at.state.in_default:
            self._keep(one, replace(move, state=ActState.DONE), "default ended")
            return True
        if move.offer is not None:
            sale = self.ledger.sale(move.offer.settlement_id, final)
            if sale is not None and not sale.open:
                return self._sold(one, move, move.offer, sale.floor, final)
            if sale is not None:  # with the register or DvP: it is paid, or not, and ended
                return False
        nonce = move_nonce(one.agreement_id, one.name, move)
        if self.ledger.is_nonce_used(move.party, nonce, final):
            return self._done(one, move, nonce, final)
        if at.now > move.act_by:  # in no later block can it be run any more
            return self._overdue(one, move)
        heir = heir_of(self.ledger, move.party, final)
        if heir != move.party:  # its wallet was succeeded: what it signed can be run no more, and was not
            self._keep(one, replace(move, party=heir, reason=""), "the heir's turn")
            return True
        act = Act(party=move.party, call=call_of(one, move, at.terms), nonce=nonce, by=move.act_by)
        hindrance = run_alone(self.ledger, self.wallet, act)
        if hindrance is None:
            return False
        if hindrance.is_unsigned and move.party == at.terms.taker and move.kind in (MoveKind.RELEASE, MoveKind.END):
            self._keep(one, replace(move, party=at.terms.giver), "the giver's turn")  # it needs no consent for these
            return True
        return self._hindered(one, move, hindrance.reason)

    def _done(self, one: Enforcement, move: Move, nonce: int, final: int) -> bool:
        """The number of the act is used: what came of it."""
        if move.kind in (MoveKind.DECLARE, MoveKind.END):  # what it does is seen in the register's state
            return self._dead(one, move, "its number is used, and the default is as it was")
        event = made_by(self.ledger, move.pledge_id, move.party, nonce, final)
        if event is None:
            return self._dead(one, move, "the wallet burnt the number of its act")
        value = event.said.value if isinstance(event.said, Appropriated | SetOff) else 0
        self._keep(one, replace(move, state=ActState.DONE, value=value, reason=""), f"{move.kind.name.lower()} done")
        return True

    def _overdue(self, one: Enforcement, move: Move) -> bool:
        """A sale that was not run in time is dead; anything else is decided on anew, by the figures of then."""
        if move.offer is not None:
            return self._dead(one, move, "not run in time")
        left = tuple(other for other in one.moves if other.number != move.number)
        self._store(replace(one, moves=left), "act not run in time", {"number": str(move.number)})
        return True

    # --- sales

    def _sold(self, one: Enforcement, move: Move, offer: Offer, floor: int, final: int) -> bool:
        """How it ended: sold, or the units are pledged as before."""
        ends = (event.said for event in self.ledger.events_of_pledge(move.pledge_id, final))
        settled = any(
            isinstance(said, SaleEnded) and said.settlement_id == offer.settlement_id and said.settled for said in ends
        )
        done = replace(
            move,
            state=ActState.DONE,
            value=floor if settled else 0,
            offer=replace(offer, is_settled=settled),
            reason="" if settled else "it was not paid: the units are pledged as before",
        )
        self._keep(one, done, "sale ended")
        return True

    # --- what the steps share

    def _require_failed(self, agreement_id: AgreementId, reference: Reference) -> None:
        """The call was for a delivery, and neither met nor cured in time."""
        case = self.book.margin_case(agreement_id, reference)
        if case is None or case.is_return:
            raise InvalidInput("call", reference, f"a margin call for a delivery under {agreement_id}")
        now, call = self.clock.now(), case.call
        if call.state is not CallState.DEFAULTED or now <= call.cure_by:
            expected = f"DEFAULTED, and not cured by {call.cure_by.isoformat()}"
            raise Refused("CallNotFailed", {"call": reference, "actual": call.state.value, "expected": expected})

    def _require(self, agreement_id: AgreementId, name: Reference) -> Enforcement:
        one = self.book.enforcement(agreement_id, name)
        if one is None:
            raise InvalidInput("enforcement", name, f"an enforcement under {agreement_id}")
        return one

    def _decided(self, one: Enforcement, at: Standing, kind: MoveKind, pledge: PledgeId, units: int) -> Move:
        now = self.clock.now().replace(microsecond=0)
        return Move(
            number=max((move.number for move in one.moves), default=0) + 1,
            kind=kind,
            party=at.terms.taker,
            act_by=max(int(now.timestamp()), at.now) + ACT_SECONDS,
            decided_at=now,
            pledge_id=pledge,
            token=dict(at.pledges)[pledge].token if units else "",
            units=units,
        )

    def _dead(self, one: Enforcement, move: Move, reason: str) -> bool:
        self._keep(one, replace(move, state=ActState.DEAD, reason=reason), "act died")
        return True

    def _hindered(self, one: Enforcement, move: Move, reason: str) -> bool:
        """Remembers why an act waits, once per reason."""
        if move.reason == reason:
            return False
        self._keep(one, replace(move, reason=reason), "act waits")
        return True

    def _wait(self, one: Enforcement, reason: str) -> bool:
        """Remembers why it waits, once per reason."""
        if is_told(one.reason, reason):
            return False
        self._store(replace(one, reason=reason), "enforcement waits", {"reason": reason})
        return True

    def _keep(self, one: Enforcement, move: Move, kind: str) -> Enforcement:
        """Stores a move in its place."""
        others = tuple(move if other.number == move.number else other for other in one.moves)
        moves = others if any(other.number == move.number for other in one.moves) else (*one.moves, move)
        facts = {"number": str(move.number), "kind": move.kind.value, "party": move.party}
        facts |= {"pledge_id": move.pledge_id, "units": str(move.units)} if move.units else {}
        facts |= {"value": str(move.value)} if move.value else {}
        facts |= {"reason": move.reason} if move.reason else {}
        return self._store(replace(one, moves=moves), kind, facts)

    def _store(self, one: Enforcement, kind: str, facts: dict[str, str]) -> Enforcement:
        entry = Entry(at=self.clock.now(), kind=kind, subject=one.name, facts=facts)
        self.book.commit(Change(entries=(entry,), enforcements=(one,)))
        return replace(one, version=one.version + 1)
