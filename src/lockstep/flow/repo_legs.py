"""What a repo's legs and acts are called and say: all of it follows from the record, so that again it is the same."""

import hashlib

from lockstep.domain.identifiers import derive_message_id
from lockstep.domain.instruction import CancellationRequest, Instruction, Party, Side
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.money import Quantity
from lockstep.domain.repo.life import Leg, LegKind, Repo
from lockstep.domain.repo.terms import RepoId

__all__ = ["act_nonce", "cancellation_message", "leg_instruction", "leg_message", "lot_salt", "told"]


def leg_instruction(repo: Repo, leg: Leg, side: Side, market: Market) -> Instruction:
    """What one party instructs for a leg. The seller delivers to open, the buyer to close and to return part."""
    opens = leg.kind is LegKind.OPENING
    seller, buyer = repo.terms.seller, repo.terms.buyer
    security = market.security(repo.lot(leg.lot).isin)
    return Instruction(
        reference=leg.reference,
        side=side,
        deliverer=seller if opens else buyer,
        receiver=buyer if opens else seller,
        isin=security.isin,
        quantity=Quantity.of_units(leg.units, security.decimals),
        quantity_type=security.quantity_type,
        cash=leg.cash,
        trade_date=min(leg.decided_at.date(), leg.settlement_date),
        settlement_date=leg.settlement_date,
        counterparty_reference=leg.reference,
    )


def leg_message(repo: Repo, leg: Leg, side: Side, market: Market) -> Message[Instruction]:
    """The same as a message (sese.023), the same at each call."""
    body = leg_instruction(repo, leg, side, market)
    sender = body.owner.bic
    return Message(
        sender=sender,
        receiver=market.service,
        message_id=derive_message_id(sender, leg.reference, "sese.023"),
        created=leg.decided_at,
        body=body,
    )


def cancellation_message(repo: Repo, leg: Leg, side: Side, market: Market) -> Message[CancellationRequest]:
    """What takes one party's instruction back, while it waits (sese.020)."""
    owner = leg_instruction(repo, leg, side, market).owner
    return Message(
        sender=owner.bic,
        receiver=market.service,
        message_id=derive_message_id(owner.bic, leg.reference, "sese.020"),
        created=leg.decided_at,
        body=CancellationRequest(reference=leg.reference, side=side, owner=Party(lei=owner.lei, bic=owner.bic)),
    )


def act_nonce(repo_id: RepoId, subject: str, by: int) -> int:
    """The number of a party's act, 256 bits: of the same subject and last second always the same."""
    return int.from_bytes(hashlib.sha256(f"lockstep/repo act/{repo_id}/{subject}/{by}".encode()).digest())


def lot_salt(repo_id: RepoId, number: int) -> str:
    """The salt of a lot that comes in free of payment, 64 hex digits."""
    return hashlib.sha256(f"lockstep/repo lot/{repo_id}/{number}".encode()).hexdigest()


def told(instruction: Instruction) -> str:
    """An instruction in a line, for people."""
    said = instruction
    parties = f"{said.deliverer.bic} to {said.receiver.bic}"
    return f"{parties}: {said.quantity.text()} {said.isin} for {said.cash} on {said.settlement_date}"
