"""Scorecards, verdicts and courses as programs read them. Shares are exact fractions, as texts."""

from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from lockstep.app.shadow_run import Compared
from lockstep.domain.parallel.gates import Verdict
from lockstep.domain.parallel.scorecards import Period, Score, Tally
from lockstep.domain.parallel.stages import Course, Proposal, Step

__all__ = ["compared_json", "course_json", "period_json", "score_json", "verdict_json"]


def _exact(share: Fraction | None) -> str | None:
    return None if share is None else str(share)


def _tally(tally: Tally) -> Mapping[str, Any]:
    return {"compared": tally.compared, "agreed": tally.agreed, "share": _exact(tally.share)}


def score_json(score: Score) -> dict[str, Any]:
    return {
        "agreement": {
            "trades": _tally(score.trades),
            "positions": _tally(score.positions),
            "cash": _tally(score.cash),
            "events": _tally(score.events),
        },
        "found": dict(score.found),
        "finality": {
            **asdict(score.finality),
            "mean_seconds_earlier": _exact(score.finality.mean_seconds_earlier),
        },
        "fails": asdict(score.fails),
        "freed": {
            "cash_minor_unit_seconds": dict(score.freed.cash),
            "base_unit_seconds": dict(score.freed.units),
        },
        "open_breaks": score.open_breaks,
        "unexplained_breaks": score.unexplained_breaks,
        "oldest_break_days": score.oldest_break_days,
    }


def period_json(period: Period) -> dict[str, Any]:
    return {
        "security": period.isin or None,
        "days": [day.isoformat() for day in period.days],
        "days_in_a_row": period.days_in_a_row,
        "whole": score_json(period.whole),
        "participants": {name: score_json(one) for name, one in period.participants.items()},
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "security": verdict.isin,
        "about": verdict.about,
        "since": verdict.since.isoformat(),
        "as_of": verdict.as_of.isoformat(),
        "is_met": verdict.is_met,
        "digest": verdict.digest,
        "conditions": [
            {
                "condition": one.condition.text(),
                "measure": one.condition.measure.value,
                "at_least": one.condition.at_least or None,
                "at_most": one.condition.at_most or None,
                "figure": one.figure or None,
                "participant": one.participant or None,
                "is_met": one.is_met,
                "days": [day.isoformat() for day in one.days],
            }
            for one in verdict.results
        ],
        "evidence": [
            {"day": one.day.isoformat(), "digest": one.digest, "journal_number": one.journal_number}
            for one in verdict.evidence
        ],
    }


def course_json(course: Course) -> dict[str, Any]:
    return {
        "security": course.isin,
        "stage": course.stage.value,
        "since": course.since.isoformat(),
        "pending": None if course.pending is None else _proposal(course.pending),
        "steps": [_step(one) for one in course.steps],
    }


def _proposal(one: Proposal) -> Mapping[str, Any]:
    return {
        "proposal": one.proposal_id,
        "to": one.to.value,
        "by": one.by,
        "at": one.at.isoformat(),
        "why": one.why,
        "verdict": verdict_json(one.verdict),
    }


def _step(one: Step) -> Mapping[str, Any]:
    return {
        "at": one.at.isoformat(),
        "by": one.by,
        "act": one.move.value,
        "stage": one.stage.value,
        "why": one.why or None,
        "proposal": one.proposal or None,
        "evidence": one.evidence or None,
    }


def compared_json(done: Compared) -> dict[str, Any]:
    return {
        "run": done.run.as_json(),
        "scorecards": [
            {
                "day": card.day.isoformat(),
                "security": card.isin or None,
                "digest": card.digest,
                "whole": score_json(card.whole),
                "participants": {name: score_json(one) for name, one in card.participants.items()},
            }
            for card in done.scored.day.cards
        ],
        "fallen": [
            {"security": course.isin, "to": course.stage.value, "guard": verdict_json(verdict)}
            for course, verdict in done.scored.fallen
        ],
    }
