"""Gates and guards: every measure against its bound, what has no figure, and files that break a rule."""

from datetime import timedelta
from fractions import Fraction

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.parallel.gate_text import read_gates
from lockstep.domain.parallel.gates import Condition, Gate, Guard, Measure, judge, judge_guard
from lockstep.domain.parallel.scorecards import Fails, Finality, Score, Scorecard, Tally
from lockstep.domain.parallel.stages import Course
from parallel.cards import ANNA, BERT, BOND, MONDAY, NOTE, TUESDAY, WEDNESDAY, at, card

SINCE = MONDAY


def gate(*conditions: Condition, isin: str = "") -> Gate:
    return Gate(name="to parallel", stage="shadow", to="parallel", conditions=conditions, isin=isin)


def guard(*conditions: Condition) -> Guard:
    return Guard(name="back", stage="parallel", to="shadow", conditions=conditions)


def verdict_of(condition: Condition, *cards: Scorecard) -> tuple[str, bool]:
    (result,) = judge(gate(condition), BOND, [(one, 7) for one in cards], SINCE).results
    return result.figure, result.is_met


FULL = Score(
    trades=Tally(compared=200, agreed=199),
    positions=Tally(compared=3, agreed=2),
    events=Tally(compared=4, agreed=3),
    fails=Fails(due=9, legacy=5, lockstep=2, avoided=4, added=1),
    finality=Finality(both=8, earlier=6, later=2, seconds_earlier=-12, most_earlier=5, most_later=30),
    open_breaks=3,
    unexplained_breaks=2,
    oldest_break_days=6,
)


@pytest.mark.parametrize(
    ("measure", "figure"),
    [
        (Measure.BUSINESS_DAYS, "1"),
        (Measure.TRADES, "200"),
        (Measure.TRADE_AGREEMENT, "199/200"),
        (Measure.POSITION_AGREEMENT, "2/3"),
        (Measure.EVENT_AGREEMENT, "3/4"),
        (Measure.UNEXPLAINED_BREAKS, "2"),
        (Measure.OPEN_BREAKS, "3"),
        (Measure.OLDEST_BREAK_DAYS, "6"),
        (Measure.FAILS_ADDED, "1"),
        (Measure.FAILS_AVOIDED, "4"),
        (Measure.LATER_FINALITY, "1/4"),
        (Measure.MOST_SECONDS_LATER, "30"),
        (Measure.MEAN_SECONDS_EARLIER, "-3/2"),
    ],
)
def test_each_measure_and_both_sides_of_each_bound(measure: Measure, figure: str) -> None:
    one = Scorecard(day=MONDAY, at=at(MONDAY, 18), isin=BOND, whole=FULL, participants={})
    value, a_bit = Fraction(figure), Fraction(1, 1000)
    assert verdict_of(Condition(measure=measure, at_least=figure), one) == (figure, True)
    assert verdict_of(Condition(measure=measure, at_most=figure), one) == (figure, True)
    assert verdict_of(Condition(measure=measure, at_least=str(value + a_bit)), one) == (figure, False)
    assert verdict_of(Condition(measure=measure, at_most=str(value - a_bit)), one) == (figure, False)


def test_every_measure_is_tested() -> None:
    (marked,) = [one for one in test_each_measure_and_both_sides_of_each_bound.pytestmark if one.name == "parametrize"]
    assert {measure for measure, _ in marked.args[1]} == {*Measure}


@pytest.mark.parametrize(
    "measure",
    [
        *(Measure.TRADE_AGREEMENT, Measure.POSITION_AGREEMENT, Measure.EVENT_AGREEMENT, Measure.LATER_FINALITY),
        *(Measure.MOST_SECONDS_LATER, Measure.MEAN_SECONDS_EARLIER),
    ],
)
def test_nothing_measured_meets_no_gate_and_breaks_no_guard(measure: Measure) -> None:
    nothing = Scorecard(day=MONDAY, at=at(MONDAY, 18), isin=BOND, whole=Score(), participants={})
    condition = Condition(measure=measure, at_most="1000")
    assert verdict_of(condition, nothing) == ("", False)
    assert judge_guard(guard(condition), BOND, [(nothing, 1)], SINCE).is_met


def test_no_day_meets_no_gate() -> None:
    assert verdict_of(Condition(measure=Measure.UNEXPLAINED_BREAKS, at_most="0")) == ("", False)
    assert verdict_of(Condition(measure=Measure.BUSINESS_DAYS, at_least="1")) == ("0", False)


def test_only_the_last_days_count_where_the_condition_says_so() -> None:
    days = [card(MONDAY, 10, 0), card(TUESDAY, 10, 9), card(WEDNESDAY, 10, 10)]
    assert verdict_of(Condition(measure=Measure.TRADE_AGREEMENT, at_least="19/20", days=2), *days) == ("19/20", True)
    assert verdict_of(Condition(measure=Measure.TRADE_AGREEMENT, at_least="19/20"), *days) == ("19/30", False)
    assert verdict_of(Condition(measure=Measure.TRADE_AGREEMENT, at_least="0", days=4), *days) == ("", False)


def test_a_guard_judges_fewer_days_than_it_names() -> None:
    condition = Condition(measure=Measure.TRADE_AGREEMENT, at_least="9/10", days=5)
    assert not judge_guard(guard(condition), BOND, [(card(MONDAY, 10, 8), 1)], SINCE).is_met


def test_days_before_the_stage_do_not_count() -> None:
    friday = MONDAY - timedelta(days=3)
    cards = [(card(friday, 10, 0), 3), (card(TUESDAY), 9), (card(MONDAY), 5)]
    verdict = judge(gate(Condition(measure=Measure.TRADE_AGREEMENT, at_least="1")), BOND, cards, SINCE)
    assert verdict.is_met
    assert verdict.as_of == TUESDAY
    assert [(one.day, one.journal_number) for one in verdict.evidence] == [(MONDAY, 5), (TUESDAY, 9)]
    assert [one.digest for one in verdict.evidence] == [card(MONDAY).digest, card(TUESDAY).digest]


def test_the_worst_participant_counts() -> None:
    good, bad = Score(trades=Tally(compared=9, agreed=9)), Score(trades=Tally(compared=2, agreed=1))
    one = Scorecard(
        day=MONDAY, at=at(MONDAY, 18), isin=BOND, whole=good, participants={ANNA: good, BERT: bad, "NOBODY": Score()}
    )
    condition = Condition(measure=Measure.TRADE_AGREEMENT, at_least="1", each_participant=True)
    verdict = judge(gate(condition), BOND, [(one, 1)], SINCE)
    (result,) = verdict.results
    assert (result.participant, result.value, result.is_met) == (BERT, Fraction(1, 2), False)
    assert verdict.broken() == "trade_agreement at least 1, each participant: 1/2 (BERT)"


def test_all_conditions_must_hold() -> None:
    kept = Condition(measure=Measure.TRADES, at_least="10")
    broken = Condition(measure=Measure.OPEN_BREAKS, at_most="0")
    verdict = judge(gate(kept, broken), BOND, [(card(MONDAY, open_breaks=1), 1)], SINCE)
    assert [one.is_met for one in verdict.results] == [True, False]
    assert not verdict.is_met
    assert verdict.broken() == "open_breaks at most 0: 1"


def test_a_verdict_changes_with_what_it_stands_on() -> None:
    one = gate(Condition(measure=Measure.TRADES, at_least="1"))
    cards = [(card(MONDAY), 1)]
    same = judge(one, BOND, cards, SINCE).digest
    assert judge(one, BOND, cards, SINCE).digest == same
    assert judge(one, BOND, [(card(MONDAY), 2)], SINCE).digest != same
    assert judge(one, BOND, [(card(MONDAY, found={"late": 1}), 1)], SINCE).digest != same


def test_a_gate_of_another_security_is_refused() -> None:
    own = gate(Condition(measure=Measure.TRADES, at_least="1"), isin=NOTE)
    with pytest.raises(InvalidInput, match=BOND):
        judge(own, BOND, [], SINCE)


@pytest.mark.parametrize(
    "facts",
    [
        {"measure": Measure.TRADES},
        {"measure": Measure.TRADES, "at_least": "1", "at_most": "2"},
        {"measure": Measure.TRADES, "at_least": "many"},
        {"measure": Measure.TRADES, "at_least": "1/0"},
        {"measure": Measure.TRADES, "at_least": "1", "days": -1},
        {"measure": Measure.BUSINESS_DAYS, "at_least": "1", "days": 2},
        {"measure": Measure.BUSINESS_DAYS, "at_least": "1", "each_participant": True},
    ],
)
def test_conditions_that_cannot_be(facts: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Condition(**facts)


# --- the file

TEXT = f"""
[[gate]]
name = "into parallel"
from = "shadow"
to = "parallel"
[[gate.condition]]
measure = "business_days"
at_least = 20
[[gate.condition]]
measure = "trade_agreement"
at_least = 0.995
days = 20
each_participant = true

[[gate]]
name = "this bond"
from = "shadow"
to = "parallel"
security = "{BOND}"
[[gate.condition]]
measure = "trades"
at_least = 1

[[guard]]
name = "back to shadow"
from = "primary"
to = "shadow"
[[guard.condition]]
measure = "fails_added"
at_most = 0

[[guard]]
name = "back to parallel"
from = "primary"
to = "parallel"
[[guard.condition]]
measure = "open_breaks"
at_most = 2
"""


def test_a_file_is_read_exactly() -> None:
    gates = read_gates(TEXT)
    assert [one.name for one in gates.gates] == ["into parallel", "this bond"]
    assert gates.gates[0].conditions == (
        Condition(measure=Measure.BUSINESS_DAYS, at_least="20"),
        Condition(measure=Measure.TRADE_AGREEMENT, at_least="199/200", days=20, each_participant=True),
    )


def test_a_security_has_its_own_gate_or_that_of_all() -> None:
    gates = read_gates(TEXT)
    bond, note = (Course.begun(one, day=MONDAY, at=at(MONDAY, 18)) for one in (BOND, NOTE))
    own, of_all = gates.gate(bond), gates.gate(note)
    assert own is not None and own.name == "this bond"
    assert of_all is not None and of_all.name == "into parallel"
    assert gates.guards_of(note) == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (('from = "shadow"', 'from = "night"'), "gate[1].from"),
        (('to = "parallel"', 'to = "primary"'), "gate[1].to"),
        (('measure = "trades"', 'measure = "luck"'), "gate[2].condition[1].measure"),
        (("at_least = 20", 'at_least = "20"'), "gate[1].condition[1].at_least"),
        (("at_least = 20", "at_least = true"), "gate[1].condition[1].at_least"),
        (("at_least = 20", "at_least = nan"), "gate[1].condition[1].at_least"),
        (("at_least = 20", "days = 20"), "business_days"),
        (("days = 20", "days = -1"), "gate[1].condition[2].days"),
        (("days = 20", "dayz = 20"), "gate[1].condition[2].dayz"),
        (("each_participant = true", "each_participant = 1"), "gate[1].condition[2].each_participant"),
        (('name = "this bond"', 'name = "into parallel"'), "name"),
        (('name = "this bond"', 'name = " "'), "gate[2].name"),
        ((f'security = "{BOND}"', 'security = "DE000A0DLWB4"'), "gate[2].security"),
        ((f'security = "{BOND}"', ""), "gate"),
        (('from = "primary"\nto = "shadow"', 'from = "shadow"\nto = "shadow"'), "guard[1].to"),
        (("[[gate]]", "[night]\n[[gate]]"), "gates.night"),
        (("at_least = 20", "at_least = "), "gates"),
    ],
)
def test_a_file_that_breaks_a_rule_names_the_place(change: tuple[str, str], field: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(InvalidInput) as refused:
        read_gates(TEXT.replace(*change, 1))
    assert refused.value.field == field


def test_a_file_without_gates_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        read_gates("")
    with pytest.raises(InvalidInput, match="at least one"):
        read_gates('[[gate]]\nname = "x"\nfrom = "shadow"\nto = "parallel"')
