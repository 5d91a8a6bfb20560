"""A chain compared with its manifest: what is as deployed, what changed by an event, what was tampered with."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deployed import ISIN, TOKEN, Deployment, deploy, holders
from eth_utils import keccak, to_canonical_address, to_checksum_address
from typer.testing import CliRunner

import lockstep.app.installing as installing
from lockstep.chain.artifacts import artifact
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import call_data
from lockstep.chain.manifest import Manifest, read_manifest, recorded
from lockstep.chain.planning import Planner, carry_out
from lockstep.chain.verifying import Verdict, verify
from lockstep.cli.commands import app
from lockstep.domain.errors import InvalidInput
from lockstep.testing.fakes import MORNING, FakeClock, key

DAY, FAR = 86_400, 2**40 - 1


@pytest.fixture(scope="module")
def opened() -> Deployment:
    return Deployment.open()


@pytest.fixture
def deployment(opened: Deployment) -> Iterator[Deployment]:
    snapshot = opened.chain.tester.take_snapshot()
    yield opened
    opened.chain.tester.revert_to_snapshot(snapshot)
    opened.clock.__init__(MORNING)


def failed(deployment: Deployment, manifest: Manifest | None = None) -> dict[str, tuple[str, str]]:
    found = deployment.as_found(manifest)
    assert {one.verdict for one in found.values()} <= {Verdict.FAIL}
    return {field: (one.expected, one.found) for field, one in found.items()}


# --- as deployed


def test_an_untouched_deployment_is_as_deployed(deployment: Deployment) -> None:
    found = verify(deployment.chain.node, deployment.manifest)
    assert {one.verdict for one in found} == {Verdict.OK}
    fields = {one.field for one in found}
    assert fields >= {
        "chain_id", "factory/code", "registry/registrar", "registry/confirmer", "dvp/agents", "dvp/officer",
        "dvp/MAX_LOCK", "dvp/GRACE", "dvp/CHALLENGE", "dvp/ROTATION_DELAY", "dvp/MAX_LEGS", "dvp/netCode",
        "dvp/DvPNet/shipped", "dvp/DvPNet/address", "dvp/DvPNet/code", f"{TOKEN}/issuer", f"{TOKEN}/authorised",
        f"{TOKEN}/lane 0", "roles now",
    }  # fmt: skip
    grace = next(one for one in found if one.field == "dvp/GRACE")
    assert grace.found == str(5 * DAY)


def test_life_on_the_contracts_is_no_change(deployment: Deployment) -> None:
    """Members, holdings and their movements are no part of a deployment."""
    deployment.act(
        "registrar", "ParticipantRegistry", "registry", "register", key("x").address, b"5" * 20, b"DE", 0, FAR
    )
    deployment.act("issuer", "SecurityToken", TOKEN, "issue", key("x").address, 5)
    assert deployment.as_found() == {}


# --- tampered with


def flipped(code: bytes, at: int) -> bytes:
    return code[:at] + bytes([code[at] ^ 1]) + code[at + 1 :]


@pytest.mark.parametrize("name", ["registry", "dvp", TOKEN])
def test_one_bit_of_other_code_is_found(deployment: Deployment, name: str) -> None:
    node, at = deployment.chain.node, deployment.address(name)
    honest = node.code(at)
    deployment.set_code(name, flipped(honest, len(honest) - 1))
    found = failed(deployment)
    expected, there = found[f"{name}/code"]
    assert expected == "0x" + keccak(honest).hex()
    assert there.startswith("0x" + keccak(flipped(honest, len(honest) - 1)).hex())
    assert there.endswith(f"from byte {len(honest) - 1} on")


def test_code_that_answers_otherwise_is_found_and_nothing_breaks(deployment: Deployment) -> None:
    """A contract that always answers one word, and one that always reverts."""
    for code in ("60016000526020" + "6000f3", "60006000fd"):
        for name in ("registry", "dvp", TOKEN):
            deployment.set_code(name, bytes.fromhex(code))
        found = failed(deployment)
        assert {"registry/code", "dvp/code", f"{TOKEN}/code", "registry/registrar", "dvp/agents"} <= set(found)


def test_each_wrong_immutable_is_found_where_it_stands(deployment: Deployment) -> None:
    holes = artifact("SecurityToken").immutables
    honest = wrong = deployment.chain.node.code(deployment.address(TOKEN))
    for hole in holes:
        wrong = flipped(wrong, hole["start"] + hole["length"] - 1)
    deployment.set_code(TOKEN, wrong)
    found = failed(deployment)
    told = {field.rpartition(" at byte ")[2]: values for field, values in found.items() if "/immutable " in field}
    assert set(told) == {str(hole["start"]) for hole in holes}
    assert len(told) > 10
    for hole in holes:
        expected, there = told[str(hole["start"])]
        assert expected == "0x" + honest[hole["start"] : hole["start"] + hole["length"]].hex()
        assert int(expected, 16) ^ int(there, 16) == 1
    assert f"{TOKEN}/code" not in found  # outside the immutables nothing differs


def test_a_wrong_immutable_is_named_by_its_argument(deployment: Deployment) -> None:
    registry = to_canonical_address(deployment.address("registry"))
    honest = deployment.chain.node.code(deployment.address(TOKEN))
    word = registry.rjust(32, b"\0")
    assert word in honest
    deployment.set_code(TOKEN, honest.replace(word, to_canonical_address(key("x").address).rjust(32, b"\0")))
    found = failed(deployment)
    named = [field for field in found if field.startswith(f"{TOKEN}/immutable registry at byte ")]
    assert named
    assert all(found[field][0] == "0x" + word.hex() for field in named)
    assert found[f"{TOKEN}/registry"] == (deployment.address("registry"), key("x").address)


def net_code(deployment: Deployment) -> str:
    """Where the code is that DvP runs for cycles, by the contract's own word."""
    answer = deployment.chain.node.call(deployment.address("dvp"), call_data("DvP", "netCode"))
    return to_checksum_address(answer[12:])


def set_net_code(deployment: Deployment, code: bytes) -> None:
    there = to_canonical_address(net_code(deployment))
    deployment.tamper(lambda state: state.set_code(there, code))


def test_what_dvp_created_is_in_the_manifest(deployment: Deployment) -> None:
    (part,) = deployment.manifest.contract("dvp").parts
    code = deployment.chain.node.code(part.address)
    assert (part.contract, part.address) == ("DvPNet", net_code(deployment))
    assert part.runtime_code_hash == "0x" + keccak(code).hex()
    assert deployment.manifest.contract("dvp").parameters["netCode"] == part.address
    assert deployment.manifest.contract("registry").parts == deployment.manifest.contract(TOKEN).parts == ()
    assert read_manifest(deployment.manifest.text()) == deployment.manifest


def test_one_bit_of_other_code_for_cycles_is_found(deployment: Deployment) -> None:
    honest = deployment.chain.node.code(net_code(deployment))
    holes = {
        at for hole in artifact("DvPNet").immutables for at in range(hole["start"], hole["start"] + hole["length"])
    }
    at = next(one for one in range(len(honest) - 1, 0, -1) if one not in holes)
    set_net_code(deployment, flipped(honest, at))
    ((field, (expected, found)),) = failed(deployment).items()
    assert (field, expected) == ("dvp/DvPNet/code", "0x" + keccak(honest).hex())
    assert found.endswith(f"other than DvPNet from byte {at} on")


def test_code_for_cycles_that_is_gone_or_another_deployments_is_found(deployment: Deployment) -> None:
    honest = deployment.chain.node.code(net_code(deployment))
    holes = artifact("DvPNet").immutables
    other = honest
    for hole in holes:
        other = flipped(other, hole["start"] + hole["length"] - 1)
    set_net_code(deployment, other)
    assert set(failed(deployment)) == {f"dvp/DvPNet/immutable value at byte {hole['start']}" for hole in holes}
    set_net_code(deployment, b"")
    assert failed(deployment) == {"dvp/DvPNet/code": ("0x" + keccak(honest).hex(), "no code")}


def test_a_dvp_that_runs_other_code_for_cycles_is_found(deployment: Deployment) -> None:
    """The immutable in DvP's own code: delegatecall goes where it says."""
    there, honest = net_code(deployment), deployment.chain.node.code(deployment.address("dvp"))
    word, thief = to_canonical_address(there).rjust(32, b"\0"), key("thief").address
    assert word in honest
    deployment.set_code("dvp", honest.replace(word, to_canonical_address(thief).rjust(32, b"\0")))
    found = failed(deployment)
    assert found.pop("dvp/netCode") == (there, thief)
    assert found and all(field.startswith("dvp/immutable value at byte ") for field in found)
    assert {expected for expected, _ in found.values()} == {"0x" + word.hex()}


def test_a_manifest_that_lists_other_code_for_cycles_is_found(deployment: Deployment) -> None:
    manifest, elsewhere = deployment.manifest, key("elsewhere").address
    (part,) = manifest.contract("dvp").parts
    nothing = "0x" + "00" * 32
    false = altered(manifest, "dvp", parts=(replace(part, address=elsewhere, runtime_code_hash=nothing),))
    assert failed(deployment, false) == {
        "dvp/DvPNet/address": (part.address, elsewhere),
        "dvp/DvPNet/runtime_code_hash in the manifest": (part.runtime_code_hash, nothing),
    }
    assert failed(deployment, altered(manifest, "dvp", parts=())) == {"dvp/parts": ('["DvPNet"]', "[]")}
    assert failed(deployment, altered(manifest, "registry", parts=(part,))) == {"registry/parts": ("[]", '["DvPNet"]')}
    written = json.loads(manifest.text())
    of_dvp = next(one for one in written["contracts"] if one["id"] == "dvp")
    of_dvp["parts"][0]["contract"] = "DvP"
    with pytest.raises(InvalidInput) as caught:
        read_manifest(json.dumps(written))
    assert caught.value.field == "contracts/1/parts/0/contract"
    del of_dvp["parts"]
    with pytest.raises(InvalidInput) as caught:
        read_manifest(json.dumps(written))
    assert caught.value.field == "contracts/1/parts"


@pytest.mark.parametrize(
    ("name", "slot", "field"),
    [("registry", 0, "registry/registrar"), ("registry", 2, "registry/confirmer"), ("dvp", 1, "dvp/confirmer")],
)
def test_a_role_that_no_event_gave_is_found(deployment: Deployment, name: str, slot: int, field: str) -> None:
    thief = key("thief").address
    contract, _, role = field.partition("/")
    honest = deployment.manifest.contract(contract).parameters[role]
    deployment.set_slot(name, slot, int(thief, 16))
    expected, found = failed(deployment)[field]
    assert (expected.partition(";")[0], found) == (honest, thief)


def test_a_missing_contract_is_found(deployment: Deployment) -> None:
    deployment.set_code("dvp", b"")
    found = failed(deployment)
    assert found["dvp/code"] == (deployment.manifest.contract("dvp").runtime_code_hash, "no code")


def test_an_empty_chain_has_nothing_of_it(deployment: Deployment) -> None:
    chain = EmbeddedChain(FakeClock(MORNING))
    found = {one.field: one for one in verify(chain.node, deployment.manifest) if one.verdict is not Verdict.OK}
    assert {field for field, one in found.items() if one.found == "no code"} == {
        "registry/code", "dvp/code", "dvp/DvPNet/code", f"{TOKEN}/code",
    }  # fmt: skip
    assert "factory/code" in found


# --- changed by an event


def test_another_registrar_is_a_change_with_its_event(deployment: Deployment) -> None:
    new = key("new registrar")
    deployment.act("registrar", "ParticipantRegistry", "registry", "proposeRegistrar", new.address)
    pending = deployment.as_found()
    assert {field: one.verdict for field, one in pending.items()} == {"registry/proposedRegistrar": Verdict.CHANGED}
    assert pending["registry/proposedRegistrar"].found == new.address

    deployment.act("new registrar", "ParticipantRegistry", "registry", "acceptRegistrar")
    block = deployment.chain.node.head().number
    (one,) = deployment.as_found().values()
    assert (one.verdict, one.field) == (Verdict.CHANGED, "registry/registrar")
    assert (one.expected, one.found) == (key("registrar").address, new.address)
    assert one.event is not None
    assert one.event.startswith(f"RegistrarChanged in block {block}, transaction 0x")


def test_a_change_that_storage_belies_is_a_failure(deployment: Deployment) -> None:
    """The event says one holder, the contract another."""
    deployment.act("registrar", "ParticipantRegistry", "registry", "proposeRegistrar", key("new").address)
    deployment.act("new", "ParticipantRegistry", "registry", "acceptRegistrar")
    deployment.set_slot("registry", 0, int(key("registrar").address, 16))
    expected, found = failed(deployment)["registry/registrar"]
    assert (expected, found) == (
        f"{key('registrar').address}; by its events {key('new').address}",
        key("registrar").address,
    )


def rotated(deployment: Deployment, **changed: Any) -> tuple[Any, ...]:
    """Starts epoch 2 by officer and confirmer, after the wait."""
    epoch = {
        "agents": sorted((key(f"next {number}").address for number in range(3)), key=lambda one: int(one, 16)),
        "quorum": 3,
        "faulty": 1,
        "officer": key("officer").address,
        "confirmer": key("confirmer").address,
    } | changed
    values = tuple(epoch.values())
    deployment.act("officer", "DvP", "dvp", "proposeRotation", values)
    deployment.clock.advance(46 * DAY)
    deployment.act("confirmer", "DvP", "dvp", "confirmRotation", values)
    return values


def test_a_rotation_is_a_change_with_its_event(deployment: Deployment) -> None:
    agents, *_ = rotated(deployment, officer=key("new officer").address)
    found = deployment.as_found()
    assert set(found) == {"dvp/currentEpoch", "dvp/officer", "dvp/agents"}
    assert {one.verdict for one in found.values()} == {Verdict.CHANGED}
    assert (found["dvp/currentEpoch"].expected, found["dvp/currentEpoch"].found) == ("1", "2")
    assert found["dvp/officer"].found == key("new officer").address
    assert found["dvp/agents"].found == f"3 of 3, 1 may be faulty: {', '.join(agents)}"
    assert all(one.event is not None and one.event.startswith("EpochStarted in block") for one in found.values())


@pytest.mark.parametrize("double", ["issuer", "operator", "registrar_confirmer"])
def test_a_key_that_came_to_two_roles_is_a_failure(deployment: Deployment, double: str) -> None:
    """The contracts allow it, since each sees its own roles only."""
    rotated(deployment, officer=key(double).address)
    found = deployment.as_found()["roles now"]
    assert found.verdict is Verdict.FAIL
    shown = "confirmer" if double == "registrar_confirmer" else double
    assert shown in found.found and "officer" in found.found and key(double).address.lower() in found.found


def test_settings_of_a_token_are_changes(deployment: Deployment) -> None:
    deployment.act("officer", "SecurityToken", TOKEN, "setPaused", True)
    (one,) = deployment.as_found().values()
    assert (one.field, one.verdict) == (f"{TOKEN}/rules", Verdict.CHANGED)
    assert json.loads(one.found)["paused"] is True and json.loads(one.expected)["paused"] is False
    assert one.event is not None and one.event.startswith("PauseChanged in block")


def test_a_token_that_is_succeeded_changes_by_its_events_and_its_heir_by_what_came_over(deployment: Deployment) -> None:
    manifest, node = deployment.manifest, deployment.chain.node
    old = manifest.contract(TOKEN)
    planner = Planner(manifest.chain_id, manifest.factory.address, manifest.salt)
    heir = planner.add(
        "token/heir",
        "SecurityToken",
        {**old.arguments, "setup": {**old.arguments["setup"], "predecessor": old.address, "authorised": "10"}},
    )
    carry_out(node, deployment.desk("deployer"), manifest.factory, manifest.salt, [heir])
    both = manifest.with_contract(recorded(node, heir, planner.rebuilt))
    assert deployment.as_found(both) == {}

    deployment.act(
        "registrar", "ParticipantRegistry", "registry", "register", key("x").address, b"5" * 20, b"DE", 0, FAR
    )
    deployment.act("issuer", "SecurityToken", TOKEN, "issue", key("x").address, 5)
    naming = call_data("SecurityToken", "nameSuccessor", heir.address)
    deployment.act("issuer", "SecurityToken", TOKEN, "propose", naming)
    deployment.act("confirmer", "SecurityToken", TOKEN, "nameSuccessor", heir.address)
    deployment.act("x", "SecurityToken", TOKEN, "migrate", 3)
    found, most = deployment.as_found(both), int(old.parameters["authorised"])
    assert {field: (one.verdict, one.found) for field, one in found.items()} == {
        f"{TOKEN}/successor": (Verdict.CHANGED, heir.address),
        f"{TOKEN}/authorised": (Verdict.CHANGED, str(most - 3)),
        "token/heir/authorised": (Verdict.CHANGED, "13"),
    }
    assert found["token/heir/authorised"].event == f"units came over from the predecessor {old.address}"


# --- a manifest that is not this chain's, or not true


def test_another_chain_is_told_first_and_alone(deployment: Deployment) -> None:
    here = deployment.manifest.chain_id
    assert failed(deployment, replace(deployment.manifest, chain_id=1)) == {"chain_id": ("1", str(here))}


def altered(manifest: Manifest, name: str, **changed: Any) -> Manifest:
    contracts = tuple(replace(one, **changed) if one.id == name else one for one in manifest.contracts)
    return replace(manifest, contracts=contracts)


def test_a_manifest_that_names_other_contracts_is_found(deployment: Deployment) -> None:
    """Another deployment's DvP under this one's arguments; other arguments at this one's address."""
    manifest, nothing = deployment.manifest, "0x" + "00" * 32
    there = deployment.address("registry")
    assert failed(deployment, altered(manifest, "dvp", address=there))["dvp/address"] == (
        deployment.address("dvp"),
        there,
    )
    arguments = {"firstRegistrar": key("thief").address, "firstConfirmer": key("registrar_confirmer").address}
    found = failed(deployment, altered(manifest, "registry", arguments=arguments))
    assert {"registry/init_code", "registry/address", "registry/registrar as roles/registrar"} <= set(found)
    assert found["registry/registrar"][1].startswith(key("registrar").address + " from the beginning: RegistrarChanged")
    false = altered(manifest, TOKEN, creation_code_hash=nothing)
    false = altered(false, "registry", init_code_hash=nothing, runtime_code_hash=nothing)
    false = altered(false, "dvp", transaction=nothing, parameters={**manifest.contract("dvp").parameters, "GRACE": 1})
    honest = manifest.contract("registry")
    assert failed(deployment, false) == {
        f"{TOKEN}/creation_code": (nothing, manifest.contract(TOKEN).creation_code_hash),
        "registry/init_code": (nothing, honest.init_code_hash),
        "registry/runtime_code_hash in the manifest": (honest.runtime_code_hash, nothing),
        "dvp/transaction": (f"{nothing} in block {manifest.contract('dvp').block}", "unknown to this node"),
        "dvp/GRACE in the manifest": (str(5 * DAY), "1"),
    }
    found = failed(deployment, replace(manifest, salt=b"\1" * 32))
    assert {"registry/address", "dvp/address", f"{TOKEN}/address"} <= set(found)


def test_a_manifest_whose_roles_are_not_the_contracts_is_found(deployment: Deployment) -> None:
    places = {
        "registrar": ["registry/registrar"],
        "registrar_confirmer": ["registry/confirmer"],
        "officer": ["dvp/officer", f"{TOKEN}/officer"],
        "confirmer": ["dvp/confirmer", f"{TOKEN}/confirmer"],
        "issuer": [f"{TOKEN}/issuer"],
    }
    claimed = replace(deployment.manifest, roles=holders(**{role: key(f"false {role}").address for role in places}))
    assert failed(deployment, claimed) == {
        f"{place} as roles/{role}": (key(role).address, key(f"false {role}").address)
        for role, where in places.items()
        for place in where
    }
    unsafe = replace(deployment.manifest, roles=holders(quorum=2))
    assert set(failed(deployment, unsafe)) == {"roles/quorum", "dvp/agents as roles/agents"}


def test_a_lane_for_a_stranger_is_found() -> None:
    """A token of the same shape that another contract may earmark at."""
    chain = EmbeddedChain(FakeClock(MORNING))
    manifest = deploy(chain)
    others = replace(manifest, contracts=tuple(one for one in manifest.contracts if one.id != "dvp"))
    found = {one.field: one for one in verify(chain.node, others) if one.verdict is Verdict.FAIL}
    assert found[f"{TOKEN}/lane 0"].found == manifest.contract("dvp").address
    assert found["contracts/dvp"].found == "0"


def test_a_predecessor_that_is_no_token_of_the_manifest_is_found(deployment: Deployment) -> None:
    """An attack: a deployer who names its own account as predecessor makes units without limit, and nothing but the
    arguments shows it."""
    manifest, node = deployment.manifest, deployment.chain.node
    old, thief = manifest.contract(TOKEN), key("x").address
    planner = Planner(manifest.chain_id, manifest.factory.address, manifest.salt)
    setup = {**old.arguments["setup"], "predecessor": thief, "authorised": "0"}
    backdoor = planner.add("token/backdoor", "SecurityToken", {**old.arguments, "setup": setup})
    carry_out(node, deployment.desk("deployer"), manifest.factory, manifest.salt, [backdoor])
    both = manifest.with_contract(recorded(node, backdoor, planner.rebuilt))
    found = {"token/backdoor/predecessor is this deployment's": ("a token of this manifest", thief)}
    assert failed(deployment, both) == found
    desk = deployment.desk("x")
    desk.fund(deployment.chain.faucet, thief)
    desk.call("SecurityToken", backdoor.address, "acceptMigration", thief, 10**15)
    desk.flush()
    assert int.from_bytes(node.call(backdoor.address, call_data("SecurityToken", "balanceOf", thief))) == 10**15
    assert deployment.as_found(both).keys() == {*found, "token/backdoor/authorised"}


# --- the command


def run(deployment: Deployment, path: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Any:
    monkeypatch.setattr(installing, "Node", lambda _: deployment.chain.node)
    return CliRunner().invoke(app, ["verify-deployment", "--manifest", str(path), "--rpc", "http://there", *more])


def test_the_command_ends_with_0_1_or_2(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(deployment.manifest.text())
    good = run(deployment, path, monkeypatch)
    assert good.exit_code == 0 and "0 CHANGED, 0 FAIL" in good.output

    rotated(deployment)
    changed = run(deployment, path, monkeypatch)
    assert (
        changed.exit_code == 0 and "2 CHANGED, 0 FAIL" in changed.output and "EpochStarted in block" in changed.output
    )

    deployment.set_code("registry", b"\0")
    bad = run(deployment, path, monkeypatch, "--json")
    answer = json.loads(bad.output)
    assert bad.exit_code == 1 and answer["sound"] is False
    fields = {one["field"] for one in answer["findings"] if one["verdict"] == "FAIL"}
    assert "registry/code" in fields

    path.write_text("{}")
    assert run(deployment, path, monkeypatch).exit_code == 2
    assert run(deployment, tmp_path / "absent.json", monkeypatch).exit_code == 2


def test_an_installation_without_a_manifest_is_no_comparison(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["verify-deployment", "--home", str(tmp_path)])
    assert answer.exit_code == 2 and "manifest.json" in answer.output


def test_a_contract_is_looked_up_by_id(deployment: Deployment) -> None:
    with pytest.raises(InvalidInput) as caught:
        deployment.manifest.contract("token/none")
    assert (caught.value.field, caught.value.value) == ("contracts/id", "token/none")
    assert ISIN in caught.value.rule
