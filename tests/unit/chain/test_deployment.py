"""Deploying: addresses known beforehand, the factory, roles that are apart, runs that were cut off."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import rlp
from deployed import TOKEN, deploy, holders, sent
from eth_account import Account
from eth_utils import keccak, to_canonical_address, to_checksum_address

from lockstep.app.founding import Founded, found_chain, plan_chain
from lockstep.app.home import Home
from lockstep.app.market_file import MarketFile, read_market
from lockstep.app.world import new_roles
from lockstep.chain import factory as factory_module
from lockstep.chain.deployment import Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.factory import create2_address, find_factory, salt_of
from lockstep.chain.manifest import read_manifest
from lockstep.chain.named import constructor_data, constructor_values
from lockstep.chain.planning import Planner, carry_out, plan_market
from lockstep.chain.verifying import Verdict, verify
from lockstep.domain.errors import ContractRefused, InvalidInput, Misconfigured
from lockstep.signing import write_keystore
from lockstep.testing.fakes import MORNING, FakeClock, FakeRandomness, key

ROOT = Path(__file__).parents[3]
PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"


@pytest.fixture(scope="module")
def market() -> MarketFile:
    """The first day's, with one of its securities and the members that hold it or are suspended."""
    whole = read_market(ROOT / "examples" / "first-day" / "market.toml")
    held = [one for one in whole.holdings if one.isin == whole.securities[0].isin][:3]
    holders_ = {one.participant for one in held}
    return replace(
        whole,
        securities=whole.securities[:1],
        holdings=tuple(held),
        members=tuple(one for one in whole.members if one.bic in holders_ or not one.active),
    )


@pytest.fixture
def chain() -> EmbeddedChain:
    return EmbeddedChain(FakeClock(MORNING))


# --- the factory and the addresses


def test_the_keyless_transaction_is_the_published_one() -> None:
    """Sender and address follow from its bytes; its signature was made up, so that nobody has the key."""
    raw = factory_module.PROXY_TRANSACTION
    assert raw.hex() == (
        "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffff"
        "ffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222"
        "222222222222222222222222222222222222222222222222222222a022222222222222222222222222222222222222222222222222"
        "22222222222222"
    )
    nonce, price, gas, to, value, creation, v, r, s = rlp.decode(raw)
    assert (nonce, to, value, v) == (b"", b"", b"", b"\x1b")
    assert r == s == b"\x22" * 32
    assert int.from_bytes(price) * int.from_bytes(gas) == factory_module.PROXY_COST == 10**16
    sender = Account.recover_transaction(raw)
    assert sender == factory_module.PROXY_SENDER == "0x3fAB184622Dc19b6109349B94811493BF2a45362"
    assert keccak(rlp.encode([to_canonical_address(sender), 0]))[12:] == to_canonical_address(PROXY)
    assert creation.endswith(factory_module.PROXY_RUNTIME)


@pytest.mark.parametrize(
    ("sender", "salt", "code", "address"),
    [
        ("00" * 20, "00" * 32, "00", "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"),
        ("deadbeef" + "00" * 16, "00" * 32, "00", "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3"),
        ("00" * 16 + "deadbeef", "00" * 28 + "cafebabe", "deadbeef", "0x60f3f640a8508fC6a86d45DF051962668E1e8AC7"),
        ("00" * 20, "00" * 32, "", "0xE33C0C7F7df4809055C3ebA6c09CFe4BaF1BD9e0"),
    ],
)
def test_addresses_are_those_of_eip_1014(sender: str, salt: str, code: str, address: str) -> None:
    """The proposal's own examples."""
    assert create2_address("0x" + sender, bytes.fromhex(salt), bytes.fromhex(code)) == address


def test_a_salt_is_32_bytes_or_a_text() -> None:
    assert salt_of("0x" + "ab" * 32) == b"\xab" * 32
    assert salt_of("lockstep") == keccak(text="lockstep")
    with pytest.raises(InvalidInput, match="salt"):
        salt_of("0x" + "zz" * 32)


def test_addresses_depend_on_code_arguments_and_salt_and_nothing_else(chain: EmbeddedChain) -> None:
    """Another deployer and another chain give the same; another role, or salt, other ones."""
    here = deploy(chain)
    elsewhere = EmbeddedChain(FakeClock(MORNING))
    filler = Deployer(elsewhere.node, key("deployer"), poll=elsewhere.mine)
    filler.fund(elsewhere.faucet, key("deployer").address)
    filler.pay(key("x").address, 1)
    filler.flush()
    there = deploy(elsewhere, holders(operator=key("another operator").address))
    assert [one.address for one in there.contracts] == [one.address for one in here.contracts]
    other = deploy(EmbeddedChain(FakeClock(MORNING)), holders(officer=key("another officer").address))
    assert [a.address == b.address for a, b in zip(other.contracts, here.contracts, strict=True)] == [
        True,
        False,
        False,
    ]
    planner = Planner(here.chain_id, here.factory.address, b"\1" * 32)
    registry = planner.add("registry", "ParticipantRegistry", here.contract("registry").arguments)
    assert registry.address != here.contract("registry").address


class Strict:
    """A node that takes no transaction without a chain id, as geth and Besu do by default."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self._node = chain.node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def broadcast(self, raw: bytes) -> str | None:
        if raw == factory_module.PROXY_TRANSACTION:
            return "only replay-protected (EIP-155) transactions allowed over RPC"
        return self._node.broadcast(raw)


def test_a_chain_that_refuses_it_gets_the_deployers_own(chain: EmbeddedChain) -> None:
    chain.node = Strict(chain)
    first = deploy(chain)
    assert first.factory.kind == "deployer"
    own = keccak(rlp.encode([to_canonical_address(key("deployer").address), 0]))[12:]
    assert first.factory.address == to_checksum_address(own)
    assert chain.node.code(first.factory.address) == factory_module.PROXY_RUNTIME
    assert chain.node.code(PROXY) == b""
    assert {one.verdict for one in verify(chain.node, first)} == {Verdict.OK}
    assert deploy(chain).text() == first.text()
    with pytest.raises(InvalidInput) as caught:
        find_factory(chain.node, key("deployer").address, "other")
    assert caught.value.rule == "one of keyless, deployer"


def test_the_question_is_not_asked_where_it_would_be_carried_out(chain: EmbeddedChain) -> None:
    """Somebody paid the keyless sender before: offering its transaction would create the factory."""
    desk = Deployer(chain.node, key("deployer"), poll=chain.mine)
    desk.fund(chain.faucet, factory_module.PROXY_SENDER, factory_module.PROXY_COST)
    desk.flush()
    assert find_factory(chain.node, key("deployer").address).kind == "keyless"
    assert chain.node.code(PROXY) == b""
    with pytest.raises(Misconfigured, match=r"keyless factory: the node refuses .*EIP-155.* the deployer's own"):
        factory_module.ensure_factory(Strict(chain), factory_module.factory_of("keyless", ""), strict(chain))
    assert deploy(chain).factory.address == PROXY


def strict(chain: EmbeddedChain) -> Deployer:
    return Deployer(Strict(chain), key("deployer"), poll=chain.mine)


def test_a_deployer_that_spent_its_first_transaction_is_refused(chain: EmbeddedChain) -> None:
    """The factory's address would be another one on each chain."""
    desk = Deployer(chain.node, key("deployer"), poll=chain.mine)
    desk.fund(chain.faucet, key("deployer").address)
    desk.pay(key("x").address, 1)
    desk.flush()
    before = sent(chain)
    with pytest.raises(InvalidInput) as caught:
        find_factory(Strict(chain), key("deployer").address)
    assert (caught.value.field, caught.value.value) == ("roles/deployer", key("deployer").address)
    assert "sent 1" in caught.value.rule
    assert sent(chain) == before


def test_other_code_at_an_address_is_refused_before_anything_is_sent(chain: EmbeddedChain) -> None:
    def put(address: str) -> None:
        mining = chain.tester.backend.chain
        state = mining.get_vm().state
        state.set_code(to_canonical_address(address), b"\0")
        state.persist()
        mining.header = mining.header.copy(state_root=state.state_root)
        chain.mine()

    registry = deploy(EmbeddedChain(FakeClock(MORNING))).contract("registry").address
    put(registry)
    with pytest.raises(Misconfigured, match=f"registry: {registry} has other code"):
        deploy(chain)
    put(PROXY)
    with pytest.raises(Misconfigured, match=f"{PROXY} has other code"):
        deploy(chain)


# --- keys and roles


def test_the_keys_of_the_default_installation_are_apart(
    market: MarketFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the world in one process, and those of a folder."""
    monkeypatch.setattr("lockstep.app.home.write_keystore", lambda *arguments: write_keystore(*arguments, iterations=1))
    for roles in (new_roles(market, FakeRandomness()), Home(tmp_path / "home").make_keys(market)):
        everybody = [*asdict(roles.holders()).values()]
        flat = [one for value in everybody for one in (value if isinstance(value, tuple) else (value,))]
        addresses = [one for one in flat if isinstance(one, str)] + [one.address for one in roles.wallets.values()]
        assert len(addresses) == len(set(addresses)) == 7 + 4 + len(market.members)
    again = Home(tmp_path / "home").make_keys(market)
    assert again.holders() == roles.holders()  # a second run keeps them


def test_a_double_stops_a_founding_before_anything_is_sent(chain: EmbeddedChain, market: MarketFile) -> None:
    roles = new_roles(market, FakeRandomness())
    before = sent(chain)
    with pytest.raises(InvalidInput) as caught:
        found(chain, market, replace(roles, operator=roles.issuer))
    assert (caught.value.field, caught.value.value) == ("roles/operator", roles.issuer.address)
    assert sent(chain) == before


# --- runs that were cut off, and second runs


def found(chain: EmbeddedChain, market: MarketFile, roles: Any, **more: Any) -> Founded:
    given = {"finality_depth": 2, "faucet": chain.faucet, "poll": chain.mine, **more}
    return found_chain(chain.node, market, roles, **given)


class Cut(Exception):
    """The process dies here."""


@pytest.fixture(scope="module")
def whole(market: MarketFile) -> tuple[Any, Founded, list[str]]:
    """A founding without a fault: its roles, its result, what it told."""
    roles, told = new_roles(market, FakeRandomness()), []
    chain = EmbeddedChain(FakeClock(MORNING))
    return roles, found(chain, market, roles, told=told.append), told


@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_run_that_was_cut_off_is_taken_up(
    chain: EmbeddedChain,
    market: MarketFile,
    whole: tuple[Any, Founded, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    """After so many of the deployer's, registrar's and issuer's transactions."""
    roles, expected, _ = whole
    count, send = 0, Deployer._send

    def dying(self: Deployer, *arguments: Any, **named: Any) -> int:
        nonlocal count
        count += 1
        if count > after:
            raise Cut
        return send(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Deployer, "_send", dying)
        with pytest.raises(Cut):
            found(chain, market, roles)
    done = found(chain, market, roles)
    assert done.market.securities == expected.market.securities
    assert [one.address for one in done.manifest.contracts] == [one.address for one in expected.manifest.contracts]
    assert {one.verdict for one in verify(chain.node, done.manifest)} == {Verdict.OK}
    for token in done.market.securities.values():
        issued = sum(one.units for one in market.holdings if one.isin == token.isin)
        answer = chain.node.call(token.token, keccak(text="totalSupply()")[:4])
        assert int.from_bytes(answer) == issued
    before = sent(chain)
    suspended = sum(not member.active for member in market.members)
    assert suspended
    again = found(chain, market, roles)
    assert again.manifest.text() == done.manifest.text()
    assert sent(chain) - before == suspended  # the registry takes a status twice


def test_addresses_are_told_before_anything_is_sent(
    chain: EmbeddedChain, market: MarketFile, whole: tuple[Any, Founded, list[str]]
) -> None:
    roles, done, told = whole
    before = sent(chain)
    plan = plan_chain(chain.node, market, roles)
    assert sent(chain) == before
    planned = {one.id: one.address for one in plan.contracts}
    assert planned == {one.id: one.address for one in done.manifest.contracts}
    assert told == [
        *(f"{name} at {address}, to be created" for name, address in planned.items()),
        "3 of 3 contracts created, each with the code that it must have",
    ]


def test_without_a_faucet_a_key_without_money_is_named(
    chain: EmbeddedChain, market: MarketFile, whole: tuple[Any, Founded, list[str]]
) -> None:
    roles, before = whole[0], sent(chain)
    with pytest.raises(InvalidInput) as caught:
        found(chain, market, roles, faucet=None)
    assert roles.deployer.address in caught.value.field and caught.value.value == "0 wei"
    assert sent(chain) == before


# --- the manifest and its values by name


def test_a_manifest_reads_back_and_its_bytes_are_stable(whole: tuple[Any, Founded, list[str]]) -> None:
    text = whole[1].manifest.text()
    assert read_manifest(text) == whole[1].manifest
    assert read_manifest(text).text() == text
    content = json.loads(text)
    assert text == json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    dvp = next(one for one in content["contracts"] if one["id"] == "dvp")
    assert dvp["parameters"]["ROTATION_DELAY"] == 45 * 86_400
    assert dvp["arguments"]["first"]["quorum"] == content["roles"]["quorum"] == 3
    assert dvp["compiler"]["settings"]["viaIR"] is True


def test_each_missing_or_broken_field_of_a_manifest_is_named(chain: EmbeddedChain) -> None:
    content = json.loads(deploy(chain).text())
    for broken in ("", "[]", "null", "7"):
        with pytest.raises(InvalidInput, match="manifest"):
            read_manifest(broken)

    def refused(path: tuple[Any, ...], value: Any) -> InvalidInput:
        copy = json.loads(json.dumps(content))
        place = copy
        for step in path[:-1]:
            place = place[step]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        with pytest.raises(InvalidInput) as caught:
            read_manifest(json.dumps(copy))
        return caught.value

    paths: list[tuple[Any, ...]] = [(name,) for name in content]
    paths += [("roles", name) for name in content["roles"]] + [("factory", name) for name in content["factory"]]
    paths += [("contracts", 1, name) for name in content["contracts"][1] if name not in ("block", "transaction")]
    for path in paths:
        field = "/".join(map(str, path))
        assert refused(path, None).field == field
        wrong = refused(path, 7.5)
        assert (wrong.field, wrong.value) == (field, "7.5")
    assert refused(("contracts", 0, "arguments", "firstRegistrar"), "0x1").field == "ParticipantRegistry/firstRegistrar"
    assert refused(("contracts", 2, "arguments", "setup", "extra"), 1).field == "SecurityToken/setup/extra"
    assert refused(("contracts", 2, "arguments", "terms_", "isin"), "0x12").rule == "12 bytes as 0x-prefixed hex"
    assert refused(("contracts", 2, "arguments", "setup", "authorised"), str(2**64)).field.endswith("setup/authorised")
    assert refused(("contracts", 1, "arguments", "first", "quorum"), -1).field == "DvP/first/quorum"
    assert refused(("contracts", 1, "arguments", "first", "agents"), "x").field == "DvP/first/agents"


def test_arguments_by_name_are_the_constructors(chain: EmbeddedChain) -> None:
    manifest = deploy(chain)
    for one in manifest.contracts:
        data = constructor_data(one.contract, one.arguments)
        assert constructor_values(one.contract, data) == one.arguments
    assert manifest.contract(TOKEN).arguments["setup"]["authorised"] == str(2**60 - 1)
    with pytest.raises(InvalidInput):
        constructor_values("DvP", b"\1")


class Overtaken(Deployer):
    """A deployer whose transactions a stranger saw in time: the same bytes, sent by another key, come first."""

    stranger: Deployer

    def create2(self, factory: str, salt: bytes, init_code: bytes) -> None:
        self.stranger.create2(factory, salt, init_code)
        self.stranger.flush()
        super().create2(factory, salt, init_code)


def test_who_sends_the_same_bytes_first_changes_nothing(chain: EmbeddedChain) -> None:
    """An attack: each creation is front-run. What comes to be is what was planned, and the deployer goes on."""
    node, salt = chain.node, salt_of("test")
    stranger = Deployer(node, key("stranger"), poll=chain.mine)
    stranger.fund(chain.faucet, key("stranger").address)
    deployer = Overtaken(node, key("deployer"), poll=chain.mine)
    deployer.stranger = stranger
    deployer.fund(chain.faucet, holders().deployer)
    factory = find_factory(node, holders().deployer)
    planner = Planner(node.chain_id(), factory.address, salt)
    planned = plan_market(planner, holders())
    assert carry_out(node, deployer, factory, salt, planned) == {"registry", "dvp"}
    registry = planned[0].address
    assert node.code(registry) == planned[0].runtime
    deployer.flush()
    deployer.call("ParticipantRegistry", registry, "addJurisdiction", b"DE")  # the registrar's: refused by name
    with pytest.raises(ContractRefused, match="NotRegistrar"):
        deployer.flush()
    deployer.flush()
