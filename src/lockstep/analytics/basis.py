"""Where the solver stood, so that a program with more columns and rows begins there and not anew.

Columns only join and rows only come, so what was basic stays so, a new column is at its lower bound (0) and a new row
basic (1): again as many basic ones as rows. Statuses are HiGHS's numbers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lockstep.analytics.pairing import Places

__all__ = ["Basis", "Standing"]

Statuses = npt.NDArray[np.int8]
Standing = tuple[Sequence[Places], Places, Sequence[tuple[tuple[int, int], Places]]]
"""What a program is made of, in its order: by requirement the candidates whose columns are in; the positions that have
a row; by requirement and limit the groups that have one. Before these rows, and after those columns, one of each
requirement."""


class Basis:
    """Statuses by what they are of."""

    def __init__(self, candidates: Sequence[int], positions: int) -> None:
        self.known = False
        self._shares = [np.zeros(count, dtype=np.int8) for count in candidates]
        self._open = np.zeros(len(candidates), dtype=np.int8)
        self._cover = np.ones(len(candidates), dtype=np.int8)
        self._supply = np.ones(positions, dtype=np.int8)
        self._limits: dict[tuple[int, int], dict[int, int]] = {}

    def of(self, standing: Standing) -> tuple[Statuses, Statuses]:
        """Columns and rows of a program, in its order."""
        inside, short, groups = standing
        columns = [shares[at] for shares, at in zip(self._shares, inside, strict=True)]
        rows = [self._cover, self._supply[short]]
        for key, codes in groups:
            known = self._limits.get(key, {})
            rows.append(np.array([known.get(code, 1) for code in codes.tolist()], dtype=np.int8))
        return np.concatenate((*columns, self._open)), np.concatenate(rows)

    def keep(self, standing: Standing, columns: Sequence[int], rows: Sequence[int]) -> None:
        """What the solver ended with."""
        inside, short, groups = standing
        left, place = np.array(columns, dtype=np.int8), 0
        for shares, at in zip(self._shares, inside, strict=True):
            shares[at] = left[place : place + len(at)]
            place += len(at)
        self._open = left[place:]
        below, place = np.array(rows, dtype=np.int8), len(self._cover) + len(short)
        self._cover, self._supply[short] = below[: len(self._cover)], below[len(self._cover) : place]
        for key, codes in groups:
            self._limits[key] = dict(zip(codes.tolist(), below[place : place + len(codes)].tolist(), strict=True))
            place += len(codes)
        self.known = True
