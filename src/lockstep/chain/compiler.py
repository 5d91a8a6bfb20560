"""Compiles `contracts/` into the ABI and bytecode that the package ships in `chain/compiled/`.

For developers: needs the repository and the `dev` extra (py-solc-x). Users read the committed files and need
no compiler. `python -m lockstep.chain.compiler` writes them; `--check` compares instead; `--install` only
makes the compiler ready where py-solc-x, Ape and Slither look for it: `.build/solcx`, or the folder that the
environment variable SOLCX_BINARY_PATH names.

The compiler is, in this order: the one in that folder; a native `solc` of the pinned version on the PATH or
in `~/.solcx`; the npm package `solc` behind `scripts/solc.js`; a native one that py-solc-x downloads. All
give the same bytes, which `tests/contracts/test_compiled.py` proves of the one at hand.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lockstep.chain.artifacts import SHIPPED

__all__ = [
    "COMPILED",
    "SHIPPED",
    "CompilerMissingError",
    "compile_all",
    "compile_sources",
    "install",
    "render",
    "runs",
    "sources_in",
]

Artifact = dict[str, Any]

COMPILED = Path(__file__).parent / "compiled"
REPOSITORY = Path(__file__).parents[3]
CONTRACTS = REPOSITORY / "contracts"
SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 200},
    "viaIR": True,
    "evmVersion": "prague",
    # No hash of sources and no paths: the bytes depend on the code alone.
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}
OUTPUTS = [
    "abi",
    "evm.bytecode.object",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
]


class CompilerMissingError(Exception):
    """No Solidity compiler of the pinned version could be found, bridged or downloaded."""


def pinned_version() -> str:
    """The compiler's version, pinned once, in package.json."""
    package = json.loads((REPOSITORY / "package.json").read_text())
    return str(package["devDependencies"]["solc"])


def install() -> Path:
    """Make the pinned compiler ready and return its executable. Idempotent.

    Raises CompilerMissingError.
    """
    version = pinned_version()
    folder = Path(os.environ.get("SOLCX_BINARY_PATH") or REPOSITORY / ".build" / "solcx")
    executable = folder / f"solc-v{version}"
    bridge = f'#!/bin/sh\nexec node "{REPOSITORY / "scripts" / "solc.js"}" "$@"\n'
    if executable.exists() and (not _is_bridge(executable) or executable.read_text() == bridge):
        return executable

    folder.mkdir(parents=True, exist_ok=True)
    native = _native(version)
    if native is not None:
        shutil.copy(native, executable)
    elif (REPOSITORY / "node_modules" / "solc").is_dir() and shutil.which("node"):
        # Written aside and renamed: another test worker may be doing the same.
        draft = folder / f".{executable.name}.{os.getpid()}"
        draft.write_text(bridge)
        draft.chmod(0o755)
        draft.replace(executable)
    else:
        _download(version, folder)
    return executable


def sources_in(paths: Iterable[Path]) -> dict[str, str]:
    """Source units by their name from the repository's root, which is how the compiler gets to see them."""
    return {path.relative_to(REPOSITORY).as_posix(): path.read_text() for path in sorted(paths)}


def compile_sources(
    sources: Mapping[str, str], settings: Mapping[str, Any] | None = None, only: Iterable[str] | None = None
) -> dict[str, Artifact]:
    """Compile source units and return the artifact of each contract by its name; of the units `only`, if given.

    Raises solcx.exceptions.SolcError on an error; a warning is an error too.
    """
    import solcx

    used = dict(SETTINGS if settings is None else settings)
    request = {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in sources.items()},
        "settings": used | {"outputSelection": {unit: {"*": OUTPUTS} for unit in only or ("*",)}},
    }
    executable = install()
    output = solcx.compile_standard(request, solc_binary=executable, base_path=REPOSITORY)
    complaints = [message["formattedMessage"] for message in output.get("errors", ())]
    if complaints:
        raise solcx.exceptions.SolcError("\n".join(complaints))
    compiler = {"version": _long_version(executable), "settings": used}
    return {
        name: {
            "contractName": name,
            "sourceName": unit,
            "compiler": compiler,
            "abi": contract["abi"],
            "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
            "deployedBytecode": "0x" + contract["evm"]["deployedBytecode"]["object"],
            "immutableReferences": _positions(contract["evm"]["deployedBytecode"]["immutableReferences"]),
        }
        for unit, contracts in output.get("contracts", {}).items()
        for name, contract in contracts.items()
    }


def runs(sources: Mapping[str, str]) -> list[tuple[dict[str, str], list[str]]]:
    """How what ships is compiled: for each run of the compiler its sources, and the shipped contracts made from them.

    What sources are compiled with others numbers the compiler's trees, and so changes bytes. So that a contract that
    was deployed and measured keeps its own, those that came later are compiled in later runs, each with all that there
    was then.
    """
    second = {name: text for name, text in sources.items() if "JournalAnchor" not in name}
    first = {name: text for name, text in second.items() if "ollateral" not in name}
    later = [name for name in SHIPPED if name.startswith("Collateral")]
    apart = ["JournalAnchor"]
    return [(first, [name for name in SHIPPED if name not in later + apart]), (second, later), (dict(sources), apart)]


def compile_all() -> dict[str, Artifact]:
    """The artifacts that the package ships, compiled now; mocks stay out, so they cannot change a byte."""
    mocks = CONTRACTS / "mocks"
    artifacts: dict[str, Artifact] = {}
    for sources, names in runs(sources_in(p for p in CONTRACTS.rglob("*.sol") if mocks not in p.parents)):
        made = compile_sources(sources, only=[f"contracts/{name}.sol" for name in names])
        artifacts |= {name: made[name] for name in names}
    return {name: artifacts[name] for name in SHIPPED}


def render(artifact: Artifact) -> str:
    """An artifact as the text of its file."""
    return json.dumps(artifact, indent=1) + "\n"


def _positions(references: Mapping[str, list[dict[str, int]]]) -> list[dict[str, int]]:
    """Where the runtime code holds values set at deployment; without the compiler's numbers for them, which
    change with any other source."""
    return sorted((at for places in references.values() for at in places), key=lambda at: at["start"])


def _is_bridge(executable: Path) -> bool:
    with executable.open("rb") as file:
        return file.read(2) == b"#!"


def _native(version: str) -> Path | None:
    candidates = [Path.home() / ".solcx" / f"solc-v{version}"]
    if on_path := shutil.which("solc"):
        candidates.append(Path(on_path))
    for candidate in candidates:
        if candidate.is_file() and not _is_bridge(candidate) and f"{version}+" in _banner(candidate):
            return candidate
    return None


def _download(version: str, folder: Path) -> None:
    import solcx

    try:
        solcx.install_solc(version, solcx_binary_path=folder)
    except Exception as error:
        raise CompilerMissingError(
            f"no solc {version}: run `npm install --no-save` in {REPOSITORY}, or put a native one on the PATH"
        ) from error


def _banner(executable: Path) -> str:
    done = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout


def _long_version(executable: Path) -> str:
    """Version and commit, without the platform: every platform's compiler gives the same bytes."""
    words = _banner(executable).split("Version: ")[-1].split(".")
    return ".".join(words[:4])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lockstep.chain.compiler", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="compare with the committed files")
    choice.add_argument("--install", action="store_true", help="only make the compiler ready")
    given = parser.parse_args(arguments)
    if given.install:
        sys.stdout.write(f"{install()}\n")
        return 0
    stale = 0
    for name, artifact in compile_all().items():
        path, text = COMPILED / f"{name}.json", render(artifact)
        same = path.exists() and path.read_text() == text
        size = len(artifact["deployedBytecode"]) // 2 - 1
        change = "same" if same else "differs" if given.check else "written"
        sys.stdout.write(f"{name}: {size} bytes, {change}\n")
        if given.check:
            stale += not same
        elif not same:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
