"""A scorecard's figures as texts, to be compared with those worked out by hand."""

from collections.abc import Mapping

from lockstep.domain.market import Market
from lockstep.domain.parallel.scorecards import Period, Score, Tally

__all__ = ["WHOLE", "figures_of", "wrong_figures"]

WHOLE = "all"
"""The scope of all securities, with the cash."""


def figures_of(periods: Mapping[str, Period], market: Market) -> Mapping[str, Mapping[str, str]]:
    """By scope: `all` or an ISIN; of one participant `SCOPE|LEI`."""
    found: dict[str, Mapping[str, str]] = {}
    for isin, period in periods.items():
        scope = isin or WHOLE
        found[scope] = {"days": str(period.days_in_a_row), **_figures(period.whole)}
        found |= {f"{scope}|{name}": _figures(score) for name, score in period.participants.items()}
    return found


def wrong_figures(
    found: Mapping[str, Mapping[str, str]], expected: Mapping[str, Mapping[str, str]]
) -> list[tuple[str, str, str, str]]:
    """Scope, name, what is found, what is expected; only of what is expected."""
    return [
        (scope, name, found.get(scope, {}).get(name, ""), text)
        for scope, figures in expected.items()
        for name, text in figures.items()
        if found.get(scope, {}).get(name, "") != text
    ]


def _figures(score: Score) -> dict[str, str]:
    finality, fails, freed = score.finality, score.fails, score.freed
    return {
        "trades": _share(score.trades),
        "positions": _share(score.positions),
        "cash": _share(score.cash),
        "events": _share(score.events),
        "found": ", ".join(f"{name} {count}" for name, count in sorted(score.found.items())),
        "settled in both": str(finality.both),
        "earlier here": str(finality.earlier),
        "later here": str(finality.later),
        "seconds earlier": str(finality.seconds_earlier),
        "due": str(fails.due),
        "failed there": str(fails.legacy),
        "failed here": str(fails.lockstep),
        "fails avoided": str(fails.avoided),
        **{f"avoided {currency}": str(amount) for currency, amount in fails.avoided_value.items()},
        **{f"freed {what}": str(amount) for what, amount in (*freed.cash.items(), *freed.units.items())},
        "open breaks at most": str(score.open_breaks),
        "unexplained at most": str(score.unexplained_breaks),
        "oldest break": str(score.oldest_break_days),
    }


def _share(tally: Tally) -> str:
    return f"{tally.agreed} of {tally.compared}"
