"""A file of rules: read as it stands, and refused with the place, the value and the rule."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lockstep.app.rules_file import read_rules
from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.domain.reconciliation.rules import Rule, RuleBook
from lockstep.flow.comparing import Run, compare

WHOLE = """
[[rule]]
name = "yen to the unit"
subject = "cash"
instrument = "JPY"
participant = "ZZZZ00FABLEBANK00171"
tolerated_amount = 1
books = ["rtgs", "service"]
patience_days = 2

[[rule]]
name = "positions to ten"
subject = "position"
tolerated_quantity = 10

[[rule]]
name = "trades within a minute"
subject = "trade"
tolerated_seconds = 60
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text)
    return path


def test_every_field_is_read(tmp_path: Path) -> None:
    assert read_rules(written(tmp_path, WHOLE)) == RuleBook(
        rules=(
            Rule(
                name="yen to the unit",
                subject=Subject.CASH,
                instrument="JPY",
                participant="ZZZZ00FABLEBANK00171",
                tolerated_amount=1,
                books=(Book.RTGS, Book.SERVICE),
                patience_days=2,
            ),
            Rule(name="positions to ten", subject=Subject.POSITION, tolerated_quantity=10),
            Rule(name="trades within a minute", subject=Subject.TRADE, tolerated_seconds=60),
        )
    )
    assert read_rules(written(tmp_path, "")) == RuleBook()


def test_a_rule_that_was_read_judges(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, WHOLE))
    key = Key.cash("ZZZZ00FABLEBANK00171", "JPY")
    run = Run(
        day=date(2026, 11, 23),
        at=datetime(2026, 11, 23, 18, tzinfo=UTC),
        spoke={Subject.CASH: frozenset({Book.RTGS, Book.SERVICE})},
    )
    for off, found, tolerated in ((1, 0, 1), (2, 1, 0)):
        lines = [Line(book=Book.RTGS, key=key, amount=100), Line(book=Book.SERVICE, key=key, amount=100 + off)]
        done = compare(lines, rules, run)
        assert (len(done.found), len(done.tolerated)) == (found, tolerated)
        assert {*(one.rule for one in done.found), *(one.rule for one in done.tolerated)} == {"yen to the unit"}


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("rule = 1", "rules.toml/rule", "a table"),
        ("[[rules]]", "rules.toml", "nothing but [[rule]]"),
        ("[[rule]", "rules.toml", "TOML"),
        ('[[rule]]\nsubject = "cash"', "rule[1]/name", "must be there"),
        ('[[rule]]\nname = "a"', "rule[1]/subject", "must be there"),
        ('[[rule]]\nname = "a"\nsubject = "bonds"', "rule[1]/subject", "one of position, trade, cash"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\ntolerance = 1', "rule[1]/tolerance", "one of name, subject"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\ntolerated_amount = 1.5', "rule[1]/tolerated_amount", "whole number"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\ntolerated_amount = true', "rule[1]/tolerated_amount", "whole number"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\ntolerated_amount = -1', "rule[1]/tolerated_amount", "not below zero"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\nbooks = "rtgs"', "rule[1]/books", "a list of books"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\nbooks = ["rtgs"]', "rule[1]/books", "two books or more"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\nbooks = ["rtgs", "chain"]', "rule[1]/books", "know of cash"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\nbooks = ["rtgs", "bank"]', "rule[1]/books", "one of chain"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\ninstrument = "euro"', "rule[1]/instrument", ""),
        ('[[rule]]\nname = "a"\nsubject = "position"\ninstrument = "EUR"', "rule[1]/instrument", ""),
        ('[[rule]]\nname = ""\nsubject = "cash"', "rule[1]/name", "a name for every rule"),
        ('[[rule]]\nname = 7\nsubject = "cash"', "rule[1]/name", "a text"),
        ('[[rule]]\nname = "a"\nsubject = "trade"\nparticipant = "X"', "rule[1]/participant", "none for trades"),
        ('[[rule]]\nname = "a"\nsubject = "cash"\n[[rule]]\nname = "b"\nsubject = "cash"', "rule", "one rule for one"),
    ],
)
def test_what_is_no_rule_is_refused(tmp_path: Path, text: str, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_rules(written(tmp_path, text))
    assert raised.value.field == field
    assert rule in raised.value.rule


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_rules(tmp_path / "none.toml")
    assert (raised.value.field, raised.value.value) == ("rules", str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidInput):
        read_rules(tmp_path / "bytes.toml")
