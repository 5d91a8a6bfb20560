"""Why a difference may be there: a likely cause, and the evidence by which somebody can judge it.

A cause is told only where the figures say it exactly; otherwise it is unknown. None of it changes what was found, but
for two things: one content under two keys of a book is one finding (identity), and a balance that differs by exactly
what is in flight is a matter of time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.differences import BreakClass, Cause, Difference, Evidence, Found
from lockstep.domain.values import replace

__all__ = ["explained", "probable"]

_MOST_ALIKE = 64
"""Lines of like figures among which a lost one is looked for; of more, none is told from another."""
_MOST_EVIDENCE = 20
_MOST_DECIMALS = 9

Books = Mapping[Key, Mapping[Book, Sequence[Line]]]
_SAME = ("instrument", "currency", "deliverer", "receiver", "quantity", "amount", "day")


def probable(lines: Sequence[Line], differences: Sequence[Difference]) -> tuple[Cause, tuple[Evidence, ...]]:
    """From one key alone: what the book's own lines and the gravest difference say."""
    gravest = differences[0]
    evidence = tuple(_evidence(one, f"{gravest.field} {gravest.said}") for one in lines[:_MOST_EVIDENCE])
    return _cause(lines, differences), evidence


def _cause(lines: Sequence[Line], differences: Sequence[Difference]) -> Cause:
    gravest = differences[0]
    match gravest.break_class:
        case BreakClass.DUPLICATE:
            same = all(replace(one, origin="") == replace(lines[0], origin="") for one in lines)
            return Cause.TOLD_TWICE if same else Cause.REFERENCE_REUSED
        case BreakClass.IDENTITY:
            sides = {one.field: (one.said, one.agreed) for one in differences if one.field in ("deliverer", "receiver")}
            one, other = sides.get("deliverer", ("", "")), sides.get("receiver", ("", ""))
            return Cause.PARTIES_SWAPPED if one[0] and one == other[::-1] else Cause.UNKNOWN
        case BreakClass.AMOUNT:
            return _of_figures(int(gravest.said), int(gravest.agreed))
        case BreakClass.MISSING:
            return Cause.NEVER_ARRIVED
        case BreakClass.LATE:
            return Cause.SETTLED_LATE
        case BreakClass.TIMING if gravest.field != "day":
            return Cause.IN_FLIGHT
    return Cause.UNKNOWN


def _of_figures(said: int, agreed: int) -> Cause:
    if said == -agreed:
        return Cause.SIGN
    if said == 2 * agreed:
        return Cause.BOOKED_TWICE
    small, large = sorted((abs(said), abs(agreed)))
    if small and said * agreed > 0 and any(small * 10**power == large for power in range(1, _MOST_DECIMALS + 1)):
        return Cause.DECIMALS
    one, other = str(said), str(agreed)
    apart = [place for place, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs]
    if len(one) == len(other) and len(apart) == 2 and apart[1] == apart[0] + 1:
        left, right = apart
        if (one[left], one[right]) == (other[right], other[left]):
            return Cause.DIGITS_TRANSPOSED
    return Cause.UNKNOWN


def explained(found: Sequence[Found], books: Books, set_apart: Mapping[tuple[Book, Key], str]) -> list[Found]:
    """What one key alone cannot tell: rows set apart, the same content under another key, trades behind a balance."""
    told = [_set_apart(one, set_apart) for one in found]
    told = _renamed(told, books)
    behind = _trades_behind(told, books)
    return [_by_trades(one, behind) if _is_balance(one) else one for one in told]


def _set_apart(one: Found, set_apart: Mapping[tuple[Book, Key], str]) -> Found:
    said = set_apart.get((one.book, one.key))
    if said is None or not (_is_gap(one) and not one.differences[0].said):
        return one
    return replace(one, cause=Cause.ROW_SET_APART, evidence=(Evidence(book=one.book, origin=said, says="unreadable"),))


def _is_gap(one: Found) -> bool:
    return one.differences[0].field == "line"


def _renamed(found: Sequence[Found], books: Books) -> list[Found]:
    """Where a book lacks one key and has too many of another with the same content, and only these two are alike."""
    lacking: dict[object, list[Found]] = {}
    beyond: dict[object, list[Found]] = {}
    for one in found:
        if _is_gap(one) and len(one.differences) == 1 and one.cause is not Cause.ROW_SET_APART:
            into = lacking if not one.differences[0].said else beyond
            for sign in _signs(one, books):
                into.setdefault(sign, []).append(one)
    pairs: dict[str, set[str]] = {}
    known = {one.break_id: one for one in found}
    for sign, lost in lacking.items():
        others = beyond.get(sign, [])
        if len(lost) <= _MOST_ALIKE and len(others) <= _MOST_ALIKE:
            for one in lost:
                for other in others:
                    if _alike(one, other, books):
                        pairs.setdefault(one.break_id, set()).add(other.break_id)
                        pairs.setdefault(other.break_id, set()).add(one.break_id)
    renamed: dict[str, Found | None] = {}
    for one in found:
        partners = pairs.get(one.break_id, set())
        if len(partners) == 1 and not one.differences[0].said:
            other = known[next(iter(partners))]
            if len(pairs[other.break_id]) == 1:
                renamed[one.break_id], renamed[other.break_id] = _one_of_two(one, other, books), None
    told = (renamed.get(one.break_id, one) for one in found)
    return [one for one in told if one is not None]


def _signs(one: Found, books: Books) -> list[object]:
    """By what a gap and its like are found before they are compared: the book with a quantity, or with an amount.

    The book's own line has the first that it knows; others may know both, and which the book would tell is not known.
    """
    line = _whole(_lines(one, books))
    figures = [(name, getattr(line, name)) for name in ("quantity", "amount") if getattr(line, name) is not None]
    return [(one.book, one.key.subject, figure) for figure in (figures[:1] if one.differences[0].said else figures)]


def _lines(one: Found, books: Books) -> list[Line]:
    """The lines behind a gap: the book's own where it has too many, the others' where it lacks one."""
    told = books[one.key]
    if one.differences[0].said:
        return list(told.get(one.book, ()))
    return [line for book in one.against for line in told.get(book, ())]


def _alike(lost: Found, other: Found, books: Books) -> bool:
    if lost.key.subject is not other.key.subject:
        return False
    if lost.key.subject is not Subject.TRADE and (
        (lost.key.participant == other.key.participant) == (lost.key.instrument == other.key.instrument)
    ):
        return False  # a balance under another key has one of its two names right
    mine = _lines(other, books)
    return all(_agree(line, one) for line in mine for one in _lines(lost, books))


def _agree(one: Line, other: Line) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in _SAME]
    return all(mine == theirs for mine, theirs in pairs if mine is not None and theirs is not None)


def _one_of_two(lost: Found, other: Found, books: Books) -> Found:
    names = [name for name in ("participant", "instrument", "reference") if _part(lost, name) != _part(other, name)]
    differences = tuple(
        Difference(
            break_class=BreakClass.IDENTITY,
            field=name,
            said=_part(other, name),
            agreed=_part(lost, name),
        )
        for name in names
    )
    evidence = tuple(_evidence(one, one.key.text()) for one in (*_lines(other, books), *_lines(lost, books)))
    return replace(
        lost,
        other_key=other.key,
        differences=differences,
        cause=Cause.OTHER_REFERENCE,
        evidence=evidence[:_MOST_EVIDENCE],
    )


def _part(one: Found, name: str) -> str:
    return str(getattr(one.key, name))


def _is_balance(one: Found) -> bool:
    """A position or cash that differs in its figure alone, or is not there."""
    fields = [each.field for each in one.differences]
    return one.key.subject is not Subject.TRADE and fields in (["quantity"], ["amount"], ["line"])


Behind = Mapping[tuple[Book, Subject, str, str], Sequence[tuple[int, Found]]]


def _trades_behind(found: Iterable[Found], books: Books) -> Behind:
    """What each trade that is a break moves at a book more than the others have it: by book, party and instrument.

    At its own book, and as much less at each of those that it stands against: a payment that one ledger has and the
    others do not yet is found at that ledger, and the balance that it moves at whoever comes after it.
    """
    behind: dict[tuple[Book, Subject, str, str], list[tuple[int, Found]]] = {}
    for one in found:
        if one.key.subject is Subject.TRADE and len(one.differences) == 1 and (sign := _direction(one)):
            line = _whole(_lines_of(books[one.key]))
            for party, way in ((line.deliverer, -sign), (line.receiver, sign)):
                for book, side in ((one.book, way), *((other, -way) for other in one.against)):
                    if party and line.instrument and line.quantity:
                        at = (book, Subject.POSITION, party, line.instrument)
                        behind.setdefault(at, []).append((side * line.quantity, one))
                    if party and line.currency and line.amount:
                        at = (book, Subject.CASH, party, line.currency)
                        behind.setdefault(at, []).append((-side * line.amount, one))
    return behind


def _direction(one: Found) -> int:
    """1 where the book has settled a trade and the others have not, -1 the other way, 0 where it moved nothing."""
    gap = one.differences[0]
    settled = LineStatus.SETTLED.value
    if gap.field == "status":
        return (gap.said == settled) - (gap.agreed == settled)
    if gap.field != "line":
        return 0
    if f"status={settled}" not in gap.said + gap.agreed:
        return 0
    return 1 if gap.said else -1


def _lines_of(told: Mapping[Book, Sequence[Line]]) -> list[Line]:
    return [one for book in Book for one in told.get(book, ())]


def _whole(lines: Sequence[Line]) -> Line:
    """One line of all that any of them knows."""
    names = ("instrument", "currency", "deliverer", "receiver", "quantity", "amount")
    known: dict[str, Any] = {
        name: next((getattr(one, name) for one in lines if getattr(one, name) is not None), None) for name in names
    }
    return replace(lines[0], **known)


def _by_trades(one: Found, behind: Behind) -> Found:
    """A balance whose whole difference is one trade's, or that of all its trades together."""
    every = behind.get((one.book, one.key.subject, one.key.participant, one.key.instrument), ())
    own = [each for each in every if each[1].book is one.book]
    gap = one.differences[0]
    trades = _whole_gap(gap.by, own) or _whole_gap(gap.by, [*own, *_of_others(one, every)])
    if not trades:
        return one
    evidence = tuple(
        Evidence(book=trade.book, origin=trade.key.text(), says=f"{trade.break_class.value} of {moved}")
        for moved, trade in trades[:_MOST_EVIDENCE]
    )
    if any(trade.break_class is not BreakClass.TIMING for _, trade in trades):
        return replace(one, cause=Cause.TRADE_BREAKS, evidence=evidence)
    in_time = replace(gap, break_class=BreakClass.TIMING)
    return replace(one, differences=(in_time,), cause=Cause.IN_FLIGHT, evidence=evidence)


def _whole_gap(by: int, trades: Sequence[tuple[int, Found]]) -> Sequence[tuple[int, Found]]:
    """The one trade that moves as much, or all if together they do; none otherwise."""
    single = [each for each in trades if each[0] == by]
    if len(single) == 1:
        return single
    return trades if sum(each[0] for each in trades) == by else ()


def _of_others(one: Found, every: Sequence[tuple[int, Found]]) -> list[tuple[int, Found]]:
    """Trades that are breaks at all the books that a balance stands against, each once."""
    by_key: dict[Key, list[tuple[int, Found]]] = {}
    for each in every:
        if each[1].book in one.against:
            by_key.setdefault(each[1].key, []).append(each)
    return [told[0] for told in by_key.values() if {each[1].book for each in told} == {*one.against}]


def _evidence(line: Line, says: str) -> Evidence:
    return Evidence(book=line.book, origin=line.origin or line.key.text(), says=says)
