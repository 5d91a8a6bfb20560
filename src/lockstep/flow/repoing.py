"""Repos, level-triggered: look at the records, the trades and the register, take the one next step, store it.

A leg is an ordinary trade of the engine: what to instruct is stored first, then both parties' instructions are handed
in, under ids that derive from the repo's, so that handed in again they are the same messages. Once the trade has
settled, the party that the register asks for signs the act that records title or return, under a number that derives
from the leg; what the register then shows, finally, ends the leg. A transfer free of payment is acts alone. So a
process may die after any line: the next look goes on, and nothing is done twice.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lockstep.domain.collateral.calls import Call, PledgeCall, RecordReturnCall, RecordTitleCall, ReturnUnitsCall
from lockstep.domain.collateral.register import NOT_TOGETHER, Act, PledgeId
from lockstep.domain.collateral.register_events import Returned, TitleTransferred
from lockstep.domain.errors import (
    Conflict,
    ContractRefused,
    InvalidInput,
    LeaseLost,
    LockstepError,
    Refused,
    Unavailable,
)
from lockstep.domain.instruction import CancellationRequest, Instruction, Party, Side
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.repo.life import Leg, LegKind, LegState, Repo, RepoState, Transfer
from lockstep.domain.repo.moves import (
    ACT_SECONDS,
    agreed,
    closing,
    finished,
    leg_died,
    leg_recorded,
    leg_settled,
    recounted,
    retried,
    transfer_died,
    transfer_done,
)
from lockstep.domain.repo.terms import Lot, RepoId, RepoTerms
from lockstep.domain.trade import TradeState
from lockstep.flow.receiving import receive
from lockstep.flow.repo_checks import check_lot, check_terms, owed, require_owed
from lockstep.flow.repo_legs import act_nonce, cancellation_message, leg_message, lot_salt, told
from lockstep.ports import Change, Clock, CollateralLedger, CollateralWallet, RepoBook, StoredInstruction
from lockstep.signing import call_bytes, pledge_id, together_of

__all__ = ["DONE_BEFORE", "Repoing"]

DONE_BEFORE = frozenset({"ActUsed", "AlreadyUsed"})
"""Refusals that say that the act was run already, if it was: a party may have burnt its number, or used the leg for
something else."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repoing:
    """The steps of all repos of one installation. One worker at a time, or several: the records judge."""

    book: RepoBook
    ledger: CollateralLedger
    wallet: CollateralWallet
    market: Market
    write: Callable[[Message[Instruction] | Message[CancellationRequest]], bytes]
    """A party's message as it would hand it in; the same message, the same bytes."""
    clock: Clock

    # --- what people ask for

    def open(self, terms: RepoTerms) -> Repo:
        """A new repo, if the parties have an agreement for it. The same again gives the one that there is.

        Raises InvalidInput, Refused NoRepoAgreement, Conflict for an id used with other terms.
        """
        check_terms(terms, self.market, self.ledger)
        known = self.book.repo(terms.repo_id)
        if known is None:
            return self._store(None, agreed(terms, self.clock.now()))
        if known.terms != terms:
            raise Conflict("repo", terms.repo_id)
        return known

    def change(self, repo_id: RepoId, move: Callable[[Repo, datetime], Repo]) -> Repo:
        """One of `domain.repo.moves`, stored. Raises what it raises, InvalidInput for an id that there is none of."""
        known = self.require(repo_id)
        changed = move(known, self.clock.now())
        if changed.successor is not None and changed.successor != known.successor:
            check_terms(changed.successor, self.market, self.ledger)
        for transfer in changed.pending_transfers:
            if transfer.lot_in is not None:
                check_lot(transfer.lot_in, changed.terms.purchase_price.currency, self.market)
        return self._keep(known, changed)

    def recount(self, repo_id: RepoId) -> Repo:
        """Takes over what the register says is owed. Raises as `moves.recounted`, Unavailable."""
        repo = self.require(repo_id)
        return self._keep(repo, recounted(repo, owed(repo, self.ledger, self.ledger.final_block()), self.clock.now()))

    def require(self, repo_id: RepoId) -> Repo:
        repo = self.book.repo(repo_id)
        if repo is None:
            raise InvalidInput("repo_id", repo_id, "the id of a repo")
        return repo

    # --- steps

    def run(self, keep: Callable[[], None] = lambda: None) -> bool:
        """A look at each repo of which a step may be due. True if any moved. One never holds up another: what is wrong
        with it is stored with it, for people, and it is looked at again.

        `keep` is called before each. Raises LeaseLost.
        """
        moved = False
        for repo in self.book.due_repos(self.clock.now().date()):
            keep()
            try:
                moved |= self._run_one(repo)
            except (Unavailable, Conflict):  # nothing is known, or another has moved it: the next pass looks again
                continue
        return moved

    def _run_one(self, repo: Repo) -> bool:
        try:
            after, waits = self.look(repo), ""
        except (LeaseLost, Unavailable, Conflict):
            raise
        except LockstepError as error:
            after, waits = self.require(repo.terms.repo_id), str(error)
        except Exception as error:
            after, waits = self.require(repo.terms.repo_id), f"the service failed at it: {type(error).__name__}"
            if after.waits != waits:  # once, not at each look
                _log.exception("repo %s: %s", repo.terms.repo_id, waits)
        if waits.partition("(")[0] != after.waits.partition("(")[0]:  # figures in it may change with each block
            after = self._store(after, replace(after, waits=waits))
        return after.version != repo.version

    def look(self, repo: Repo) -> Repo:
        """All that can be done for one repo now. What one leg or transfer runs into holds up no other of it, and is
        raised at the end. Raises Conflict where another worker was faster, LeaseLost, Unavailable.
        """
        repo, wrong = self._timely(repo), list[LockstepError]()
        for leg in repo.pending_legs:
            try:
                repo = self._leg(repo, leg)
            except (Refused, InvalidInput) as error:
                wrong.append(error)
        for transfer in repo.pending_transfers:
            try:
                repo = self._transfer(repo, transfer)
            except (Refused, InvalidInput) as error:
                wrong.append(error)
        repo = self._timely(repo)
        if wrong:
            raise wrong[0]
        return repo

    def _keep(self, before: Repo, after: Repo) -> Repo:
        return before if after == before else self._store(before, after)

    def _store(self, before: Repo | None, after: Repo) -> Repo:
        """What has happened since goes into the journal with it."""
        subject = after.terms.repo_id
        entries = [
            Entry(at=one.at, kind="repo", subject=subject, facts={"what": one.what, "detail": one.detail})
            for one in after.history[len(before.history) if before else 0 :]
        ]
        if after.waits and (before is None or after.waits != before.waits):
            facts = {"reason": after.waits}
            entries.append(Entry(at=self.clock.now(), kind="repo waits", subject=subject, facts=facts))
        self.book.commit(Change(entries=tuple(entries), repos=(after,)))
        return replace(after, version=after.version + 1)

    def _timely(self, repo: Repo) -> Repo:
        """What the day asks for: to close, to try again what failed, to open what it is rolled into."""
        now = self.clock.now()
        today = now.date()
        if repo.state is RepoState.OPEN and repo.is_quiet:
            due = repo.repurchase_date
            if due is None or today < due:
                return repo
            require_owed(repo, self.ledger)
            return self._keep(repo, closing(repo, today, now))
        if repo.state in (RepoState.CLOSING, RepoState.FAILED):
            again = retried(repo, today, now)
            if again != repo:
                require_owed(repo, self.ledger)
            return self._keep(repo, finished(again, now))
        if repo.state is RepoState.CLOSED and repo.successor is not None and not repo.succeeded:
            known = self.book.repo(repo.successor.repo_id)
            if known is not None and known.terms != repo.successor:
                raise Refused(
                    "SuccessorTaken", {"repo": known.terms.repo_id, "expected": "the terms it is rolled into"}
                )
            self.open(repo.successor)
            return self._store(repo, replace(repo, succeeded=True))
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
        messages = {side: leg_message(repo, leg, side, self.market) for side in Side}
        found = [self._found(message.body) for message in messages.values()]
        if not all(found):
            try:
                for message, stored in zip(messages.values(), found, strict=True):
                    if stored is None:
                        self._hand_in(message)
            except InvalidInput as error:
                if not any(self._found(message.body) for message in messages.values()):
                    return self._keep(repo, leg_died(repo, leg.reference, str(error), now))
                for side, message in messages.items():  # as after a night in between: the other's waits in vain
                    if self._found(message.body) is not None:
                        self._hand_in(cancellation_message(repo, leg, side, self.market))
            found = [self._found(message.body) for message in messages.values()]
        for stored in found:
            if stored is None:
                continue
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
        if all(found) and leg.settlement_date > now.date():
            return self._keep(repo, _with(repo, replace(leg, waits_for_its_day=True)))
        return repo

    def _hand_in(self, message: Message[Instruction] | Message[CancellationRequest]) -> None:
        """As its owner's file would be; the same message again changes nothing. Raises InvalidInput, Conflict."""
        content = hashlib.sha256(self.write(message)).hexdigest()
        self.book.commit(receive(self.book, self.market, message, content, self.clock.now()))

    def _found(self, body: Instruction) -> StoredInstruction | None:
        """What its owner has instructed under the leg's reference. Taken down anew, by records that were lost, a leg
        finds what was instructed on another day.

        Raises Refused ReferenceTaken where it is something else.
        """
        stored = self.book.instruction(body.owner.lei, body.reference)
        if stored is not None and replace(stored.instruction, trade_date=body.trade_date) != body:
            details = {"owner": body.owner.bic, "reference": body.reference, "actual": told(stored.instruction)}
            raise Refused("ReferenceTaken", {**details, "expected": told(body)})
        return stored

    def _recorded(self, repo: Repo, leg: Leg) -> Repo:
        """Tells the register of a settled leg, until it shows it at the final block."""
        assert leg.order is not None and leg.settlement_id is not None
        now, final, lot = self.clock.now(), self.ledger.final_block(), repo.lot(leg.lot)
        opens = leg.kind is LegKind.OPENING
        if opens:
            title = pledge_id(repo.terms.agreement_id, self._token(lot), leg.settlement_id)
            call: Call = RecordTitleCall(agreement_id=repo.terms.agreement_id, order=leg.order)
            party = repo.terms.buyer
        else:
            title = _recorded_title(lot)
            call, party = RecordReturnCall(pledge_id=title, order=leg.order), repo.terms.seller

        def seen(at: int | None) -> bool:
            if opens:
                made = self._title(title, at)
                return made is not None and made[1].settlement_id == leg.settlement_id
            said = (one.said for one in self.ledger.events_of_pledge(title, at))
            return any(isinstance(one, Returned) and one.settlement_id == leg.settlement_id for one in said)

        if seen(final):
            return self._keep(repo, leg_recorded(repo, leg.reference, now, title if opens else None))
        if (chain_time := self.ledger.time_of(final)) > leg.act_by:
            by = max(int(now.timestamp()), chain_time) + ACT_SECONDS  # a chain's clock may be ahead
            leg = replace(leg, act_by=by)
            repo = self._store(repo, _with(repo, leg))
        self._run(repo, leg.reference, leg.act_by, ((party, call),), seen)
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
            units, agreement = one.lot_in.units, repo.terms.agreement_id
            calls.append((seller, PledgeCall(agreement_id=agreement, token=token, quantity=units, salt=salt)))
        if one.lot_out:
            lot = repo.lot(one.lot_out)
            calls.append((buyer, ReturnUnitsCall(pledge_id=_recorded_title(lot), quantity=one.units_out)))

        def seen(at: int | None) -> bool:
            """What comes in and goes out does so together."""
            return self._title(title, at) is not None if title is not None else self._is_back(repo, one, at)

        if seen(final):
            wrong = self._wrong_in(repo, one, title, final) if title is not None else ""
            if wrong:
                return self._keep(repo, transfer_died(repo, one.number, wrong, now))
            return self._keep(repo, transfer_done(repo, one.number, now, title))
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
        self._run(repo, subject, one.act_by, calls, seen)
        return repo

    def _title(self, title: PledgeId, at: int | None) -> tuple[str, TitleTransferred] | None:
        """What made a title, and in which transaction. Its id says neither how much it is, nor which act made it."""
        for one in self.ledger.events_of_pledge(title, at):
            if isinstance(one.said, TitleTransferred):
                return one.transaction, one.said
        return None

    def _wrong_in(self, repo: Repo, one: Transfer, title: PledgeId, at: int) -> str:
        """Why what came in under a transfer's name is not the transfer: the seller can give anything under it."""
        made = self._title(title, at)
        assert made is not None and one.lot_in is not None
        transaction, come = made
        if come.quantity != one.lot_in.units:
            return f"{come.quantity} units came in, not {one.lot_in.units}"
        if not one.lot_out:
            return ""
        gone = self.ledger.events_of_pledge(_recorded_title(repo.lot(one.lot_out)), at)
        if any(
            isinstance(other.said, Returned)
            and (other.transaction, other.said.quantity) == (transaction, one.units_out)
            for other in gone
        ):
            return ""
        return f"{come.quantity} units came in alone, and {one.units_out} did not go out with them"

    def _is_back(self, repo: Repo, one: Transfer, at: int | None) -> bool:
        """Whether units were given back by the transfer's own act, and not burnt: as many fewer are owed."""
        nonce = act_nonce(repo.terms.repo_id, f"transfer {one.number}/0", one.act_by)
        if not self.ledger.is_nonce_used(self._wallet_of(repo.terms.buyer), nonce, at):
            return False
        lot = repo.lot(one.lot_out)
        pledge = self.ledger.pledge(_recorded_title(lot), at)
        return pledge is not None and pledge.owed <= lot.units - one.units_out

    # --- acts

    def _run(
        self,
        repo: Repo,
        subject: str,
        by: int,
        calls: Sequence[tuple[Party, Call]],
        seen: Callable[[int | None], bool],
    ) -> None:
        """Sends what the parties sign, each under its derived number; several count only together. What is `seen` at
        the head already is waited for.

        Raises Refused NotSignedYet where one has not: nothing is sent then, and the next look asks again.
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
        for act, (party, _) in zip(acts, calls, strict=True):
            whole = replace(act, together=together)
            signature = self.wallet.sign_act(whole)
            if signature is None:
                raise Refused("NotSignedYet", {"party": party.bic, "act": subject})
            signed.append(replace(whole, signature=signature))
        try:
            self.ledger.run(signed)
        except ContractRefused as refusal:
            if refusal.name not in DONE_BEFORE or not seen(None):
                raise

    def _token(self, lot: Lot) -> str:
        return self.market.security(lot.isin).token

    def _wallet_of(self, party: Party) -> str:
        return self.market.participant(party, field="party").wallet


def _with(repo: Repo, leg: Leg) -> Repo:
    return replace(repo, legs=tuple(leg if one.reference == leg.reference else one for one in repo.legs))


def _recorded_title(lot: Lot) -> PledgeId:
    if lot.pledge_id is None:
        raise LockstepError(f"lot {lot.number} has no title in the register")
    return lot.pledge_id
