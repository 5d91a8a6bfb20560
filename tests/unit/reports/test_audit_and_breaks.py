"""Who did what, and how breaks stood: told from the journal, and the same as what was stored beside it."""

from datetime import UTC, date, datetime

from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.domain.reconciliation.breaks import Break, CloseReason
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.flow.comparing import Run, compare
from lockstep.flow.reconciling import Acted, assign, close, comment, decide, propose, reconcile, reopen
from lockstep.reports.audit import audit
from lockstep.reports.breaks import breaks, told_breaks
from lockstep.reports.model import Report, Tone
from lockstep.reports.records import Prefix

from .journals import ANNA, BERT, BOND, CORA, Journal, at, market

BOOKS = frozenset({Book.CHAIN, Book.SERVICE, Book.LEGACY})


class Desk:
    """Breaks as they are stored, with the journal that told of them."""

    def __init__(self) -> None:
        self.journal, self.stored = Journal(), dict[str, Break]()

    def run(self, day: int, **off: int) -> None:
        """Compares holdings of 100; `off` are by whose figure the legacy book differs."""
        lines = [
            Line(
                book=book, key=Key.position(lei, BOND), quantity=100 + (off.get(name, 0) if book is Book.LEGACY else 0)
            )
            for name, lei in (("anna", ANNA), ("bert", BERT), ("cora", CORA))
            for book in BOOKS
        ]
        run = Run(day=date(2026, 11, day), at=at(day, "19:00"), spoke={Subject.POSITION: BOOKS})
        done = reconcile(self.stored.values(), compare(lines, RuleBook(), run))
        self._keep(done.changed, done.entries)

    def act(self, acted: Acted) -> Acted:
        self._keep([acted.one], acted.entries)
        return acted

    def _keep(self, changed, entries) -> None:
        self.stored |= {one.break_id: one for one in changed}
        for one in entries:
            self.journal.entry(one)

    def of(self, lei: str) -> Break:
        return next(one for one in self.stored.values() if one.found.key.participant == lei)


def desk() -> Desk:
    made = Desk()
    made.run(23, anna=5, bert=7, cora=9)
    made.act(assign(made.of(ANNA), "Olga Ops", by="Hana Head", at=at(24, "08:00")))
    made.act(comment(made.of(BERT), "asked the bank", by="Olga Ops", at=at(24, "08:10")))
    made.act(close(made.of(CORA), CloseReason.ACCEPTED, "known, on paper", by="Olga Ops", at=at(24, "08:20")))
    proposed = made.act(
        propose(
            made.of(BERT),
            (),
            book=Book.LEGACY,
            field="quantity",
            right="100",
            why="typed twice",
            by="Olga Ops",
            at=at(24, "09:00"),
        )
    )
    assert proposed.correction is not None
    made.act(decide(made.of(BERT), proposed.correction, approve=True, by="Hana Head", at=at(24, "09:30")))
    made.run(24, anna=5, cora=9)  # BERT's is corrected
    made.act(reopen(made.of(CORA), "not on paper after all", by="Hana Head", at=at(25, "08:00")))
    return made


def rows(report: Report, name: str) -> list[dict[str, object]]:
    table = report.table(name)
    return [dict(zip([one.name for one in table.columns], row, strict=True)) for row in table.rows]


def test_breaks_from_the_journal_are_those_that_are_stored() -> None:
    made = desk()
    told = told_breaks(made.journal.rows)
    assert {
        name: (one.facts["state"], one.assignee, one.notes, one.opened_on, one.facts["class"])
        for name, one in told.items()
    } == {
        name: (one.state.value, one.assignee, len(one.notes), one.opened_on, one.break_class.value)
        for name, one in made.stored.items()
    }


def test_open_ones_come_first_with_their_age() -> None:
    report = breaks(Prefix(desk().journal.rows, as_of=at(26, "12:00")), market())
    found = rows(report, "breaks")
    assert [(one["participant"], one["state"], one["age"]) for one in found[:2]] in (
        [("Anna", "assigned", 3), ("Cora", "reopened", 3)],
        [("Cora", "reopened", 3), ("Anna", "assigned", 3)],
    )
    bert = found[2]
    assert (bert["state"], bert["closed_by"], bert["age"]) == ("closed", "lockstep", None)
    assert str(bert["why_closed"]).startswith("corrected: ")
    assert [one["open"] for one in rows(report, "ages")] == [0, 0, 2, 0]
    assert [(one.title, one.value) for one in report.figures] == [
        ("Open", "2"),
        ("With nobody", "1"),
        ("Closed by themselves", "1"),
        ("Corrections to decide", "0"),
    ]


def test_as_of_an_earlier_moment_they_stand_as_they_stood() -> None:
    report = breaks(Prefix(desk().journal.rows, as_of=at(24, "09:10")), market())
    states = {one["participant"]: (one["state"], one["assignee"]) for one in rows(report, "breaks")}
    assert states == {"Anna": ("assigned", "Olga Ops"), "Bert": ("open", ""), "Cora": ("closed", "")}
    assert report.figures[3].value == "1", "proposed, and not decided"


def test_people_are_told_by_name_and_the_service_only_counted() -> None:
    made = desk()
    made.journal.instructed(at(25, "09:00"), "ANNAZZ2A", "REF-1")
    report = audit(Prefix(made.journal.rows), market())
    acts = [(one["actor"], one["role"], one["what"]) for one in rows(report, "log")]
    assert acts == [
        ("Hana Head", "by", "reconciliation: assigned"),
        ("Olga Ops", "by", "reconciliation: commented"),
        ("Olga Ops", "by", "reconciliation: closed"),
        ("Olga Ops", "by", "reconciliation: correction proposed"),
        ("Hana Head", "by", "reconciliation: correction approved"),
        ("Olga Ops", "proposed_by", "correction"),
        ("Hana Head", "approved_by", "correction"),
        ("Hana Head", "by", "reconciliation: reopened"),
    ]
    assert [(one["actor"], one["role"], one["what"]) for one in rows(report, "members")] == [
        ("ANNAZZ2A", "owner", "instructed")
    ]
    counted = {one["actor"]: (one["kind"], one["acts"]) for one in rows(report, "actors")}
    assert counted == {"Hana Head": ("person", 4), "Olga Ops": ("person", 4), "ANNAZZ2A": ("member", 1)}
    assert rows(report, "service") == [{"kind": "reconciliation", "entries": 4}]  # three found, one closed itself
    pairs = next(one for one in report.figures if one.title == "Decided by two")
    assert (pairs.value, pairs.tone) == ("1", Tone.GOOD)


def test_a_decision_by_one_person_alone_stands_out() -> None:
    journal = Journal()
    journal.add(at(23, "09:00"), "correction", "x", {"proposed_by": "Olga Ops", "approved_by": "OLGA OPS"})
    pairs = next(one for one in audit(Prefix(journal.rows), market()).figures if one.title == "Decided by two")
    assert (pairs.value, pairs.tone) == ("1", Tone.BAD)
    assert "one and the same" in pairs.note


def test_every_entry_in_the_log_names_its_hash() -> None:
    made = desk()
    hashes = {row.number: row.hash for row in made.journal.rows}
    for one in rows(audit(Prefix(made.journal.rows), market()), "log"):
        assert one["hash"] == hashes[one["number"]]
        assert isinstance(one["at"], datetime)
        assert one["at"].tzinfo is UTC


def test_a_trades_break_names_its_parties_and_its_reference() -> None:
    lines = [
        Line(
            book=book,
            key=Key.trade("T-1"),
            quantity=5 if book is Book.LEGACY else 6,
            instrument=BOND,
            deliverer=ANNA,
            receiver=BERT,
            day=date(2026, 11, 23),
        )
        for book in BOOKS
    ]
    journal = Journal()
    run = Run(day=date(2026, 11, 23), at=at(23, "19:00"), spoke={Subject.TRADE: BOOKS})
    for one in reconcile((), compare(lines, RuleBook(), run)).entries:
        journal.entry(one)
    (found,) = rows(breaks(Prefix(journal.rows), market()), "breaks")
    assert (found["participant"], found["instrument"], found["reference"]) == ("Anna, Bert", BOND, "T-1")
    assert (found["book"], found["class"], found["opened_on"]) == ("legacy", "amount", date(2026, 11, 23))
    assert "quantity 5" in str(found["found"])
