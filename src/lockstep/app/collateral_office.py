"""What people do with collateral by command: each act by the names that people use, signed here or elsewhere.

Pledges and agreements are named by their ids or the beginnings of them, parties by BIC or LEI, securities by ISIN,
quantities as instructions have them. Once the registry names a wallet's heir, acts are the heir's.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.app.collateral import open_collateral
from lockstep.app.collateral_acts import DAY, ActDesk, Carried, Wanted
from lockstep.app.collateral_files import (
    AgreementFile,
    IncomeFile,
    SaleOrder,
    shown,
)
from lockstep.app.collateral_names import CollateralNames, described
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.spare_operator import spare_sender
from lockstep.chain.node import Node
from lockstep.domain.collateral.calls import (
    NO_SALE,
    AcknowledgeIncomeCall,
    AppropriateCall,
    Call,
    ConfirmLongStopCall,
    DeclareDefaultCall,
    EndDefaultCall,
    PledgeCall,
    ProposeLongStopCall,
    RecallCall,
    ReleaseCall,
    ReleaseExcessCall,
    RepledgeCall,
    ReturnUnitsCall,
    SellCall,
    SetOffCall,
    SubstituteCall,
)
from lockstep.domain.collateral.claims import Claims
from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, Income, PledgeId
from lockstep.domain.collateral.register_events import IncomeRecorded
from lockstep.domain.collateral.unwinding import unwinding
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Market
from lockstep.domain.money import Money
from lockstep.ports import CollateralLedger
from lockstep.signing import (
    Key,
    agreement_id,
    build_quorum_proof,
    income_digest,
    pledge_id,
    read_call,
    settlement_id,
    valuers_hash,
)

__all__ = ["CollateralOffice", "How", "open_collateral_office"]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How an act is to be carried out."""

    reference: str = ""
    """Tells it apart from another act with the same content."""
    valid_seconds: int = DAY
    draft: Path | None = None
    """Where to write it for its parties to sign, instead of signing and sending it."""


AT_ONCE = How()


@dataclass(kw_only=True)
class CollateralOffice:
    """One installation's acts of collateral, over its ledger, its wallets and an operator's key."""

    market: Market
    ledger: CollateralLedger
    desk: ActDesk
    names: CollateralNames

    # --- agreements

    def open(self, file: AgreementFile) -> Mapping[str, Any]:
        """Registers an agreement, signed in its file or by wallets that are here; one that is there is done."""
        terms, register = file.terms, self.ledger.register
        identifier = agreement_id(terms, register)
        told = {"agreement": identifier, "giver": terms.giver, "taker": terms.taker}
        if self.ledger.agreement(identifier) is not None:
            return {**told, "outcome": "done before"}
        digest = bytes.fromhex(identifier)
        signed = [
            file.signatures.get(one) or self.desk.keys(self.names.acting(one)).sign(digest)
            for one in (terms.giver, terms.taker)
        ]
        self.desk.watch(
            lambda ledger: ledger.open(terms, *signed),
            lambda: self.ledger.agreement(identifier) is not None,
            f"agreement {identifier}",
        )
        return {**told, "outcome": "done"}

    # --- pledges

    def pledge(self, agreement: str, isin: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The giver pledges free units; in title transfer they become the taker's."""
        identifier, security = self.names.find_agreement(agreement), self.names.security(isin)
        return self._pledged(identifier, security.token, self.names.units(quantity, security.token), NO_PLEDGE, how)

    def top_up(self, pledge: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The giver pledges more units of the same security under the same agreement."""
        _, given = self.names.find_pledge(pledge)
        if not given.is_root:
            raise InvalidInput(
                "pledge", pledge, "a pledge of its giver's own units; a re-pledge is topped up by another"
            )
        return self._pledged(given.agreement_id, given.token, self.names.units(quantity, given.token), NO_PLEDGE, how)

    def repledge(self, parent: str, agreement: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The taker of a pledge pledges on what it received, as giver of another agreement."""
        (above, given), identifier = self.names.find_pledge(parent), self.names.find_agreement(agreement)
        return self._pledged(identifier, given.token, self.names.units(quantity, given.token), above, how)

    def release(self, pledge: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The taker gives up its claim on units."""
        return self._of_pledge(pledge, quantity, ReleaseCall, "taker", how)

    def release_excess(self, pledge: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The giver takes back what attested values show not to be needed."""
        return self._of_pledge(pledge, quantity, ReleaseExcessCall, "giver", how)

    def substitute(
        self, pledge: str, quantity: str, isin: str, new_quantity: str, how: How = AT_ONCE, *, consent: bool = False
    ) -> Mapping[str, Any]:
        """New units in, then old ones out, in one transaction: on attested values by the giver alone, or by consent of
        the taker, whatever they are worth."""
        identifier, given = self.names.find_pledge(pledge)
        terms, security = self._terms(given.agreement_id), self.names.security(isin)
        units, new = self.names.units(quantity, given.token), self.names.units(new_quantity, security.token)
        salt = _salt(given.agreement_id, NO_PLEDGE, security.token, new, f"{identifier}/{units}/{how.reference}")
        made = pledge_id(given.agreement_id, security.token, salt)
        if consent:
            brought = PledgeCall(agreement_id=given.agreement_id, token=security.token, quantity=new, salt=salt)
            wanted = [
                self._wanted(terms.giver, brought),
                self._wanted(terms.taker, ReleaseCall(pledge_id=identifier, quantity=units)),
            ]
        else:
            call = SubstituteCall(
                old_pledge=identifier, quantity=units, token=security.token, new_quantity=new, salt=salt
            )
            wanted = [self._wanted(terms.giver, call)]
        return {"pledge": made, "replaces": identifier, **self._carry_out(wanted, how)}

    def recall(self, pledge: str, quantity: str, by: int, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The giver wants units out of re-use by a second; no unit of them can be pledged on any more."""
        identifier, given = self.names.find_pledge(pledge)
        units = 0 if quantity == "0" else self.names.units(quantity, given.token)
        call = RecallCall(pledge_id=identifier, quantity=units, by=by)
        return {
            "pledge": identifier,
            **self._carry_out([self._wanted(self._terms(given.agreement_id).giver, call)], how),
        }

    def unwind(self, pledge: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """Brings units back to the pledge's giver through all links that stand on them: every taker's release, leaves
        first, in one transaction, all or none."""
        identifier, given = self.names.find_pledge(pledge)
        live = Claims(self.ledger.events()).live()
        steps = unwinding(live, identifier, self.names.units(quantity, given.token))
        wanted = [
            self._wanted(claim.agreement.taker, ReleaseCall(pledge_id=claim.pledge_id, quantity=units))
            for claim, units in steps
        ]
        return {"pledge": identifier, **self._carry_out(wanted, how)}

    def return_units(self, pledge: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The taker gives free units for units that it owes."""
        return self._of_pledge(pledge, quantity, ReturnUnitsCall, "taker", how)

    # --- enforcement

    def declare_default(self, agreement: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The taker begins the way to enforcement."""
        identifier = self.names.find_agreement(agreement)
        wanted = [self._wanted(self._terms(identifier).taker, DeclareDefaultCall(agreement_id=identifier))]
        return {"agreement": identifier, **self._carry_out(wanted, how)}

    def end_default(self, agreement: str, how: How = AT_ONCE, *, by: str | None = None) -> Mapping[str, Any]:
        """The taker withdraws it; or another party, where attested values show no ground any more."""
        identifier = self.names.find_agreement(agreement)
        party = self._terms(identifier).taker if by is None else self.names.wallet(by)
        wanted = [self._wanted(party, EndDefaultCall(agreement_id=identifier))]
        return {"agreement": identifier, **self._carry_out(wanted, how)}

    def appropriate(self, pledge: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The taker takes units at their attested price, within what is owed."""
        return self._of_pledge(pledge, quantity, AppropriateCall, "taker", how)

    def set_off(self, pledge: str, quantity: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The taker sets units that it owes off against what it is owed."""
        return self._of_pledge(pledge, quantity, SetOffCall, "taker", how)

    def sell(self, sale: SaleOrder, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The taker puts pledged units out for sale: they are locked in DvP for the buyer, who signed the order."""
        given = self.ledger.pledge(sale.pledge_id)
        if given is None:
            raise InvalidInput("sale/pledge", sale.pledge_id, "a pledge in this register")
        settlement = settlement_id(sale.order, self.market.network)
        signature = sale.buyer_signature or self.desk.keys(sale.order.movement.buyer).sign(bytes.fromhex(settlement))
        call = SellCall(
            pledge_id=sale.pledge_id,
            order=sale.order,
            buyer_signature=signature,
            previous=sale.previous or NO_SALE,
        )
        wanted = [self._wanted(self._terms(given.agreement_id).taker, call)]
        return {"pledge": sale.pledge_id, "settlement": settlement, **self._carry_out(wanted, how)}

    def end_sale(self, settlement: SettlementId) -> Mapping[str, Any]:
        """Writes down how a sale ended, once DvP settled it or gave it back. Anybody may."""

        def is_ended() -> bool:
            sale = self.ledger.sale(settlement)
            return sale is not None and not sale.open

        self.desk.watch(lambda ledger: ledger.end_sale(settlement), is_ended, f"the end of sale {settlement}")
        return {"settlement": settlement, "outcome": "done"}

    # --- income, the long stop

    def acknowledge_income(self, pledge: str, amount: str, how: How = AT_ONCE) -> Mapping[str, Any]:
        """The giver says that the taker met so much of what it owed of income, outside the RTGS."""
        identifier, given = self.names.find_pledge(pledge)
        terms = self._terms(given.agreement_id)
        call = AcknowledgeIncomeCall(pledge_id=identifier, amount=Money.parse(amount, terms.currency).amount)
        return {"pledge": identifier, **self._carry_out([self._wanted(terms.giver, call)], how)}

    def record_income(self, file: IncomeFile, keys: Sequence[Key] = ()) -> Mapping[str, Any]:
        """Records a coupon or dividend that a quorum of the agreement's valuers signed, `keys` among them."""
        income, register = file.income, self.ledger.register
        given = self.ledger.pledge(income.pledge_id)
        if given is None:
            raise InvalidInput("income/pledge", income.pledge_id, "a pledge in this register")
        if valuers_hash(file.valuers) != self._terms(given.agreement_id).valuers:
            rule = "the valuers and the quorum that the agreement names"
            raise InvalidInput("income/valuers", ", ".join(file.valuers.agents), rule)
        digest = income_digest(income, register)
        own = [one.sign(digest) for one in keys if one.address in file.valuers.agents]
        proof = build_quorum_proof(digest, [*file.signatures, *own], file.valuers)
        if proof is None:
            rule = f"the signatures of {file.valuers.quorum} of {', '.join(file.valuers.agents)}"
            raise InvalidInput("income/signatures", len(file.signatures) + len(own), rule)
        told = {"pledge": income.pledge_id, "income": income.income_id, "signature": [one.hex() for one in own]}
        if self._is_recorded(income):
            return {**told, "outcome": "done before"}
        self.desk.watch(
            lambda ledger: ledger.record_income(income, proof),
            lambda: self._is_recorded(income),
            f"income {income.income_id}",
        )
        return {**told, "outcome": "done"}

    def long_stop(self, pledge: str, role: Key, how: How = AT_ONCE, *, confirm: bool) -> Mapping[str, Any]:
        """Ends a pledge that nobody ends: the officer proposes, the confirmer makes it."""
        identifier, _ = self.names.find_pledge(pledge)
        call = (ConfirmLongStopCall if confirm else ProposeLongStopCall)(pledge_id=identifier)
        told = self._carry_out([Wanted(party=role.address, call=call)], how)
        return {"pledge": identifier, "confirmableAfter": _time(self.ledger.long_stop_from(identifier)), **told}

    # --- what the acts share

    def _pledged(self, agreement: AgreementId, token: str, units: int, parent: PledgeId, how: How) -> Mapping[str, Any]:
        salt = _salt(agreement, parent, token, units, how.reference)
        made, giver = pledge_id(agreement, token, salt, parent), self._terms(agreement).giver
        call: Call
        if parent == NO_PLEDGE:
            call = PledgeCall(agreement_id=agreement, token=token, quantity=units, salt=salt)
        else:
            call = RepledgeCall(parent=parent, agreement_id=agreement, quantity=units, salt=salt)
        return {"pledge": made, "agreement": agreement, **self._carry_out([self._wanted(giver, call)], how)}

    def _of_pledge(
        self, pledge: str, quantity: str, kind: Callable[..., Call], side: str, how: How
    ) -> Mapping[str, Any]:
        identifier, given = self.names.find_pledge(pledge)
        call = kind(pledge_id=identifier, quantity=self.names.units(quantity, given.token))
        party = getattr(self._terms(given.agreement_id), side)
        return {"pledge": identifier, **self._carry_out([self._wanted(party, call)], how)}

    def _wanted(self, party: str, call: Call) -> Wanted:
        return Wanted(party=self.names.acting(party), call=call)

    def _carry_out(self, wanted: Sequence[Wanted], how: How) -> Mapping[str, Any]:
        if how.draft is not None:
            carried = self.desk.write(wanted, how.draft, how.reference, how.valid_seconds)
        else:
            carried = self.desk.carry_out(wanted, how.reference, how.valid_seconds)
        return self.told(carried)

    def told(self, carried: Carried) -> Mapping[str, Any]:
        """What came of acts, as a person or a program reads it."""
        acts = [
            {"party": self.names.who(one.party), "does": self.desk.describe(one), "nonce": str(one.nonce)}
            for one in carried.acts
        ]
        return {"outcome": carried.outcome, "final": carried.final, "acts": acts}

    def _terms(self, agreement: AgreementId) -> Agreement:
        terms = self.ledger.agreement(agreement)
        if terms is None:
            raise InvalidInput("agreement", agreement, "an agreement that was opened")
        return terms

    def _is_recorded(self, income: Income) -> bool:
        told = (one.said for one in self.ledger.events_of_pledge(income.pledge_id))
        return any(isinstance(one, IncomeRecorded) and one.income_id == income.income_id for one in told)


def _salt(agreement: AgreementId, parent: PledgeId, token: str, units: int, reference: str) -> str:
    """A pledge's salt, from what it is: the same again is the same pledge."""
    said = f"lockstep pledge\n{agreement}\n{parent}\n{token}\n{units}\n{reference}"
    return hashlib.sha256(said.encode()).hexdigest()


def _time(seconds: int) -> str | None:
    return shown(seconds) if seconds else None


def open_collateral_office(home: Home, keystore: str | None = None) -> CollateralOffice:
    """The office of an installation; `keystore` is whose key signs, if not each party's own wallet-BIC.

    Raises Misconfigured where the market has no register, or the chain is inside another process.
    """
    if home.settings().rpc == EMBEDDED:
        raise Misconfigured("an embedded chain is inside its own process alone: no other can look at it")
    market, node = home.market(), Node(home.settings().rpcs)
    ledger = open_collateral(home, node)
    names = CollateralNames(market=market, node=node, ledger=ledger)

    @contextmanager
    def acting() -> Iterator[CollateralLedger]:
        with spare_sender(home, "collateral") as sender:
            yield open_collateral(home, sender=sender)

    def key_of(wallet: str) -> Key:
        if keystore is not None:
            return home.key(keystore)
        owner = names.owner(wallet)
        if owner is None:
            raise Misconfigured(f"no participant's wallet is {wallet}: `--key` names the keystore that signs for it")
        return home.key(f"wallet-{owner.bic}")

    desk = ActDesk(
        ledger=ledger,
        acting=acting,
        folder=home.root / "acts",
        keys=key_of,
        describe=lambda act: described(read_call(act.call), names),
    )
    return CollateralOffice(market=market, ledger=ledger, desk=desk, names=names)
