"""Units and money add up: I3, I5 and I10."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from lockstep.testing.facts import Facts
from lockstep.testing.invariants import collateral, ledgers

__all__ = ["i3_units_add_up", "i5_money_is_conserved", "i10_locks_equal_earmarks"]


def i3_units_add_up(facts: Facts) -> Iterator[str]:
    """Earmarks are at most what is owned, free is the rest but what is frozen, and all holdings are what was issued."""
    replayed: defaultdict[tuple[str, str], int] = defaultdict(int)
    issued: Counter[str] = Counter()
    for transfer in facts.transfers:
        if transfer.target is None:
            issued[transfer.token] -= transfer.units
        else:
            replayed[transfer.token, transfer.target] += transfer.units
        if transfer.source is None:
            issued[transfer.token] += transfer.units
            continue
        replayed[transfer.token, transfer.source] -= transfer.units
        if replayed[transfer.token, transfer.source] < 0:
            yield f"{transfer.source} passed on more of token {transfer.token} than it owned"
    held: Counter[str] = Counter()
    for one in facts.holdings:
        where = f"token {one.token}, holder {one.holder}"
        held[one.token] += one.balance
        if one.earmarked > one.balance:
            yield f"{where}: {one.earmarked} units earmarked, {one.balance} owned"
        if one.free != max(0, one.balance - one.earmarked - one.frozen):
            yield (
                f"{where}: {one.free} units free, where {one.balance} are owned, {one.earmarked} earmarked "
                f"and {one.frozen} frozen"
            )
        if not 0 <= one.earmarked_by_dvp <= one.earmarked:
            yield f"{where}: {one.earmarked_by_dvp} units earmarked by DvP, {one.earmarked} by all"
        if one.balance != replayed.pop((one.token, one.holder), 0):
            yield f"{where}: {one.balance} units owned, the transfers say otherwise"
    for (token, holder), units in replayed.items():
        if units and token in facts.supplies:
            yield f"token {token}, holder {holder}: {units} units by the transfers, no holding"
    for token, supply in facts.supplies.items():
        if not supply == held[token] == issued[token]:
            yield f"token {token}: {supply} units in all, {held[token]} held, {issued[token]} issued"
    yield from collateral.reuse_is_bounded(facts)


def i5_money_is_conserved(facts: Facts) -> Iterator[str]:
    """Every debit has its credit, money sums to nothing, no account passes its limit."""
    accounts = {one.number: one for one in facts.accounts}
    balances: Counter[str] = Counter()
    paying = set[str]()
    for number, times in Counter(posting.number for posting in facts.postings).items():
        if times > 1:
            yield f"posting number {number} exists {times} times"
    for place, posting in enumerate(facts.postings):
        sides = [accounts.get(posting.debit), accounts.get(posting.credit)]
        if posting.amount <= 0 or posting.debit == posting.credit:
            yield f"posting {posting.number} moves {posting.amount} from {posting.debit} to {posting.credit}"
        if any(side is None or side.currency != posting.currency for side in sides):
            yield f"posting {posting.number} lacks a debited or credited account in {posting.currency}"
        balances[posting.credit] += posting.amount
        balances[posting.debit] -= posting.amount
        paying.add(posting.debit)
        following = facts.postings[place + 1 : place + 2]
        if following and following[0].booked_at == posting.booked_at:
            continue  # payments that offset each other are booked at once: which comes first there says nothing
        for account_number in sorted(paying):
            payer = accounts.get(account_number)
            least = 0 if payer is None else -payer.credit_limit
            if not (payer and payer.technical) and balances[account_number] < least:
                yield f"posting {posting.number} took account {account_number} below zero, or its limit"
        paying.clear()
    held = Counter[str]()
    for payment in facts.payments:
        if payment.state == "HELD":
            held[payment.debtor_account] += payment.amount
    for order in facts.orders:
        if order.state == "HELD":
            held[order.debtor_account] += order.amount
    for account in facts.accounts:
        if account.posted != balances[account.number]:
            yield f"account {account.number} shows {account.posted}, its postings sum to {balances[account.number]}"
        if not account.technical and account.earmarked > account.posted + account.credit_limit:
            yield f"account {account.number}: {account.earmarked} earmarked, {account.posted} there"
        if account.earmarked != held[account.number]:
            yield f"account {account.number}: {account.earmarked} earmarked, payments hold {held[account.number]}"
    for currency in sorted({account.currency for account in facts.accounts}):
        total = sum(account.posted for account in facts.accounts if account.currency == currency)
        if total:
            yield f"all accounts in {currency} sum to {total}, not to zero"
    yield from _payments_and_postings_agree(facts)


def _payments_and_postings_agree(facts: Facts) -> Iterator[str]:
    debits, booked = ledgers.debits(facts), ledgers.booked_payments(facts)
    for settlement in {**debits, **booked}:
        shown = Counter(
            (one.debtor_account, one.creditor_account, one.currency, one.amount, one.decided_at)
            for one in booked[settlement]
        )
        posted = Counter((one.debit, one.credit, one.currency, one.amount, one.booked_at) for one in debits[settlement])
        if shown != posted:
            yield f"settlement {settlement}: the payments booked and the postings made differ"


def i10_locks_equal_earmarks(facts: Facts) -> Iterator[str]:
    """DvP's open locks equal its earmarks, per holder and security."""
    open_units: Counter[tuple[str, str]] = Counter()
    for lock in ledgers.not_ended(facts, facts.locks):
        open_units[lock.token, lock.seller] += lock.quantity
    for cycle, left in ledgers.still_earmarked(facts):
        for (token, holder), units in ledgers.net(cycle).items():
            open_units[token, holder] += max(0, -units) if token in left else 0
    for one in ledgers.not_ended(facts, ledgers.all_made(facts)):
        for token in ledgers.foreign(facts, [one]):
            yield f"settlement {one.settlement} locks units of {token}, whose earmarks nobody audits"
    earmarked = {(held.token, held.holder): held.earmarked_by_dvp for held in facts.holdings}
    for token, holder in sorted({*open_units, *earmarked}):
        locked, marked = open_units[token, holder], earmarked.get((token, holder), 0)
        if token in facts.supplies and locked != marked:
            yield f"token {token}, holder {holder}: open locks of {locked} units, {marked} earmarked by DvP"
    yield from collateral.lanes_equal_pledges(facts)
