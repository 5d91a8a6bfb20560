"""What valuers sign, and how their signatures reach the register.

Each valuer works the figures out by itself, from its own prices and exposures and from the chain as it was at the
second that they are true of: two who have the same figures sign the same 32 bytes, whenever they do it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lockstep.domain.collateral.register import Agreement, AgreementId, PricedToken, Register, Valuation
from lockstep.domain.errors import InvalidInput, LeaseLost, LockstepError, Refused
from lockstep.domain.margin import CsaTerms, margin_due
from lockstep.domain.margin_payment import ValuationAttestation
from lockstep.domain.order import Epoch
from lockstep.domain.rounding import PARTS, divide_down
from lockstep.flow.margin_figures import required_by
from lockstep.ports import CollateralLedger, ValuationBoard
from lockstep.signing import Key, build_quorum_proof, recover, valuation_digest, valuers_hash

__all__ = ["Exposure", "block_at", "present_valuations", "sign_valuation", "valued"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What a valuer knows of one agreement at a second, besides prices."""

    agreement_id: AgreementId
    exposure: int
    """The taker's, net, in minor units of the agreement's currency; below zero if it owes."""
    terms: CsaTerms
    haircuts: Mapping[str, int]
    """Parts of a million, by token; what is not named is no collateral here."""
    valuers: Epoch
    as_of: int


def block_at(ledger: CollateralLedger, second: int) -> int:
    """The last block that is no later than a second. Raises Refused TooEarly until a final block is later."""
    low, high = 0, ledger.final_block()
    if ledger.time_of(high) <= second:
        raise Refused("TooEarly", {"actual": ledger.time_of(high), "expected": f"a final block later than {second}"})
    if ledger.time_of(low) > second:
        raise InvalidInput("as_of", second, "not before the chain's first block")
    while high - low > 1:
        middle = (low + high) // 2
        if ledger.time_of(middle) <= second:
            low = middle
        else:
            high = middle
    return low


def valued(ledger: CollateralLedger, exposure: Exposure, prices: Mapping[str, int]) -> Valuation:
    """The valuation of an agreement. `prices` are minor units of its currency for 1,000,000 base units, by token.

    Raises InvalidInput for a currency or valuers that are not the agreement's, or a security that lies there without a
    price; Refused for an agreement that was not open then, or figures that are too old; Unavailable.
    """
    block = block_at(ledger, exposure.as_of)
    terms = ledger.agreement(exposure.agreement_id, block)
    if terms is None:
        raise Refused("UnknownAgreement", {"agreement_id": exposure.agreement_id, "block": block})
    _require_of(terms, exposure)
    now = ledger.time_of()
    if now > exposure.as_of + terms.max_age_seconds:
        details = {"agreement_id": exposure.agreement_id, "actual": exposure.as_of}
        raise Refused("StaleValuation", {**details, "expected": f"at most {terms.max_age_seconds} s before {now}"})
    held = ledger.state(exposure.agreement_id, block).credit
    named = []
    for token, haircut in sorted(exposure.haircuts.items()):
        if token not in prices:
            raise InvalidInput("prices", token, "a price of every security that may be collateral")
        named.append(PricedToken(token=token, price=prices[token], haircut=haircut))
    for position in ledger.positions(exposure.agreement_id, block):
        haircut_of = exposure.haircuts.get(position.token)
        if haircut_of is not None:  # as the contract rounds: each security down
            held += divide_down(position.held * prices[position.token] * (PARTS - haircut_of), PARTS * PARTS)
    due = margin_due(exposure.terms, exposure.exposure, held)
    return Valuation(
        agreement_id=exposure.agreement_id,
        exposure=max(0, exposure.exposure),
        required=required_by(due),
        as_of=exposure.as_of,
        prices=tuple(named),
    )


def sign_valuation(ledger: CollateralLedger, valuation: Valuation, valuers: Epoch, key: Key) -> ValuationAttestation:
    """One valuer's word. Raises Refused NotAValuer for a key whose word does not count."""
    if key.address not in valuers.agents:
        raise Refused("NotAValuer", {"actual": key.address, "expected": ", ".join(valuers.agents)})
    signature = key.sign(valuation_digest(valuation, ledger.register))
    return ValuationAttestation(valuation=valuation, valuers=valuers, valuer=key.address, signature=signature)


def present_valuations(ledger: CollateralLedger, board: ValuationBoard) -> bool:
    """Hands the register the newest figures that a quorum signed, where it has older ones. True if any were sent.

    One agreement's trouble holds up no other's. Raises Unavailable where the ledger gives no answer at all.
    """
    now, sent = ledger.time_of(), False
    for agreement_id in board.agreements():
        terms = ledger.agreement(agreement_id)
        if terms is None:
            continue
        # What is older the register has, or would refuse.
        since = max(ledger.state(agreement_id).valued_at + 1, now - terms.max_age_seconds)
        is_genuine = partial(_is_genuine, terms, ledger.register)
        for valuation, valuers, signatures in _stories(board.valuations(agreement_id, since, now, is_genuine)):
            proof = build_quorum_proof(valuation_digest(valuation, ledger.register), signatures, valuers)
            if proof is None:
                continue
            try:
                ledger.value(valuation, proof)
                sent = True
            except LeaseLost:
                raise
            except LockstepError:  # another was quicker, or the node is slow, or objects: the next look tries again
                pass
            break
    return sent


def _is_genuine(terms: Agreement, register: Register, one: ValuationAttestation) -> bool:
    """Whether one of the agreement's valuers signed it."""
    if valuers_hash(one.valuers) != terms.valuers or one.valuer not in one.valuers.agents:
        return False
    try:
        return recover(valuation_digest(one.valuation, register), one.signature) == one.valuer
    except InvalidInput:
        return False


def _stories(left: Sequence[ValuationAttestation]) -> Sequence[tuple[Valuation, Epoch, Sequence[bytes]]]:
    """Each valuation that somebody signed, the newest first, with all signatures under it."""
    found: dict[Valuation, tuple[Epoch, list[bytes]]] = {}
    for one in left:
        found.setdefault(one.valuation, (one.valuers, []))[1].append(one.signature)
    newest = sorted(found, key=lambda valuation: -valuation.as_of)
    return [(valuation, *found[valuation]) for valuation in newest]


def _require_of(terms: Agreement, exposure: Exposure) -> None:
    if terms.currency != exposure.terms.currency:
        raise InvalidInput("currency", exposure.terms.currency, f"{terms.currency}, the agreement's")
    if valuers_hash(exposure.valuers) != terms.valuers:
        raise InvalidInput("valuers", ", ".join(exposure.valuers.agents), "the agreement's valuers and quorum")
