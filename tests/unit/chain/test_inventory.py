"""Inventory of an installation: who has what, given to whom until when, now and as of a past block."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import lockstep.app.installing as installing
import lockstep.app.inventory as app_inventory
from lockstep.app.attempts import AttemptFile
from lockstep.app.collateral import ATTEMPTS, LocalCollateralWallets, attempts_of, open_collateral
from lockstep.app.home import Home
from lockstep.app.inventory import read_inventory
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.deployment import Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.holdings import heirs_at, holdings_at
from lockstep.chain.ledger import call_data
from lockstep.chain.manifest import read_manifest
from lockstep.chain.sender import Sender
from lockstep.cli.commands import app
from lockstep.domain.collateral.calls import Call, PledgeCall, RepledgeCall
from lockstep.domain.collateral.register import Act, Agreement, AgreementMode, register_of
from lockstep.domain.collateral.register_events import OverCommitment
from lockstep.domain.errors import ContractRefused, InvalidInput, Misconfigured, Refused
from lockstep.domain.market import Participant
from lockstep.ports import CollateralWallet
from lockstep.signing import agreement_id, call_bytes, pledge_id, valuers_epoch, valuers_hash, write_keystore
from lockstep.testing.fakes import MORNING, FakeClock, FakeTransactionLog, key

FIRST_DAY = Path(__file__).parents[3] / "examples" / "first-day" / "market.toml"
YEAR = 365 * 86_400
LAST_DAY = int(MORNING.timestamp()) + YEAR


class Desk:
    """A founded installation on an embedded chain, and everybody's wallets."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chain = EmbeddedChain(FakeClock(MORNING))
        made = lambda *arguments: write_keystore(*arguments, iterations=1)  # noqa: E731
        monkeypatch.setattr("lockstep.app.home.write_keystore", made)
        for module in ("installing", "inventory", "collateral"):
            monkeypatch.setattr(f"lockstep.app.{module}.Node", lambda _: self.chain.node)
        file = root / "market.toml"
        file.write_text("collateral = true\n" + FIRST_DAY.read_text())
        self.home = Home(root / "home")
        installing.found(self.home, file, "http://there", rtgs_url="http://rtgs")
        self.market = self.home.market()
        self.register = register_of(self.market.network)
        keys = {one.address: one for one in self.home.wallets(self.home.market_file()).values()}
        self.wallets: CollateralWallet = LocalCollateralWallets(keys, self.register)
        sender = Sender(self.chain.node, self.home.key("operator"), FakeTransactionLog(), lambda _: None)
        self.ledger: EvmCollateralLedger = open_collateral(self.home, sender=sender)
        self.number = 0

    def member(self, bic: str) -> Participant:
        return next(one for one in self.market.participants.values() if one.bic.startswith(bic))

    def terms(self, giver: Participant, taker: Participant, **changes: Any) -> Agreement:
        usual: dict[str, Any] = {
            "giver": giver.wallet,
            "taker": taker.wallet,
            "mode": AgreementMode.SECURITY_INTEREST,
            "currency": "EUR",
            "valuers": valuers_hash(valuers_epoch([key("valuer").address], 1)),
            "until": LAST_DAY,
            "max_age_seconds": 3_600,
            "reuse_cap": 500_000,
            "max_depth": 2,
        }
        return Agreement(**(usual | changes))

    def agree(self, giver: Participant, taker: Participant, **changes: Any) -> Any:
        terms = self.terms(giver, taker, **changes)
        signatures = [self.wallets.sign_agreement(terms, one) for one in (terms.giver, terms.taker)]
        assert None not in signatures
        self.ledger.open(terms, *[one for one in signatures if one is not None])
        return agreement_id(terms, self.register)

    def run(self, party: Participant, call: Call) -> None:
        self.number += 1
        act = Act(party=party.wallet, call=call_bytes(call), nonce=self.number, by=LAST_DAY)
        signature = self.wallets.sign_act(act)
        assert signature is not None
        self.ledger.run([replace(act, signature=signature)])


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_inventory_now_and_then(desk: Desk) -> None:
    holding = desk.home.market_file().holdings[0]
    giver = desk.member(holding.participant)
    taker, third = [one for one in desk.market.participants.values() if one != giver][:2]
    security = desk.market.securities[holding.isin]
    units = holding.units // 10
    whole = units * 10
    first, second = desk.agree(giver, taker), desk.agree(taker, third)
    before = desk.ledger.head_block()
    desk.run(giver, PledgeCall(agreement_id=first, token=security.token, quantity=units, salt="01" * 32))
    root = pledge_id(first, security.token, "01" * 32)
    desk.run(taker, RepledgeCall(parent=root, agreement_id=second, quantity=units // 4, salt="02" * 32))
    child = pledge_id(second, security.token, "02" * 32, root)
    with pytest.raises(ContractRefused, match="InsufficientFreeUnits"):
        desk.run(giver, PledgeCall(agreement_id=first, token=security.token, quantity=whole, salt="03" * 32))

    found = read_inventory(desk.home, security=holding.isin)
    assert (found.block, found.final) == (desk.ledger.head_block(), False)
    rows = {one.participant: one for one in found.positions}

    def as_units(text: str) -> int:
        return round(float(text) * 10**security.decimals)

    mine, its, last = rows[giver.bic], rows[taker.bic], rows[third.bic]
    assert as_units(mine.owned) == whole
    assert as_units(mine.owned) - as_units(mine.free) == as_units(mine.pledged) == as_units(mine.earmarked) == units
    assert (mine.attempts, mine.over_committed, mine.received) == (1, "0", "0")
    assert (as_units(its.received), as_units(its.reused)) == (units, units // 4)
    assert as_units(its.reusable) == units // 2 - units // 4
    assert as_units(last.received) == units // 4 == as_units(last.reusable) * 2
    ties = {one.pledge: one for one in found.ties}
    assert ties.keys() == {root, child}
    assert (ties[root].giver, ties[root].taker, ties[root].kind) == (giver.bic, taker.bic, "pledge")
    assert (ties[child].giver, ties[child].taker, ties[child].kind) == (taker.bic, third.bic, "re-pledge")
    assert (ties[child].depth, ties[child].parent, ties[child].held_by) == (1, root, giver.bic)
    assert int(ties[root].until.timestamp()) == LAST_DAY

    (tried,) = found.attempts
    assert (tried.participant, tried.isin, tried.refusal) == (giver.bic, holding.isin, "InsufficientFreeUnits")
    assert (as_units(tried.actual), as_units(tried.needed)) == (whole - units, whole)

    then = read_inventory(desk.home, giver.bic, holding.isin, before)
    (alone,) = then.positions
    assert (alone.owned, alone.free, alone.pledged, alone.attempts) == (mine.owned, mine.owned, "0", 0)
    assert (then.block, then.ties, then.attempts) == (before, (), ())
    by_lei = read_inventory(desk.home, giver.lei, holding.isin)
    assert [one.participant for one in by_lei.positions] == [giver.bic]
    assert {one.pledge for one in by_lei.ties} == {root}


def test_before_a_contract_is_there_nobody_has_units_or_heirs(desk: Desk) -> None:
    node, network, head = desk.chain.node, desk.market.network, desk.ledger.head_block()
    wallets, nowhere = [one.wallet for one in desk.market.participants.values()], key("nowhere").address
    assert holdings_at(node, network, [nowhere], wallets, head) == []
    assert heirs_at(node, nowhere, wallets, head) == {}
    tokens = [one.token for one in desk.market.securities.values()]
    assert len(holdings_at(node, network, [nowhere, *tokens], wallets, head)) == len(
        {(one.participant, one.isin) for one in desk.home.market_file().holdings if one.units}
    )


def test_an_heir_has_what_the_wallet_before_it_pledged(desk: Desk) -> None:
    holding = desk.home.market_file().holdings[0]
    giver = desk.member(holding.participant)
    taker = next(one for one in desk.market.participants.values() if one != giver)
    token = desk.market.securities[holding.isin].token
    agreement = desk.agree(giver, taker)
    desk.run(giver, PledgeCall(agreement_id=agreement, token=token, quantity=100, salt="01" * 32))
    (before,) = read_inventory(desk.home, giver.bic, holding.isin).positions
    at, heir = desk.ledger.head_block(), key("heir").address
    registry = read_manifest(desk.home.manifest()).contract("registry").address
    registrar, confirmer = (
        Deployer(desk.chain.node, desk.home.key(name), poll=desk.chain.mine)
        for name in ("registrar", "registrar-confirmer")
    )
    succession = call_data("ParticipantRegistry", "succeed", giver.wallet, heir)
    lei, country = giver.lei.encode(), giver.bic[4:6].encode()
    registrar.call("ParticipantRegistry", registry, "register", heir, lei, country, 0, 2**40 - 1)
    registrar.call("ParticipantRegistry", registry, "propose", succession)
    registrar.flush()
    confirmer.call("ParticipantRegistry", registry, "succeed", giver.wallet, heir)
    confirmer.flush()
    found = read_inventory(desk.home, giver.bic, holding.isin)
    assert found.positions == (before,)
    assert [(one.giver, one.held_by) for one in found.ties] == [(giver.bic, giver.bic)]
    assert read_inventory(desk.home, giver.bic, holding.isin, at).positions == (before,)


def test_the_command_shows_and_prints(desk: Desk) -> None:
    holding = desk.home.market_file().holdings[0]
    giver = desk.member(holding.participant)
    taker = next(one for one in desk.market.participants.values() if one != giver)
    agreement = desk.agree(giver, taker)
    token = desk.market.securities[holding.isin].token
    desk.run(giver, PledgeCall(agreement_id=agreement, token=token, quantity=1, salt="01" * 32))
    run = CliRunner()
    told = run.invoke(app, ["inventory", giver.bic, "--home", str(desk.home.root), "--json"])
    assert told.exit_code == 0, told.output
    content = json.loads(told.stdout)
    assert content["block"] == desk.ledger.head_block()
    assert [one["isin"] for one in content["pledges"]] == [holding.isin]
    assert {one["participant"] for one in content["positions"]} == {giver.bic}
    shown = run.invoke(app, ["inventory", "--home", str(desk.home.root)])
    assert shown.exit_code == 0
    assert "refused in block" not in shown.stdout
    whole = PledgeCall(agreement_id=agreement, token=token, quantity=holding.units, salt="02" * 32)
    with pytest.raises(ContractRefused):
        desk.run(giver, whole)
    again = run.invoke(app, ["inventory", "--home", str(desk.home.root)])
    assert "(InsufficientFreeUnits)" in again.stdout
    assert "refused attempts to commit more 1" in again.stdout
    assert "not final yet" in shown.stdout and "Pledges of" in shown.stdout and giver.bic in shown.stdout
    wrong = run.invoke(app, ["inventory", "NOBODYXX", "--home", str(desk.home.root)])
    assert isinstance(wrong.exception, InvalidInput)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"participant": "NOBODYXX"}, "participant"),
        ({"security": "DE0001102580"}, "security"),
        ({"block": 10**9}, "block"),
    ],
)
def test_what_is_not_there_is_named(desk: Desk, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_inventory(desk.home, **asked)
    assert caught.value.field == field


def test_units_that_a_trade_waits_for_count_as_an_attempt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    holding = desk.home.market_file().holdings[0]
    giver = desk.member(holding.participant)
    waiting = SimpleNamespace(
        reason=SimpleNamespace(code="LACK"), terms=SimpleNamespace(deliverer=giver.lei, isin=holding.isin)
    )
    other = SimpleNamespace(reason=SimpleNamespace(code="MONY"), terms=waiting.terms)
    quiet = SimpleNamespace(reason=None, terms=waiting.terms)
    book = SimpleNamespace(open_trades=lambda: [waiting, other, quiet])
    monkeypatch.setattr(app_inventory, "open_book", lambda _: book)
    (row,) = read_inventory(desk.home, giver.bic, holding.isin).positions
    assert row.attempts == 1
    (then,) = read_inventory(desk.home, giver.bic, holding.isin, desk.ledger.head_block()).positions
    assert then.attempts == 0


def test_a_market_without_a_register_has_an_inventory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = EmbeddedChain(FakeClock(MORNING))
    monkeypatch.setattr("lockstep.app.home.write_keystore", lambda *given: write_keystore(*given, iterations=1))
    for module in ("installing", "inventory", "collateral"):
        monkeypatch.setattr(f"lockstep.app.{module}.Node", lambda _: chain.node)
    home = Home(tmp_path / "home")
    installing.found(home, FIRST_DAY, "http://there", rtgs_url="http://rtgs")
    found = read_inventory(home)
    assert found.ties == ()
    held = {(one.participant, one.isin): one for one in found.positions}
    opening = {(one.participant, one.isin) for one in home.market_file().holdings if one.units}
    assert held.keys() == opening
    assert all(one.free == one.owned for one in held.values())
    with pytest.raises(Misconfigured, match="no collateral register"):
        open_collateral(home)


# Attempts


def attempt(name: str, block: int) -> OverCommitment:
    return OverCommitment(
        attempt=name, party=key("a").address, token="", name="ReuseExceeded", actual=1, needed=2, block=block
    )


def test_an_attempt_is_kept_once_however_often_it_was_tried(tmp_path: Path) -> None:
    file = AttemptFile(tmp_path / ATTEMPTS)
    assert file.attempts() == []
    for one in (attempt("x", 5), attempt("x", 6), attempt("y", 7)):
        file.note(one)
    AttemptFile(tmp_path / ATTEMPTS).note(attempt("x", 9))  # another process
    assert file.attempts() == [attempt("x", 5), attempt("y", 7)]
    assert file.attempts(6) == [attempt("x", 5)]
    with (tmp_path / ATTEMPTS).open("a") as more:
        more.write('{"attempt": "z"')  # cut off
    assert len(file.attempts()) == 2
    with (tmp_path / ATTEMPTS).open("a") as more:
        more.write("}\n")
    with pytest.raises(Misconfigured, match=r"line 4: the fields actual, attempt"):
        file.attempts()


def test_wallets_sign_for_their_own_and_good_terms_only(desk: Desk) -> None:
    giver, taker, third = list(desk.market.participants.values())[:3]
    terms = desk.terms(giver, taker)
    with pytest.raises(Refused, match="NotAParty"):
        desk.wallets.sign_agreement(terms, third.wallet)
    with pytest.raises(InvalidInput, match="agreement/max_depth"):
        desk.wallets.sign_agreement(replace(terms, max_depth=9), giver.wallet)
    empty = LocalCollateralWallets({}, desk.register)
    assert empty.sign_agreement(terms, giver.wallet) is None
    assert empty.sign_act(Act(party=giver.wallet, call=b"", nonce=0, by=0)) is None
    identifier = agreement_id(terms, desk.register)
    assert desk.wallets.sign_amendment(identifier, terms, 5, giver.wallet) != desk.wallets.sign_amendment(
        identifier, terms, 6, giver.wallet
    )
    assert attempts_of(desk.home).attempts() == []
