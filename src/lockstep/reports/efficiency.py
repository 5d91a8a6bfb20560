"""Settlement efficiency, fails and their penalties, from the journal: for operations, participants and authorities.

Counted as Delegated Regulation (EU) 2018/1229, Article 13 and Annex I, has it: a trade that fails for three days is
three fails; the rate of a day is what settled against what settled or failed on it, by number and by value.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction

from lockstep.reports.cells import per_cent
from lockstep.reports.fails import NOT_TOLD, Fate, Following, code_of, follow, penalties_of
from lockstep.reports.model import Chart, ChartKind, Column, ColumnKind, Figure, Report, Table, Tone
from lockstep.reports.penalties import Penalty, PenaltyTerms
from lockstep.reports.penalty_tables import penalties_table, penalty_notes, totals_table
from lockstep.reports.records import Records, in_order
from lockstep.reports.words import money

__all__ = ["AGES", "efficiency"]

AGES = ((1, 1, "1 day"), (2, 4, "2 to 4 days"), (5, 10, "5 to 10 days"), (11, None, "more than 10 days"))
"""From, to, both inclusive; business days on which a trade failed."""
_K = ColumnKind
_LONGEST_CHART = 60
"""Days drawn at most: the latest ones."""
_GOOD, _FAIR = Fraction(97, 100), Fraction(90, 100)


def efficiency(records: Records, tables: PenaltyTerms, *, since: date | None = None) -> Report:
    """Of trades due from a day on, or of all. Days that are not over at the report's moment are not counted."""
    followed = [
        one
        for one in (follow(story, records) for story in in_order(records.stories))
        if one.days and (since is None or one.days[0].day >= since)
    ]
    charged = [(one, each) for one in followed for each in penalties_of(one, records, tables)]
    days = _by_day(followed)
    return Report(
        kind="efficiency",
        title="Settlement efficiency and fails",
        subtitle=_subtitle(followed, since),
        as_of=records.as_of,
        source=records.source,
        figures=tuple(_figures(followed, charged)),
        charts=tuple(_charts(followed, days)),
        tables=(
            _days_table(days),
            _fails_table(followed, records),
            _reasons_table(followed),
            _ages_table(followed),
            _participants_table(followed, records),
            penalties_table(charged, records),
            totals_table(charged, records),
        ),
        notes=(
            "A business day of TARGET counts from its cut-off on; who fails on several days is counted on each.",
            "Whoever lacks securities (LACK) or cash (MONY) fails; where another reason or none was told, nobody is "
            "charged.",
            *penalty_notes(charged, tables),
        ),
    )


def _subtitle(followed: Sequence[Following], since: date | None) -> str:
    over = [each.day for one in followed for each in one.days if each.fate is not Fate.OPEN]
    if not over:
        return "No business day with trades due is over yet"
    begun = min(over) if since is None else since
    return f"Trades due from {begun.isoformat()} to {max(over).isoformat()}"


Counted = dict[Fate, tuple[int, int]]


def _by_day(followed: Iterable[Following]) -> Mapping[tuple[date, str], Counted]:
    """Number and value by fate, of each day and currency, in order."""
    found: dict[tuple[date, str], Counted] = defaultdict(lambda: dict.fromkeys(Fate, (0, 0)))
    for one in followed:
        cash = one.story.terms.cash
        for each in one.days:
            if each.matched:
                number, value = found[each.day, cash.currency][each.fate]
                found[each.day, cash.currency][each.fate] = number + 1, value + cash.amount
    return dict(sorted(found.items()))


def _share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def _days_table(days: Mapping[tuple[date, str], Counted]) -> Table:
    rows = []
    for (day, currency), counted in days.items():
        (settled, settled_value), (failed, failed_value) = counted[Fate.SETTLED], counted[Fate.FAILED]
        rows.append(
            (
                day,
                currency,
                settled,
                settled_value,
                failed,
                failed_value,
                _share(settled, settled + failed),
                _share(settled_value, settled_value + failed_value),
                counted[Fate.CANCELLED][0],
                counted[Fate.OPEN][0],
            )
        )
    return Table(
        name="days",
        title="By business day",
        columns=(
            Column(name="day", title="Business day", kind=_K.DAY),
            Column(name="currency", title="Currency"),
            Column(name="settled", title="Settled", kind=_K.COUNT),
            Column(name="settled_value", title="Value settled", kind=_K.MONEY, currency_in="currency"),
            Column(name="failed", title="Failed", kind=_K.COUNT),
            Column(name="failed_value", title="Value failed", kind=_K.MONEY, currency_in="currency"),
            Column(name="efficiency", title="Efficiency by number", kind=_K.SHARE),
            Column(name="efficiency_value", title="Efficiency by value", kind=_K.SHARE),
            Column(name="cancelled", title="Cancelled", kind=_K.COUNT),
            Column(name="open", title="Not over", kind=_K.COUNT),
        ),
        rows=tuple(rows),
    )


def _fails_table(followed: Iterable[Following], records: Records) -> Table:
    rows = []
    for one in (each for each in followed if each.failed):
        terms, last = one.story.terms, one.failed[-1]
        rows.append(
            (
                records.name(terms.deliverer),
                records.name(terms.receiver),
                str(terms.isin),
                terms.cash.currency,
                terms.cash.amount,
                terms.settlement_date,
                len(one.failed),
                last.day,
                code_of(last.reason),
                one.story.last.state.value,
                last.reason.partition(": ")[2],
                str(one.story.trade_id),
            )
        )
    return Table(
        name="fails",
        title="Trades that failed",
        columns=(
            Column(name="deliverer", title="Seller"),
            Column(name="receiver", title="Buyer"),
            Column(name="isin", title="ISIN"),
            Column(name="currency", title="Currency"),
            Column(name="cash", title="Value", kind=_K.MONEY, currency_in="currency"),
            Column(name="settlement_date", title="Agreed for", kind=_K.DAY),
            Column(name="days_failed", title="Days failed", kind=_K.COUNT),
            Column(name="last_failed", title="Last on", kind=_K.DAY),
            Column(name="reason_code", title="Reason"),
            Column(name="state", title="State now", tones=(("SETTLED", Tone.GOOD),)),
            Column(name="reason", title="In words"),
            Column(name="trade_id", title="Trade"),
        ),
        rows=tuple(rows),
        note="Reason as it stood at the last cut-off that the trade missed.",
    )


def _grouped(followed: Iterable[Following], key: str) -> Iterator[tuple[str, str, int, int, int]]:
    """Label, currency, trades, fails and value failed of each group that has any, as they come."""
    found: dict[tuple[str, str], list[int]] = {}
    for one in (each for each in followed if each.failed):
        cash = one.story.terms.cash
        labels = [code_of(each.reason) for each in one.failed] if key == "reason" else [_age(len(one.failed))]
        for label in dict.fromkeys(labels):
            times = labels.count(label) if key == "reason" else len(one.failed)
            sums = found.setdefault((label, cash.currency), [0, 0, 0])
            sums[0] += 1
            sums[1] += times
            sums[2] += times * cash.amount
    for (label, currency), (trades, fails, value) in found.items():
        yield label, currency, trades, fails, value


def _age(days: int) -> str:
    return next(label for first, last, label in AGES if days >= first and (last is None or days <= last))


def _sums_columns(name: str, title: str) -> tuple[Column, ...]:
    return (
        Column(name=name, title=title),
        Column(name="currency", title="Currency"),
        Column(name="trades", title="Trades", kind=_K.COUNT),
        Column(name="fails", title="Fails", kind=_K.COUNT),
        Column(name="failed_value", title="Value failed", kind=_K.MONEY, currency_in="currency"),
    )


def _reasons_table(followed: Sequence[Following]) -> Table:
    rows = sorted(_grouped(followed, "reason"), key=lambda one: (-one[3], one[0], one[1]))
    note = "A trade counts once for each reason that it failed for, and a fail for each business day."
    return Table(
        name="reasons", title="Why", columns=_sums_columns("reason_code", "Reason"), rows=tuple(rows), note=note
    )


def _ages_table(followed: Sequence[Following]) -> Table:
    order = {label: place for place, (_, _, label) in enumerate(AGES)}
    rows = sorted(_grouped(followed, "age"), key=lambda one: (order[one[0]], one[1]))
    return Table(
        name="ages", title="For how long", columns=_sums_columns("age", "Business days failed"), rows=tuple(rows)
    )


def _participants_table(followed: Iterable[Following], records: Records) -> Table:
    """Both sides of a trade count it; its fails are the side's that lacked something."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for one in _judged(followed):
        terms = one.story.terms
        for lei, code in ((terms.deliverer, "LACK"), (terms.receiver, "MONY")):
            counted = sums[lei, terms.cash.currency]
            caused = sum(code_of(each.reason) == code for each in one.failed)
            counted[0] += 1
            counted[1] += one.on_time
            counted[2] += terms.cash.amount if one.on_time else 0
            counted[3] += terms.cash.amount
            counted[4] += caused
    rows = [
        (lei, records.name(lei), currency, due, on_time, _share(on_time, due), whole, _share(value, whole), caused)
        for (lei, currency), (due, on_time, value, whole, caused) in sorted(sums.items())
    ]
    return Table(
        name="participants",
        title="By participant",
        columns=(
            Column(name="participant", title="LEI"),
            Column(name="name", title="Participant"),
            Column(name="currency", title="Currency"),
            Column(name="due", title="Trades due", kind=_K.COUNT),
            Column(name="on_time", title="Settled on their day", kind=_K.COUNT),
            Column(name="efficiency", title="By number", kind=_K.SHARE),
            Column(name="due_value", title="Value due", kind=_K.MONEY, currency_in="currency"),
            Column(name="efficiency_value", title="By value", kind=_K.SHARE),
            Column(name="fails_caused", title="Fails it caused", kind=_K.COUNT),
        ),
        rows=tuple(rows),
        note="Both sides of a trade count it, cancelled ones neither. Who lacks securities or cash causes a fail.",
    )


def _judged(followed: Iterable[Following]) -> list[Following]:
    """Those that were to settle on a day that is over: cancelled ones were not, by its cut-off."""
    return [one for one in followed if one.due is not None and one.due.fate is not Fate.CANCELLED]


def _figures(followed: Sequence[Following], charged: Sequence[tuple[Following, Penalty]]) -> Iterator[Figure]:
    judged = _judged(followed)
    on_time = [one for one in judged if one.on_time]
    share = _share(len(on_time), len(judged))
    yield Figure(
        title="Settled on their day",
        value="nothing due" if share is None else per_cent(share),
        note=f"{len(on_time)} of {len(judged)} trades",
        tone=Tone.PLAIN if share is None else _tone(share),
    )
    for currency in sorted({one.story.terms.cash.currency for one in judged}):
        cash = [
            (one.story.terms.cash.amount, one.on_time) for one in judged if one.story.terms.cash.currency == currency
        ]
        whole, part = sum(amount for amount, _ in cash), sum(amount for amount, good in cash if good)
        by_value = Fraction(part, whole)
        yield Figure(
            title=f"By value, {currency}",
            value=per_cent(by_value),
            note=f"{money(part, currency)} of {money(whole, currency)}",
            tone=_tone(by_value),
        )
    open_ = [one for one in followed if one.failed and not one.story.last.state.is_end]
    longest = max((len(one.failed) for one in open_), default=0)
    yield Figure(
        title="Failing now",
        value=str(len(open_)),
        note=f"the longest for {longest} business day{'' if longest == 1 else 's'}" if open_ else "nothing is overdue",
        tone=Tone.BAD if open_ else Tone.GOOD,
    )
    for currency in sorted({one.story.terms.cash.currency for one, _ in charged}):
        mine = [each for one, each in charged if one.story.terms.cash.currency == currency]
        unknown = sum(one.amount is None for one in mine)
        yield Figure(
            title=f"Penalties, {currency}",
            value=money(sum(one.amount or 0 for one in mine), currency),
            note=f"{len(mine)} in all" + (f", {unknown} of them without a rate, and not in the sum" if unknown else ""),
            tone=Tone.WARN,
        )


def _tone(share: Fraction) -> Tone:
    return Tone.GOOD if share >= _GOOD else Tone.WARN if share >= _FAIR else Tone.BAD


def _charts(followed: Sequence[Following], days: Mapping[tuple[date, str], Counted]) -> Iterator[Chart]:
    drawn = sorted({day for day, _ in days})[-_LONGEST_CHART:]
    if drawn:

        def of(fate: Fate) -> tuple[int, ...]:
            return tuple(
                sum(counted[fate][0] for (day, _), counted in days.items() if day == wanted) for wanted in drawn
            )

        yield Chart(
            title="Trades settled and failed, by business day",
            kind=ChartKind.STACKED,
            labels=tuple(day.isoformat() for day in drawn),
            series=(("settled", of(Fate.SETTLED)), ("failed", of(Fate.FAILED))),
            unit="trades",
            tones=(Tone.GOOD, Tone.BAD),
        )
    fails: dict[str, int] = defaultdict(int)
    for label, _, _, number, _ in _grouped(followed, "reason"):
        fails[label] += number
    if fails:
        labels = tuple(sorted(fails, key=lambda one: (one == NOT_TOLD, -fails[one], one)))
        yield Chart(
            title="Fails by reason",
            kind=ChartKind.BARS,
            labels=labels,
            series=(("fails", tuple(fails[one] for one in labels)),),
            unit="fails",
            tones=(Tone.BAD,),
        )
