"""The service's records in memory."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol

from lockstep.domain.cash import CashView
from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.enforcement import Enforcement
from lockstep.domain.errors import Conflict
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import CancellationRequest
from lockstep.domain.journal import GENESIS, Entry, JournalRow, entry_hash
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.message import Message
from lockstep.domain.parallel.pairs import Paired
from lockstep.domain.parallel.scorecards import StoredCard
from lockstep.domain.parallel.stages import Course
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.corrections import Correction
from lockstep.domain.register_payment import RegisterPayment
from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.terms import RepoId
from lockstep.domain.trade import Trade
from lockstep.ports import Change, PartyBody, StoredInstruction, Unclaimed

__all__ = ["FakeBook"]


class _Versioned(Protocol):
    @property
    def version(self) -> int: ...


class FakeBook:
    """The service's records in dictionaries. `on_commit` is called as the real one's."""

    def __init__(self, on_commit: Callable[[str], None] = lambda _: None) -> None:
        self._on_commit = on_commit
        self._instructions: dict[tuple[Lei, Reference], StoredInstruction] = {}
        self._trades: dict[TradeId, Trade] = {}
        self._cash: dict[SettlementId, CashView] = {}
        self._unclaimed: dict[SettlementId, Unclaimed] = {}
        self._cursor = 0
        self._seen: dict[tuple[str, str], str] = {}
        self._requests: list[Message[CancellationRequest]] = []
        self._nonces: dict[str, int] = {}
        self._outgoing: dict[str, Message[PartyBody]] = {}
        self._delivered: set[str] = set()
        self._journal: list[JournalRow] = []
        self._margin: dict[tuple[AgreementId, Reference], MarginCase] = {}
        self._repos: dict[RepoId, Repo] = {}
        self._payments: dict[str, RegisterPayment] = {}
        self._enforcements: dict[tuple[AgreementId, Reference], Enforcement] = {}
        self._breaks: dict[str, Break] = {}
        self._corrections: dict[str, Correction] = {}
        self._courses: dict[str, Course] = {}
        self._cards: dict[tuple[str, str], StoredCard] = {}
        self._pairs: dict[str, Paired] = {}

    def commit(self, change: Change) -> None:
        self._check(change)
        for stored in change.instructions:
            self._instructions[stored.key] = stored
        for trade in change.trades:
            self._trades[trade.trade_id] = replace(trade, version=trade.version + 1)
            if trade.order is not None:
                seller, nonce = trade.order.movement.seller, trade.order.movement.nonce
                self._nonces[seller] = max(self._nonces.get(seller, 0), nonce + 1)
        self._margin.update({case.key: replace(case, version=case.version + 1) for case in change.margin})
        self._payments.update({one.name: replace(one, version=one.version + 1) for one in change.payments})
        self._repos.update({one.terms.repo_id: replace(one, version=one.version + 1) for one in change.repos})
        self._enforcements.update({one.key: replace(one, version=one.version + 1) for one in change.enforcements})
        self._breaks.update({one.break_id: replace(one, version=one.version + 1) for one in change.breaks})
        self._corrections.update(
            {one.correction_id: replace(one, version=one.version + 1) for one in change.corrections}
        )
        self._courses.update({one.isin: replace(one, version=one.version + 1) for one in change.courses})
        self._cards.update({one.key: replace(one, version=one.version + 1) for one in change.scorecards})
        self._pairs.update({one.pair.reference: replace(one, version=one.version + 1) for one in change.pairs})
        self._cash.update({view.settlement_id: view for view in change.cash})
        self._cursor = self._cursor if change.cash_cursor is None else change.cash_cursor
        self._unclaimed.update({one.settlement_id: one for one in change.unclaimed})
        for settlement in change.claimed:
            self._unclaimed.pop(settlement, None)
        self._seen.update({(sender, message_id): content for sender, message_id, content in change.seen})
        self._requests.extend(change.requests)
        for message in change.outgoing:
            self._outgoing.setdefault(message.message_id, message)
        self._delivered.update(change.delivered)
        for entry in change.entries:
            number, previous = len(self._journal) + 1, self._journal[-1].hash if self._journal else GENESIS
            self._journal.append(JournalRow(number=number, entry=entry, hash=entry_hash(previous, number, entry)))
        self._on_commit(change.entries[-1].kind if change.entries else "delivered")

    def _check(self, change: Change) -> None:
        """Everything is judged before anything is stored."""
        for stored in change.instructions:
            there = self._instructions.get(stored.key)
            if there is not None and (
                there.status != "WAITING"
                or there.message_id != stored.message_id
                or len(there.cancellations) > len(stored.cancellations)
                or (there.late is not None and stored.late is None)
            ):
                raise Conflict("instruction", "/".join(stored.key))
        checked: list[tuple[str, str, _Versioned, _Versioned | None]] = [
            *(("trade", one.trade_id, one, self._trades.get(one.trade_id)) for one in change.trades),
            *(("margin call", "/".join(one.key), one, self._margin.get(one.key)) for one in change.margin),
            *(("register payment", one.name, one, self._payments.get(one.name)) for one in change.payments),
            *(("repo", one.terms.repo_id, one, self._repos.get(one.terms.repo_id)) for one in change.repos),
            *(("enforcement", "/".join(one.key), one, self._enforcements.get(one.key)) for one in change.enforcements),
            *(("break", one.break_id, one, self._breaks.get(one.break_id)) for one in change.breaks),
            *(
                ("correction", f"{one.break_id}/{one.correction_id}", one, self._corrections.get(one.correction_id))
                for one in change.corrections
            ),
            *(("course", one.isin, one, self._courses.get(one.isin)) for one in change.courses),
            *(("scorecard", "/".join(one.key), one, self._cards.get(one.key)) for one in change.scorecards),
            *(("trade pair", one.pair.reference, one, self._pairs.get(one.pair.reference)) for one in change.pairs),
        ]
        for kind, name, new, known in checked:
            if new.version != (known.version if known else 0):
                raise Conflict(f"{kind} version", f"{name}/{new.version}")

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None:
        return self._instructions.get((owner, reference))

    def seen(self, sender: str, message_id: str) -> str | None:
        return self._seen.get((sender, message_id))

    def waiting(self) -> Sequence[StoredInstruction]:
        return [one for one in self._instructions.values() if one.status == "WAITING"]

    def trade(self, trade_id: TradeId) -> Trade | None:
        return self._trades.get(trade_id)

    def open_trades(self) -> Sequence[Trade]:
        return [one for one in self._trades.values() if not one.state.is_end]

    def trades(self) -> Sequence[Trade]:
        return list(self._trades.values())

    def instructions(self) -> Sequence[StoredInstruction]:
        return list(self._instructions.values())

    def cash_view(self, settlement_id: SettlementId) -> CashView | None:
        return self._cash.get(settlement_id)

    def margin_case(self, agreement_id: AgreementId, reference: Reference) -> MarginCase | None:
        return self._margin.get((agreement_id, reference))

    def open_margin_cases(self) -> Sequence[MarginCase]:
        return [one for one in self._margin.values() if one.is_open]

    def margin_cases(self) -> Sequence[MarginCase]:
        return list(self._margin.values())

    def register_payment(self, name: str) -> RegisterPayment | None:
        return self._payments.get(name)

    def open_register_payments(self) -> Sequence[RegisterPayment]:
        return [one for one in self._payments.values() if one.is_open]

    def register_payments(self) -> Sequence[RegisterPayment]:
        return list(self._payments.values())

    def repo(self, repo_id: RepoId) -> Repo | None:
        return self._repos.get(repo_id)

    def repos(self) -> Sequence[Repo]:
        return list(self._repos.values())

    def enforcement(self, agreement_id: AgreementId, name: Reference) -> Enforcement | None:
        return self._enforcements.get((agreement_id, name))

    def open_enforcements(self) -> Sequence[Enforcement]:
        return [one for one in self._enforcements.values() if one.is_open]

    def enforcements(self) -> Sequence[Enforcement]:
        return list(self._enforcements.values())

    def breaks(self) -> Sequence[Break]:
        return list(self._breaks.values())

    def standing_breaks(self) -> Sequence[Break]:
        return [one for one in self._breaks.values() if one.is_open or one.is_there]

    def breaks_of(self, ids: Collection[str]) -> Mapping[str, Break]:
        return {one: self._breaks[one] for one in ids if one in self._breaks}

    def breaks_beginning(self, beginning: str) -> Sequence[Break]:
        return [self._breaks[one] for one in sorted(self._breaks) if one.startswith(beginning)]

    def corrections(self, break_id: str | None = None) -> Sequence[Correction]:
        return [one for one in self._corrections.values() if break_id in (None, one.break_id)]

    def keep(
        self, changed: Sequence[Break], corrections: Sequence[Correction] = (), entries: Sequence[Entry] = ()
    ) -> None:
        change = Change(breaks=tuple(changed), corrections=tuple(corrections), entries=tuple(entries))
        if change:
            self.commit(change)

    def course(self, isin: str) -> Course | None:
        return self._courses.get(isin)

    def courses(self) -> Sequence[Course]:
        return [self._courses[isin] for isin in sorted(self._courses)]

    def scorecards(self, isin: str, since: date | None = None, until: date | None = None) -> Sequence[StoredCard]:
        known = (self._cards[key] for key in sorted(self._cards) if key[1] == isin)
        return [one for one in known if (since or date.min) <= one.card.day <= (until or date.max)]

    def scorecards_of(self, day: date) -> Sequence[StoredCard]:
        return [self._cards[key] for key in sorted(self._cards) if key[0] == day.isoformat()]

    def paired(self, references: Collection[str]) -> Mapping[str, Paired]:
        return {one: self._pairs[one] for one in references if one in self._pairs}

    def paired_on(self, day: date) -> Sequence[Paired]:
        return [self._pairs[one] for one in sorted(self._pairs) if self._pairs[one].seen_on == day]

    def due_repos(self, today: date) -> Sequence[Repo]:
        return [one for one in self._repos.values() if one.look_from is not None and one.look_from <= today]

    def cash_cursor(self) -> int:
        return self._cursor

    def unclaimed(self, salt: str) -> Sequence[SettlementId]:
        return [one.settlement_id for one in self._unclaimed.values() if one.salt == salt]

    def all_unclaimed(self) -> Sequence[Unclaimed]:
        return list(self._unclaimed.values())

    def unclaimed_due(self, now: datetime, limit: int) -> Sequence[Unclaimed]:
        due = [(one.due, one) for one in self._unclaimed.values() if one.due is not None and one.due <= now]
        return [one for _, one in sorted(due, key=lambda pair: pair[0])][:limit]

    def next_order_nonce(self, seller: str) -> int:
        return self._nonces.get(seller, 0)

    def cancellations(self, trade_id: TradeId) -> Sequence[Message[CancellationRequest]]:
        about = {key for key, stored in self._instructions.items() if stored.trade_id == trade_id}
        return [one for one in self._requests if (one.body.owner.lei, one.body.reference) in about]

    def undelivered(self, limit: int | None = None, after: str | None = None) -> Sequence[Message[PartyBody]]:
        behind = list(self._outgoing).index(after) + 1 if after in self._outgoing else 0
        outgoing = list(self._outgoing.items())[behind:]
        return [one for message_id, one in outgoing if message_id not in self._delivered][:limit]

    def last_said(self, subject: str) -> JournalRow | None:
        return next((row for row in reversed(self._journal) if row.entry.subject == subject), None)

    def journal(self, subject: str | None = None, after: int = 0) -> Sequence[JournalRow]:
        rows = self._journal[max(0, after) :]
        return [row for row in rows if subject is None or row.entry.subject == subject]
