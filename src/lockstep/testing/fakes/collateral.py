"""The collateral register in memory, as far as payments need it: agreements, figures, income, sales, what counts.

Of a pledge it knows under which agreement it was made, and no units.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from lockstep.domain.collateral.register import (
    NO_PLEDGE,
    Agreement,
    AgreementId,
    CashPayment,
    Pledge,
    PledgeId,
    Position,
    Register,
    Sale,
    State,
    Valuation,
)
from lockstep.domain.collateral.register_events import (
    Agreed,
    CashRecorded,
    IncomePaid,
    IncomeRecorded,
    Pledged,
    RegisterEvent,
    Said,
    SaleEnded,
    SaleStarted,
    Valued,
)
from lockstep.domain.errors import ContractRefused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import AssetStatus, Epoch, Order, Proof
from lockstep.signing import agreement_id, cash_digest, recover, settlement_id, valuation_digest
from lockstep.testing.fakes.chain import FakeChain
from lockstep.testing.fakes.simple import no_fault

__all__ = ["FakeCollateralLedger"]

_NOTHING = State(exposure=0, required=0, credit=0, valued_at=0, enforce_from=0, selling=0)


class FakeCollateralLedger:
    """One register on a `FakeChain`, a block for each act. What collateral in securities is worth, `worth` says."""

    def __init__(self, chain: FakeChain, address: str, valuers: Epoch) -> None:
        self.chain, self._valuers = chain, valuers
        network = chain.network
        self.register = Register(chain_id=network.chain_id, address=address, finality_depth=network.finality_depth)
        self.worth: dict[AgreementId, int] = {}
        self.lying: dict[AgreementId, Sequence[Position]] = {}
        """What `positions` answers, of whatever block."""
        self._events: list[RegisterEvent] = []
        self._states: list[tuple[int, AgreementId, State]] = []
        self._successions: list[tuple[int, str, str]] = []
        self.before = self.after = no_fault

    # --- looking

    def head_block(self) -> int:
        self.before("head_block")
        return self.chain.head

    def final_block(self) -> int:
        return max(0, self.head_block() - self.register.finality_depth)

    def time_of(self, block: int | None = None) -> int:
        return self.chain.time(self.chain.head if block is None else block)

    def agreement(self, agreement_id: AgreementId, at: int | None = None) -> Agreement | None:
        said = [one.said for one in self.events(0, at)]
        opened = [one for one in said if isinstance(one, Agreed) and one.agreement_id == agreement_id]
        return opened[-1].agreement if opened else None

    def state(self, agreement_id: AgreementId, at: int | None = None) -> State:
        self.before("state")
        found = [one for block, its, one in self._states if its == agreement_id and (at is None or block <= at)]
        return found[-1] if found else _NOTHING

    def cover(self, agreement_id: AgreementId, at: int | None = None) -> int:
        return self.worth.get(agreement_id, 0)

    def positions(self, agreement_id: AgreementId, at: int | None = None) -> Sequence[Position]:
        return self.lying.get(agreement_id, ())

    def events(self, first: int = 0, last: int | None = None) -> Sequence[RegisterEvent]:
        self.before("events")
        return [one for one in self._events if first <= one.block and (last is None or one.block <= last)]

    def events_of(self, agreement_id: AgreementId, last: int | None = None) -> Sequence[RegisterEvent]:
        return [one for one in self.events(0, last) if getattr(one.said, "agreement_id", None) == agreement_id]

    def events_of_pledge(self, pledge_id: PledgeId, last: int | None = None) -> Sequence[RegisterEvent]:
        return [one for one in self.events(0, last) if getattr(one.said, "pledge_id", None) == pledge_id]

    def pledge(self, pledge_id: PledgeId, at: int | None = None) -> Pledge | None:
        self.before("pledge")
        for one in self.events_of_pledge(pledge_id, at):
            if isinstance(one.said, Pledged):
                return _pledge(one.said)
        return None

    def income_owed(self, pledge_id: PledgeId, at: int | None = None) -> int:
        self.before("income_owed")
        said = [one.said for one in self.events_of_pledge(pledge_id, at)]
        recorded = sum(one.owed for one in said if isinstance(one, IncomeRecorded))
        return recorded - sum(one.amount for one in said if isinstance(one, IncomePaid))

    def sale(self, settlement_id: SettlementId, at: int | None = None) -> Sale | None:
        self.before("sale")
        said = [one.said for one in self.events(0, at)]
        started = [one for one in said if isinstance(one, SaleStarted) and one.settlement_id == settlement_id]
        if not started:
            return None
        ended = any(isinstance(one, SaleEnded) and one.settlement_id == settlement_id for one in said)
        return Sale(
            settlement_id=settlement_id,
            pledge_id=started[0].pledge_id,
            quantity=started[0].quantity,
            price=started[0].price,
            floor=0,
            nonce=0,
            open=not ended,
            counted=True,
        )

    def lines(self, wallets: Collection[str], at: int | None = None) -> Mapping[str, Sequence[str]]:
        self.before("lines")
        lines = {one: [one] for one in wallets}
        for block, wallet, heir in self._successions:
            for line in lines.values():
                if line[-1] == wallet and (at is None or block <= at):
                    line.append(heir)
        return lines

    # --- acting

    def succeed(self, wallet: str, heir: str) -> None:
        """The registry names a lost wallet's heir."""
        self.chain.mine()
        self._successions.append((self.chain.head, wallet, heir))

    def pledged(self, agreement_id: AgreementId, pledge_id: PledgeId) -> None:
        """The giver pledged something."""
        figures = {"token": "0x" + "00" * 20, "quantity": 1, "depth": 0, "until": 2**39}
        self._add(Pledged(pledge_id=pledge_id, agreement_id=agreement_id, parent=NO_PLEDGE, **figures))  # type: ignore[arg-type]  # by their names

    def record(self, pledge_id: PledgeId, income_id: str, owed: int) -> None:
        """A quorum of valuers said what the taker owes of income."""
        now = self.chain.time(self.chain.head)
        self._add(IncomeRecorded(pledge_id=pledge_id, income_id=income_id, record_date=now, entitled=0, owed=owed))

    def acknowledge(self, pledge_id: PledgeId, amount: int) -> None:
        """The giver says that it had so much of it otherwise."""
        self._add(IncomePaid(pledge_id=pledge_id, amount=amount, left=self.income_owed(pledge_id) - amount))

    def sell(self, pledge_id: PledgeId, order: Order) -> SettlementId:
        """The taker put units out for sale: locked in DvP for the buyer, in the same block."""
        identifier = settlement_id(order, self.chain.network)
        self.chain.append("Locked", identifier, order)
        said = SaleStarted(pledge_id=pledge_id, settlement_id=identifier, quantity=order.movement.quantity, price=1)
        self._put(said)
        return identifier

    def end_sale(self, settlement_id: SettlementId) -> None:
        self.before("end_sale")
        sale, status = self.sale(settlement_id), self.chain.status(settlement_id, self.chain.head)
        if sale is None:
            raise ContractRefused("UnknownSale", {"settlementId": f"0x{settlement_id}"})
        if not status.is_done:
            raise ContractRefused("SaleNotEnded", {"settlementId": f"0x{settlement_id}", "actual": int(status)})
        if sale.open:
            settled = status is AssetStatus.SETTLED
            self._add(SaleEnded(pledge_id=sale.pledge_id, settlement_id=settlement_id, settled=settled))
        self.after("end_sale")

    def agreed(self, agreement: Agreement) -> AgreementId:
        """Both have signed it, and it is open."""
        identifier = agreement_id(agreement, self.register)
        self._add(Agreed(agreement_id=identifier, agreement=agreement))
        return identifier

    def declare(self, identifier: AgreementId, enforce_from: int) -> None:
        """The taker declares a default."""
        self.chain.mine()
        self._set(identifier, replace(self.state(identifier), enforce_from=enforce_from))

    def value(self, valuation: Valuation, proof: Proof) -> None:
        self.before("value")
        one, state = valuation, self.state(valuation.agreement_id)
        self._require(valuation_digest(one, self.register), proof, self._valuers)
        now = self.chain.time(self.chain.head)
        if not state.valued_at < one.as_of <= now:
            details = {"agreementId": f"0x{one.agreement_id}", "asOf": one.as_of, "after_": state.valued_at}
            raise ContractRefused("BadAsOf", {**details, "time": now})
        figures = {"exposure": one.exposure, "required": one.required, "as_of": one.as_of, "prices": one.prices}
        self._add(Valued(agreement_id=one.agreement_id, **figures))  # type: ignore[arg-type]  # by their names
        changed = replace(state, exposure=one.exposure, required=one.required, valued_at=one.as_of)
        self._set(one.agreement_id, changed)
        self.after("value")

    def record_cash(self, cash: CashPayment, proof: Proof) -> None:
        self.before("record_cash")
        epoch, state = self.chain.current_epoch, self.state(cash.agreement_id)
        if cash.epoch != epoch.number:
            details = {"agreementId": cash.agreement_id, "actual": cash.epoch, "expected": epoch.number}
            raise ContractRefused("NotPresentEpoch", details)
        self._require(cash_digest(cash, self.register), proof, epoch)
        counted = [one.said for one in self._events if isinstance(one.said, CashRecorded)]
        if any((one.agreement_id, one.call_id) == (cash.agreement_id, cash.call_id) for one in counted):
            raise ContractRefused("AlreadyUsed", {"id": cash.call_id})
        if cash.pledge_id != NO_PLEDGE:
            owed = self.income_owed(cash.pledge_id)
            if -cash.amount > owed:
                details = {"pledgeId": f"0x{cash.pledge_id}", "actual": owed, "needed": -cash.amount}
                raise ContractRefused("InsufficientClaim", details)
            self._add(IncomePaid(pledge_id=cash.pledge_id, amount=-cash.amount, left=owed + cash.amount))
        credit = state.credit + (0 if cash.pledge_id != NO_PLEDGE else cash.amount)
        if credit < 0:
            details = {"agreementId": cash.agreement_id, "actual": state.credit, "needed": -cash.amount}
            raise ContractRefused("InsufficientCredit", details)
        said = CashRecorded(agreement_id=cash.agreement_id, call_id=cash.call_id, amount=cash.amount, credit=credit)
        (self._add if cash.pledge_id == NO_PLEDGE else self._put)(said)  # of income in the block of IncomePaid
        self._set(cash.agreement_id, replace(state, credit=credit))
        self.after("record_cash")

    def reorganise(self, depth: int) -> None:
        """The last blocks are gone, with all that was in them."""
        left = self.chain.head - depth
        self.chain.reorganise(depth)
        self._events = [one for one in self._events if one.block <= left]
        self._states = [one for one in self._states if one[0] <= left]
        self._successions = [one for one in self._successions if one[0] <= left]

    def _add(self, said: Said) -> None:
        self.chain.mine()
        self._put(said)

    def _put(self, said: Said) -> None:
        place = sum(one.block == self.chain.head for one in self._events)
        self._events.append(
            RegisterEvent(block=self.chain.head, place=place, transaction=f"0x{len(self._events):064x}", said=said)
        )

    def _set(self, identifier: AgreementId, state: State) -> None:
        self._states.append((self.chain.head, identifier, state))

    @staticmethod
    def _require(digest: bytes, proof: Proof, epoch: Epoch) -> None:
        """The proof is a quorum's of the epoch, over this digest."""
        signers = [one for place, one in enumerate(epoch.agents) if proof.signers >> place & 1]
        compact = [proof.signatures[start : start + 64] for start in range(0, len(proof.signatures), 64)]
        if len(signers) != epoch.quorum or len(compact) != epoch.quorum:
            raise ContractRefused("WrongQuorum", {"actual": len(compact), "expected": epoch.quorum})
        for signer, one in zip(signers, compact, strict=True):
            whole = one[:32] + bytes([one[32] & 0x7F]) + one[33:] + bytes([27 + (one[32] >> 7)])
            if recover(digest, whole) != signer:
                raise ContractRefused("WrongSignature", {"agent": signer})


def _pledge(said: Pledged) -> Pledge:
    return Pledge(
        agreement_id=said.agreement_id,
        parent=said.parent,
        token=said.token,
        quantity=said.quantity,
        depth=said.depth,
        max_depth=0,
        holder=said.token,
        reused=0,
        reuse_cap=0,
        owed=0,
        recalled=0,
        until=said.until,
        selling=0,
    )
