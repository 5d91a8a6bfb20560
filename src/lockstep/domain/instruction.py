"""What parties tell the settlement service, and what it tells them: sese messages as values."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Isin, Lei, Reference, SettlementId, TradeId
from lockstep.domain.money import Money, Quantity
from lockstep.domain.values import quick

__all__ = [
    "AdviceStatus",
    "CancellationAdvice",
    "CancellationRequest",
    "CancellationStatus",
    "Instruction",
    "Party",
    "QuantityType",
    "SettlementConfirmation",
    "Side",
    "StatusAdvice",
]


class Side(Enum):
    """SecuritiesMovementType (ISO 20022 ReceiveDelivery1Code)."""

    DELIVER = "DELI"
    RECEIVE = "RECE"

    @property
    def other(self) -> "Side":
        return Side.RECEIVE if self is Side.DELIVER else Side.DELIVER


class QuantityType(Enum):
    """How a quantity counts: bonds by face amount, shares by unit."""

    FACE_AMOUNT = "FaceAmt"
    UNIT = "Unit"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A settlement party: who it is (LEI) and where its messages go (BIC)."""

    lei: Lei
    bic: Bic


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One party's order to deliver or receive against payment (sese.023). Not yet a trade.

    `reference` is the instructing party's own, unique for that party. `cash` is what it agreed to
    receive or pay. Settlement against payment only; free of payment is another method.
    """

    reference: Reference
    side: Side
    deliverer: Party
    receiver: Party
    isin: Isin
    quantity: Quantity
    quantity_type: QuantityType
    cash: Money
    trade_date: date
    settlement_date: date
    counterparty_reference: Reference | None = None

    def __post_init__(self) -> None:
        if self.deliverer.lei == self.receiver.lei:
            raise InvalidInput("RcvgSttlmPties/Pty1/LEI", self.receiver.lei, "another party than the deliverer")
        if self.quantity.value <= 0:
            raise InvalidInput("QtyAndAcctDtls/SttlmQty", self.quantity, "greater than zero")
        if self.cash.amount <= 0:
            raise InvalidInput("SttlmAmt/Amt", self.cash, "greater than zero: against payment only")
        if self.settlement_date < self.trade_date:
            raise InvalidInput("TradDtls/SttlmDt", self.settlement_date, "not before the trade date")

    @property
    def owner(self) -> Party:
        """Who gave this instruction."""
        return self.deliverer if self.side is Side.DELIVER else self.receiver

    @property
    def counterparty(self) -> Party:
        return self.receiver if self.side is Side.DELIVER else self.deliverer


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRequest:
    """One party wishes its instruction cancelled (sese.020). A request, never a release."""

    reference: Reference
    """The reference of the instruction to cancel (AcctOwnrTxId)."""
    side: Side
    owner: Party


class AdviceStatus(Enum):
    """What a sese.024 says of an instruction. What is matched or unmatched is accepted: the message says both."""

    ACCEPTED = "ACCEPTED"  # PrcgSts/AckdAccptd, and nothing else yet
    REJECTED = "REJECTED"  # PrcgSts/Rjctd
    CANCELLED = "CANCELLED"  # PrcgSts/Canc
    MATCHED = "MATCHED"  # MtchgSts/Mtchd, beside PrcgSts/AckdAccptd
    UNMATCHED = "UNMATCHED"  # MtchgSts/Umtchd, beside PrcgSts/AckdAccptd
    PENDING = "PENDING"  # SttlmSts/Pdg: before the settlement date's end
    FAILING = "FAILING"  # SttlmSts/Flng: the settlement date has passed


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAdvice:
    """How an instruction stands (sese.024).

    `reason_code` is an ISO external code (LACK short of securities, MONY short of cash, CMIS no
    match, …). Once matched, `trade_id` and `salt` (32 hex digits) let the party compute the id
    itself.
    """

    reference: Reference
    side: Side
    status: AdviceStatus
    reason_code: str | None = None
    reason: str | None = None
    trade_id: TradeId | None = None
    salt: str | None = None
    settlement_id: SettlementId | None = None


class CancellationStatus(Enum):
    """What a sese.027 says of a cancellation request."""

    CANCELLED = "CANC"
    DENIED = "DEND"
    PENDING = "PDG"  # the counterparty or a ledger has yet to answer


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationAdvice:
    """How a cancellation request stands (sese.027)."""

    reference: Reference
    side: Side
    request_id: str
    """Message id of the sese.020 that asked."""
    status: CancellationStatus
    reason_code: str | None = None
    reason: str | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementConfirmation:
    """The trade has settled on both ledgers, finally (sese.025)."""

    instruction: Instruction
    """As instructed, with `cash` as it settled."""
    trade_id: TradeId
    settlement_id: SettlementId
    settled_at: datetime
    """UTC: the block in which the units moved."""
