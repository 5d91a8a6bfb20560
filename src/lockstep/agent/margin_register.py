"""The sign-once register for margin: in the agent's own file, one story for each call, on disk before it is told.

What was released is kept too: a payment that may have been booked since is no reason to release another.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lockstep.domain.collateral.register import AgreementId, CashPayment, PledgeId
from lockstep.domain.errors import Contradiction
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.margin_payment import CashAttestation
from lockstep.durable import write_ahead

__all__ = ["MarginRegister"]

_TABLES = """
CREATE TABLE IF NOT EXISTS margin_story (
    agreement_id TEXT NOT NULL, call_id TEXT NOT NULL, pledge_id TEXT NOT NULL, amount INTEGER NOT NULL,
    margin_id TEXT NOT NULL, sources TEXT NOT NULL, PRIMARY KEY (agreement_id, call_id)
) STRICT;
CREATE TABLE IF NOT EXISTS margin_signature (
    agreement_id TEXT NOT NULL, call_id TEXT NOT NULL, epoch INTEGER NOT NULL, agent TEXT NOT NULL,
    signature BLOB NOT NULL, PRIMARY KEY (agreement_id, call_id, epoch, agent)
) STRICT;
CREATE TABLE IF NOT EXISTS margin_release (
    margin_id TEXT PRIMARY KEY, agreement_id TEXT NOT NULL, call_id TEXT NOT NULL, amount INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS margin_sale (settlement_id TEXT PRIMARY KEY, amount INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS margin_releases_of ON margin_release (agreement_id);
"""


class MarginRegister:
    """What an agent released and signed of margin payments. `on_commit` hears of each commit, as `Register`'s."""

    def __init__(self, path: Path, on_commit: Callable[[str], None] = lambda _: None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        write_ahead(self._database)
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT")
        self._on_commit = on_commit

    def record(self, attestation: CashAttestation, margin_id: SettlementId, sources: Sequence[str]) -> CashAttestation:
        """Stores it, or finds it stored. Raises Contradiction if another story of the same call was signed before.

        The same story may be signed for another epoch. `margin_id` is empty where a signature of ours tells of it and
        nothing says which payment it was.
        """
        cash = attestation.cash
        with self._transaction():
            self._require_same(cash, margin_id)
            self._database.execute(
                "INSERT OR IGNORE INTO margin_story VALUES (?, ?, ?, ?, ?, ?)",
                (cash.agreement_id, cash.call_id, cash.pledge_id, cash.amount, margin_id, " ".join(sources)),
            )
            self._database.execute(
                "INSERT OR IGNORE INTO margin_signature VALUES (?, ?, ?, ?, ?)",
                (cash.agreement_id, cash.call_id, cash.epoch, attestation.agent, attestation.signature),
            )
        self._on_commit("margin signed")
        stored = self.find(cash, attestation.agent)
        assert stored is not None
        return stored

    def _require_same(self, cash: CashPayment, margin_id: SettlementId) -> None:
        found = self._database.execute(
            "SELECT pledge_id, amount, margin_id FROM margin_story WHERE agreement_id = ? AND call_id = ?",
            (cash.agreement_id, cash.call_id),
        ).fetchone()
        if found is None:
            return
        same_payment = "" in (found[2], margin_id) or found[2] == margin_id
        if (found[0], found[1]) != (cash.pledge_id, cash.amount) or not same_payment:
            raise Contradiction(
                f"call {cash.call_id} under {cash.agreement_id}: {found[1]} by payment {found[2] or 'unknown'} is "
                f"signed, {cash.amount} by payment {margin_id or 'unknown'} never can be"
            )

    def find(self, cash: CashPayment, agent: str) -> CashAttestation | None:
        """What was signed under an address for a call, in that epoch; as it was signed."""
        found = self._database.execute(
            "SELECT pledge_id, amount, signature FROM margin_signature JOIN margin_story USING (agreement_id, call_id) "
            "WHERE agreement_id = ? AND call_id = ? AND epoch = ? AND agent = ?",
            (cash.agreement_id, cash.call_id, cash.epoch, agent),
        ).fetchone()
        if found is None:
            return None
        stored = CashPayment(
            agreement_id=cash.agreement_id,
            call_id=cash.call_id,
            amount=int(found[1]),
            epoch=cash.epoch,
            pledge_id=PledgeId(found[0]),
        )
        return CashAttestation(cash=stored, agent=agent, signature=bytes(found[2]))

    def release(self, margin_id: SettlementId, agreement_id: AgreementId, call_id: str, amount: int) -> None:
        """Notes that a payment will be released; before it is. `amount` as the register counts, signed."""
        with self._transaction():
            self._database.execute(
                "INSERT OR IGNORE INTO margin_release VALUES (?, ?, ?, ?)", (margin_id, agreement_id, call_id, amount)
            )
        self._on_commit("margin release")

    def released(self, agreement_id: AgreementId) -> Sequence[tuple[SettlementId, str, int]]:
        """Payments under an agreement that were released and not given up: id, call and signed amount."""
        rows = self._database.execute(
            "SELECT margin_id, call_id, amount FROM margin_release WHERE agreement_id = ? ORDER BY rowid",
            (agreement_id,),
        )
        return [(SettlementId(one), str(call), int(amount)) for one, call, amount in rows]

    def give_up(self, margin_id: SettlementId) -> None:
        """The RTGS says that it will never be booked: another payment of its call may be released."""
        with self._transaction():
            self._database.execute("DELETE FROM margin_release WHERE margin_id = ?", (margin_id,))
        self._on_commit("margin given up")

    def note_sale(self, settlement: SettlementId, amount: int) -> None:
        """Notes what a sale's payment was, in minor units; before PAID is signed of it. The chain has but its hash.

        Raises Contradiction if it was noted otherwise.
        """
        with self._transaction():
            noted = self._database.execute(
                "INSERT INTO margin_sale VALUES (?, ?) ON CONFLICT DO UPDATE SET amount = amount RETURNING amount",
                (settlement, amount),
            ).fetchone()[0]
        if noted != amount:
            raise Contradiction(f"sale {settlement}: {noted} was paid, {amount} never can have been")
        self._on_commit("sale noted")

    def sales(self) -> Mapping[SettlementId, int]:
        """Payments of sales that are to be counted: see `note_sale`, `drop_sale`."""
        rows = self._database.execute("SELECT settlement_id, amount FROM margin_sale ORDER BY rowid")
        return {SettlementId(one): int(amount) for one, amount in rows}

    def drop_sale(self, settlement: SettlementId) -> None:
        """The register counts its payment, finally."""
        with self._transaction():
            self._database.execute("DELETE FROM margin_sale WHERE settlement_id = ?", (settlement,))
        self._on_commit("sale counted")

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
