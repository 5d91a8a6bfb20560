"""The collateral register's events, from a node's logs to `domain.collateral.register_events`.

What is well below the final block is kept in memory, so that asking again costs the last blocks alone; it is thrown
away where the chain is another one there. Of a node behind a load balancer the last blocks' logs may lag, so those are
always read again.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from web3.exceptions import Web3RPCError

from lockstep.chain.artifacts import artifact
from lockstep.chain.decoding import checksummed
from lockstep.chain.node import Node
from lockstep.domain.collateral import register_events as said
from lockstep.domain.collateral.register import Agreement, AgreementId, AgreementMode, PledgeId, PricedToken
from lockstep.domain.collateral.register_events import RegisterEvent, Said
from lockstep.domain.errors import Contradiction, Unavailable
from lockstep.domain.identifiers import SettlementId

__all__ = ["RegisterEvents", "agreement_of"]

OVERLAP = 16
"""Blocks below the final one that are read again: more than nodes of one provider are behind each other."""

_Values = Mapping[str, Any]


def agreement_of(words: Sequence[Any]) -> Agreement:
    """Of the struct as the ABI's codec reads it."""
    giver, mode, currency, cap, depth, appropriation, substitution, taker, notice, cure, age, valuers, *rest = words
    until, floor, salt = rest
    return Agreement(
        giver=checksummed(giver),
        taker=checksummed(taker),
        mode=AgreementMode(mode),
        currency=currency.decode("latin-1"),
        valuers=valuers.hex(),
        until=until,
        max_age_seconds=age,
        reuse_cap=cap,
        max_depth=depth,
        appropriation=appropriation,
        substitution=substitution,
        notice_seconds=notice,
        cure_seconds=cure,
        sale_floor=floor,
        salt=salt,
    )


def _agreement(given: _Values) -> AgreementId:
    return AgreementId(given["agreementId"].hex())


def _pledge(given: _Values) -> PledgeId:
    return PledgeId(given["pledgeId"].hex())


def _settlement(given: _Values) -> SettlementId:
    return SettlementId(given["settlementId"].hex())


_MADE: Mapping[str, Callable[[_Values], Said]] = {
    "Agreed": lambda one: said.Agreed(agreement_id=_agreement(one), agreement=agreement_of(one["agreement"])),
    "Pledged": lambda one: said.Pledged(
        pledge_id=_pledge(one),
        agreement_id=_agreement(one),
        parent=PledgeId(one["parent"].hex()),
        token=checksummed(one["token"]),
        quantity=one["quantity"],
        depth=one["depth"],
        until=one["until"],
    ),
    "TitleTransferred": lambda one: said.TitleTransferred(
        pledge_id=_pledge(one),
        agreement_id=_agreement(one),
        token=checksummed(one["token"]),
        quantity=one["quantity"],
        settlement_id=_settlement(one),
    ),
    "Released": lambda one: said.Released(pledge_id=_pledge(one), quantity=one["quantity"]),
    "Recalled": lambda one: said.Recalled(pledge_id=_pledge(one), quantity=one["quantity"], by=one["by"]),
    "Valued": lambda one: said.Valued(
        agreement_id=_agreement(one),
        exposure=one["exposure"],
        required=one["required"],
        as_of=one["asOf"],
        prices=tuple(
            PricedToken(token=checksummed(token), price=price, haircut=haircut)
            for token, price, haircut in one["prices"]
        ),
    ),
    "CashRecorded": lambda one: said.CashRecorded(
        agreement_id=_agreement(one), call_id=one["callId"].hex(), amount=one["amount"], credit=one["credit"]
    ),
    "DefaultDeclared": lambda one: said.DefaultDeclared(agreement_id=_agreement(one), enforce_from=one["from"]),
    "DefaultEnded": lambda one: said.DefaultEnded(agreement_id=_agreement(one), by=checksummed(one["by"])),
    "Appropriated": lambda one: said.Appropriated(pledge_id=_pledge(one), quantity=one["quantity"], value=one["value"]),
    "SaleStarted": lambda one: said.SaleStarted(
        pledge_id=_pledge(one), settlement_id=_settlement(one), quantity=one["quantity"], price=one["price"]
    ),
    "SaleEnded": lambda one: said.SaleEnded(
        pledge_id=_pledge(one), settlement_id=_settlement(one), settled=one["settled"]
    ),
    "IncomeRecorded": lambda one: said.IncomeRecorded(
        pledge_id=_pledge(one),
        income_id=one["incomeId"].hex(),
        record_date=one["recordDate"],
        entitled=one["entitled"],
        owed=one["owed"],
    ),
    "IncomePaid": lambda one: said.IncomePaid(pledge_id=_pledge(one), amount=one["amount"], left=one["left"]),
    "SetOff": lambda one: said.SetOff(pledge_id=_pledge(one), quantity=one["quantity"], value=one["value"]),
    "EquivalentOwed": lambda one: said.EquivalentOwed(pledge_id=_pledge(one), quantity=one["quantity"]),
    "Returned": lambda one: said.Returned(
        pledge_id=_pledge(one), quantity=one["quantity"], settlement_id=_settlement(one)
    ),
    "LongStopProposed": lambda one: said.LongStopProposed(pledge_id=_pledge(one), confirm_from=one["from"]),
    "NonceUsed": lambda one: said.NonceUsed(party=checksummed(one["party"]), nonce=one["nonce"]),
}


@cache
def _entries() -> Mapping[bytes, Any]:
    """The ABI's events by topic, without DvP's and the token's, which the register's ABI may name too."""
    found = {}
    for entry in artifact("CollateralRegister").abi:
        if entry["type"] == "event" and entry["name"] in _MADE:
            types = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
            found[keccak(text=f"{entry['name']}({types})")] = entry
    return found


def event_of(log: Mapping[str, Any], address: str) -> RegisterEvent:
    """One log of `Node.logs`. Raises Contradiction for one that the register's code cannot have made."""
    try:
        entry = _entries()[bytes(log["topics"][0])]
        indexed = [item for item in entry["inputs"] if item["indexed"]]
        plain = [item for item in entry["inputs"] if not item["indexed"]]
        values: dict[str, Any] = {}
        for item, topic in zip(indexed, log["topics"][1:], strict=True):
            (values[item["name"]],) = decode([item["type"]], bytes(topic))
        told = decode([collapse_if_tuple(item) for item in plain], bytes(log["data"]))
        values |= {item["name"]: value for item, value in zip(plain, told, strict=True)}
        content = _MADE[entry["name"]](values)
    except (KeyError, IndexError, ValueError, DecodingError) as error:
        raise Contradiction(f"{address} has an event that no CollateralRegister makes: {error!r}") from error
    return RegisterEvent(
        block=int(log["blockNumber"]),
        place=int(log["logIndex"]),
        transaction="0x" + bytes(log["transactionHash"]).hex(),
        said=content,
    )


class RegisterEvents:
    """One register's events through one node. Raises Unavailable, Contradiction."""

    def __init__(self, node: Node, address: str, *, finality_depth: int, first_block: int = 0) -> None:
        """`first_block`: none is below it."""
        self._node, self._address, self._depth, self._begin = node, address, finality_depth, first_block
        self._forget()

    def _forget(self) -> None:
        self._kept: list[RegisterEvent] = []
        self._kept_to, self._hash = self._begin - 1, ""

    def read(self, first: int, last: int | None) -> list[RegisterEvent]:
        """All of blocks `first` through `last`, or the head, in the chain's order."""
        head = self._node.head()
        last = head.number if last is None else min(last, head.number)
        if self._hash and (self._kept_to > head.number or self._node.block(self._kept_to).hash != self._hash):
            self._forget()
        settled = head.number - self._depth - OVERLAP
        if settled > self._kept_to:
            fresh = self._asked([], self._kept_to + 1, settled)
            hash_ = self._node.block(settled).hash
            self._kept += fresh
            self._kept_to, self._hash = settled, hash_
        found = [one for one in self._kept if first <= one.block <= last]
        begin = max(first, self._kept_to + 1)
        return found + (self._asked([], begin, last) if begin <= last else [])

    def about(self, identifier: str, last: int | None) -> list[RegisterEvent]:
        """Those whose first indexed value is this id, 64 hex digits, of all blocks through `last`."""
        return self._second(identifier, 1, last)

    def under(self, agreement_id: AgreementId, last: int | None) -> list[RegisterEvent]:
        """Those that name an agreement first, or second: pledges and transfers of title."""
        found = self._second(agreement_id, 1, last) + self._second(agreement_id, 2, last)
        of_it = [one for one in found if getattr(one.said, "agreement_id", None) == agreement_id]
        return sorted(of_it, key=lambda one: (one.block, one.place))

    def _second(self, identifier: str, place: int, last: int | None) -> list[RegisterEvent]:
        head = self._node.head().number
        last = head if last is None else min(last, head)
        if last < self._begin:
            return []
        between: list[Any] = [None] * (place - 1)
        return self._asked([*between, "0x" + identifier], self._begin, last)

    def _asked(self, more: Sequence[Any], first: int, last: int) -> list[RegisterEvent]:
        """In halves where the node refuses a range as too large."""
        topics = [["0x" + topic.hex() for topic in _entries()], *more]
        try:
            logs = self._node.logs(self._address, topics, first, last)
        except Unavailable as error:
            if first == last or not isinstance(error.__cause__, Web3RPCError):
                raise
            middle = (first + last) // 2
            return self._asked(more, first, middle) + self._asked(more, middle + 1, last)
        return [event_of(one, self._address) for one in logs]
