"""The committed ABI and bytecode are what the sources compile to."""

import json

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
