"""What an act would do, read from its bytes: for who signs it, and need not believe who wrote it.

Read back, every call is the same to the byte; what is written otherwise than `call_bytes` writes it is refused.
"""

from collections.abc import Callable, Mapping

from lockstep.domain.collateral.calls import (
    AcknowledgeIncomeCall,
    AppropriateCall,
    BurnNonceCall,
    Call,
    ConfirmLongStopCall,
    DeclareDefaultCall,
    EndDefaultCall,
    PledgeCall,
    ProposeLongStopCall,
    RecallCall,
    RecordReturnCall,
    RecordTitleCall,
    ReleaseCall,
    ReleaseExcessCall,
    RepledgeCall,
    ReturnUnitsCall,
    SellCall,
    SetOffCall,
    SubstituteCall,
)
from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.signing.collateral_calls import call_bytes
from lockstep.signing.words import checksummed, keccak

__all__ = ["read_call"]


class _Words:
    """Arguments, a word each, taken one after the other. What is not there reads as zero: the comparison tells."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def word(self) -> bytes:
        self._at += 32
        return self._data[self._at - 32 : self._at].ljust(32, b"\0")

    def hash(self) -> str:
        return self.word().hex()

    def agreement(self) -> AgreementId:
        return AgreementId(self.hash())

    def pledge(self) -> PledgeId:
        return PledgeId(self.hash())

    def number(self) -> int:
        return int.from_bytes(self.word())

    def address(self) -> str:
        return checksummed(self.word()[12:].hex())

    def order(self) -> Order:
        movement = Movement(
            token=self.address(),
            seller=self.address(),
            buyer=self.address(),
            quantity=self.number(),
            epoch=self.number(),
            nonce=self.number(),
        )
        terms = OrderTerms(
            trade_id=TradeId(self.hash()),
            part=self.number(),
            minimum_lot=self.number(),
            group=self.hash(),
            cash_hash=self.hash(),
            lock_by=self.number(),
            pay_by=self.number(),
        )
        return Order(movement=movement, terms=terms)

    def rest(self) -> bytes:
        """Bytes behind their length."""
        length = self.number()
        return self._data[self._at : self._at + min(length, len(self._data))]


def _sell(words: _Words) -> Call:
    pledge, order = words.pledge(), words.order()
    words.word()  # where the signature begins
    previous = SettlementId(words.hash())
    return SellCall(pledge_id=pledge, order=order, buyer_signature=words.rest(), previous=previous)


_QUANTITY = "(bytes32,uint64)"
_ORDER = "((address,address,address,uint64,uint32,uint64),(bytes32,uint32,uint64,bytes32,bytes32,uint40,uint40))"
_READERS: Mapping[str, Callable[[_Words], Call]] = {
    "pledge(bytes32,address,uint64,bytes32)": lambda one: PledgeCall(
        agreement_id=one.agreement(), token=one.address(), quantity=one.number(), salt=one.hash()
    ),
    "repledge(bytes32,bytes32,uint64,bytes32)": lambda one: RepledgeCall(
        parent=one.pledge(), agreement_id=one.agreement(), quantity=one.number(), salt=one.hash()
    ),
    f"release{_QUANTITY}": lambda one: ReleaseCall(pledge_id=one.pledge(), quantity=one.number()),
    f"releaseExcess{_QUANTITY}": lambda one: ReleaseExcessCall(pledge_id=one.pledge(), quantity=one.number()),
    "substitute(bytes32,uint64,address,uint64,bytes32)": lambda one: SubstituteCall(
        old_pledge=one.pledge(),
        quantity=one.number(),
        token=one.address(),
        new_quantity=one.number(),
        salt=one.hash(),
    ),
    "recall(bytes32,uint64,uint40)": lambda one: RecallCall(
        pledge_id=one.pledge(), quantity=one.number(), by=one.number()
    ),
    "declareDefault(bytes32)": lambda one: DeclareDefaultCall(agreement_id=one.agreement()),
    "endDefault(bytes32)": lambda one: EndDefaultCall(agreement_id=one.agreement()),
    f"appropriate{_QUANTITY}": lambda one: AppropriateCall(pledge_id=one.pledge(), quantity=one.number()),
    f"setOff{_QUANTITY}": lambda one: SetOffCall(pledge_id=one.pledge(), quantity=one.number()),
    f"sell(bytes32,{_ORDER},bytes,bytes32)": _sell,
    f"acknowledgeIncome{_QUANTITY}": lambda one: AcknowledgeIncomeCall(pledge_id=one.pledge(), amount=one.number()),
    f"returnUnits{_QUANTITY}": lambda one: ReturnUnitsCall(pledge_id=one.pledge(), quantity=one.number()),
    f"recordTitle(bytes32,{_ORDER})": lambda one: RecordTitleCall(agreement_id=one.agreement(), order=one.order()),
    f"recordReturn(bytes32,{_ORDER})": lambda one: RecordReturnCall(pledge_id=one.pledge(), order=one.order()),
    "proposeLongStop(bytes32)": lambda one: ProposeLongStopCall(pledge_id=one.pledge()),
    "confirmLongStop(bytes32)": lambda one: ConfirmLongStopCall(pledge_id=one.pledge()),
    "burnNonce(uint256)": lambda one: BurnNonceCall(nonce=one.number()),
}
_BY_SELECTOR = {keccak(signature.encode())[:4]: reader for signature, reader in _READERS.items()}


def read_call(data: bytes) -> Call:
    """The call that these bytes are. Raises InvalidInput for what is none of the register's, or is not written as
    `call_bytes` writes it."""
    reader = _BY_SELECTOR.get(data[:4])
    if reader is None:
        raise InvalidInput("call", data[:4].hex(), "the selector of one of the register's acts")
    call = reader(_Words(data[4:]))
    try:
        written = call_bytes(call)
    except ValueError as error:
        raise InvalidInput("call", data.hex(), f"arguments within their types: {error}") from error
    if written != data:
        raise InvalidInput("call", data.hex(), "its arguments a word each, and nothing behind them")
    return call
