"""A market that asks for a collateral register gets one, beside DvP and in every token's second lane."""

from pathlib import Path

import pytest

import lockstep.app.installing as installing
from lockstep.app.home import Home
from lockstep.app.market_file import read_market
from lockstep.chain.deployment import ZERO
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import read
from lockstep.chain.manifest import read_manifest
from lockstep.chain.planning import COLLATERAL
from lockstep.chain.verifying import Verdict
from lockstep.domain.collateral.register import register_of
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import isin
from lockstep.signing import write_keystore
from lockstep.testing.fakes import MORNING, FakeClock

FIRST_DAY = Path(__file__).parents[3] / "examples" / "first-day" / "market.toml"
OPERATOR_LEI = "ZZZZ00LOCKSTEP00RG12"


@pytest.fixture
def chain() -> EmbeddedChain:
    return EmbeddedChain(FakeClock(MORNING))


@pytest.fixture
def folder(tmp_path: Path, chain: EmbeddedChain, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr("lockstep.app.home.write_keystore", lambda *arguments: write_keystore(*arguments, iterations=1))
    monkeypatch.setattr(installing, "Node", lambda _: chain.node)
    return Home(tmp_path / "home")


def file(tmp_path: Path, *lines: str) -> Path:
    """The first day's market, with these lines before all else."""
    path = tmp_path / "market.toml"
    path.write_text("\n".join([*lines, FIRST_DAY.read_text()]))
    return path


def found(folder: Home, market: Path) -> None:
    installing.found(folder, market, "http://there", rtgs_url="http://rtgs")


def test_the_register_is_founded_and_in_the_manifest(folder: Home, chain: EmbeddedChain, tmp_path: Path) -> None:
    found(folder, file(tmp_path, "collateral = true", f'collateral_lei = "{OPERATOR_LEI}"'))
    market, manifest = folder.market(), read_manifest(folder.manifest())
    register = register_of(market.network)
    assert register.address == manifest.contract(COLLATERAL).address
    assert [one.contract for one in manifest.contract(COLLATERAL).parts] == ["CollateralEnforcement"]
    assert read(chain.node, "CollateralRegister", register.address, "dvp") == (market.network.dvp.lower(),)
    for one in market.securities.values():
        (lanes,) = read(chain.node, "SecurityToken", one.token, "earmarkers")
        assert lanes == (market.network.dvp.lower(), register.address.lower(), ZERO)
    registry = manifest.contract("registry").address
    ((lei, status, *_),) = read(chain.node, "ParticipantRegistry", registry, "participantOf", register.address)
    assert (lei, status) == (OPERATOR_LEI.encode(), 1)
    assert {one.verdict for one in installing.verify_deployment(folder)} == {Verdict.OK}

    like = next(iter(market.securities))
    token = installing.list_security(folder, isin=isin("ZZ00LOREM022"), name="More", symbol="MORE", like=like)
    (lanes,) = read(chain.node, "SecurityToken", token, "earmarkers")
    assert lanes[1] == register.address.lower()
    assert folder.market().network == market.network
    assert {one.verdict for one in installing.verify_deployment(folder)} == {Verdict.OK}


def test_without_an_lei_it_is_no_participant(folder: Home, chain: EmbeddedChain, tmp_path: Path) -> None:
    found(folder, file(tmp_path, "collateral = true"))
    registry, register = (
        read_manifest(folder.manifest()).contract("registry").address,
        folder.market().network.collateral,
    )
    ((_, status, *_),) = read(chain.node, "ParticipantRegistry", registry, "participantOf", register)
    assert status == 0


def test_a_market_that_asks_for_none_stays_as_it_was(folder: Home, chain: EmbeddedChain, tmp_path: Path) -> None:
    found(folder, FIRST_DAY)
    market = folder.market()
    assert market.network.collateral is None
    assert "collateral" not in (folder.root / "network.json").read_text()
    assert {one.contract for one in read_manifest(folder.manifest()).contracts}.isdisjoint({"CollateralRegister"})
    (lanes,) = read(chain.node, "SecurityToken", next(iter(market.securities.values())).token, "earmarkers")
    assert lanes == (market.network.dvp.lower(), ZERO, ZERO)
    with pytest.raises(Misconfigured, match="no collateral register"):
        register_of(market.network)


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (['collateral = "yes"'], "collateral"),
        ([f'collateral_lei = "{OPERATOR_LEI}"'], "collateral_lei"),
        (["collateral = true", 'collateral_lei = "ZZZZ00LOCKSTEP00RG13"'], "collateral_lei"),
    ],
)
def test_what_the_file_may_not_say(tmp_path: Path, lines: list[str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_market(file(tmp_path, *lines))
    assert caught.value.field == field
