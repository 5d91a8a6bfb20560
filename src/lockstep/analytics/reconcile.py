"""Books of millions compared: the same findings as `flow.comparing.compare`, which judges what does not agree.

Columns say in which keys the books do not all say the same, each once; one hash join of all books a part of the keys
at a time. The lines of these keys, and of no others, are judged one by one. So there is one meaning of a break, and
a book's size costs joins only.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import polars as pl

from lockstep.analytics.book_columns import FIELDS, BookColumns, moment, parts_of
from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Line, Subject
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.domain.values import replace
from lockstep.flow.comparing import Comparison, Run, compare

__all__ = ["MOST_LINES", "compare_columns", "disagreeing"]

MOST_LINES = 3_000_000
"""Of keys that disagree, as many are judged. Books of which more do are not of one day, or not of one market."""
_DAY = 86_400_000_000


def compare_columns(books: Iterable[BookColumns], rules: RuleBook, run: Run) -> Comparison:
    """As `compare` of all the books' lines. Of what only one book spoke of, no key is told as alone.

    Raises InvalidInput for a book twice, one that is not said to have spoken, and where more than MOST_LINES disagree.
    """
    by_subject: dict[Subject, list[BookColumns]] = {}
    for one in books:
        others = by_subject.setdefault(one.subject, [])
        if one.book not in run.spoke.get(one.subject, ()):
            raise InvalidInput("book", one.book.value, f"one that spoke of {one.subject.value} in this run")
        if any(other.book is one.book for other in others):
            raise InvalidInput("book", one.book.value, f"once for {one.subject.value}")
        others.append(one)
    for subject, spoke in run.spoke.items():
        if lacking := spoke - {one.book for one in by_subject.get(subject, ())}:
            raise InvalidInput(
                "books", sorted(one.value for one in lacking), f"the columns of all that spoke of {subject.value}"
            )
    lines: list[Line] = []
    moments = any(one.tolerated_seconds is not None for one in rules.rules)
    sound = 0
    for told in by_subject.values():
        agreed, differing = disagreeing(told, as_of=moment(run.at), moments=moments)
        sound += agreed if len(told) > 1 else 0
        for line in differing:
            lines.append(line)
            if len(lines) > MOST_LINES:
                raise InvalidInput("books", f"more than {MOST_LINES} lines", "books of which few keys disagree")
    found = compare(lines, rules, run)
    return replace(found, keys=found.keys + sound)


def disagreeing(books: Sequence[BookColumns], *, as_of: int, moments: bool = False) -> tuple[int, Iterator[Line]]:
    """How many keys every book tells once and alike, and the lines of all the others.

    Of `at`, the UTC day is compared, or with `moments` the microsecond; a balance without one is as of `as_of`.
    """
    if len(books) < 2:
        return sum(one.rows for one in books), iter(())
    bad: list[pl.DataFrame] = []
    agreed, parts = 0, parts_of(books)
    for number in range(parts):
        frames = [one.part(number, parts) for one in books]
        keys = _differing(books, frames, as_of, moments=moments)
        bad.append(keys)
        first = frames[0]
        if first is not None:
            agreed += len(first) - (len(first.join(keys, on="key", how="semi")) if len(keys) else 0)
    return agreed, _lines(books, bad)


def _lines(books: Sequence[BookColumns], bad: Sequence[pl.DataFrame]) -> Iterator[Line]:
    for one in books:
        yield from one.odd
        for number, keys in enumerate(bad):
            rows = one.part(number, len(bad))
            if len(keys) and rows is not None:
                yield from one.lines(rows.join(keys, on="key", how="semi"))


def _differing(
    books: Sequence[BookColumns], frames: Sequence[pl.DataFrame | None], as_of: int, *, moments: bool
) -> pl.DataFrame:
    """The `key`s of one part that not every book tells once and alike, and any with the same 64 bits."""
    there = [
        _judged(book, one, as_of, moments=moments) for book, one in zip(books, frames, strict=True) if one is not None
    ]
    if len(there) < len(frames):
        return pl.concat([pl.DataFrame(schema={"key": pl.UInt64}), *(rows.select("key") for rows in there)]).unique()
    joined = _named(there[0], 0)
    for place, rows in enumerate(there[1:], 1):
        joined = joined.join(_named(rows, place), on="key", how="full", coalesce=True, maintain_order="none")
    differing = [pl.col(f"row_{place}").is_null() for place in range(len(there))]
    for name in ("rest", *FIELDS[books[0].subject]):
        having = [place for place, rows in enumerate(there) if name in rows.columns]
        for one, other in _pairs(there, having, name):
            differing.append(pl.col(f"{name}_{one}") != pl.col(f"{name}_{other}"))
    keys = joined.filter(pl.any_horizontal(differing)).select("key")
    counts = joined.select(pl.col(f"row_{place}").count() for place in range(len(there))).row(0)
    twice = [rows.filter(pl.col("key").is_duplicated()).select("key") for rows in there] if _more(counts, there) else []
    return pl.concat([keys, *twice]).unique()


def _judged(book: BookColumns, rows: pl.DataFrame, as_of: int, *, moments: bool) -> pl.DataFrame:
    """With `at` in the same unit for every book: microseconds, or days."""
    if book.subject is Subject.TRADE and "at" not in rows.columns:
        return rows
    at = pl.col("at").cast(pl.Int64) if "at" in rows.columns else pl.lit(None, dtype=pl.Int64)
    if book.whole_seconds:
        at = at * 1_000_000
    if book.subject is not Subject.TRADE:
        at = at.fill_null(as_of)
    return rows.with_columns((at if moments else (at // _DAY).cast(pl.Int32)).alias("at"))


def _more(counts: Sequence[int], there: Sequence[pl.DataFrame]) -> bool:
    """Whether a row was joined more than once: then a key stands twice in a book."""
    return any(count != len(one) for count, one in zip(counts, there, strict=True))


def _pairs(there: Sequence[pl.DataFrame], having: Sequence[int], name: str) -> Iterable[tuple[int, int]]:
    """The first against each other; where a book leaves it out in some rows, each against each."""
    if len(having) > 2 and any(there[place][name].null_count() for place in having):
        return combinations(having, 2)
    return [(having[0], place) for place in having[1:]] if having else []


def _named(rows: pl.DataFrame, place: int) -> pl.DataFrame:
    return rows.select(
        pl.col("key"),
        *(pl.col(name).alias(f"{name}_{place}") for name in rows.columns if name != "key"),
    )
