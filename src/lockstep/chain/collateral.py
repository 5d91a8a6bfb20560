"""The CollateralLedger port on the CollateralRegister contract: looks decoded, acts sent, refusals by name."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from eth_abi.abi import decode

from lockstep.chain.acting import MOST_GAS, Sending
from lockstep.chain.collateral_events import RegisterEvents, agreement_of
from lockstep.chain.decoding import checksummed
from lockstep.chain.encoding import selector
from lockstep.chain.holdings import lines_at
from lockstep.chain.ledger import call_data, outputs_of, packed, read
from lockstep.chain.node import ContractCall, Node
from lockstep.domain.collateral.register import (
    NO_PLEDGE,
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
from lockstep.domain.collateral.register_events import OverCommitment, RegisterEvent
from lockstep.domain.errors import ContractRefused, InvalidInput, LockstepError, Misconfigured, Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Proof
from lockstep.signing import agreement_id as id_of_agreement

__all__ = ["EvmCollateralLedger"]

_CONTRACT = "CollateralRegister"
OPEN_GAS = 600_000
"""An agreement's five slots, and two signatures of ERC-1271 wallets."""
ACT_GAS = 1_000_000
"""Of each act of a run: a wallet's answer, a token's lane, and a cover that is added up over 32 securities."""
PROOF_GAS = 500_000
"""Eight signatures, and what is written; besides the prices of a valuation."""
PRICE_GAS = 30_000
SALE_GAS = 900_000


class EvmCollateralLedger:
    """One network's collateral register through one node. Without a sender it can only look."""

    def __init__(
        self,
        node: Node,
        register: Register,
        sender: Sending | None = None,
        *,
        first_block: int = 0,
        on_over_commitment: Callable[[OverCommitment], None] = lambda _: None,
    ) -> None:
        """`first_block`: the register has no event below it. `on_over_commitment` hears of every refusal of `run` and
        `why_not` that says that units were not there to commit; the same attempt, tried again, has the same name.

        Raises Misconfigured for a node of another chain.
        """
        if node.chain_id() != register.chain_id:
            raise Misconfigured(f"the node is on chain {node.chain_id()}, configured is {register.chain_id}")
        self._node, self._register, self._sender = node, register, sender
        self._events = RegisterEvents(
            node, register.address, finality_depth=register.finality_depth, first_block=first_block
        )
        self._told = on_over_commitment
        self._registry = ""
        """Of the participants: it is the register's for good."""

    @property
    def register(self) -> Register:
        return self._register

    # --- looking

    def head_block(self) -> int:
        return self._node.head().number

    def final_block(self) -> int:
        return max(0, self.head_block() - self._register.finality_depth)

    def time_of(self, block: int | None = None) -> int:
        return self._node.block("latest" if block is None else block).timestamp

    def agreement(self, agreement_id: AgreementId, at: int | None = None) -> Agreement | None:
        (words,) = self._read("agreementOf", bytes.fromhex(agreement_id), block=at)
        return agreement_of(words) if int(words[0], 16) else None

    def state(self, agreement_id: AgreementId, at: int | None = None) -> State:
        (words,) = self._read("stateOf", bytes.fromhex(agreement_id), block=at)
        exposure, required, credit, valued_at, enforce_from, selling = words
        return State(
            exposure=exposure,
            required=required,
            credit=credit,
            valued_at=valued_at,
            enforce_from=enforce_from,
            selling=selling,
        )

    def positions(self, agreement_id: AgreementId, at: int | None = None) -> Sequence[Position]:
        at = self.head_block() if at is None else at  # two questions, about one moment
        (tokens,) = self._read("tokensOf", bytes.fromhex(agreement_id), block=at)
        answers = self._read_all("positionOf", [(bytes.fromhex(agreement_id), token) for token in tokens], at)
        return [
            Position(token=checksummed(token), held=held, price=price, haircut=haircut, priced_at=priced_at)
            for token, (held, price, haircut, priced_at) in zip(tokens, answers, strict=True)
        ]

    def cover(self, agreement_id: AgreementId, at: int | None = None) -> int:
        (sum_,) = self._read("coverOf", bytes.fromhex(agreement_id), block=at)
        return int(sum_)

    def pledge(self, pledge_id: PledgeId, at: int | None = None) -> Pledge | None:
        return self.pledges([pledge_id], at).get(pledge_id)

    def pledges(self, pledge_ids: Collection[PledgeId], at: int | None = None) -> Mapping[PledgeId, Pledge]:
        asked = list(dict.fromkeys(pledge_ids))
        answers = self._read_all("pledgeOf", [(bytes.fromhex(one),) for one in asked], at)
        return {one: _pledge(words) for one, (words,) in zip(asked, answers, strict=True) if any(words[0])}

    def sale(self, settlement_id: SettlementId, at: int | None = None) -> Sale | None:
        (words,) = self._read("saleOf", bytes.fromhex(settlement_id), block=at)
        pledge_id, quantity, price, floor, nonce, is_open, counted = words
        if not any(pledge_id):
            return None
        return Sale(
            settlement_id=settlement_id,
            pledge_id=PledgeId(pledge_id.hex()),
            quantity=quantity,
            price=price,
            floor=floor,
            nonce=nonce,
            open=is_open,
            counted=counted,
        )

    def income_owed(self, pledge_id: PledgeId, at: int | None = None) -> int:
        return int(self._read("incomeOwedOf", bytes.fromhex(pledge_id), block=at)[0])

    def long_stop_from(self, pledge_id: PledgeId, at: int | None = None) -> int:
        return int(self._read("longStopFrom", bytes.fromhex(pledge_id), block=at)[0])

    def is_nonce_used(self, party: str, nonce: int, at: int | None = None) -> bool:
        return bool(self._read("isNonceUsed", party, nonce, block=at)[0])

    def lines(self, wallets: Collection[str], at: int | None = None) -> Mapping[str, Sequence[str]]:
        block = self.head_block() if at is None else at
        if not self._registry:
            (address,) = self._read("registry", block=None)
            self._registry = checksummed(address)
        return lines_at(self._node, self._registry, list(wallets), block)

    def _read(self, name: str, *arguments: object, block: int | None) -> Any:
        return read(self._node, _CONTRACT, self._register.address, name, *arguments, block=block)

    def _read_all(self, name: str, arguments: Sequence[tuple[object, ...]], block: int | None) -> list[Any]:
        """The same view of many, in one request; all of one block."""
        address = self._register.address
        if not arguments:
            return []
        block = self.head_block() if block is None else block
        calls = [ContractCall(to=address, data=call_data(_CONTRACT, name, *one)) for one in arguments]
        found = []
        for answer in self._node.calls(calls, block):
            if isinstance(answer, LockstepError):
                raise answer
            if not answer:
                raise Misconfigured(f"no {_CONTRACT} answers at {address}")
            found.append(decode(outputs_of(_CONTRACT, name), answer))
        return found

    # --- events

    def events(self, first: int = 0, last: int | None = None) -> Sequence[RegisterEvent]:
        return self._events.read(first, last)

    def events_of(self, agreement_id: AgreementId, last: int | None = None) -> Sequence[RegisterEvent]:
        return self._events.under(agreement_id, last)

    def events_of_pledge(self, pledge_id: PledgeId, last: int | None = None) -> Sequence[RegisterEvent]:
        return self._events.about(pledge_id, last)

    # --- acting

    def open(self, agreement: Agreement, giver: bytes, taker: bytes) -> None:
        identifier = id_of_agreement(agreement, self._register)
        data = call_data(_CONTRACT, "open", _agreement_words(agreement), giver, taker)
        try:
            self._send(f"collateral/open/{identifier}", data, OPEN_GAS)
        except ContractRefused as error:
            if error.name != "AgreementExists":  # its id is its content: whoever sent it, it is there
                raise

    def amend(self, agreement_id: AgreementId, following: Agreement, by: int, giver: bytes, taker: bytes) -> None:
        words = _agreement_words(following)
        data = call_data(_CONTRACT, "amend", bytes.fromhex(agreement_id), words, by, giver, taker)
        self._send(_named("amend", data), data, OPEN_GAS)

    def run(self, acts: Sequence[Act]) -> None:
        data = _run_data(acts)
        try:
            self._send(_named("run", data), data, _run_gas(acts))
        except ContractRefused as error:
            self._tell(acts, data, error)
            raise

    def why_not(self, acts: Sequence[Act]) -> ContractRefused | None:
        data = _run_data(acts)
        try:
            self._node.call(self._register.address, data, gas=_run_gas(acts))
        except ContractRefused as error:
            self._tell(acts, data, error)
            return error
        return None

    def value(self, valuation: Valuation, proof: Proof) -> None:
        one = valuation
        prices = [(each.token, each.price, each.haircut) for each in one.prices]
        words = (bytes.fromhex(one.agreement_id), one.exposure, one.required, one.as_of, prices)
        data = call_data(_CONTRACT, "value", words, packed(proof))
        try:
            self._send(_named("value", data), data, PROOF_GAS + PRICE_GAS * len(prices))
        except ContractRefused as error:
            if error.name != "BadAsOf" or not self._is_latest(one):
                raise

    def _is_latest(self, one: Valuation) -> bool:
        """Whether the register has this valuation, by all its figures, and none after it."""
        at, agreement = self.head_block(), bytes.fromhex(one.agreement_id)
        state = self.state(one.agreement_id, at)
        if (state.valued_at, state.exposure, state.required) != (one.as_of, one.exposure, one.required):
            return False
        last = {each.token: each for each in one.prices}  # of a security that is named twice the last price counts
        found = self._read_all("positionOf", [(agreement, token) for token in last], at)
        return all(
            (price, haircut, priced_at) == (each.price, each.haircut, one.as_of)
            for each, (_, price, haircut, priced_at) in zip(last.values(), found, strict=True)
        )

    def record_cash(self, cash: CashPayment, proof: Proof) -> None:
        ids = (cash.agreement_id, cash.call_id, cash.pledge_id)
        words = (*map(bytes.fromhex, ids), cash.amount, cash.epoch)
        data = call_data(_CONTRACT, "recordCash", words, packed(proof))
        self._send(_named("cash", data), data, PROOF_GAS)

    def record_income(self, income: Income, proof: Proof) -> None:
        ids = (income.pledge_id, income.income_id)
        words = (*map(bytes.fromhex, ids), income.record_date, income.entitled, income.owed)
        data = call_data(_CONTRACT, "recordIncome", words, packed(proof))
        self._send(_named("income", data), data, PROOF_GAS)

    def end_sale(self, settlement_id: SettlementId) -> None:
        data = call_data(_CONTRACT, "endSale", bytes.fromhex(settlement_id))
        try:
            self._send(f"collateral/end-sale/{settlement_id}", data, SALE_GAS)
        except ContractRefused as error:
            if error.name != "UnknownSale":
                raise
            sale = self.sale(settlement_id)
            if sale is None or sale.open:
                raise

    def _send(self, key: str, data: bytes, gas: int) -> None:
        if self._sender is None:
            raise Refused("ReadOnly", {"call": key})
        self._sender.ensure(key, self._register.address, data, gas)

    # --- attempts

    def _tell(self, acts: Sequence[Act], data: bytes, error: ContractRefused) -> None:
        for one in self._over_commitments(acts, _named("run", data), error):
            self._told(one)

    def _over_commitments(self, acts: Sequence[Act], name: str, error: ContractRefused) -> Iterator[OverCommitment]:
        """Of a refusal that says so: units not free to be pledged, or not there to be pledged on."""
        details = error.details
        if error.name == "InsufficientFreeUnits":
            party, actual, needed = str(details["holder"]), details["free"], details["needed"]
            token = next((one for one in map(_pledged_token, acts) if one), "")
        elif error.name == "ReuseExceeded":
            pledge_id = PledgeId(str(details["pledgeId"]).removeprefix("0x"))
            wanted = selector(_CONTRACT, "repledge") + bytes.fromhex(pledge_id)
            tried = next((one for one in acts if one.call.startswith(wanted)), None)
            if tried is None:  # a release of what was pledged on commits nothing
                return
            pledge = self.pledge(pledge_id)
            party, token = tried.party, pledge.token if pledge else ""
            actual, needed = details["limit"], details["reused"]
        else:
            return
        yield OverCommitment(
            attempt=name,
            party=party,
            token=token,
            name=error.name,
            actual=int(str(actual)),
            needed=int(str(needed)),
            block=self.head_block(),
        )


def _pledged_token(act: Act) -> str:
    """The security that an act would pledge of its party's own, or empty."""
    for name, place in (("pledge", 1), ("substitute", 2)):
        if act.call.startswith(selector(_CONTRACT, name)):
            word = act.call[4 + 32 * place : 36 + 32 * place]
            return checksummed("0x" + word[12:].hex())
    return ""


def _named(kind: str, data: bytes) -> str:
    """What is sent, by its content: the same call is the same transaction."""
    return f"collateral/{kind}/{sha256(data).hexdigest()}"


def _run_data(acts: Sequence[Act]) -> bytes:
    if not acts:
        raise InvalidInput("acts", 0, "at least one")
    words = [(one.party, one.call, one.nonce, one.by, bytes.fromhex(one.together), one.signature) for one in acts]
    return call_data(_CONTRACT, "run", words)


def _run_gas(acts: Sequence[Act]) -> int:
    gas = 21_000 + sum(ACT_GAS + 40 * (len(one.call) + len(one.signature) + 192) for one in acts)
    return min(gas, MOST_GAS)


def _agreement_words(one: Agreement) -> tuple[object, ...]:
    """ICollateral.Agreement."""
    return (
        one.giver,
        int(one.mode),
        one.currency.encode("latin-1"),
        one.reuse_cap,
        one.max_depth,
        one.appropriation,
        one.substitution,
        one.taker,
        one.notice_seconds,
        one.cure_seconds,
        one.max_age_seconds,
        bytes.fromhex(one.valuers),
        one.until,
        one.sale_floor,
        one.salt,
    )


def _pledge(words: Sequence[Any]) -> Pledge:
    agreement, parent, token, quantity, depth, max_depth, holder, reused, cap, owed, recalled, until, selling = words
    return Pledge(
        agreement_id=AgreementId(agreement.hex()),
        parent=PledgeId(parent.hex()) if any(parent) else NO_PLEDGE,
        token=checksummed(token),
        quantity=quantity,
        depth=depth,
        max_depth=max_depth,
        holder=checksummed(holder),
        reused=reused,
        reuse_cap=cap,
        owed=owed,
        recalled=recalled,
        until=until,
        selling=selling,
    )
