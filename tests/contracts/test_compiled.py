"""The committed ABI and bytecode are what the sources compile to."""

import json
import subprocess

import pytest

from lockstep.chain import compiler

RUNTIME_LIMIT = 20_000


@pytest.fixture(scope="module")
def compiled() -> dict[str, compiler.Artifact]:
    return compiler.compile_all()


def test_committed_files_are_the_shipped_contracts_and_nothing_else() -> None:
    assert sorted(path.stem for path in compiler.COMPILED.glob("*.json")) == sorted(compiler.SHIPPED)


@pytest.mark.parametrize("name", compiler.SHIPPED)
def test_recompiling_gives_the_committed_bytes(compiled: dict[str, compiler.Artifact], name: str) -> None:
    assert compiler.render(compiled[name]).encode() == (compiler.COMPILED / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", compiler.SHIPPED)
def test_runtime_size_is_within_the_goal(name: str) -> None:
    artifact = json.loads((compiler.COMPILED / f"{name}.json").read_text())
    assert len(artifact["deployedBytecode"]) // 2 - 1 <= RUNTIME_LIMIT


def test_no_revert_string_in_any_contract() -> None:
    for name, source in compiler.sources_in(compiler.CONTRACTS.rglob("*.sol")).items():
        assert "require(" not in source, name
        assert 'revert("' not in source, name


# The compiler's command line, native or bridged, as crytic-compile (Slither) and py-solc-x use it


def solc(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(compiler.install()), *arguments]
    return subprocess.run(command, cwd=compiler.REPOSITORY, capture_output=True, text=True, timeout=60, check=False)


def test_the_compiler_says_its_version_in_solcs_two_lines() -> None:
    lines = solc("--version").stdout.splitlines()
    assert lines[0] == "solc, the solidity compiler commandline interface"
    assert lines[1].startswith(f"Version: {compiler.pinned_version()}+commit.")


def test_the_compiler_takes_files_and_answers_combined_json() -> None:
    wanted = "abi,bin,bin-runtime,srcmap,srcmap-runtime,userdoc,devdoc,hashes,ast"
    unit = "contracts/interfaces/IERC1271.sol"
    done = solc(unit, "--combined-json", wanted, "--optimize", "--evm-version", "prague", "--allow-paths", ".")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["sourceList"] == [unit]
    assert answer["sources"][unit]["AST"]["nodeType"] == "SourceUnit"
    contract = answer["contracts"][f"{unit}:IERC1271"]
    assert contract["hashes"] == {"isValidSignature(bytes32,bytes)": "1626ba7e"}
    assert contract["abi"][0]["name"] == "isValidSignature"


@pytest.mark.parametrize("arguments", [("--no-such-option",), ("contracts/NoSuchFile.sol", "--combined-json", "abi")])
def test_the_compiler_refuses_what_it_cannot_do(arguments: tuple[str, ...]) -> None:
    done = solc(*arguments)
    assert done.returncode != 0
    assert done.stderr
