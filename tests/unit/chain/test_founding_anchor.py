"""A market that asks for it has a contract where the service's journal is anchored."""

from pathlib import Path

import pytest

import lockstep.app.installing as installing
from lockstep.app.home import Home
from lockstep.app.market_file import read_market
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import read
from lockstep.chain.manifest import read_manifest
from lockstep.chain.planning import ANCHOR
from lockstep.chain.verifying import Verdict
from lockstep.domain.errors import InvalidInput
from lockstep.signing import write_keystore
from lockstep.testing.fakes import MORNING, FakeClock

FIRST_DAY = Path(__file__).parents[3] / "examples" / "first-day" / "market.toml"


def test_it_is_founded_with_the_operator_as_anchorer_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, home = EmbeddedChain(FakeClock(MORNING)), Home(tmp_path / "home")
    monkeypatch.setattr("lockstep.app.home.write_keystore", lambda *arguments: write_keystore(*arguments, iterations=1))
    monkeypatch.setattr(installing, "Node", lambda _: chain.node)
    market_file = tmp_path / "market.toml"
    market_file.write_text("anchor = true\n" + FIRST_DAY.read_text())
    installing.found(home, market_file, "http://there", rtgs_url="http://rtgs")
    manifest, network = read_manifest(home.manifest()), home.market().network
    address = manifest.contract(ANCHOR).address
    assert network.anchor == address
    assert network.collateral is None
    assert read(chain.node, "JournalAnchor", address, "isAnchorer", manifest.roles.operator) == (True,)
    assert read(chain.node, "JournalAnchor", address, "isAnchorer", manifest.roles.deployer) == (False,)
    registry = manifest.contract("registry").address
    assert read(chain.node, "JournalAnchor", address, "registry") == (registry.lower(),)
    assert {one.verdict for one in installing.verify_deployment(home)} == {Verdict.OK}


def test_only_true_or_false_is_said_of_it(tmp_path: Path) -> None:
    path = tmp_path / "market.toml"
    path.write_text("anchor = 1\n" + FIRST_DAY.read_text())
    with pytest.raises(InvalidInput) as caught:
        read_market(path)
    assert (caught.value.field, caught.value.value) == ("anchor", "1")
    assert read_market(FIRST_DAY).anchor is False
