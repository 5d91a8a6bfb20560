"""Rules of reconciliation as a file (TOML): a table `[[rule]]` for each, its fields as `Rule` has them.

```toml
[[rule]]
name = "yen to the unit"
subject = "cash"
instrument = "JPY"
tolerated_amount = 1
books = ["rtgs", "service"]
patience_days = 2
```
"""

import tomllib
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import isin
from lockstep.domain.money import minor_units
from lockstep.domain.reconciliation.books import Book, Subject
from lockstep.domain.reconciliation.rules import PRECEDENCE, Rule, RuleBook

__all__ = ["read_rules"]

Choice = TypeVar("Choice", bound=Enum)


def read_rules(path: Path) -> RuleBook:
    """Raises InvalidInput with the rule's place, field, value and what breaks."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput("rules", path, f"a file that can be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(path.name, str(error), "TOML") from error
    unknown = sorted(content.keys() - {"rule"})
    if unknown:
        raise InvalidInput(path.name, ", ".join(unknown), "nothing but [[rule]]")
    tables = content.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise InvalidInput(f"{path.name}/rule", tables, "a table [[rule]] for each")
    return RuleBook(rules=tuple(_rule(one, f"rule[{place}]") for place, one in enumerate(tables, 1)))


def _rule(given: Mapping[str, Any], at: str) -> Rule:
    unknown = sorted(given.keys() - _FIELDS.keys())
    if unknown:
        raise InvalidInput(f"{at}/{unknown[0]}", given[unknown[0]], f"one of {', '.join(_FIELDS)}")
    for name in ("name", "subject"):
        if name not in given:
            raise InvalidInput(f"{at}/{name}", "", "a field that must be there")
    read = {name: _FIELDS[name](value, f"{at}/{name}") for name, value in given.items()}
    subject: Subject = read["subject"]
    if read.get("instrument"):
        _instrument(read["instrument"], subject, f"{at}/instrument")
    for book in read.get("books", ()):
        if book not in PRECEDENCE[subject]:
            known = ", ".join(one.value for one in PRECEDENCE[subject])
            raise InvalidInput(f"{at}/books", book.value, f"books that know of {subject.value}: {known}")
    try:
        return Rule(**read)
    except InvalidInput as error:
        raise InvalidInput(f"{at}/{error.field}", error.value, error.rule) from error


def _instrument(text: str, subject: Subject, at: str) -> None:
    try:
        if subject is Subject.CASH:
            minor_units(text)
        else:
            isin(text)
    except InvalidInput as error:
        raise InvalidInput(at, text, error.rule) from error


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(at, value, "a text")
    return value


def _whole(value: Any, at: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(at, value, "a whole number")
    return value


def _chosen(kind: type[Choice]) -> Callable[[Any, str], Choice]:
    def choose(value: Any, at: str) -> Choice:
        try:
            return kind(value)
        except ValueError:
            raise InvalidInput(at, value, f"one of {', '.join(str(one.value) for one in kind)}") from None

    return choose


def _books(value: Any, at: str) -> tuple[Book, ...]:
    if not isinstance(value, list):
        raise InvalidInput(at, value, "a list of books")
    choose = _chosen(Book)
    return tuple(choose(one, at) for one in value)


_FIELDS: Mapping[str, Callable[[Any, str], Any]] = {
    "name": _text,
    "subject": _chosen(Subject),
    "instrument": _text,
    "participant": _text,
    "books": _books,
    "tolerated_quantity": _whole,
    "tolerated_amount": _whole,
    "tolerated_seconds": _whole,
    "patience_days": _whole,
}
