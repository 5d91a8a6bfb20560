"""Breaks and their corrections on the database: see `ports.BreakBook`. `wholes` writes them."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Engine

from lockstep.domain.journal import Entry
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.corrections import Correction
from lockstep.ports import Book, Change
from lockstep.store.bulk import Statement
from lockstep.store.codec import load

__all__ = ["Breaks"]

_ALL = Statement("SELECT break_id, body FROM break ORDER BY number")
# The plus keeps SQLite from reading all rows in the order of their numbers, the settled ones too.
_STANDING = Statement("SELECT break_id, body FROM break WHERE standing ORDER BY +number")
_OF = Statement("SELECT break_id, body FROM break WHERE break_id IN LIST")
_BEGINNING = Statement("SELECT break_id, body FROM break WHERE substr(break_id, 1, ?) = ? ORDER BY break_id")
_CORRECTIONS = Statement("SELECT correction_id, body FROM correction ORDER BY number")
_CORRECTIONS_OF = Statement("SELECT correction_id, body FROM correction WHERE break_id = ? ORDER BY number")


class Breaks:
    """What a book reads of them."""

    _engine: Engine

    def breaks(self) -> Sequence[Break]:
        return [load(Break, body, break_id) for break_id, body in _ALL.alone(self._engine)]

    def standing_breaks(self) -> Sequence[Break]:
        return [load(Break, body, break_id) for break_id, body in _STANDING.alone(self._engine)]

    def breaks_of(self, ids: Collection[str]) -> Mapping[str, Break]:
        rows = _OF.alone(self._engine, [*ids]) if ids else ()
        return {break_id: load(Break, body, break_id) for break_id, body in rows}

    def breaks_beginning(self, beginning: str) -> Sequence[Break]:
        rows = _BEGINNING.alone(self._engine, len(beginning), beginning)
        return [load(Break, body, break_id) for break_id, body in rows]

    def corrections(self, break_id: str | None = None) -> Sequence[Correction]:
        of = break_id is not None
        rows = _CORRECTIONS_OF.alone(self._engine, break_id) if of else _CORRECTIONS.alone(self._engine)
        return [load(Correction, body, correction_id) for correction_id, body in rows]

    def keep(
        self: Book, changed: Sequence[Break], corrections: Sequence[Correction] = (), entries: Sequence[Entry] = ()
    ) -> None:
        change = Change(breaks=tuple(changed), corrections=tuple(corrections), entries=tuple(entries))
        if change:
            self.commit(change)
