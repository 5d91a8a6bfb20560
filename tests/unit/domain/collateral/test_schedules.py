"""A whole schedule on a security: the table of Regulation (EU) 2016/2251, exclusions, refusals; its JSON document."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collateral.securities import BANK, DAY, OTHER, PARTIES, STATE, SUBSIDIARY, an_isin, bund, rated
from lockstep.domain.collateral.assets import AssetKind, IssuerKind
from lockstep.domain.collateral.criteria import Refusal
from lockstep.domain.collateral.documents import parse_schedule, percentage
from lockstep.domain.collateral.schedules import (
    EligibilitySchedule,
    Eligible,
    Ineligible,
    LimitBy,
    Parties,
    judge,
)
from lockstep.domain.errors import InvalidInput

EXAMPLE = Path(__file__).parents[4] / "examples" / "eligibility" / "variation-margin-eu.json"
SCHEDULE = parse_schedule(EXAMPLE.read_text())

# Commission Delegated Regulation (EU) 2016/2251, Annex II, Table 1: percent by credit quality step and residual
# maturity, for governments (first figure) and for corporates (second). Steps by the usual mapping of Standard & Poor's
# notations: 1 down to AA-, 2-3 down to BBB-.
TABLE_1 = [
    ("AA-", "2027-11-23", "0.5", "1"),
    ("AA-", "2027-11-24", "2", "4"),
    ("AA-", "2031-11-23", "2", "4"),
    ("AA-", "2031-11-24", "4", "8"),
    ("A+", "2027-11-23", "1", "2"),
    ("BBB-", "2031-11-23", "3", "6"),
    ("BBB-", "2031-11-24", "6", "12"),
    ("BB+", "2031-11-24", "15", None),
]


@pytest.mark.parametrize(("notation", "maturity", "government", "corporate"), TABLE_1)
def test_the_regulation_s_haircuts(notation: str, maturity: str, government: str, corporate: str | None) -> None:
    of = {"maturity": date.fromisoformat(maturity), "ratings": rated(notation)}
    verdict = judge(SCHEDULE, bund(**of), PARTIES, DAY)
    assert verdict == Eligible(rule="governments", haircut=percentage(government, field=""), fx_haircut=0)
    company = {"issuer": OTHER, "issuer_kind": IssuerKind.CORPORATE}
    verdict = judge(SCHEDULE, bund(**of, **company), PARTIES, DAY)
    if corporate is None:
        assert isinstance(verdict, Ineligible)
        assert str(verdict.refusals[1]) == "companies/assetAgencyRating: BB+ is not BBB- or better"
    else:
        assert verdict == Eligible(rule="companies", haircut=percentage(corporate, field=""), fx_haircut=0)


def test_other_currencies_cost_eight_per_cent_more() -> None:
    """Annex II, paragraph 6; and both haircuts add up, paragraph 1."""
    verdict = judge(SCHEDULE, bund(currency="USD"), PARTIES, DAY)
    assert isinstance(verdict, Eligible)
    assert (verdict.haircut, verdict.fx_haircut, verdict.total) == (40_000, 80_000, 120_000)
    assert Eligible(rule="", haircut=950_000, fx_haircut=80_000).total == 1_000_000


@pytest.mark.parametrize(
    ("changed", "rule", "figure"),
    [
        ({"issuer": BANK}, "counterpartyOwnIssuePermitted", BANK),
        ({"issuer": SUBSIDIARY}, "linkedIssuePermitted", SUBSIDIARY),
        ({"issuer": STATE}, "referenceEntityIssuePermitted", STATE),
        ({"issuer": OTHER, "issuer_kind": IssuerKind.CORPORATE}, "sameCountryExcluded", "Corporate of DE"),
        ({"issuer": OTHER, "maturity": DAY}, "matured", "2026-11-23"),
    ],
)
def test_exclusions_that_no_rule_lifts(changed: dict[str, Any], rule: str, figure: str) -> None:
    parties = Parties(
        giver=BANK, giver_country="DE", giver_group=frozenset({BANK, SUBSIDIARY}), reference_entities=frozenset({STATE})
    )
    schedule = EligibilitySchedule(
        name="home", currency="EUR", rules=SCHEDULE.rules, same_country_excluded=frozenset({IssuerKind.CORPORATE})
    )
    verdict = judge(schedule, bund(**changed), parties, DAY)
    assert isinstance(verdict, Ineligible)
    assert [(one.rule, one.figure) for one in verdict.refusals] == [(rule, figure)]
    free = EligibilitySchedule(
        name="free", currency="EUR", rules=SCHEDULE.rules, own_issue_permitted=True, linked_issue_permitted=True,
        reference_issue_permitted=True,
    )  # fmt: skip
    assert isinstance(judge(free, bund(**changed), parties, DAY), Eligible) is (rule != "matured")


def test_a_refusal_of_each_rule_names_rule_figure_and_limit() -> None:
    share = bund(kind=AssetKind.EQUITY, issuer=OTHER, issuer_kind=IssuerKind.CORPORATE, maturity=None, ratings=())
    verdict = judge(SCHEDULE, share, PARTIES, DAY)
    assert isinstance(verdict, Ineligible)
    assert verdict.refusals == (
        Refusal(rule="governments/assetType", figure="Equity", limit="Debt"),
        Refusal(rule="companies/assetType", figure="Equity", limit="one of CoveredBond, Debt"),
        Refusal(rule="shares/index", figure="nothing", limit="one of EURO STOXX 50, S&P 500"),
    )
    assert str(verdict).startswith("governments/assetType: Equity is not Debt; companies/assetType: ")


def test_a_schedule_without_rules_takes_nothing() -> None:
    verdict = judge(EligibilitySchedule(name="none", currency="EUR", rules=()), bund(), PARTIES, DAY)
    assert isinstance(verdict, Ineligible) and verdict.refusals[0].figure == an_isin(1)


def test_the_example_s_limits() -> None:
    assert [(one.by, one.share, one.amount) for one in SCHEDULE.limits] == [
        (LimitBy.ISSUER, 100_000, 1_000_000_000),
        (LimitBy.COUNTRY, 500_000, None),
        (LimitBy.ALL, 400_000, None),
    ]


# The document


def document(**changed: Any) -> str:
    terms: dict[str, Any] = {
        "format": "lockstep-eligibility/1",
        "name": "s",
        "currency": "EUR",
        "criteria": [
            {"name": "all", "criteria": {"assetType": ["Debt"]}, "treatment": [{"haircutPercentage": "1.5"}]},
        ],
    }
    return json.dumps({name: value for name, value in {**terms, **changed}.items() if value is not None})


def of(criteria: Any) -> dict[str, Any]:
    return {"criteria": [{"name": "r", "criteria": criteria, "treatment": [{"haircutPercentage": 1}]}]}


def deep(levels: int) -> Any:
    inner: Any = {"assetType": ["Debt"]}
    for _ in range(levels):
        inner = {"not": inner}
    return inner


RULE = "schedule/criteria[1]/criteria"


@pytest.mark.parametrize(
    ("changed", "field", "value", "rule"),
    [
        ({"format": "other/1"}, "schedule/format", "other/1", "lockstep-eligibility/1"),
        ({"name": None}, "schedule/name", "", "there"),
        ({"name": ""}, "schedule/name", '""', "a text"),
        ({"currency": "EURO"}, "schedule/currency", "EURO", "a currency (ISO 4217)"),
        ({"haircut": 1}, "schedule/haircut", "haircut", "one of format, name"),
        ({"criteria": {}}, "schedule/criteria", "{}", "a list"),
        ({"counterpartyOwnIssuePermitted": "no"}, "schedule/counterpartyOwnIssuePermitted", '"no"', "true or false"),
        ({"fxHaircut": {"percentage": "101"}}, "schedule/fxHaircut/percentage", "101", "a percentage from 0 to 100"),
        ({"fxHaircut": {"percentage": 1.23456}}, "schedule/fxHaircut/percentage", "1.23456", "at most four decimals"),
        ({"fxHaircut": {"percentage": "8", "exempt": ["EURO"]}}, "schedule/fxHaircut/exempt[1]", "EURO", "a currency"),
        (
            {"wrongWay": {"sameCountryExcluded": ["Bank"]}},
            "schedule/wrongWay/sameCountryExcluded[1]",
            '"Bank"',
            "one of",
        ),
        (of({}), RULE, "{}", "at least one criterion"),
        (of({"colour": ["red"]}), f"{RULE}/colour", "colour", "one of all, any, not"),
        (of({"assetType": ["Bond"]}), f"{RULE}/assetType[1]", '"Bond"', "one of Cash, Debt"),
        (of({"assetType": []}), f"{RULE}/assetType", "[]", "at least one value"),
        (of({"any": []}), f"{RULE}/any", "[]", "at least one criterion"),
        (of({"issuerName": ["X"]}), f"{RULE}/issuerName[1]", "X", "ISO 17442"),
        (
            of({"specificAsset": ["DE0001102615"]}),
            f"{RULE}/specificAsset[1]",
            "DE0001102615",
            "check digit",
        ),
        (
            of({"issuerCountryOfOrigin": ["QQ"]}),
            f"{RULE}/issuerCountryOfOrigin[1]",
            "QQ",
            "a country",
        ),
        (of({"remainingMaturity": {}}), f"{RULE}/remainingMaturity", "{}", "over, upTo, or both"),
        (
            of({"remainingMaturity": {"upTo": "5Y"}}),
            f"{RULE}/remainingMaturity/upTo",
            "5Y",
            "ISO 8601",
        ),
        (
            of({"assetAgencyRating": {"minimum": "A+++"}}),
            f"{RULE}/assetAgencyRating/minimum",
            '"A+++"',
            "notation",
        ),
        (
            of({"assetAgencyRating": {"minimum": "A", "agencies": ["DBRS"]}}),
            f"{RULE}/assetAgencyRating/agencies[1]",
            '"DBRS"',
            "one of Fitch",
        ),
        (
            {"concentrationLimits": [{"type": "Issuer"}]},
            "schedule/concentrationLimits[1]",
            '{"type": "Issuer"}',
            "percentageLimit, valueLimit",
        ),
        (
            {"concentrationLimits": [{"type": "Sector", "percentageLimit": 1}]},
            "schedule/concentrationLimits[1]/type",
            '"Sector"',
            "one of Issuer",
        ),
        (
            {"concentrationLimits": [{"type": "Issuer", "valueLimit": "1.001"}]},
            "schedule/concentrationLimits[1]/valueLimit",
            "1.001",
            "at most 2 decimals",
        ),
        (
            {"criteria": [{"name": "r", "criteria": {"assetType": ["Debt"]}, "treatment": []}]},
            "schedule/criteria[1]/treatment",
            "[]",
            "at least one haircut",
        ),
    ],
)
def test_documents_that_are_refused(changed: dict[str, Any], field: str, value: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_schedule(document(**changed))
    assert (refused.value.field, refused.value.value) == (field, value)
    assert rule in refused.value.rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "JSON"),
        ("[]", "an object"),
        ("[" * 64 + "]" * 64, "an object"),
        ('{"name": 1, "name": 2}', "once in its object"),
        ('{"format": NaN}', "a number of JSON"),
        ("[" * 100_000, "levels deep"),
        ('{"a": ' * 65, "levels deep"),
        ('["[\\"[", ' * 65, "levels deep"),
        ('{"name": "' + "[" * 100_000 + '"}', "there"),
        ('{"' + '\\"' * 400_000, "JSON"),
        ('{"format": ' + "9" * 5_000 + "}", "at most 4300 digits"),
        (" " * 1_000_001, "at most 1000000"),
    ],
    ids=range(12),
)
def test_texts_that_are_no_documents(text: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_schedule(text)
    assert rule in refused.value.rule


def test_how_deep() -> None:
    assert parse_schedule(document(**of(deep(12)))).rules
    with pytest.raises(InvalidInput, match="at most 16 levels deep"):
        parse_schedule(document(**of(deep(40))))


def test_two_rules_of_one_name() -> None:
    rule = json.loads(document())["criteria"][0]
    with pytest.raises(InvalidInput, match="a name of its own"):
        parse_schedule(document(criteria=[rule, rule]))


@pytest.mark.parametrize(
    ("text", "parts"),
    [("0", 0), ("100", 1_000_000), ("0.0001", 1), ("1.5", 15_000), ("007", 70_000), ("12.50", 125_000)],
)
def test_percentages(text: str, parts: int) -> None:
    assert percentage(text, field="") == parts


@pytest.mark.parametrize("text", ["", "-1", "100.0001", "1e1", "1.", ".5", "1.00000", "１", "1 "])
def test_no_percentages(text: str) -> None:
    with pytest.raises(InvalidInput):
        percentage(text, field="haircutPercentage")


def test_a_number_with_a_point_is_read_digit_by_digit() -> None:
    bands = {
        "criteria": [{"name": "r", "criteria": {"assetType": ["Debt"]}, "treatment": [{"haircutPercentage": 0.7}]}]
    }
    assert parse_schedule(document(**bands)).rules[0].bands[0].haircut == 7_000
