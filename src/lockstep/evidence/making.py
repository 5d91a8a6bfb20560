"""Parts of a pack from what ledgers and records answer. What is made here is judged by `verifying` before it leaves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.journal import JournalRow
from lockstep.domain.merkle import Frontier, inclusion_paths_since, leaf_hash
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


def journal_part(rows: Sequence[JournalRow], hashes: Iterable[str], before: Frontier, previous: str) -> JournalPart:
    """A trade's entries, ascending, in the tree that `before`, of earlier entries, becomes with `hashes`, hex.

    `previous` is the hash of the last entry of `before`; GENESIS if it is empty. Raises ValueError for an entry that is
    not among those whose hashes are given.
    """
    wanted = [row.number - 1 for row in rows]
    kept: dict[int, str] = {before.size - 1: previous}  # the hash before each wanted entry
    needed = {index - 1 for index in wanted}

    def leaves() -> Iterator[bytes]:
        for index, digest in enumerate(hashes, before.size):
            if index in needed:
                kept[index] = digest
            yield leaf_hash(bytes.fromhex(digest))

    tree, paths = inclusion_paths_since(before, leaves(), wanted)
    return JournalPart(
        size=tree.size,
        root=tree.root,
        entries=tuple(
            EntryPart(
                number=row.number,
                at=row.entry.at.isoformat(),
                kind=row.entry.kind,
                subject=row.entry.subject,
                facts=dict(sorted(row.entry.facts.items())),
                previous=kept[row.number - 2],
                path=tuple(path),
            )
            for row, path in zip(rows, paths, strict=True)
        ),
    )


def finished(pack: Pack, terms: TradeTerms, order: Order, settlement: SettlementId, trust: Trust, key: Key) -> Pack:
    """With its moments, sealed. Raises BrokenLink where one leg does not hold."""
    result = OutcomeResult[pack.outcome]
    messages = cash_leg.judge_messages(pack, terms, order, settlement, trust)
    view = cash_leg.judge_outcome(messages, order, result)
    facts = asset_leg.judge_chain(pack, order, settlement, result, trust)
    return seal(replace(pack, moments=moments_of(facts, messages, view, result)), key)
