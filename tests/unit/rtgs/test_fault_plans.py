"""A plan of faults as data: what it takes, what it refuses and in which words, and that it repeats."""

import json
import subprocess
import sys
from decimal import Decimal

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic
from lockstep.rtgs.faults import Fault, Plan, from_json, from_toml, parse

PARTY = Bic("LSTPDEFFXXX")
EVERY_KIND = """
seed = 7
[[rules]]
kind = "delay"
message = "pacs.002.001.10"
status = "ACSC"
participant = "LSTPDEFFXXX"
probability = 0.25
seconds = 90
at_most = 3
note = "the morning's jam"
[[rules]]
kind = "loss"
direction = "in"
[[rules]]
kind = "duplicate"
copies = 2
[[rules]]
kind = "reorder"
behind = 3
[[rules]]
kind = "notice_first"
[[rules]]
kind = "contradict"
says = "CANC"
[[rules]]
kind = "statement_misses"
[[rules]]
kind = "statement_wrong"
[[rules]]
kind = "outage"
since = 2026-11-20T12:00:00Z
until = 2026-11-20T12:10:00Z
[[rules]]
kind = "answer_lost"
message = "camt.007"
[[rules]]
kind = "slow_liquidity"
seconds = 600
[[rules]]
kind = "recall_race"
winner = "release"
behind = 3
"""


def test_every_kind_is_read_shown_and_read_again() -> None:
    plan = from_toml(EVERY_KIND)
    assert [rule.kind for rule in plan.rules] == list(Fault)
    assert from_json(plan.to_json()) == plan
    first = plan.rules[0]
    assert (first.message, first.status, first.participant, first.direction) == ("pacs.002", "ACSC", PARTY, "out")
    assert (first.probability, first.seconds, first.at_most) == (Decimal("0.25"), 90, 3)
    by_kind = {rule.kind: rule for rule in plan.rules}
    assert by_kind[Fault.STATEMENT_WRONG].message == "camt.053"
    assert by_kind[Fault.OUTAGE].direction is None
    assert (by_kind[Fault.RECALL_RACE].message, by_kind[Fault.RECALL_RACE].direction) == ("camt.056", "in")
    assert by_kind[Fault.SLOW_LIQUIDITY].message == "camt.050"


@pytest.mark.parametrize(
    ("rule", "field", "value", "said"),
    [
        ({"kind": "delai"}, "rules[1].kind", "delai", "one of delay, loss"),
        ({}, "rules[1].kind", "None", "one of delay"),
        ({"kind": "delay"}, "rules[1].seconds", "None", "given, for delay"),
        ({"kind": "delay", "seconds": -1}, "rules[1].seconds", "-1", "from 0 to"),
        ({"kind": "delay", "seconds": 1.5}, "rules[1].seconds", "1.5", "a whole number"),
        ({"kind": "delay", "seconds": True}, "rules[1].seconds", "True", "a whole number"),
        ({"kind": "loss", "seconds": 3}, "rules[1].seconds", "3", "a member of loss"),
        ({"kind": "loss", "probability": 0}, "rules[1].probability", "0", "above 0, at most 1"),
        ({"kind": "loss", "probability": "1.1"}, "rules[1].probability", "1.1", "above 0, at most 1"),
        ({"kind": "loss", "probability": "often"}, "rules[1].probability", "often", "above 0, at most 1"),
        ({"kind": "loss", "participant": "NOBODY"}, "rules[1].participant", "NOBODY", ""),
        ({"kind": "loss", "message": "pacs.999"}, "rules[1].message", "pacs.999", "a message type: admi.002"),
        ({"kind": "loss", "message": "pacs.002.001.99"}, "rules[1].message", "pacs.002.001.99", "a message type"),
        ({"kind": "loss", "message": "camt.054", "status": "ACSC"}, "rules[1].status", "ACSC", "pacs.002"),
        ({"kind": "loss", "direction": "up"}, "rules[1].direction", "up", "one of in, out"),
        ({"kind": "answer_lost", "direction": "out"}, "rules[1].direction", "out", "in for answer_lost"),
        ({"kind": "contradict", "direction": "in"}, "rules[1].direction", "in", "out for contradict"),
        ({"kind": "contradict", "status": "RJCT"}, "rules[1].says", "RJCT", "another status"),
        ({"kind": "outage"}, "rules[1].until", "None", "an outage has an end"),
        ({"kind": "outage", "until": "noon"}, "rules[1].until", "noon", "ISO 8601"),
        ({"kind": "outage", "until": "2026-11-20T12:00:00"}, "rules[1].until", "2026-11-20T12:00:00", "time zone"),
        (
            {"kind": "outage", "since": "2026-11-20T13:00:00Z", "until": "2026-11-20T12:00:00Z"},
            "rules[1].since",
            "2026-11-20T13:00:00+00:00",
            "not after until",
        ),
        ({"kind": "recall_race"}, "rules[1].winner", "None", "given, for recall_race"),
        ({"kind": "recall_race", "winner": "both"}, "rules[1].winner", "both", "one of release, recall"),
    ],
)
def test_a_bad_rule_is_refused_with_field_value_and_rule(
    rule: dict[str, object], field: str, value: str, said: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse({"seed": 1, "rules": [rule]})
    assert (refused.value.field, refused.value.value) == (field, value)
    assert said in refused.value.rule


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ([], "plan"),
        ({"seed": 1}, "rules"),
        ({"seed": 1, "rules": []}, "rules"),
        ({"seed": "x", "rules": [{"kind": "loss"}]}, "seed"),
        ({"rules": [{"kind": "loss"}]}, "seed"),
        ({"seed": 1, "rules": [{"kind": "loss"}], "rule": []}, "rule"),
        ({"seed": 1, "rules": ["loss"]}, "rules[1]"),
        ({"seed": 1, "rules": [{"kind": "loss"}, {"kind": "loss", "behind": 1}]}, "rules[2].behind"),
    ],
)
def test_a_bad_plan_is_refused(plan: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(plan)
    assert refused.value.field == field


def test_what_is_no_toml_or_json_is_refused() -> None:
    for read in (from_toml, from_json):
        with pytest.raises(InvalidInput):
            read("{[")


def chosen(plan: Plan) -> list[int]:
    return [number for number in range(1, 1001) if plan.strikes(0, PARTY, number)]


def test_a_seed_repeats_and_another_differs() -> None:
    def plan(seed: int) -> Plan:
        return parse({"seed": seed, "rules": [{"kind": "loss", "probability": "0.3"}]})

    first = chosen(plan(1))
    assert first == chosen(plan(1)) != chosen(plan(2))
    assert 240 < len(first) < 360
    program = (
        "from lockstep.rtgs.faults import parse; from lockstep.domain.identifiers import Bic; import json;"
        "plan = parse({'seed': 1, 'rules': [{'kind': 'loss', 'probability': '0.3'}]});"
        "print(json.dumps([n for n in range(1, 1001) if plan.strikes(0, Bic('LSTPDEFFXXX'), n)]))"
    )
    for hash_seed in ("0", "12345"):
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout) == first
