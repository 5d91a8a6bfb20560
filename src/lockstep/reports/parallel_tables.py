"""The parallel run's figures as tables: by security, day and participant, gates and promotions."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from lockstep.domain.money import minor_units
from lockstep.domain.parallel.gates import Measure, Result, Verdict
from lockstep.domain.parallel.scorecards import ALL, Freed, Score
from lockstep.domain.parallel.stages import Move
from lockstep.reports.cells import decimal_text, grouped, per_cent
from lockstep.reports.model import Cell, Column, ColumnKind, Table, Tone
from lockstep.reports.parallel_run import DAY_SECONDS, ParallelRun
from lockstep.reports.words import counted, span

__all__ = [
    "conditions_table",
    "days_table",
    "freed_table",
    "gains_table",
    "participants_table",
    "securities_table",
    "steps_table",
]

_K = ColumnKind
_MET = (("met", Tone.GOOD), ("not met", Tone.WARN))
_STAGES = (("shadow", Tone.PLAIN), ("parallel", Tone.PLAIN), ("primary", Tone.GOOD))
_MOVES = (("promoted", Tone.GOOD), ("demoted", Tone.BAD), ("rejected", Tone.WARN), ("lapsed", Tone.WARN))
_SHARES = frozenset(
    {Measure.TRADE_AGREEMENT, Measure.POSITION_AGREEMENT, Measure.EVENT_AGREEMENT, Measure.LATER_FINALITY}
)
_SECONDS = frozenset({Measure.MOST_SECONDS_LATER, Measure.MEAN_SECONDS_EARLIER})
_SCORED = (
    Column(name="trades", title="Trades", kind=_K.COUNT),
    Column(name="trade_agreement", title="Trades agree", kind=_K.SHARE),
    Column(name="position_agreement", title="Positions agree", kind=_K.SHARE),
    Column(name="event_agreement", title="Events agree", kind=_K.SHARE),
    Column(name="open_breaks", title="Open breaks", kind=_K.COUNT),
    Column(name="unexplained_breaks", title="Unexplained", kind=_K.COUNT),
)


def _scored(score: Score) -> tuple[Cell, ...]:
    return (
        score.trades.compared,
        score.trades.share,
        score.positions.share,
        score.events.share,
        score.open_breaks,
        score.unexplained_breaks,
    )


def securities_table(run: ParallelRun) -> Table:
    """Where each security is, whether it may go on, and its days together."""
    courses = {one.isin: one for one in run.courses}
    gates = {one.isin: one for one in run.verdicts}
    rows = []
    for isin in run.isins:
        course, gate, period = courses.get(isin), gates.get(isin), run.period(isin)
        rows.append(
            (
                run.name(isin),
                isin,
                "" if course is None else course.stage.value,
                None if course is None else course.since,
                "" if gate is None else _met(gate.is_met),
                len(period.days),
                *_scored(period.whole),
            )
        )
    return Table(
        name="securities",
        title="Securities",
        columns=(
            Column(name="security", title="Security"),
            Column(name="isin", title="ISIN"),
            Column(name="stage", title="Stage", tones=_STAGES),
            Column(name="since", title="Since", kind=_K.DAY),
            Column(name="gate", title="Next gate", tones=_MET),
            Column(name="days", title="Days", kind=_K.COUNT),
            *_SCORED,
        ),
        rows=tuple(rows),
        note="All scored days together; of what stands open, the most at any day's end.",
    )


def conditions_table(run: ParallelRun) -> Table:
    """Each condition of each security's next gate, with what was found and on how many days it stands."""
    rows = [row for one in sorted(run.verdicts, key=lambda each: each.isin) for row in _conditions(run, one)]
    return Table(
        name="gates",
        title="Gates",
        columns=(
            Column(name="security", title="Security"),
            Column(name="condition", title="Condition"),
            Column(name="figure", title="Found"),
            Column(name="met", title="It is", tones=_MET),
            Column(name="exact", title="Exactly"),
            Column(name="days", title="Days", kind=_K.COUNT),
            Column(name="about", title="From, to"),
            Column(name="gate", title="Gate"),
        ),
        rows=tuple(rows),
        note="A gate is met where all its conditions are. Days count from when the security entered its stage.",
    )


def _conditions(run: ParallelRun, verdict: Verdict) -> Iterator[tuple[Cell, ...]]:
    for one in verdict.results:
        yield (
            run.name(verdict.isin),
            _condition(one),
            _found(run, one),
            _met(one.is_met),
            one.figure,
            len(one.days),
            verdict.about,
            verdict.name,
        )


def _condition(one: Result) -> str:
    condition = one.condition
    bound, said = (condition.at_least, "at least") if condition.at_least else (condition.at_most, "at most")
    over = f", over the last {counted(condition.days, 'day')}" if condition.days else ""
    each = ", for each participant" if condition.each_participant else ""
    named = condition.measure.value.replace("_", " ").capitalize()
    return f"{named} {said} {_measured(condition.measure, Fraction(bound))}{over}{each}"


def _found(run: ParallelRun, one: Result) -> str:
    if one.value is None:
        return "nothing to measure"
    of = f" ({run.name(one.participant)})" if one.participant else ""
    return f"{_measured(one.condition.measure, one.value)}{of}"


def _measured(measure: Measure, figure: Fraction) -> str:
    if measure in _SHARES:
        return per_cent(figure)
    if measure in _SECONDS:
        return span(round(figure))
    return grouped(str(figure)) if figure.denominator == 1 else grouped(decimal_text(round(figure * 100), 2))


def _met(is_met: bool) -> str:
    return "met" if is_met else "not met"


def days_table(run: ParallelRun) -> Table:
    """All securities together, day by day."""
    cards = sorted((one for one in run.cards if one.isin == ALL), key=lambda one: one.day)
    return Table(
        name="days",
        title="Days",
        columns=(
            Column(name="day", title="Business day", kind=_K.DAY),
            *_SCORED,
            Column(name="cash_agreement", title="Cash agrees", kind=_K.SHARE),
            Column(name="digest", title="Scorecard"),
        ),
        rows=tuple((one.day, *_scored(one.whole), one.whole.cash.share, one.digest[:16]) for one in cards),
        note="The scorecard's digest begins so; a gate's evidence names it.",
    )


def participants_table(run: ParallelRun) -> Table:
    """All securities together, by participant."""
    return Table(
        name="participants",
        title="Participants",
        columns=(
            Column(name="participant", title="Participant"),
            Column(name="lei", title="LEI"),
            *_SCORED,
            Column(name="cash_agreement", title="Cash agrees", kind=_K.SHARE),
        ),
        rows=tuple(
            (run.name(lei), lei, *_scored(score), score.cash.share) for lei, score in run.period().participants.items()
        ),
        note="A trade counts for both its parties, so these do not add up to the whole.",
    )


def gains_table(run: ParallelRun) -> Table:
    """By security: how much earlier trades were final, and which fails one book had and the other not."""
    whole = [("all", run.period().whole), *((run.name(isin), run.period(isin).whole) for isin in run.isins)]
    return Table(
        name="gains",
        title="Finality and fails",
        columns=(
            Column(name="security", title="Security"),
            Column(name="both", title="Settled in both", kind=_K.COUNT),
            Column(name="earlier", title="Earlier", kind=_K.COUNT),
            Column(name="later", title="Later", kind=_K.COUNT),
            Column(name="mean", title="Earlier by, on average"),
            Column(name="seconds_earlier", title="In all, seconds", kind=_K.COUNT),
            Column(name="most_earlier", title="Most earlier, seconds", kind=_K.COUNT),
            Column(name="most_later", title="Most later, seconds", kind=_K.COUNT),
            Column(name="due", title="Due", kind=_K.COUNT),
            Column(name="fails_legacy", title="Failed, legacy", kind=_K.COUNT),
            Column(name="fails_lockstep", title="Failed, Lockstep", kind=_K.COUNT),
            Column(name="fails_avoided", title="Avoided", kind=_K.COUNT),
            Column(name="fails_added", title="Added", kind=_K.COUNT),
        ),
        rows=tuple((name, *_gains(score)) for name, score in whole),
    )


def _gains(score: Score) -> tuple[Cell, ...]:
    finality, fails, mean = score.finality, score.fails, score.finality.mean_seconds_earlier
    return (
        finality.both,
        finality.earlier,
        finality.later,
        "" if mean is None else span(round(mean)),
        finality.seconds_earlier,
        finality.most_earlier,
        finality.most_later,
        fails.due,
        fails.legacy,
        fails.lockstep,
        fails.avoided,
        fails.added,
    )


def freed_table(run: ParallelRun) -> Table:
    """Cash by currency and securities by ISIN: what the earlier finality frees, in all and for each participant."""
    period = run.period()
    scopes: Mapping[str, Score] = {"": period.whole, **period.participants}
    return Table(
        name="freed",
        title="Freed by earlier finality",
        columns=(
            Column(name="participant", title="Participant"),
            Column(name="of", title="Of"),
            Column(name="for_one_day", title="For one day"),
            Column(name="unit_seconds", title="Minor or base units × seconds", kind=_K.COUNT),
        ),
        rows=tuple(
            (run.name(lei) if lei else "all", *row) for lei, score in scopes.items() for row in _freed(run, score.freed)
        ),
        note="The last column is exact; for one day is that, divided by the 86,400 seconds of a day, rounded.",
    )


def _freed(run: ParallelRun, freed: Freed) -> Iterator[tuple[str, str, int]]:
    for currency, amount in freed.cash.items():
        yield currency, _for_a_day(amount, minor_units(currency)), amount
    for isin, units in freed.units.items():
        yield run.name(isin), _for_a_day(units, run.decimals(isin)), units


def _for_a_day(unit_seconds: int, decimals: int) -> str:
    return grouped(decimal_text(round(Fraction(unit_seconds, DAY_SECONDS)), decimals))


def steps_table(run: ParallelRun) -> Table:
    """Who moved which security, when, why, and on what evidence."""
    rows = [
        (
            step.at,
            run.name(course.isin),
            step.move.value,
            step.stage.value,
            step.by,
            step.why,
            step.proposal,
            step.evidence[:16],
        )
        for course in run.courses
        for step in course.steps
        if step.move is not Move.BEGUN
    ]
    return Table(
        name="promotions",
        title="Promotions",
        columns=(
            Column(name="at", title="When", kind=_K.MOMENT),
            Column(name="security", title="Security"),
            Column(name="act", title="Act", tones=_MOVES),
            Column(name="stage", title="Stage", tones=_STAGES),
            Column(name="by", title="By"),
            Column(name="why", title="Why"),
            Column(name="proposal", title="Proposal"),
            Column(name="evidence", title="Verdict"),
        ),
        rows=tuple(sorted(rows, key=lambda row: (row[0], row[1], row[6]))),
    )
