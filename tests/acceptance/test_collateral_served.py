"""Income and a sale by command, with the service, four agents and the RTGS at work as processes of their own."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from .running import Installation, wait_until
from .story import market_of

ISIN = "ZZ00EXB20314"
GIVER, TAKER, BUYER = "FABLZZ2A", "UTOPZZ2A", "ATLSZZ2A"
LEI = "5493001KJTIIGC8Y1R12"
COUPON = "c0" * 32


@pytest.fixture(scope="module")
def installation(installed: Callable[..., Installation], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    path = tmp_path_factory.mktemp("market") / "market.toml"
    stated = f'collateral = true\ncollateral_lei = "{LEI}"\n'
    path.write_text(stated + market_of((GIVER, TAKER, BUYER), (ISIN,)))
    made = installed(path)
    made.json("key", "add-operator")  # the service has the first
    made.start("rtgs", *(f"agent-{number}" for number in range(1, 5)), "service")
    return made


class Parties:
    """Everybody's commands and files."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.at, self.folder = installation, folder
        self.valuers = [installation.json("key", "new", f"valuer-{number}")["address"] for number in (1, 2)]

    def did(self, *arguments: str) -> Any:
        return self.at.json("collateral", *arguments)

    def file(self, name: str, content: object) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return str(path)

    def second(self) -> str:
        return self.at.home.clock().now().replace(microsecond=0).isoformat()

    def agreed(self, name: str, **changes: object) -> str:
        content = {
            "format": "lockstep-agreement/1",
            "giver": GIVER,
            "taker": TAKER,
            "currency": "EUR",
            "valuers": self.valuers,
            "quorum": 2,
            "until": (self.at.home.clock().now() + timedelta(days=30)).replace(microsecond=0).isoformat(),
            "maxAgeSeconds": 3600,
        }
        return str(self.did("open", self.file(name, content | changes))["agreement"])

    def stage(self, payment: str) -> str:
        found = [one for one in self.did("payments")["payments"] if one["payment"] == payment]
        assert len(found) == 1
        return str(found[0]["stage"])


@pytest.fixture(scope="module")
def parties(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Parties:
    return Parties(installation, tmp_path_factory.mktemp("files"))


def test_a_manufactured_payment_by_command(parties: Parties) -> None:
    agreement = parties.agreed("title.json", mode="TitleTransfer")
    title = parties.did("pledge", agreement, ISIN, "10000")["pledge"]
    income = {
        "format": "lockstep-income/1",
        "pledge": title,
        "income": COUPON,
        "recordDate": parties.second(),
        "entitled": 0,
        "owed": "12500",
        "valuers": parties.valuers,
        "quorum": 2,
    }
    path = parties.file("income.json", income)
    parties.did("sign", path, "--key", "valuer-2")
    assert parties.did("income", path, "--valuer", "1")["outcome"] == "done"

    def asked() -> bool:
        """Once it is final."""
        code, _ = parties.at.run("collateral", "pay-income", title, COUPON)
        return code == 0

    wait_until(asked, 30, "the income is final", pause=0.2)
    (payment,) = parties.did("payments")["payments"]
    assert (payment["kind"], payment["amount"], payment["debtor"], payment["creditor"]) == (
        "income",
        "125.00",
        TAKER,
        GIVER,
    )
    wait_until(lambda: parties.stage(payment["payment"]) == "COUNTED", 60, "the income counts", pause=0.5)
    assert parties.did("show", title)["incomeOwed"] == "0.00"


def test_a_sale_by_command(parties: Parties) -> None:
    agreement = parties.agreed("pledge.json", saleFloor="50")
    pledge = parties.did("pledge", agreement, ISIN, "10000")["pledge"]
    begun = parties.second()
    wait_until(lambda: parties.second() > begun, 5, "another second: the pledge is of an earlier one")
    as_of = parties.second()
    prices = parties.file(
        "prices.json",
        {
            "format": "lockstep-prices/1",
            "as_of": as_of,
            "prices": [{"isin": ISIN, "currency": "EUR", "price": "1000000"}],
        },
    )
    exposures = parties.file(
        "exposures.json",
        {
            "format": "lockstep-exposures/1",
            "as_of": as_of,
            "exposures": [
                {
                    "agreement_id": agreement,
                    "currency": "EUR",
                    "exposure": "2000000",
                    "valuers": parties.valuers,
                    "quorum": 2,
                    "haircuts": {ISIN: 0},
                    "terms": {},
                }
            ],
        },
    )

    def valued() -> bool:
        for number in ("1", "2"):
            parties.at.run("valuer", "run", number, "--prices", prices, "--exposures", exposures, "--once")
        return bool(parties.did("show", agreement)["valuedAt"])

    wait_until(valued, 60, "the service presented what the valuers signed", pause=0.5)
    parties.did("declare-default", agreement)
    wait_until(lambda: parties.did("show", agreement)["default"]["enforceable"], 20, "a later second", pause=0.2)
    sale = str(parties.folder / "sale.json")
    settlement = parties.did("offer", pledge, "4000", BUYER, "3900.00", sale)["settlement"]
    parties.did("sign", sale, "--key", f"wallet-{BUYER}")
    assert parties.did("sell", sale)["outcome"] == "done"
    wait_until(lambda: parties.stage(settlement) == "COUNTED", 90, "the sale counts", pause=0.5)
    shown = parties.did("show", agreement)
    assert (shown["credit"], shown["owed"], shown["securities"][0]["quantity"]) == ("3900.00", "16100.00", "6000")
    code, said = parties.at.run("collateral", "payments")
    assert code == 0 and "sale COUNTED  3900.00 EUR, ATLSZZ2A → UTOPZZ2A" in said
