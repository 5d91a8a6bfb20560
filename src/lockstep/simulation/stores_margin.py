"""Agents' stores for margin payments, with the boundaries of `stores` around each commit and each leaf on the board."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from lockstep.agent import MarginBoard, MarginRegister
from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.margin_payment import CashAttestation

__all__ = ["BoundedCashBoard", "BoundedMarginRegister", "Edge"]


class Edge(Protocol):
    """A process's boundaries."""

    cash_signed: Callable[[CashAttestation], None]

    def at(self, point: str, *, apart: bool = True) -> None: ...

    def fails(self) -> bool: ...


class BoundedMarginRegister(MarginRegister):
    """A margin register whose process may die on either side of a commit, and whose disk may fail it."""

    def __init__(self, path: Path, edge: Edge) -> None:
        super().__init__(path)
        self._edge = edge

    def record(self, attestation: CashAttestation, margin_id: SettlementId, sources: Sequence[str]) -> CashAttestation:
        self._edge.cash_signed(attestation)  # it exists from here on, whatever becomes of it
        self._before()
        stored = super().record(attestation, margin_id, sources)
        self._edge.at("committed")
        return stored

    def release(self, margin_id: SettlementId, agreement_id: AgreementId, call_id: str, amount: int) -> None:
        self._before()
        super().release(margin_id, agreement_id, call_id, amount)
        self._edge.at("committed")

    def give_up(self, margin_id: SettlementId) -> None:
        self._before()
        super().give_up(margin_id)
        self._edge.at("committed")

    def note_sale(self, settlement: SettlementId, amount: int) -> None:
        self._before()
        super().note_sale(settlement, amount)
        self._edge.at("committed")

    def drop_sale(self, settlement: SettlementId) -> None:
        self._before()
        super().drop_sale(settlement)
        self._edge.at("committed")

    def _before(self) -> None:
        self._edge.at("commit")
        if self._edge.fails():
            raise sqlite3.OperationalError("disk I/O error")


class BoundedCashBoard(MarginBoard):
    """The board's part for margin, whose writer may die before or after."""

    def __init__(self, root: Path, edge: Edge) -> None:
        super().__init__(root)
        self._edge = edge

    def publish_cash(self, attestation: CashAttestation) -> None:
        self._edge.at("send")
        super().publish_cash(attestation)
        self._edge.at("sent")
