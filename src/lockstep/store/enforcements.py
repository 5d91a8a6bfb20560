"""Enforcements on the database: see `ports.EnforcementBook`. `wholes` writes them."""

from collections.abc import Sequence

from sqlalchemy import Engine

from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.enforcement import Enforcement
from lockstep.domain.identifiers import Reference
from lockstep.store.bulk import Statement
from lockstep.store.codec import load

__all__ = ["Enforcements"]

_ONE = Statement("SELECT body FROM enforcement WHERE agreement_id = ? AND name = ?")
_ALL = Statement("SELECT body FROM enforcement ORDER BY number")
# The plus keeps SQLite from reading all rows in the order of their numbers, the finished ones too.
_OPEN = Statement("SELECT body FROM enforcement WHERE open ORDER BY +number")


class Enforcements:
    """What a book reads of them."""

    _engine: Engine

    def enforcement(self, agreement_id: AgreementId, name: Reference) -> Enforcement | None:
        rows = _ONE.alone(self._engine, agreement_id, name)
        return load(Enforcement, rows[0][0], (agreement_id, name)) if rows else None

    def open_enforcements(self) -> Sequence[Enforcement]:
        return [load(Enforcement, body) for (body,) in _OPEN.alone(self._engine)]

    def enforcements(self) -> Sequence[Enforcement]:
        return [load(Enforcement, body) for (body,) in _ALL.alone(self._engine)]
