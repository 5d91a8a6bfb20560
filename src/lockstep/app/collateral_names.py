"""What people call agreements, pledges, parties and securities by, looked up in the market and on the register."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from lockstep.app.collateral_files import shown
from lockstep.chain.holdings import heirs_at, registry_of
from lockstep.chain.node import Node
from lockstep.domain.collateral import calls
from lockstep.domain.collateral.register import AgreementId, Pledge, PledgeId
from lockstep.domain.collateral.register_events import Agreed, Pledged, TitleTransferred
from lockstep.domain.errors import InvalidInput
from lockstep.domain.market import Market, Participant, Security
from lockstep.domain.money import Quantity
from lockstep.ports import CollateralLedger
from lockstep.signing import checked_address

__all__ = ["CollateralNames", "described"]

_BEGINNING = re.compile(r"[0-9a-f]{8,64}")
"""Hex digits of an id that name it, if it is the only one that begins so."""
Id = TypeVar("Id", AgreementId, PledgeId)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralNames:
    """Names as the market and the register at the head have them."""

    market: Market
    node: Node
    ledger: CollateralLedger

    def find_agreement(self, text: str) -> AgreementId:
        """The one agreement whose id begins so. Raises InvalidInput."""
        told = (one.said for one in self.ledger.events())
        return _found("agreement", text, (one.agreement_id for one in told if isinstance(one, Agreed)))

    def find_pledge(self, text: str) -> tuple[PledgeId, Pledge]:
        """The one pledge, or transfer of title, whose id begins so, as it is now. Raises InvalidInput."""
        told = (one.said for one in self.ledger.events())
        found = _found("pledge", text, (one.pledge_id for one in told if isinstance(one, Pledged | TitleTransferred)))
        pledge = self.ledger.pledge(found)
        if pledge is None:  # a reorganisation between the two looks
            raise InvalidInput("pledge", text, "a pledge: the chain took it back")
        return found, pledge

    def security(self, isin: str) -> Security:
        """Raises InvalidInput."""
        found = next((one for one in self.market.securities.values() if one.isin == isin), None)
        if found is None:
            raise InvalidInput("isin", isin, "a security of this market")
        return found

    def units(self, quantity: str, token: str) -> int:
        """Base units of a quantity as an instruction has it, above zero. Raises InvalidInput."""
        units = Quantity.parse(quantity).units(self._by_token(token).decimals)
        if not units:
            raise InvalidInput("quantity", quantity, "above zero")
        return units

    def quantity(self, token: str, units: int) -> str:
        """Base units as a person reads them; of a security that is not this market's as they are."""
        found = [one for one in self.market.securities.values() if one.token == token]
        return Quantity.of_units(units, found[0].decimals).text() if found else str(units)

    def isin(self, token: str) -> str:
        """The security's, or the token's address."""
        return next((one.isin for one in self.market.securities.values() if one.token == token), token)

    def wallet(self, text: str) -> str:
        """A participant's by BIC or LEI, or an address as it is. Raises InvalidInput."""
        found = next((one for one in self.market.participants.values() if text in (one.bic, one.lei)), None)
        return found.wallet if found else checked_address(text, field="participant")

    def owner(self, wallet: str) -> Participant | None:
        """Whose wallet it is."""
        return next((one for one in self.market.participants.values() if one.wallet == wallet), None)

    def who(self, wallet: str) -> str:
        """The owner's BIC, or the address."""
        owner = self.owner(wallet)
        return owner.bic if owner else wallet

    def acting(self, wallet: str) -> str:
        """Who acts for a wallet: its heir, once the registry names one."""
        token = next(iter(self.market.securities.values())).token
        head = self.node.head().number
        return heirs_at(self.node, registry_of(self.node, token), [wallet], head).get(wallet, wallet)

    def _by_token(self, token: str) -> Security:
        found = next((one for one in self.market.securities.values() if one.token == token), None)
        if found is None:
            raise InvalidInput("security", token, "the token of a security of this market")
        return found


def _found(what: str, text: str, ids: Iterable[Id]) -> Id:
    beginning = text.removeprefix("0x").lower()
    if not _BEGINNING.fullmatch(beginning):
        raise InvalidInput(what, text, f"8 to 64 hexadecimal digits, the beginning of the {what}'s id")
    found = {one for one in ids if one.startswith(beginning)}
    if len(found) != 1:
        raise InvalidInput(what, text, f"the beginning of the id of one {what}; {len(found)} fit")
    return found.pop()


def described(call: calls.Call, names: CollateralNames) -> str:
    """What an act does, in words."""
    match call:
        case calls.PledgeCall():
            what = f"{names.quantity(call.token, call.quantity)} {names.isin(call.token)}"
            return f"pledges {what} under {call.agreement_id}"
        case calls.RepledgeCall():
            return f"pledges on {_units(call.parent, call.quantity, names)} under {call.agreement_id}"
        case calls.ReleaseCall():
            return f"releases {_units(call.pledge_id, call.quantity, names)}"
        case calls.ReleaseExcessCall():
            return f"takes back {_units(call.pledge_id, call.quantity, names)}"
        case calls.SubstituteCall():
            new = f"{names.quantity(call.token, call.new_quantity)} {names.isin(call.token)}"
            return f"replaces {_units(call.old_pledge, call.quantity, names)} by {new}"
        case calls.RecallCall():
            return f"recalls {_units(call.pledge_id, call.quantity, names)} by {shown(call.by)}"
        case calls.DeclareDefaultCall():
            return f"declares a default under {call.agreement_id}"
        case calls.EndDefaultCall():
            return f"ends the default under {call.agreement_id}"
        case calls.AppropriateCall():
            return f"appropriates {_units(call.pledge_id, call.quantity, names)}"
        case calls.SetOffCall():
            return f"sets off {_units(call.pledge_id, call.quantity, names)}"
        case calls.SellCall():
            buyer = names.who(call.order.movement.buyer)
            return f"sells {_units(call.pledge_id, call.order.movement.quantity, names)} to {buyer}"
        case calls.AcknowledgeIncomeCall():
            return f"acknowledges {call.amount} minor units of income on pledge {call.pledge_id}"
        case calls.ReturnUnitsCall():
            return f"returns {_units(call.pledge_id, call.quantity, names)}"
        case calls.RecordTitleCall():
            return f"records title to {call.order.movement.quantity} base units under {call.agreement_id}"
        case calls.RecordReturnCall():
            return f"records the return of {_units(call.pledge_id, call.order.movement.quantity, names)}"
        case calls.ProposeLongStopCall():
            return f"proposes the end of pledge {call.pledge_id}"
        case calls.ConfirmLongStopCall():
            return f"confirms the end of pledge {call.pledge_id}"
        case calls.BurnNonceCall():
            return f"burns the number {call.nonce}"


def _units(pledge_id: PledgeId, units: int, names: CollateralNames) -> str:
    pledge = names.ledger.pledge(pledge_id)
    if pledge is None:
        return f"{units} base units of pledge {pledge_id}"
    return f"{names.quantity(pledge.token, units)} {names.isin(pledge.token)} of pledge {pledge_id}"
