"""Parts of a pack from what ledgers and records answer. What is made here is judged by `verifying` before it leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.journal import GENESIS, JournalRow
from lockstep.domain.merkle import inclusion_paths, leaf_hash, root
from lockstep.domain.order import Order, OutcomeResult
from lockstep.domain.trade import TradeTerms
from lockstep.evidence import asset_leg, cash_leg
from lockstep.evidence.blocks import Header, header_bytes, prove
from lockstep.evidence.pack import (
    EntryPart,
    JournalPart,
    Moments,
    MomentsPart,
    Pack,
    TransactionPart,
    seal,
)
from lockstep.evidence.trust import Trust
from lockstep.evidence.verifying import moments_of
from lockstep.signing import Key

__all__ = ["UNTOLD", "finished", "headers_part", "journal_part", "transaction_part"]

UNTOLD = MomentsPart(
    securities=Moments(entered=None, irrevocable=None, final=None),
    cash=Moments(entered=None, irrevocable=None, final=None),
)
"""The moments of a pack that is not finished."""


def transaction_part(
    block: Mapping[str, Any],
    transactions: Sequence[Mapping[str, Any]],
    receipts: Sequence[Mapping[str, Any]],
    place: int,
) -> TransactionPart:
    """Of one transaction, from all of its block's as a node answers them. Raises Unavailable."""
    found = prove(block, transactions, receipts, place)
    return TransactionPart(
        block=Header.read(found.header).number,
        place=place,
        transaction_proof=found.transaction_proof,
        receipt_proof=found.receipt_proof,
    )


def headers_part(blocks: Mapping[int, Mapping[str, Any]]) -> tuple[bytes, ...]:
    """Headers by number, as a node answers them, in their order. Raises Unavailable."""
    return tuple(header_bytes(blocks[number]) for number in sorted(blocks))


def journal_part(rows: Sequence[JournalRow], numbers: Sequence[int]) -> JournalPart:
    """The entries of these numbers, ascending, in the tree over all of `rows`: the journal from its first entry on."""
    leaves = [leaf_hash(bytes.fromhex(one.hash)) for one in rows]
    paths = inclusion_paths(leaves, [number - 1 for number in numbers])
    entries = []
    for number, path in zip(numbers, paths, strict=True):
        row = rows[number - 1]
        entry = row.entry
        entries.append(
            EntryPart(
                number=row.number,
                at=entry.at.isoformat(),
                kind=entry.kind,
                subject=entry.subject,
                facts=dict(sorted(entry.facts.items())),
                previous=rows[number - 2].hash if number > 1 else GENESIS,
                path=tuple(path),
            )
        )
    return JournalPart(size=len(rows), root=root(leaves), entries=tuple(entries))


def finished(pack: Pack, terms: TradeTerms, order: Order, settlement: SettlementId, trust: Trust, key: Key) -> Pack:
    """With its moments, sealed. Raises BrokenLink where one leg does not hold."""
    result = OutcomeResult[pack.outcome]
    messages = cash_leg.judge_messages(pack, terms, order, settlement, trust)
    view = cash_leg.judge_outcome(messages, order, result)
    facts = asset_leg.judge_chain(pack, order, settlement, result, trust)
    return seal(replace(pack, moments=moments_of(facts, messages, view, result)), key)
