"""What is not covered is enforced by command, beside a service that is killed after every second durable step:
declared, taken up to what is owed, the rest given back; each unit once (I3, I6, I10)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from .running import AGENTS, Installation
from .story import market_of
from .test_margin import DYING, GIVER, ISIN, TAKER, Desk


class StrictDesk(Desk):
    """Notice and cure periods are waived."""

    TERMS: Mapping[str, Any] = MappingProxyType({"appropriation": True})


@pytest.fixture
def installation(installed: Callable[..., Installation], tmp_path: Path) -> Installation:
    path = tmp_path / "market.toml"
    path.write_text("collateral = true\n" + market_of((GIVER, TAKER), (ISIN,)))
    return installed(path)


def test_taken_up_to_what_is_owed_and_the_rest_given_back(installation: Installation, tmp_path: Path) -> None:
    one = installation
    desk = StrictDesk(one, tmp_path)
    for role in ("rtgs", *AGENTS):
        one.start(role)
    one.start("service", environment={"LOCKSTEP_CRASH_AFTER": str(DYING["service"])})
    desk.value("5000000")  # 50,000.00

    one.json("margin", "call", desk.agreement, "MC-1")
    one.json("margin", "deliver", "MC-1", ISIN, "60000")  # counts for 54,000.00
    desk.until("the call is met", lambda: desk.case("MC-1")["state"] == "DELIVERED")
    code, said = one.run("enforcement", "begin", desk.agreement[:8], "--name", "E-1")
    assert (code, "Covered" in said) == (1, True)

    desk.value("5700000")
    begun = one.json("enforcement", "begin", desk.agreement[:8], "--name", "E-1")
    assert one.json("enforcement", "begin", desk.agreement, "--name", "E-1")["begun_at"] == begun["begun_at"]

    def shown() -> dict[str, Any]:
        return dict(one.json("enforcement", "show", "E-1"))

    desk.until("what is owed is taken", lambda: shown()["state"] == "ENFORCED")
    told = shown()
    assert (told["taken"], told["left"]) == ("57000.00", "0.00")
    acts = [(each["act"], each["quantity"]) for each in told["acts"] if each["state"] == "DONE"]
    assert acts == [("DECLARE", None), ("APPROPRIATE", "57000"), ("RELEASE", "3000"), ("END", None)]
    code, said = one.run("enforcement", "withdraw", "E-1")
    assert (code, "one that has not ended" in said) == (1, True)

    one.stop()
    assert desk.kills >= 6
    assert one.violations() == {}
    picture = one.picture()
    assert picture.holdings[GIVER, ISIN].text() == "39943000"
    assert (picture.earmarked, desk.ledger.state(desk.agreement).credit) == (0, 5_700_000)
