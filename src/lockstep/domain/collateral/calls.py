"""The register's calls that their party makes or signs, each with its arguments (ICollateralRegister).

`signing.call_bytes` writes one as the register takes it.
"""

from dataclasses import dataclass

from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Order

__all__ = [
    "NO_SALE",
    "AcknowledgeIncomeCall",
    "AppropriateCall",
    "BurnNonceCall",
    "Call",
    "ConfirmLongStopCall",
    "DeclareDefaultCall",
    "EndDefaultCall",
    "PledgeCall",
    "ProposeLongStopCall",
    "RecallCall",
    "RecordReturnCall",
    "RecordTitleCall",
    "ReleaseCall",
    "ReleaseExcessCall",
    "RepledgeCall",
    "ReturnUnitsCall",
    "SellCall",
    "SetOffCall",
    "SubstituteCall",
]

NO_SALE = SettlementId("0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgeCall:
    """Giver: pledges free units, or transfers title to them; so does a top-up."""

    agreement_id: AgreementId
    token: str
    quantity: int
    salt: str
    """64 hex digits, the giver's own: pledges of the same content are told apart by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepledgeCall:
    """The parent's taker, as giver of the agreement: pledges on what it received."""

    parent: PledgeId
    agreement_id: AgreementId
    quantity: int
    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCall:
    """Taker: gives up the claim on units."""

    pledge_id: PledgeId
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseExcessCall:
    """Giver: takes back what attested values show not to be needed as cover."""

    pledge_id: PledgeId
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstituteCall:
    """Giver: new units in, then `quantity` of the old out, where attested values are kept. By consent: a PledgeCall of
    the giver and a ReleaseCall of the taker, run together."""

    old_pledge: PledgeId
    quantity: int
    token: str
    new_quantity: int
    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallCall:
    """Giver: so many units are not to be pledged on any more; 0: the recall is over. `by` is for the record."""

    pledge_id: PledgeId
    quantity: int
    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareDefaultCall:
    """Taker: begins the way to enforcement."""

    agreement_id: AgreementId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndDefaultCall:
    """Taker: withdraws it; anyone, where attested values show no ground any more."""

    agreement_id: AgreementId


@dataclass(frozen=True, slots=True, kw_only=True)
class AppropriateCall:
    """Taker: takes units at their attested price."""

    pledge_id: PledgeId
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOffCall:
    """Taker: sets units that it owes off against what it is owed."""

    pledge_id: PledgeId
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SellCall:
    """Taker: sells pledged units through DvP. The order's seller is the register; its buyer signed it."""

    pledge_id: PledgeId
    order: Order
    buyer_signature: bytes
    previous: SettlementId = NO_SALE
    """A sale of the pledge that was given back, and whose units are sold anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeIncomeCall:
    """Giver: the taker met so much of what it owed of income."""

    pledge_id: PledgeId
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnUnitsCall:
    """Taker: gives free units for units that it owes."""

    pledge_id: PledgeId
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTitleCall:
    """Taker: a settled order, giver to taker, transferred title under the agreement."""

    agreement_id: AgreementId
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReturnCall:
    """Giver: a settled order, taker to giver, gave back units that were owed."""

    pledge_id: PledgeId
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeLongStopCall:
    """DvP's officer: begins the end of a pledge that nobody ends."""

    pledge_id: PledgeId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmLongStopCall:
    """DvP's confirmer: ends it."""

    pledge_id: PledgeId


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnNonceCall:
    """Anybody: what it signed under this number can be run no more."""

    nonce: int


Call = (
    PledgeCall
    | RepledgeCall
    | ReleaseCall
    | ReleaseExcessCall
    | SubstituteCall
    | RecallCall
    | DeclareDefaultCall
    | EndDefaultCall
    | AppropriateCall
    | SetOffCall
    | SellCall
    | AcknowledgeIncomeCall
    | ReturnUnitsCall
    | RecordTitleCall
    | RecordReturnCall
    | ProposeLongStopCall
    | ConfirmLongStopCall
    | BurnNonceCall
)
"""What an act does."""
