"""Margin calls on the database: see `ports.MarginBook`. `committing` writes them."""

from collections.abc import Sequence

from sqlalchemy import Engine

from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_case import MarginCase
from lockstep.store.bulk import Statement
from lockstep.store.codec import load

__all__ = ["MarginCalls"]

_ONE = Statement("SELECT body FROM margin_call WHERE agreement_id = ? AND reference = ?")
_ALL = Statement("SELECT body FROM margin_call ORDER BY number")
# The plus keeps SQLite from reading all rows in the order of their numbers, the finished ones too.
_OPEN = Statement("SELECT body FROM margin_call WHERE open ORDER BY +number")


class MarginCalls:
    """What a book reads of them."""

    _engine: Engine

    def margin_case(self, agreement_id: AgreementId, reference: Reference) -> MarginCase | None:
        rows = _ONE.alone(self._engine, agreement_id, reference)
        return load(MarginCase, rows[0][0], (agreement_id, reference)) if rows else None

    def open_margin_cases(self) -> Sequence[MarginCase]:
        return [load(MarginCase, body) for (body,) in _OPEN.alone(self._engine)]

    def margin_cases(self) -> Sequence[MarginCase]:
        return [load(MarginCase, body) for (body,) in _ALL.alone(self._engine)]
