"""Repos, level-triggered: look at the records, the trades and the register, take the one next step, store it.

A leg is an ordinary trade of the engine: what to instruct is stored first, then both parties' instructions are handed
in, under ids that derive from the repo's, so that handed in again they are the same messages. Once the trade has
settled, the party that the register asks for signs the act that records title or return, under a number that derives
from the leg; what the register then shows, finally, ends the leg. A transfer free of payment is acts alone. So a
process may die after any line: the next look goes on, and nothing is done twice.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lockstep.domain.collateral.calls import Call, PledgeCall, RecordReturnCall, RecordTitleCall, ReturnUnitsCall
from lockstep.domain.collateral.register import NOT_TOGETHER, Act, AgreementMode, PledgeId
from lockstep.domain.collateral.register_events import Returned
from lockstep.domain.errors import Conflict, ContractRefused, InvalidInput, LockstepError, Refused
from lockstep.domain.identifiers import derive_message_id
from lockstep.domain.instruction import Instruction, Party, Side
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.money import Quantity
from lockstep.domain.repo.life import Leg, LegKind, LegState, Repo, RepoState, Transfer
from lockstep.domain.repo.moves import (
    ACT_SECONDS,
    agreed,
    closing,
    finished,
    leg_died,
    leg_recorded,
    leg_settled,
    retried,
    transfer_died,
    transfer_done,
)
from lockstep.domain.repo.terms import Lot, RepoId, RepoTerms
from lockstep.domain.trade import TradeState
from lockstep.ports import Book, Clock, CollateralLedger, CollateralWallet, RepoBook
from lockstep.signing import call_bytes, pledge_id, together_of

__all__ = ["DONE_BEFORE", "Repoing", "act_nonce", "leg_instruction", "leg_message", "lot_salt"]

DONE_BEFORE = frozenset({"ActUsed", "AlreadyUsed"})
"""Refusals that say that the act was run already: the next look shows what came of it."""

HandIn = Callable[[Message[Instruction]], None]
"""Gives one party's instruction to the service, as its file would. The same message again changes nothing."""


def leg_instruction(repo: Repo, leg: Leg, side: Side, market: Market) -> Instruction:
    """What one party instructs for a leg. The seller delivers to open, the buyer to close and to return part."""
    opens = leg.kind is LegKind.OPENING
    seller, buyer = repo.terms.seller, repo.terms.buyer
    security = market.security(repo.lot(leg.lot).isin)
    return Instruction(
        reference=leg.reference,
        side=side,
        deliverer=seller if opens else buyer,
        receiver=buyer if opens else seller,
        isin=security.isin,
        quantity=Quantity.of_units(leg.units, security.decimals),
        quantity_type=security.quantity_type,
        cash=leg.cash,
        trade_date=min(leg.decided_at.date(), leg.settlement_date),
        settlement_date=leg.settlement_date,
        counterparty_reference=leg.reference,
    )


def leg_message(repo: Repo, leg: Leg, side: Side, market: Market) -> Message[Instruction]:
    """The same as a message (sese.023), the same at each call."""
    body = leg_instruction(repo, leg, side, market)
    sender = body.owner.bic
    return Message(
        sender=sender,
        receiver=market.service,
        message_id=derive_message_id(sender, leg.reference, "sese.023"),
        created=leg.decided_at,
        body=body,
    )


def act_nonce(repo_id: RepoId, subject: str, by: int) -> int:
    """The number of a party's act, 256 bits: of the same subject and last second always the same."""
    return int.from_bytes(hashlib.sha256(f"lockstep/repo act/{repo_id}/{subject}/{by}".encode()).digest())


def lot_salt(repo_id: RepoId, number: int) -> str:
    """The salt of a lot that comes in free of payment, 64 hex digits."""
    return hashlib.sha256(f"lockstep/repo lot/{repo_id}/{number}".encode()).hexdigest()


@dataclass(kw_only=True)
class Repoing:
    """The steps of all repos of one installation. One worker at a time, or several: the records judge."""

    repos: RepoBook
    book: Book
    ledger: CollateralLedger
    wallet: CollateralWallet
    market: Market
    hand_in: HandIn
    clock: Clock

    # --- what people ask for

    def open(self, terms: RepoTerms) -> Repo:
        """A new repo, if the parties have an agreement for it. The same again gives the one that there is.

        Raises InvalidInput, Refused NoRepoAgreement, Conflict for an id used with other terms.
        """
        self._check(terms)
        known = self.repos.repo(terms.repo_id)
        if known is None:
            return self.repos.put(agreed(terms, self.clock.now()))
        if known.terms != terms:
            raise Conflict("repo", terms.repo_id)
        return known

    def change(self, repo_id: RepoId, move: Callable[[Repo, datetime], Repo]) -> Repo:
        """One of `domain.repo.moves`, stored. Raises what it raises, InvalidInput for an id that there is none of."""
        changed = move(self.require(repo_id), self.clock.now())
        if changed.successor is not None:
            self._check(changed.successor)
        for transfer in changed.pending_transfers:
            if transfer.lot_in is not None:
                self._check_lot(transfer.lot_in, changed.terms.purchase_price.currency)
        return self.repos.put(changed)

    def require(self, repo_id: RepoId) -> Repo:
        repo = self.repos.repo(repo_id)
        if repo is None:
            raise InvalidInput("repo_id", repo_id, "the id of a repo")
        return repo

    # --- steps

    def look_all(self) -> Mapping[RepoId, LockstepError]:
        """One look at every repo that may need one; what went wrong with which. One never holds up another."""
        wrong: dict[RepoId, LockstepError] = {}
        for repo in self.repos.open_repos():
            try:
                self.look(repo.terms.repo_id)
            except LockstepError as error:
                wrong[repo.terms.repo_id] = error
        return wrong

    def look(self, repo_id: RepoId) -> Repo:
        """All that can be done for one repo now. Raises Conflict where another worker was faster, Unavailable."""
        repo = self._timely(self.require(repo_id))
        for leg in repo.pending_legs:
            repo = self._leg(repo, leg)
        for transfer in repo.pending_transfers:
            repo = self._transfer(repo, transfer)
        return self._timely(repo)

    def _keep(self, before: Repo, after: Repo) -> Repo:
        return before if after == before else self.repos.put(after)

    def _timely(self, repo: Repo) -> Repo:
        """What the day asks for: to close, to try again what failed, to open what it is rolled into."""
        now = self.clock.now()
        today = now.date()
        if repo.state is RepoState.OPEN and repo.is_quiet:
            due = repo.repurchase_date
            return self._keep(repo, closing(repo, today, now)) if due is not None and today >= due else repo
        if repo.state in (RepoState.CLOSING, RepoState.FAILED):
            return self._keep(repo, finished(retried(repo, today, now), now))
        if repo.state is RepoState.CLOSED and repo.successor is not None and not repo.succeeded:
            self.open(repo.successor)
            return self.repos.put(replace(repo, succeeded=True))
        return repo

    # --- legs

    def _leg(self, repo: Repo, leg: Leg) -> Repo:
        if leg.state is LegState.INSTRUCTED:
            repo = self._instructed(repo, leg)
            leg = repo.leg(leg.reference)
        return self._recorded(repo, leg) if leg.state is LegState.SETTLED else repo

    def _instructed(self, repo: Repo, leg: Leg) -> Repo:
        """Hands in what is missing of the two instructions, and looks how their trade stands."""
        now = self.clock.now()
        messages = [leg_message(repo, leg, side, self.market) for side in Side]
        found = [self.book.instruction(one.body.owner.lei, leg.reference) for one in messages]
        for message, stored in zip(messages, found, strict=True):
            if stored is not None:
                continue
            try:
                self.hand_in(message)
            except InvalidInput as error:
                if any(self.book.instruction(one.body.owner.lei, leg.reference) for one in messages):
                    break  # the other's waits: it will age out, and the leg with it
                return self._keep(repo, leg_died(repo, leg.reference, str(error), now))
        for message in messages:
            stored = self.book.instruction(message.body.owner.lei, leg.reference)
            if stored is None:
                continue
            if stored.instruction != message.body:
                raise Conflict("instruction", f"{message.body.owner.lei}/{leg.reference}")
            if stored.trade_id is None and stored.status != "WAITING":
                return self._keep(repo, leg_died(repo, leg.reference, str(stored.reason or stored.status), now))
            trade = self.book.trade(stored.trade_id) if stored.trade_id is not None else None
            if trade is None:
                continue
            if trade.state is TradeState.SETTLED and trade.order is not None and trade.settlement_id is not None:
                settled = leg_settled(repo, leg.reference, trade.order, trade.settlement_id, now)
                return self._keep(repo, settled)
            if trade.state.is_end and trade.state is not TradeState.SETTLED:
                return self._keep(repo, leg_died(repo, leg.reference, str(trade.reason or trade.state.value), now))
        return repo

    def _recorded(self, repo: Repo, leg: Leg) -> Repo:
        """Tells the register of a settled leg, until it shows it at the final block."""
        assert leg.order is not None and leg.settlement_id is not None
        now, final, lot = self.clock.now(), self.ledger.final_block(), repo.lot(leg.lot)
        if leg.kind is LegKind.OPENING:
            title = pledge_id(repo.terms.agreement_id, self._token(lot), leg.settlement_id)
            if self.ledger.pledge(title, final) is not None:
                return self._keep(repo, leg_recorded(repo, leg.reference, now, title))
            call: Call = RecordTitleCall(agreement_id=repo.terms.agreement_id, order=leg.order)
            party = repo.terms.buyer
        else:
            title = _recorded_title(lot)
            events = self.ledger.events_of_pledge(title, final)
            if any(isinstance(one.said, Returned) and one.said.settlement_id == leg.settlement_id for one in events):
                return self._keep(repo, leg_recorded(repo, leg.reference, now))
            call, party = RecordReturnCall(pledge_id=title, order=leg.order), repo.terms.seller
        if self.ledger.time_of(final) > leg.act_by:
            by = int(now.timestamp()) + ACT_SECONDS
            renewed = replace(leg, act_by=by)
            legs = tuple(renewed if one.reference == leg.reference else one for one in repo.legs)
            repo, leg = self.repos.put(replace(repo, legs=legs)), renewed
        self._run(repo, leg.reference, leg.act_by, ((party, call),))
        return repo

    # --- transfers

    def _transfer(self, repo: Repo, one: Transfer) -> Repo:
        """Has the register move and record units in one, until it shows them at the final block."""
        now, final, subject = self.clock.now(), self.ledger.final_block(), f"transfer {one.number}"
        calls: list[tuple[Party, Call]] = []
        title: PledgeId | None = None
        seller, buyer = repo.terms.seller, repo.terms.buyer
        if one.lot_in is not None:
            salt, token = lot_salt(repo.terms.repo_id, one.lot_in.number), self._token(one.lot_in)
            title = pledge_id(repo.terms.agreement_id, token, salt)
            if self.ledger.pledge(title, final) is not None:
                return self._keep(repo, transfer_done(repo, one.number, now, title))
            units, agreement = one.lot_in.units, repo.terms.agreement_id
            calls.append((seller, PledgeCall(agreement_id=agreement, token=token, quantity=units, salt=salt)))
        if one.lot_out:
            lot = repo.lot(one.lot_out)
            calls.append((buyer, ReturnUnitsCall(pledge_id=_recorded_title(lot), quantity=one.units_out)))
            if one.lot_in is None and self._is_back(repo, one, lot, final):
                return self._keep(repo, transfer_done(repo, one.number, now))
        used = [
            self.ledger.is_nonce_used(
                self._wallet_of(party), act_nonce(repo.terms.repo_id, f"{subject}/{place}", one.act_by), final
            )
            for place, (party, _) in enumerate(calls)
        ]
        if any(used):
            return self._keep(repo, transfer_died(repo, one.number, "a party burnt the number of its act", now))
        if self.ledger.time_of(final) > one.act_by:  # in no later block can it be run any more
            return self._keep(repo, transfer_died(repo, one.number, "not run in time", now))
        self._run(repo, subject, one.act_by, calls)
        return repo

    def _is_back(self, repo: Repo, one: Transfer, lot: Lot, final: int) -> bool:
        """Whether units were given back by the transfer's own act, and not burnt: as many fewer are owed."""
        nonce = act_nonce(repo.terms.repo_id, f"transfer {one.number}/0", one.act_by)
        if not self.ledger.is_nonce_used(self._wallet_of(repo.terms.buyer), nonce, final):
            return False
        pledge = self.ledger.pledge(_recorded_title(lot), final)
        return pledge is not None and pledge.owed <= lot.units - one.units_out

    # --- acts

    def _run(self, repo: Repo, subject: str, by: int, calls: Sequence[tuple[Party, Call]]) -> None:
        """Sends what the parties sign, each under its derived number; several count only together.

        Where one has not signed yet, nothing is sent: the next look asks again.
        """
        acts = [
            Act(
                party=self._wallet_of(party),
                call=call_bytes(call),
                nonce=act_nonce(repo.terms.repo_id, f"{subject}/{place}", by),
                by=by,
            )
            for place, (party, call) in enumerate(calls)
        ]
        together = together_of(acts) if len(acts) > 1 else NOT_TOGETHER
        signed = []
        for act in acts:
            whole = replace(act, together=together)
            signature = self.wallet.sign_act(whole)
            if signature is None:
                return
            signed.append(replace(whole, signature=signature))
        try:
            self.ledger.run(signed)
        except ContractRefused as refusal:
            if refusal.name not in DONE_BEFORE:
                raise

    # --- checks

    def _check(self, terms: RepoTerms) -> None:
        """Raises InvalidInput for what the market does not know, Refused for an agreement that is not for this."""
        giver = self.market.participant(terms.seller, field="seller").wallet
        taker = self.market.participant(terms.buyer, field="buyer").wallet
        currency = terms.purchase_price.currency
        for lot in terms.lots:
            self._check_lot(lot, currency)
        found = self.ledger.agreement(terms.agreement_id, self.ledger.final_block())
        expected = (giver, taker, currency, AgreementMode.TITLE_TRANSFER)
        actual = (found.giver, found.taker, found.currency, found.mode) if found is not None else None
        if found is None or actual != expected:
            shown = f"title transfer from {giver} to {taker} in {currency}"
            told = {"agreement": terms.agreement_id, "actual": actual or "none", "expected": shown}
            raise Refused("NoRepoAgreement", told)
        last = terms.repurchase_date
        ends = datetime.fromtimestamp(found.until, UTC).date()
        if last is not None and last > ends:
            raise InvalidInput("repurchase_date", last, f"not after {ends}, when the agreement ends")

    def _check_lot(self, lot: Lot, currency: str) -> None:
        security = self.market.security(lot.isin)
        if security.currency != currency:
            raise InvalidInput("currency", currency, f"{security.currency}, in which {lot.isin} settles")

    def _token(self, lot: Lot) -> str:
        return self.market.security(lot.isin).token

    def _wallet_of(self, party: Party) -> str:
        return self.market.participant(party, field="party").wallet


def _recorded_title(lot: Lot) -> PledgeId:
    if lot.pledge_id is None:
        raise LockstepError(f"lot {lot.number} has no title in the register")
    return lot.pledge_id
