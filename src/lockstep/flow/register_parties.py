"""Who stands behind the wallets of an agreement, once the registry of participants has named heirs of lost ones.

An agreement keeps its parties' wallets for good; the register follows their heirs, and so does whoever compares.
"""

from lockstep.domain.collateral.register import Agreement
from lockstep.domain.market import Market, Participant
from lockstep.domain.values import replace
from lockstep.ports import CollateralLedger

__all__ = ["as_acting", "heir_of", "owner_of"]


def heir_of(ledger: CollateralLedger, wallet: str, at: int) -> str:
    """Who acts for a wallet by that block: itself, where it has no heir. Raises Unavailable."""
    return ledger.lines([wallet], at)[wallet][-1]


def as_acting(ledger: CollateralLedger, terms: Agreement, at: int) -> Agreement:
    """Terms with those for parties who act for them by that block. Raises Unavailable."""
    lines = ledger.lines([terms.giver, terms.taker], at)
    return replace(terms, giver=lines[terms.giver][-1], taker=lines[terms.taker][-1])


def owner_of(ledger: CollateralLedger, market: Market, wallet: str, at: int) -> Participant | None:
    """The participant whose wallet it is, or has become by that block, whichever of a line the market names.

    None for nobody's wallet, and where several would be meant. Raises Unavailable.
    """
    members = list(market.participants.values())
    found = [one for one in members if one.wallet == wallet]
    if not found:
        lines = ledger.lines({wallet, *(one.wallet for one in members)}, at)
        found = [one for one in members if lines[one.wallet][-1] == lines[wallet][-1]]
    return found[0] if len(found) == 1 else None
