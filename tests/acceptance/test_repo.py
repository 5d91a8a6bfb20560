"""Two repos by their commands, beside a service that is killed after every fifth durable step and started again (I6).

The first is rolled into the second, whose close fails, as the RTGS's day has ended, and which people then close out.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.app.collateral import LocalCollateralWallets, open_collateral
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.collateral.register import Agreement, AgreementMode, register_of
from lockstep.domain.money import Money
from lockstep.signing import agreement_id, valuers_epoch, valuers_hash
from lockstep.store import SqlTransactionLog, open_database
from lockstep.testing.fakes import key

from .running import AGENTS, Installation, wait_until
from .story import market_of

SELLER, BUYER, ISIN, SHARES = "FABLZZ2A", "UTOPZZ2A", "ZZ00EXB20314", "ZZ00LOREM014"
DAY = "2026-11-23"
DYING = {"service": 12}


@pytest.fixture
def installation(installed: Callable[..., Installation], tmp_path: Path) -> Installation:
    path = tmp_path / "market.toml"
    path.write_text("collateral = true\n" + market_of((SELLER, BUYER), (ISIN, SHARES)))
    return installed(path)


SCHEDULE = {
    "format": "lockstep-eligibility/1",
    "name": "governments",
    "currency": "EUR",
    "criteria": [
        {
            "name": "governments",
            "criteria": {"assetType": ["Debt"], "issuerType": ["SovereignCentralBank"]},
            "treatment": [{"haircutPercentage": "4"}],
        }
    ],
}
POSITION = {
    "id": "P1",
    "isin": ISIN,
    "assetType": "Debt",
    "issuer": "ZZZZ00TATOESHOKE0588",
    "issuerType": "SovereignCentralBank",
    "issuerCountry": "DE",
    "country": "DE",
    "maturity": "2031-08-15",
    "dirtyPrice": "100",
    "quantity": "2000000",
    "lot": "1000",
}


def agreed(one: Installation, folder: Path) -> str:
    """An agreement on the register by which the seller transfers title to the buyer."""
    home, facts = one.home, one.home.market()
    register, by_bic = register_of(facts.network), {member.bic: member for member in facts.participants.values()}
    parties = by_bic[SELLER].wallet, by_bic[BUYER].wallet
    keys = {wallet.address: wallet for wallet in home.wallets(home.market_file()).values()}
    wallets = LocalCollateralWallets(keys, register)
    database = open_database(f"sqlite:///{folder / 'sent.db'}")
    sender = Sender(Node(one.rpc), home.key("operator"), SqlTransactionLog(database), lambda _: None)
    ledger = open_collateral(home, sender=sender)
    terms = Agreement(
        giver=parties[0],
        taker=parties[1],
        mode=AgreementMode.TITLE_TRANSFER,
        currency="EUR",
        valuers=valuers_hash(valuers_epoch([key("valuer").address], 1)),
        until=ledger.time_of() + 30 * 86_400,
        max_age_seconds=3_600,
    )
    identifier = agreement_id(terms, register)
    giver, taker = (wallets.sign_agreement(terms, party) or b"" for party in parties)

    def is_final() -> bool:
        ledger.open(terms, giver, taker)
        return ledger.agreement(identifier, ledger.final_block()) == terms

    wait_until(is_final, 30, "the agreement is opened", pause=0.2)
    database.dispose()
    return str(identifier)


def test_a_repo_by_commands_while_the_service_is_killed(installation: Installation, tmp_path: Path) -> None:
    one, kills = installation, 0
    file = tmp_path / "R1.json"
    terms = {
        "repoId": "R1",
        "agreementId": agreed(one, tmp_path),
        "seller": SELLER,
        "buyer": BUYER,
        "purchaseDate": DAY,
        "currency": "EUR",
        "purchasePrice": "1000000.00",
        "pricingRate": "3.6",
        "dayCount": "Actual/360",
        "securities": [{"isin": ISIN, "quantity": "1000000", "price": "1000000.00"}],
    }
    file.write_text(json.dumps(terms))

    def shown(name: str) -> dict[str, Any]:
        return one.json("repo", "show", name)["repos"][0]

    def until(what: str, reached: Callable[[dict[str, Any]], bool], name: str = "R1") -> dict[str, Any]:
        nonlocal kills
        kills += one.attend(lambda: reached(shown(name)), DYING, 60, what, pause=0.4)["service"]
        return shown(name)

    opened = one.json("repo", "open", str(file))
    assert (opened["state"], [leg["reference"] for leg in opened["legs"]]) == ("AGREED", ["R1-O1.1"])
    for role in ("rtgs", *AGENTS):
        one.start(role)
    one.start("service", environment={"LOCKSTEP_CRASH_AFTER": str(DYING["service"])})
    repo = until("the repo is open", lambda told: told["state"] == "OPEN")
    assert len(repo["securities"][0]["title"]) == 64
    assert one.json("repo", "open", str(file)) == repo  # which changes nothing
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**terms, "pricingRate": "3.7"}))
    code, said = one.run("repo", "open", str(other))
    assert (code, "repo R1 exists already with other content" in said) == (1, True)

    code, said = one.run("repo", "substitute", "R1", "1", "1000", ISIN, "1000")
    assert (code, f"isin: '{ISIN}' breaks the rule: another security than the lot's" in said) == (1, True)
    one.json("repo", "top-up", "R1", ISIN, "5000")
    until("margin is given", lambda told: all(each["state"] == "RECORDED" for each in told["transfers"]))
    one.json("repo", "return", "R1", "1", "250000", "--on", DAY)
    repo = until("a quarter is bought back", lambda told: told["legs"][-1]["state"] == "RECORDED")
    assert (repo["legs"][-1]["reference"], repo["legs"][-1]["cash"]) == ("R1-R1.1", "250000.00")
    assert repo["purchasePrice"] == "750000.00"
    assert one.json("repo", "recount", "R1") == repo
    one.json("repo", "reprice", "R1", "--rate", "1.8", "--on", DAY)
    one.json("repo", "substitute", "R1", "1", "150000", SHARES, "1500")
    repo = until("shares are in place of bonds", lambda told: len(told["securities"]) == 3)
    assert [(each["quantity"], each["price"]) for each in repo["securities"]] == [
        ("600000", "600000.00"),
        ("5000", "0.00"),
        ("1500", "150000.00"),
    ]

    for name, content in (("schedule", SCHEDULE), ("positions", {"positions": [POSITION]})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    options = (f"--{name}={tmp_path / name}.json" for name in ("schedule", "positions"))
    code, said = one.run("repo", "selection", "720000.00", "EUR", *options, "--seller", SELLER, "--country", "AT")
    assert code == 0, said
    chosen = {name: json.loads(said)[name] for name in ("currency", "purchasePrice", "securities")}
    assert [(each["isin"], each["quantity"]) for each in chosen["securities"]] == [(ISIN, "750000")]  # 4 % off
    other.write_text(json.dumps({**terms, **chosen, "repoId": "R2"}))
    one.json("repo", "roll", "R1", str(other))
    repo = until("the repo is closed", lambda told: told["state"] == "CLOSED")
    assert (repo["waits"], {leg["state"] for leg in repo["legs"]}) == ("", {"RECORDED"})
    assert [leg["cash"] for leg in repo["legs"][-2:]] == ["600000.00", "150000.00"]
    until("the other is open", lambda told: told["state"] == "OPEN", "R2")

    code, said = one.run("rtgs", "close-day")
    assert code == 0, said
    one.json("repo", "terminate", "R2", "--on", DAY)
    until("the other's close has failed", lambda told: told["state"] == "FAILED", "R2")
    figures = one.json("repo", "close", "R2", "--value", f"{ISIN}=735000.00", "--expenses", "100.00")
    assert figures == {
        "notice": DAY,
        "securities": "735100.00",
        "repurchasePrice": "720000.00",
        "net": "15100.00",
        "payer": "buyer",
        "closedOut": False,
    }
    arguments = ("--value", f"{ISIN}=735000.00", "--expenses", "100.00", "--reason", "notice by Fable, 10(i)(ii)")
    assert one.json("repo", "close", "R2", *arguments)["closedOut"] is True
    assert shown("R2")["state"] == "CLOSED_OUT"
    kills += one.attend(lambda: not one.book.undelivered(), DYING, 30, "everybody is told", calm=0.5)["service"]
    code, said = one.run("repo", "show", "NONE")
    assert (code, "the id of a repo" in said) == (1, True)
    code, said = one.run("repo", "show")
    assert code == 0 and "R1  CLOSED  FABLZZ2A → UTOPZZ2A" in said and "R2  CLOSED_OUT" in said

    one.stop()
    assert kills >= 3
    assert one.violations() == {}
    picture = one.picture()
    assert picture.holdings[SELLER, ISIN].text() == "39250000"
    assert picture.holdings[BUYER, ISIN].text() == "25750000"
    assert [picture.holdings[each, SHARES].text() for each in (SELLER, BUYER)] == ["80000", "120000"]
    assert picture.cash[SELLER, "EUR"] == Money.parse("25720000.00", "EUR")
    assert {name: state for name, state in picture.states.items() if state != "SETTLED"}.keys() == {"R2-C1.1"}
    assert len(picture.states) == 6
    told = [row.entry.facts["what"] for row in one.book.journal("R1") if row.entry.kind == "repo"]
    assert told == [each["what"] for each in repo["history"]]
