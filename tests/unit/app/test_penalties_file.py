"""The tables of penalties as people write them: read exactly, and refused by the name of what is wrong."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from lockstep.app.penalties_file import read_penalties
from lockstep.domain.errors import InvalidInput
from lockstep.reports.penalties import ANNEX, SOURCE, CashRate, FailClass

BOND, SHARE = "ZZ00EXB20314", "ZZ00LOREM014"
WHOLE = f"""
source = "our rulebook, table 3"

[rates]
liquid_shares = "1.25"

[classes]
{BOND} = "public_debt"

[prices.{BOND}]
2026-11-23 = "99.75"

[cash.EUR]
source = "ECB, marginal lending facility"
day_count = 360
rates = [{{ since = 2025-06-11, percent = "2.40" }}, {{ since = 2026-11-01, percent = "-0.5" }}]
"""


def read(folder: Path, text: str):
    path = folder / "penalties.toml"
    path.write_text(text, "utf-8")
    return read_penalties(path)


def test_a_whole_file(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert found.rates == {**ANNEX, FailClass.LIQUID_SHARES: 125}
    assert found.classes == {BOND: FailClass.PUBLIC_DEBT}
    assert found.prices == {BOND: {date(2026, 11, 23): Fraction(399, 4)}}
    assert found.cash_rates == {
        "EUR": (CashRate(since=date(2025, 6, 11), yearly=24_000), CashRate(since=date(2026, 11, 1), yearly=-5_000))
    }
    assert found.sources == ("our rulebook, table 3", "EUR: ECB, marginal lending facility")
    assert found.daily_cash_rate("EUR", date(2026, 10, 31)) == (Fraction(24, 360_000), "2.4 % / 360")
    assert found.daily_cash_rate("EUR", date(2026, 11, 1)) == (0, "0 % / 360")
    assert found.daily_cash_rate("EUR", date(2025, 6, 10)) == (None, "")
    assert found.daily_cash_rate("JPY", date(2026, 11, 1)) == (None, "")


def test_an_empty_file_is_the_annex(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert (found.rates, found.sources) == (ANNEX, (SOURCE,))


CASH = '[cash.EUR]\nsource = "x"\nday_count = 360\n'


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("rates = ", "penalties", "a file of TOML"),
        ('rate = "1"', "penalties/rate", "only cash, classes"),
        ('source = "x"', "penalties/source", "given only with rates"),
        ('[rates]\nother = "1"', "penalties/source", "given, as text"),
        ('source = "x"\n[rates]\nshares = "1"', "rates", "one of liquid_shares"),
        ('source = "x"\n[rates]\nother = 0.5', "rates/other", "a decimal number as text"),
        ('source = "x"\n[rates]\nother = "0.005"', "rates/other", "no finer than 1/100"),
        ('source = "x"\n[rates]\nother = "-1"', "rates/other", "not below zero"),
        ('[classes]\nZZ00EXB20315 = "other"', "classes", "check digit"),
        (f'[classes]\n{BOND} = "bond"', f"classes/{BOND}", "one of liquid_shares"),
        (f'[prices.{SHARE}]\n2026-11-23 = "0"', f"prices/{SHARE}/2026-11-23", "above zero"),
        (f'[prices.{SHARE}]\nMonday = "1"', f"prices/{SHARE}", "a day, as 2026-11-23"),
        ('[cash.EUX]\nsource = "x"', "cash/EUX", "a currency"),
        ("[cash.EUR]\nday_count = 360", "cash/EUR/source", "given, as text"),
        (CASH, "cash/EUR/rates", "one at least"),
        (CASH + 'rates = [{ since = "soon", percent = "1" }]', "cash/EUR/rates/1/since", "a day, as"),
        (CASH + "rates = [{ since = 2026-01-01, percent = 1 }]", "cash/EUR/rates/1/percent", "as text"),
        (
            CASH + 'rates = [{ since = 2026-01-01, percent = "1" }, { since = 2026-01-01, percent = "2" }]',
            "cash/EUR/rates/2/since",
            "later than 2026-01-01",
        ),
        (
            CASH.replace("360", "365.25") + 'rates = [{ since = 2026-01-01, percent = "1" }]',
            "cash/EUR/day_count",
            "360 to 366",
        ),
        (CASH + 'per = "year"\nrates = []', "cash/EUR/per", "only day_count"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read(tmp_path, text)
    assert (raised.value.field, rule in raised.value.rule) == (field, True), raised.value


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_penalties(tmp_path / "none.toml")
