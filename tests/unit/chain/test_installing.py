"""An installation's folder: rehearsed, founded, taken up again, and refused where it is another's."""

from pathlib import Path

import pytest
from deployed import sent

import lockstep.app.installing as installing
from lockstep.app.home import Home
from lockstep.app.market_file import read_market
from lockstep.chain.deployment import Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.manifest import read_manifest
from lockstep.chain.verifying import Verdict
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import isin
from lockstep.signing import write_keystore
from lockstep.testing.fakes import MORNING, FakeClock, key

FIRST_DAY = Path(__file__).parents[3] / "examples" / "first-day" / "market.toml"


@pytest.fixture
def chain() -> EmbeddedChain:
    return EmbeddedChain(FakeClock(MORNING))


@pytest.fixture
def folder(tmp_path: Path, chain: EmbeddedChain, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose node is the embedded chain, with keystores that open at once."""
    monkeypatch.setattr("lockstep.app.home.write_keystore", lambda *arguments: write_keystore(*arguments, iterations=1))
    monkeypatch.setattr(installing, "Node", lambda _: chain.node)
    return Home(tmp_path / "home")


def test_a_folder_is_rehearsed_founded_and_only_compared_from_then_on(folder: Home, chain: EmbeddedChain) -> None:
    rehearsed = dict(installing.rehearse(folder, FIRST_DAY, "http://there"))
    assert sent(chain) == 0
    for name in ("deployer", "registrar", "issuer", "operator"):
        if name == "operator":  # the last
            with pytest.raises(InvalidInput, match=f"balance of the {name} {rehearsed[name]}"):
                installing.found(folder, FIRST_DAY, "http://there", rtgs_url="http://rtgs", real_time=True)
        Deployer(chain.node, key("x"), poll=chain.mine).fund(chain.faucet, rehearsed[name])
    market = installing.found(folder, FIRST_DAY, "http://there", rtgs_url="http://rtgs", real_time=True)
    manifest = read_manifest(folder.manifest())
    assert {one.id: one.address for one in manifest.contracts}.items() <= rehearsed.items()
    assert folder.settings().clock_offset_seconds == 0

    before, told = sent(chain), []
    assert installing.found(folder, FIRST_DAY, "http://there", rtgs_url="http://rtgs", told=told.append) == market
    assert sent(chain) == before
    assert told == [f"{one.id} at {one.address}, founded before" for one in manifest.contracts]
    with pytest.raises(Misconfigured, match="founded already"):
        installing.rehearse(folder, FIRST_DAY, "http://there")

    like = next(iter(market.securities))
    token = installing.list_security(folder, isin=isin("ZZ00LOREM022"), name="More", symbol="MORE", like=like)
    listed = read_manifest(folder.manifest())
    assert (
        listed.contract("token/ZZ00LOREM022").address == token == folder.market().securities[isin("ZZ00LOREM022")].token
    )
    assert listed.contracts[:-1] == manifest.contracts
    assert {one.verdict for one in installing.verify_deployment(folder)} == {Verdict.OK}


def test_a_founded_folder_refuses_another_chain(
    folder: Home, chain: EmbeddedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, address in installing.rehearse(folder, FIRST_DAY, "http://there")[:4]:
        assert name
        Deployer(chain.node, key("x"), poll=chain.mine).fund(chain.faucet, address)
    installing.found(folder, FIRST_DAY, "http://there", rtgs_url="http://rtgs", real_time=True)
    monkeypatch.setattr(installing, "Node", lambda _: EmbeddedChain(FakeClock(MORNING)).node)
    with pytest.raises(Misconfigured, match=r"is not as .* was founded: factory/code"):
        installing.found(folder, FIRST_DAY, "http://elsewhere", rtgs_url="http://rtgs")


def test_a_folder_of_another_market_or_of_something_else_is_refused(folder: Home, tmp_path: Path) -> None:
    installing.rehearse(folder, FIRST_DAY, "http://there")
    other = tmp_path / "other.toml"
    other.write_text(FIRST_DAY.read_text() + "\n# another\n")
    with pytest.raises(Misconfigured, match="another market was begun in this folder"):
        installing.found(folder, other, "http://there", rtgs_url="http://rtgs")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    with pytest.raises(Misconfigured, match="is not empty"):
        installing.found(Home(tmp_path / "full"), FIRST_DAY, "http://there", rtgs_url="http://rtgs")


def test_keys_that_were_half_made_are_made_anew(folder: Home) -> None:
    """The process died among them: none was used yet."""
    (folder.root / ".keys.part").mkdir(parents=True)
    (folder.root / ".keys.part" / "password").write_text("half")
    market = read_market(FIRST_DAY)
    roles = folder.make_keys(market)
    assert folder.roles(market).holders() == roles.holders()
    assert not (folder.root / ".keys.part").exists()
