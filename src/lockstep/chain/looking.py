"""Many settlements looked at together: a few requests for any number of them, however many trades move."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from lockstep.chain.encoding import first_word, read_data, status_data
from lockstep.chain.events import checksummed
from lockstep.chain.node import ContractCall, Node
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.domain.order import AssetStatus, AssetView, Order
from lockstep.domain.trade import Reason

__all__ = ["free_nonces", "obstacles", "views"]

Value = TypeVar("Value")


def views(
    node: Node, network: Network, orders: Mapping[SettlementId, Order], head: int, last: Mapping[SettlementId, int]
) -> Mapping[SettlementId, AssetView]:
    """Where each stands, at the block `head` and the final one. Raises Unavailable: half a look is none.

    `last` is each one's last event's block, as of that head. Where that is final nothing changed since, so the state is
    asked for at the final block alone; unless it has nothing there, and so is not what the events tell.
    """
    final = node.block(max(0, head - network.finality_depth))
    quiet = {one: order for one, order in orders.items() if last.get(one, head + 1) <= final.number}
    at_final = _statuses(node, network, quiet, final.number)
    at_final = {one: status for one, status in at_final.items() if status is not AssetStatus.NONE}
    at_head = dict(at_final)
    asked = {one: order for one, order in orders.items() if one not in at_head}
    at_head |= _statuses(node, network, asked, head)
    # Where there is nothing at the head, there was nothing below: a status is never taken back.
    there = {one: order for one, order in asked.items() if at_head[one] is not AssetStatus.NONE}
    at_final |= _statuses(node, network, there, final.number)
    epoch = 0
    if len(at_final) < len(orders):
        epoch = _numbers(node, [ContractCall(to=network.dvp, data=read_data("DvP", "currentEpoch"))], final.number)[0]
    return {
        one: AssetView(
            head=at_head[one],
            final=at_final.get(one, AssetStatus.NONE),
            final_time=final.timestamp,
            epoch_over=one not in at_final and epoch > order.movement.epoch,
        )
        for one, order in orders.items()
    }


def _statuses(
    node: Node, network: Network, orders: Mapping[SettlementId, Order], block: int
) -> dict[SettlementId, AssetStatus]:
    calls = [ContractCall(to=network.dvp, data=status_data(one, order.movement)) for one, order in orders.items()]
    return dict(zip(orders, map(AssetStatus, _numbers(node, calls, block)), strict=True))


def obstacles(node: Node, orders: Sequence[Order]) -> Sequence[Reason | None]:
    """What would refuse each lock now: eligibility, or units, of which those before it have taken theirs."""
    tokens = _distinct(order.movement.token for order in orders)
    calls = [ContractCall(to=token, data=read_data("SecurityToken", "registry")) for token in tokens]
    registries = {
        token: checksummed(number.to_bytes(20)) for token, number in zip(tokens, _numbers(node, calls), strict=True)
    }
    parties = _distinct(
        (registries[one.token], wallet)
        for one in (order.movement for order in orders)
        for wallet in (one.seller, one.buyer)
    )
    sellers = _distinct((order.movement.token, order.movement.seller) for order in orders)
    asked = [
        ContractCall(to=registry, data=read_data("ParticipantRegistry", "isEligible", wallet))
        for registry, wallet in parties
    ]
    asked += [ContractCall(to=token, data=read_data("SecurityToken", "freeOf", seller)) for token, seller in sellers]
    answers = _numbers(node, asked)
    eligible = dict(zip(parties, answers, strict=False))
    free = dict(zip(sellers, answers[len(parties) :], strict=True))
    found: list[Reason | None] = []
    for order in orders:
        one = order.movement
        reason: Reason | None = None
        for role, wallet in (("seller", one.seller), ("buyer", one.buyer)):
            if reason is None and not eligible[registries[one.token], wallet]:
                text = f"the {role} is not eligible in the participant registry ({wallet})"
                reason = Reason(code="BLOC", text=text)
        left = free[one.token, one.seller]
        if reason is None and left < one.quantity:
            text = f"the seller is short of free units: {left} free, {one.quantity} needed"
            reason = Reason(code="LACK", text=text)
        if reason is None:
            free[one.token, one.seller] = left - one.quantity
        found.append(reason)
    return found


def free_nonces(node: Node, dvp: str, wanted: Mapping[str, tuple[int, int]]) -> Mapping[str, Sequence[int]]:
    """Of each seller the first order nonces that the chain has not seen: from which on, and how many, is given."""
    found: dict[str, list[int]] = {seller: [] for seller in wanted}
    begin = {seller: at_least for seller, (at_least, _) in wanted.items()}
    while short := [seller for seller, (_, count) in wanted.items() if len(found[seller]) < count]:
        some = [(one, nonce) for one in short for nonce in range(begin[one], begin[one] + wanted[one][1])]
        calls = [ContractCall(to=dvp, data=read_data("DvP", "statusOf", seller, nonce)) for seller, nonce in some]
        for (seller, nonce), status in zip(some, _numbers(node, calls), strict=True):
            if status == AssetStatus.NONE:
                found[seller].append(nonce)
        for one in short:
            begin[one] += wanted[one][1]
    return {seller: found[seller][:count] for seller, (_, count) in wanted.items()}


def _numbers(node: Node, calls: Sequence[ContractCall], block: int | None = None) -> list[int]:
    """The first word of each answer."""
    found = []
    for call, answer in zip(calls, node.words(calls, block) if calls else (), strict=True):
        if isinstance(answer, LockstepError):
            raise answer
        found.append(first_word(call.to, answer))
    return found


def _distinct(values: Iterable[Value]) -> list[Value]:
    return [*dict.fromkeys(values)]
