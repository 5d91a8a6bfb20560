"""What the parties said: terms, instructions, the order that both wallets signed, and what the agents signed of it."""

from collections.abc import Sequence

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import Instruction, Side
from lockstep.domain.order import ALONE, Attestation, Order, OutcomeResult
from lockstep.domain.trade import TradeTerms
from lockstep.evidence.links import BrokenLink, Link
from lockstep.evidence.pack import Pack, TermsPart
from lockstep.evidence.trust import Trust, TrustedParty
from lockstep.iso20022 import read
from lockstep.signing import recover, settlement_id, verify

__all__ = ["judge_agents", "judge_consent", "judge_instructions", "judge_order", "judge_terms"]


def judge_terms(pack: Pack) -> TradeTerms:
    """The terms whose hash is the trade's id. Raises BrokenLink."""
    try:
        terms = pack.terms.value()
    except (InvalidInput, ValueError) as error:
        raise BrokenLink(Link.TERMS, str(error)) from error
    if TermsPart.of(terms) != pack.terms:
        raise BrokenLink(Link.TERMS, f"they are not written as messages write them: {TermsPart.of(terms)}")
    if terms.trade_id != pack.trade_id:
        raise BrokenLink(Link.TERMS, f"their hash is {terms.trade_id}, the pack says trade {pack.trade_id}")
    return terms


def judge_instructions(pack: Pack, terms: TradeTerms, trust: Trust) -> Sequence[tuple[str, str, Instruction]]:
    """Sender, message id and content of each sese.023 that the pack has; each is by its party and says the terms."""
    found: list[tuple[str, str, Instruction]] = []
    for data in pack.instructions:
        try:
            message = read(data)
        except InvalidInput as error:
            raise BrokenLink(Link.INSTRUCTION, str(error)) from error
        said = message.body
        if not isinstance(said, Instruction):
            raise BrokenLink(Link.INSTRUCTION, f"{message.message_id} is a {type(said).__name__}, no instruction")
        if message.sender != said.owner.bic or message.receiver != trust.service:
            route = f"from {message.sender} to {message.receiver}"
            raise BrokenLink(
                Link.INSTRUCTION, f"{message.message_id} went {route}, not from {said.owner.bic} to {trust.service}"
            )
        for party in (said.owner, said.counterparty):
            if _party(trust, party.lei, Link.INSTRUCTION).bic != party.bic:
                raise BrokenLink(Link.INSTRUCTION, f"{party.bic} is not the BIC that you trust for LEI {party.lei}")
        _compare(message.message_id, said, terms)
        found.append((message.sender, message.message_id, said))
    sides = [said.side for _, _, said in found]
    if sides != [one for one in (Side.DELIVER, Side.RECEIVE) if one in sides]:
        raise BrokenLink(Link.INSTRUCTION, "not one of the deliverer, then one of the receiver")
    if len({(said.trade_date, said.quantity_type) for _, _, said in found}) > 1:
        raise BrokenLink(Link.INSTRUCTION, "they name two trade dates, or two ways to count: they never matched")
    return found


def _compare(name: str, said: Instruction, terms: TradeTerms) -> None:
    """Whether an instruction says the terms. What the receiver would pay may differ: the deliverer's amount settles."""
    delivers = said.side is Side.DELIVER
    compared: dict[str, tuple[object, object]] = {
        "deliverer": (said.deliverer.lei, terms.deliverer),
        "receiver": (said.receiver.lei, terms.receiver),
        "reference": (said.reference, terms.deliverer_reference if delivers else terms.receiver_reference),
        "ISIN": (said.isin, terms.isin),
        "quantity": (said.quantity, terms.quantity),
        "settlement date": (said.settlement_date, terms.settlement_date),
        "currency": (said.cash.currency, terms.cash.currency),
    }
    if delivers:
        compared["cash"] = (said.cash, terms.cash)
    for field, (actual, expected) in compared.items():
        if actual != expected:
            raise BrokenLink(Link.INSTRUCTION, f"{name} says {field} {actual}, the terms say {expected}")


def judge_order(pack: Pack, terms: TradeTerms, trust: Trust) -> tuple[Order, SettlementId]:
    """The order, if it says the terms, and its digest, if it is the settlement's id."""
    order, network = pack.order.value(), trust.market_network()
    security = trust.security(terms.isin)
    if security is None:
        raise BrokenLink(Link.ORDER, f"you trust no token for ISIN {terms.isin}")
    movement, stated = order.movement, order.terms
    try:
        units = terms.quantity.units(security.decimals)
        digest = settlement_id(order, network)
    except (InvalidInput, ValueError) as error:
        raise BrokenLink(Link.ORDER, str(error)) from error
    compared: dict[str, tuple[object, object]] = {
        "trade": (stated.trade_id, terms.trade_id),
        "token": (movement.token, security.token),
        "quantity": (movement.quantity, units),
        "part": (stated.part, 0),
        "minimum lot": (stated.minimum_lot, 0),
        "group": (stated.group, ALONE),
    }
    for field, (actual, expected) in compared.items():
        if actual != expected:
            raise BrokenLink(Link.ORDER, f"it says {field} {actual}, expected is {expected}")
    if stated.lock_by > stated.pay_by:
        raise BrokenLink(Link.ORDER, f"it may be locked until {stated.lock_by}, after it was to be paid")
    if digest != pack.settlement_id:
        raise BrokenLink(Link.ORDER, f"its digest is {digest}, the pack says settlement {pack.settlement_id}")
    return order, digest


def judge_consent(pack: Pack, terms: TradeTerms, order: Order, settlement: SettlementId, trust: Trust) -> None:
    """Whether both parties' wallets signed the order."""
    movement = order.movement
    for role, lei, wallet, signature in (
        ("seller", terms.deliverer, movement.seller, pack.order.seller_signature),
        ("buyer", terms.receiver, movement.buyer, pack.order.buyer_signature),
    ):
        trusted = _party(trust, lei, Link.CONSENT).wallet
        if wallet != trusted:
            raise BrokenLink(Link.CONSENT, f"the {role}'s wallet is {wallet}, you trust {trusted} for LEI {lei}")
        try:
            signer = recover(bytes.fromhex(settlement), signature)
        except InvalidInput as error:
            raise BrokenLink(Link.CONSENT, f"the {role}'s: {error}") from error
        if signer != wallet:
            raise BrokenLink(Link.CONSENT, f"the {role}'s signature is by {signer}, not by {wallet}")


def judge_agents(pack: Pack, order: Order, settlement: SettlementId, trust: Trust) -> OutcomeResult:
    """The outcome, if a quorum of the epoch that the order names signed it."""
    network = trust.market_network()
    epoch = trust.epoch(order.movement.epoch)
    if epoch is None:
        raise BrokenLink(Link.ATTESTATION, f"you trust no agents of epoch {order.movement.epoch}")
    if pack.outcome not in OutcomeResult.__members__:
        raise BrokenLink(Link.ATTESTATION, f"{pack.outcome!r} is no outcome: PAID or NEVER")
    result = OutcomeResult[pack.outcome]
    agents = [one.agent for one in pack.attestations]
    if agents != [one for one in epoch.agents if one in agents]:
        raise BrokenLink(Link.ATTESTATION, f"{', '.join(agents)} are not agents of epoch {epoch.number} in their order")
    for one in pack.attestations:
        signed = Attestation(
            settlement_id=settlement, result=result, epoch=epoch.number, agent=one.agent, signature=one.signature
        )
        try:
            verify(signed, epoch, network)
        except Refused as error:
            raise BrokenLink(Link.ATTESTATION, str(error)) from error
    if len(agents) < epoch.quorum:
        raise BrokenLink(Link.QUORUM, f"{len(agents)} agents signed, {epoch.quorum} are needed")
    return result


def _party(trust: Trust, lei: str, link: Link) -> TrustedParty:
    found = trust.party(lei)
    if found is None:
        raise BrokenLink(link, f"you trust no party with LEI {lei}")
    return found
