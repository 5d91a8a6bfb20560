"""Why something waits is written down once, whatever figures the refusal brings."""

import pytest

from lockstep.flow.collateral_acts import is_told

REFUSED = "the register refuses, retried: NotEligible(wallet=0xA, at=1)"


@pytest.mark.parametrize(
    ("before", "reason", "told"),
    [
        ("", REFUSED, False),
        (REFUSED, REFUSED, True),
        (REFUSED, REFUSED.replace("at=1", "at=2"), True),
        (REFUSED, REFUSED.replace("NotEligible", "SecurityPaused"), False),
        (REFUSED, "0xA has not signed", False),
    ],
)
def test_figures_make_no_new_reason(before: str, reason: str, told: bool) -> None:
    assert is_told(before, reason) is told
