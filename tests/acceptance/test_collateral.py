"""`lockstep collateral` as its users type it: agreed, pledged, pledged on, recalled, unwound, signed elsewhere."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lockstep.testing.fakes import key

from .running import Installation
from .story import market_of

ISIN = "ZZ00EXB20314"
MEMBERS = ("FABLZZ2A", "UTOPZZ2A", "ATLSZZ2A")


@pytest.fixture(scope="module")
def installation(installed: Callable[..., Installation], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    path = tmp_path_factory.mktemp("market") / "market.toml"
    path.write_text("collateral = true\n" + market_of(MEMBERS, (ISIN,)))
    return installed(path)


def agreement(installation: Installation, folder: Path, giver: str, taker: str) -> Path:
    content = {
        "format": "lockstep-agreement/1",
        "giver": giver,
        "taker": taker,
        "currency": "EUR",
        "valuers": [key("valuer").address],
        "quorum": 1,
        "until": (installation.home.clock().now() + timedelta(days=30)).replace(microsecond=0).isoformat(),
        "maxAgeSeconds": 3600,
        "reuseCap": "100",
        "maxDepth": 2,
    }
    path = folder / f"{giver}.json"
    path.write_text(json.dumps(content))
    return path


def test_collateral_goes_out_and_comes_back_by_command(installation: Installation, tmp_path: Path) -> None:
    def did(*arguments: str) -> Any:
        return installation.json("collateral", *arguments)

    first, second = (
        did("open", str(agreement(installation, tmp_path, giver, taker)))["agreement"]
        for giver, taker in pairwise(MEMBERS)
    )
    root = did("pledge", first, ISIN, "10000")
    assert root["outcome"] == "done"
    assert did("pledge", first, ISIN, "10000")["outcome"] == "done before"
    child = did("repledge", root["pledge"][:8], second, "6000")
    did("recall", root["pledge"], "10000", "--by", "2026-11-23T15:00:00Z")
    code, said = installation.run("collateral", "release", root["pledge"], "10000")
    assert code == 1 and "ReuseExceeded" in said and "bring some back first" in said
    shown = did("show", child["pledge"])
    assert (shown["kind"], shown["quantity"], shown["held_by"]) == ("re-pledge", "6000", "FABLZZ2A")
    unwound = did("unwind", root["pledge"], "10000")
    assert [one["party"] for one in unwound["acts"]] == ["ATLSZZ2A", "UTOPZZ2A"]
    (position,) = installation.json("inventory", "FABLZZ2A", "--security", ISIN)["positions"]
    assert (position["pledged"], position["free"]) == ("0", position["owned"])

    draft = tmp_path / "draft.json"
    did("pledge", first, ISIN, "5", "--draft", str(draft))
    code, said = installation.run("collateral", "submit", str(draft))
    assert code == 1 and "acts/1/signature" in said
    signed = did("sign", str(draft), "--key", "wallet-FABLZZ2A")
    assert signed["acts"][0]["does"] == f"pledges 5 {ISIN} under {first}"
    assert did("submit", str(draft))["outcome"] == "done"

    rows = did("list")["agreements"]
    assert [(one["giver"], one["taker"]) for one in rows] == list(pairwise(MEMBERS))
    for arguments in (("list",), ("show", first), ("show", root["pledge"])):
        code, said = installation.run("collateral", *arguments)
        assert (code == 0 and "FABLZZ2A" in said) or root["pledge"] in said
    code, said = installation.run("collateral", "declare-default", first)
    assert code == 1 and "StaleValuation" in said
