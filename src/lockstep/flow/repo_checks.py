"""What a repo is judged by outside its record: the market, its agreement, and what the register says is owed."""

from collections.abc import Mapping
from datetime import UTC, datetime

from lockstep.domain.collateral.register import AgreementMode, PledgeId
from lockstep.domain.collateral.register_events import Returned, TitleTransferred
from lockstep.domain.errors import InvalidInput, LockstepError, Refused
from lockstep.domain.market import Market
from lockstep.domain.repo.life import Repo, Transfer
from lockstep.domain.repo.terms import Lot, RepoTerms
from lockstep.flow.register_parties import as_acting, heir_of
from lockstep.ports import CollateralLedger

__all__ = ["check_lot", "check_terms", "owed", "recorded_title", "require_owed", "title_made", "wrong_in"]


def check_terms(terms: RepoTerms, market: Market, ledger: CollateralLedger) -> None:
    """Raises InvalidInput for what the market does not know, Refused NoRepoAgreement for an agreement, as it is
    finally, that is not for this.
    """
    giver = market.participant(terms.seller, field="seller").wallet
    taker = market.participant(terms.buyer, field="buyer").wallet
    currency = terms.purchase_price.currency
    for lot in terms.lots:
        check_lot(lot, currency, market)
    at = ledger.final_block()
    found = ledger.agreement(terms.agreement_id, at)
    if found is not None:
        found = as_acting(ledger, found, at)
        giver, taker = (heir_of(ledger, one, at) for one in (giver, taker))
    expected = (giver, taker, currency, AgreementMode.TITLE_TRANSFER)
    actual = (found.giver, found.taker, found.currency, found.mode) if found is not None else None
    if found is None or actual != expected:
        shown = f"title transfer from {giver} to {taker} in {currency}"
        told = {"agreement": terms.agreement_id, "actual": actual or "none", "expected": shown}
        raise Refused("NoRepoAgreement", told)
    last = terms.repurchase_date
    ends = datetime.fromtimestamp(found.until, UTC).date()
    if last is not None and last > ends:
        raise InvalidInput("repurchase_date", last, f"not after {ends}, when the agreement ends")


def check_lot(lot: Lot, currency: str, market: Market) -> None:
    """Raises InvalidInput for a security that the market does not know, or that settles in another currency."""
    security = market.security(lot.isin)
    if security.currency != currency:
        raise InvalidInput("currency", currency, f"{security.currency}, in which {lot.isin} settles")


def owed(repo: Repo, ledger: CollateralLedger, at: int | None) -> Mapping[int, int]:
    """What the register says that the buyer owes, base units by lot, of those that it knows; `at` as the ledger's."""
    ids = {one.number: one.pledge_id for one in repo.lots if one.pledge_id is not None}
    found = ledger.pledges(list(ids.values()), at)
    return {number: found[pledge].owed for number, pledge in ids.items() if pledge in found}


def require_owed(repo: Repo, ledger: CollateralLedger) -> None:
    """No price is asked for other units than are owed, by the newest block. Raises Refused TitleDiffers."""
    for number, units in owed(repo, ledger, None).items():
        recorded = repo.lot(number).units
        if units != recorded:
            raise Refused("TitleDiffers", {"lot": number, "actual": units, "expected": recorded})


def recorded_title(lot: Lot) -> PledgeId:
    """Raises LockstepError for a lot that came in and is not in the register yet."""
    if lot.pledge_id is None:
        raise LockstepError(f"lot {lot.number} has no title in the register")
    return lot.pledge_id


def title_made(ledger: CollateralLedger, title: PledgeId, at: int | None) -> tuple[str, TitleTransferred] | None:
    """What made a title, and in which transaction. Its id says neither how much it is, nor which act made it."""
    for one in ledger.events_of_pledge(title, at):
        if isinstance(one.said, TitleTransferred):
            return one.transaction, one.said
    return None


def wrong_in(ledger: CollateralLedger, repo: Repo, transfer: Transfer, title: PledgeId, at: int) -> str:
    """Why what came in under a transfer's name is not the transfer: the seller can give anything under it."""
    made = title_made(ledger, title, at)
    assert made is not None and transfer.lot_in is not None
    transaction, come = made
    if come.quantity != transfer.lot_in.units:
        return f"{come.quantity} units came in, not {transfer.lot_in.units}"
    if not transfer.lot_out:
        return ""
    gone = ledger.events_of_pledge(recorded_title(repo.lot(transfer.lot_out)), at)
    if any(
        isinstance(one.said, Returned) and (one.transaction, one.said.quantity) == (transaction, transfer.units_out)
        for one in gone
    ):
        return ""
    return f"{come.quantity} units came in alone, and {transfer.units_out} did not go out with them"
