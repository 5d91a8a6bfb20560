"""From a register's claims and accounts to the columns of `analytics.inventory`: any block of a market in one look."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from lockstep.analytics.inventory import ENDLESS, ROOT, Attempts, Holdings, Pledges
from lockstep.domain.collateral.claims import Claims
from lockstep.domain.collateral.sheet import Holding
from lockstep.domain.errors import InvalidInput

__all__ = ["Codes", "attempt_columns", "holding_columns", "pledge_columns"]


@dataclass(slots=True)
class Codes:
    """Texts as whole numbers from 0, in the order in which they came; the same text has the same number."""

    _by_text: dict[str, int] = field(default_factory=dict)

    def of(self, text: str) -> int:
        return self._by_text.setdefault(text, len(self._by_text))

    def texts(self) -> Sequence[str]:
        """By number."""
        return list(self._by_text)


def pledge_columns(claims: Claims, wallets: Codes, tokens: Codes, *, network: int = 0) -> tuple[Pledges, Codes]:
    """Each pledge's versions as rows, and the pledges' ids by code. What may not be given on at all, as the chain may
    not grow longer, has a cap of 0. Transfers of title are no claims on units: they have no row."""
    pledges, rows = Codes(), list[tuple[int, ...]]()
    for pledge_id, versions in claims.versions():
        ends = [*(one.since for one in versions[1:]), ENDLESS]
        for version, end in zip(versions, ends, strict=True):
            one = version.pledge
            if not one.quantity:
                continue
            terms = claims.agreement(one.agreement_id, version.since)
            rows.append(
                (
                    pledges.of(pledge_id),
                    ROOT if one.is_root else pledges.of(one.parent),
                    wallets.of(terms.giver),
                    wallets.of(terms.taker),
                    tokens.of(one.token),
                    network,
                    one.quantity,
                    one.reuse_cap if one.depth < one.max_depth else 0,
                    datetime.fromtimestamp(one.until, UTC).toordinal(),
                    version.since,
                    end,
                )
            )
    return Pledges(*_columns(rows, 11)), pledges


def holding_columns(
    seen: Iterable[tuple[int, Sequence[Holding]]], wallets: Codes, tokens: Codes, *, network: int = 0
) -> Holdings:
    """Accounts as they were seen at blocks, ascending: each look holds until the next, the last one for ever.

    Raises InvalidInput for blocks that do not ascend.
    """
    looks = list(seen)
    for (before, _), (block, _) in pairwise(looks):
        if block <= before:
            raise InvalidInput("block", block, f"above {before}, the one before")
    ends = [*(block for block, _ in looks), ENDLESS][1:]
    rows = [
        (
            wallets.of(one.wallet),
            tokens.of(one.token),
            network,
            one.owned,
            one.earmarked,
            one.frozen,
            block,
            end,
        )
        for (block, accounts), end in zip(looks, ends, strict=True)
        for one in accounts
    ]
    return Holdings(*_columns(rows, 8))


def attempt_columns(
    tried: Iterable[tuple[str, str, int]], wallets: Codes, tokens: Codes, *, network: int = 0
) -> Attempts:
    """Refused attempts: wallet, security and block of each."""
    rows = [(wallets.of(wallet), tokens.of(token), network, block) for wallet, token, block in tried]
    return Attempts(*_columns(rows, 4))


def _columns(rows: Sequence[tuple[int, ...]], width: int) -> Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    table = np.array(rows, dtype=np.int64).reshape(len(rows), width)
    return [np.ascontiguousarray(table[:, place]) for place in range(width)]
