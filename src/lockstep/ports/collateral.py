"""The collateral side: one network's register of pledges, and the wallets that sign for it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from lockstep.domain.collateral.register import (
    Act,
    Agreement,
    AgreementId,
    CashPayment,
    Income,
    Pledge,
    PledgeId,
    Position,
    Register,
    Sale,
    State,
    Valuation,
)
from lockstep.domain.collateral.register_events import RegisterEvent
from lockstep.domain.errors import ContractRefused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Proof

__all__ = ["CollateralLedger", "CollateralWallet"]


class CollateralLedger(Protocol):
    """One network's collateral register, as one party's node shows it.

    Looks take `at`, a block's number; None is the head. What is to be relied on is looked at as of `final_block()`.
    All of one agreement's figures at one block are of one moment. Looks raise Unavailable, also where the node keeps no
    state of that block.

    Acts are sent by the service's operator, whoever they bind: parties, valuers and agents have signed. Each is named
    by its content, is sent once, and called again is watched over until it is in a block; then the call returns, and a
    look shows what came of it. So a flow persists what it will send, calls, and looks again: a process that was killed
    in between loses and doubles nothing. Acts raise ContractRefused, the contract's error by its name, where it would
    refuse now; Unavailable where nothing is known; Refused ReadOnly for a ledger without a sender.

    In a block, and final, are two things: a block that vanishes takes its acts with it, and the next call sends the
    same bytes again.
    """

    @property
    def register(self) -> Register:
        """What signatures are for."""

    # --- looking

    def head_block(self) -> int:
        """The head's number."""

    def final_block(self) -> int:
        """The last final block's number, at most the head's less the finality depth."""

    def time_of(self, block: int | None = None) -> int:
        """A block's time, seconds: what deadlines are compared with."""

    def agreement(self, agreement_id: AgreementId, at: int | None = None) -> Agreement | None:
        """The terms as signed last: of an amended agreement they do not hash to its id. None: it was not opened."""

    def state(self, agreement_id: AgreementId, at: int | None = None) -> State:
        """Its figures; zeros where nothing was valued or paid yet."""

    def positions(self, agreement_id: AgreementId, at: int | None = None) -> Sequence[Position]:
        """The securities that its collateral is of, each with units and latest price."""

    def cover(self, agreement_id: AgreementId, at: int | None = None) -> int:
        """What all its collateral is worth by the latest valuation, after haircuts, cash aside: the contract's own sum,
        Σ `Position.covers`."""

    def pledge(self, pledge_id: PledgeId, at: int | None = None) -> Pledge | None:
        """A pledge, or transfer of title; None: not made. One that was released as a whole is there still, with
        nothing in it."""

    def pledges(self, pledge_ids: Collection[PledgeId], at: int | None = None) -> Mapping[PledgeId, Pledge]:
        """As `pledge`, of many in a few questions; those that were not made are left out."""

    def sale(self, settlement_id: SettlementId, at: int | None = None) -> Sale | None:
        """A sale by its settlement; None: there is none."""

    def income_owed(self, pledge_id: PledgeId, at: int | None = None) -> int:
        """Income that the pledge's taker owes to its giver."""

    def long_stop_from(self, pledge_id: PledgeId, at: int | None = None) -> int:
        """After which second the confirmer may end it; 0: nobody of the present epoch proposed it."""

    def is_nonce_used(self, party: str, nonce: int, at: int | None = None) -> bool:
        """Whether a party's act under this number was run, or the number burnt."""

    def lines(self, wallets: Collection[str], at: int | None = None) -> Mapping[str, Sequence[str]]:
        """Of each wallet the line of those that took its place, itself first. The last, its heir, acts for it."""

    # --- events

    def events(self, first: int = 0, last: int | None = None) -> Sequence[RegisterEvent]:
        """All events of blocks `first` through `last`, or the head, in the chain's order. Of another contract's events
        none, whatever it is called."""

    def events_of(self, agreement_id: AgreementId, last: int | None = None) -> Sequence[RegisterEvent]:
        """Those that name the agreement: Agreed, Pledged, TitleTransferred, Valued, CashRecorded, DefaultDeclared,
        DefaultEnded. The pledges of an agreement are found here, with which payments counted."""

    def events_of_pledge(self, pledge_id: PledgeId, last: int | None = None) -> Sequence[RegisterEvent]:
        """Those that name the pledge, children's left out."""

    # --- acting

    def open(self, agreement: Agreement, giver: bytes, taker: bytes) -> None:
        """Registers what both signed (`signing.agreement_id`). An agreement that is there already is done."""

    def amend(self, agreement_id: AgreementId, following: Agreement, by: int, giver: bytes, taker: bytes) -> None:
        """Puts other terms in its place (`signing.amendment_digest`). Refused AlreadyUsed once it has been."""

    def run(self, acts: Sequence[Act]) -> None:
        """Makes these acts in their order, all or none, each signed by its party (`signing.act_digest`).

        Once they are in a block their numbers are used: sent again, as by another worker that does not know of it, they
        are refused as ActUsed, and `is_nonce_used` and the pledges tell what happened. Refused ActNotTogether where a
        party signed for other company than this.
        """

    def why_not(self, acts: Sequence[Act]) -> ContractRefused | None:
        """What `run` would be refused for now; None: it would pass. Nothing is sent."""

    def value(self, valuation: Valuation, proof: Proof) -> None:
        """Records a valuation that a quorum of the agreement's valuers signed (`signing.valuation_digest`,
        `signing.build_quorum_proof`). Refused BadAsOf where it is not newer than the latest; one that is the latest
        already, by all its figures, is done."""

    def record_cash(self, cash: CashPayment, proof: Proof) -> None:
        """Counts a payment that a quorum of DvP's present agents signed (`signing.cash_digest`). Refused AlreadyUsed
        where one of this call id counted for the agreement, whatever its amount: `events_of` tells which."""

    def record_income(self, income: Income, proof: Proof) -> None:
        """Records income that a quorum of the agreement's valuers signed (`signing.income_digest`). Refused AlreadyUsed
        where one of this id was recorded for the pledge."""

    def end_sale(self, settlement_id: SettlementId) -> None:
        """Writes down how a sale ended, once it did (SaleNotEnded before). One that is not open any more is done."""


class CollateralWallet(Protocol):
    """Parties' wallets, wherever they live. Each checks by itself what it is asked to sign."""

    def sign_agreement(self, agreement: Agreement, party: str) -> bytes | None:
        """The signature of `party`, one of the two, or None where it has not been given yet. Raises Refused."""

    def sign_amendment(self, agreement_id: AgreementId, following: Agreement, by: int, party: str) -> bytes | None:
        """As `sign_agreement`, over an amendment."""

    def sign_act(self, act: Act) -> bytes | None:
        """The signature of the act's party. Raises Refused."""
