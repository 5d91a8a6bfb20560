"""A market with a collateral register on a chain of its own process: founded, verified, pledged in, looked at."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockstep.app.collateral import LocalCollateralWallets, open_collateral
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.collateral.calls import PledgeCall
from lockstep.domain.collateral.register import Act, Agreement, AgreementMode, register_of
from lockstep.domain.errors import ContractRefused
from lockstep.signing import agreement_id, call_bytes, pledge_id, valuers_epoch, valuers_hash
from lockstep.store import SqlTransactionLog, open_database
from lockstep.testing.fakes import key

from .running import Installation, wait_until
from .story import market_of

SALT = "01" * 32
ISIN = "ZZ00EXB20314"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("market") / "market.toml"
    path.write_text("collateral = true\n" + market_of(("FABLZZ2A", "UTOPZZ2A", "ATLSZZ2A"), (ISIN,)))
    return path


@pytest.fixture(scope="module")
def installation(installed: Callable[..., Installation], market: Path) -> Installation:
    return installed(market)


def test_pledges_are_seen_by_everybody_and_at_every_block(installation: Installation, tmp_path: Path) -> None:
    home, facts = installation.home, installation.home.market()
    assert installation.json("verify-deployment")["sound"] is True
    register = register_of(facts.network)
    by_bic = {one.bic: one for one in facts.participants.values()}
    giver, taker = by_bic["FABLZZ2A"], by_bic["UTOPZZ2A"]
    token = next(one.token for one in facts.securities.values() if one.isin == ISIN)
    keys = {one.address: one for one in home.wallets(home.market_file()).values()}
    wallets = LocalCollateralWallets(keys, register)
    database = open_database(f"sqlite:///{tmp_path / 'sent.db'}")

    def ledger():
        """As after a restart: it remembers what the records say."""
        sender = Sender(Node(installation.rpc), home.key("operator"), SqlTransactionLog(database), lambda _: None)
        return open_collateral(home, sender=sender)

    now = ledger().time_of()
    terms = Agreement(
        giver=giver.wallet,
        taker=taker.wallet,
        mode=AgreementMode.SECURITY_INTEREST,
        currency="EUR",
        valuers=valuers_hash(valuers_epoch([key("valuer").address], 1)),
        until=now + 86_400,
        max_age_seconds=3_600,
        reuse_cap=1_000_000,
        max_depth=1,
    )
    agreement = agreement_id(terms, register)
    signed = [wallets.sign_agreement(terms, one) for one in (giver.wallet, taker.wallet)]

    def act(quantity: int, salt: str, nonce: int) -> Act:
        call = PledgeCall(agreement_id=agreement, token=token, quantity=quantity, salt=salt)
        plain = Act(party=giver.wallet, call=call_bytes(call), nonce=nonce, by=now + 86_400)
        return replace(plain, signature=wallets.sign_act(plain) or b"")

    def opened() -> bool:
        ledger().open(terms, *signed)
        return ledger().agreement(agreement) == terms

    wait_until(opened, 30, "the agreement is opened")
    before = ledger().head_block()
    pledge = pledge_id(agreement, token, SALT)

    def pledged() -> bool:
        ledger().run([act(1_000_000, SALT, 1)])
        return ledger().pledge(pledge) is not None

    wait_until(pledged, 30, "the bonds are pledged")
    with pytest.raises(ContractRefused, match="InsufficientFreeUnits"):
        ledger().run([act(4_000_000_000, "02" * 32, 2)])

    found = installation.json("inventory", "FABLZZ2A", "--security", ISIN)
    (position,) = found["positions"]
    assert (position["owned"], position["pledged"], position["attempts"]) == ("40000000", "10000", 1)
    assert position["free"] == "39990000"
    assert [(one["pledge"], one["taker"], one["reusable"]) for one in found["pledges"]] == [
        (pledge, taker.bic, "10000")
    ]
    assert [one["refusal"] for one in found["attempts"]] == ["InsufficientFreeUnits"]
    then = installation.json("inventory", "FABLZZ2A", "--block", str(before))
    assert ([one["pledged"] for one in then["positions"]], then["pledges"], then["attempts"]) == (["0"], [], [])
    code, shown = installation.run("inventory")
    assert code == 0 and pledge[:8] in shown and "40,000,000" in shown
    code, shown = installation.run("inventory", "NOBODYXX")
    assert code == 1 and "the BIC or LEI of a participant" in shown
    sent = SqlTransactionLog(database).from_nonce(0)
    assert [one.key.rpartition("/")[0] for one in sent] == ["collateral/open", "collateral/run"]
    database.dispose()
