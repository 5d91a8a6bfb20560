"""Compiled contracts: those that ship, the mocks, and copies with a planted bug. Compilations are kept in `.build`."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import solcx

from lockstep.chain import compiler

__all__ = ["Artifacts", "mocks", "mutant", "shipped"]

Artifacts = dict[str, dict[str, Any]]
KEPT = compiler.REPOSITORY / ".build" / "machine"
# Larger than a block would take, code and code that deploys: here no limit counts.
SIZES = ("5574", "3860")
# Without the optimizer the code is twice as long and compiles in a third of the time.
QUICK = compiler.SETTINGS | {"optimizer": {"enabled": False}}


def shipped() -> Artifacts:
    return {name: json.loads((compiler.COMPILED / f"{name}.json").read_text()) for name in compiler.SHIPPED}


def mocks() -> Artifacts:
    """The hostile contracts and the wallet of one owner."""
    folders = ("mocks", "interfaces")
    sources = compiler.sources_in(path for one in folders for path in (compiler.CONTRACTS / one).glob("*.sol"))
    wanted = {name: text for name, text in sources.items() if "/mocks/" in name}
    return _compiled(wanted, compiler.SETTINGS | {"viaIR": False}, ("HostileToken", "HostileWallet"), sources)


def mutant(contract: str, changes: Mapping[str, tuple[str, str]]) -> Artifacts:
    """`contract` with one text replaced in each named file, "DvP.sol" or "libraries/Accounts.sol"; raises
    ValueError if the text does not stand there exactly once."""
    sources = compiler.sources_in(p for p in compiler.CONTRACTS.rglob("*.sol") if "mocks" not in p.parts)
    for file, (text, replacement) in changes.items():
        name = f"contracts/{file}"
        if sources[name].count(text) != 1:
            raise ValueError(f"{name}: {text!r} stands there {sources[name].count(text)} times, not once")
        sources[name] = sources[name].replace(text, replacement)
    return _compiled(sources, QUICK, (contract,), sources, f"contracts/{contract}.sol")


def _compiled(
    sources: Mapping[str, str],
    settings: Mapping[str, Any],
    names: tuple[str, ...],
    depends: Mapping[str, str],
    unit: str = "*",
) -> Artifacts:
    key = hashlib.sha256(json.dumps([dict(depends), dict(settings), names]).encode()).hexdigest()[:20]
    path = KEPT / f"{names[0]}-{key}.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    outputs = ["abi", "evm.bytecode.object"]
    request = {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in sources.items()},
        "settings": dict(settings) | {"outputSelection": {unit: {"*": outputs}}},
    }
    made = solcx.compile_standard(request, solc_binary=compiler.install(), base_path=compiler.REPOSITORY)
    complaints = [one["formattedMessage"] for one in made.get("errors", ()) if one.get("errorCode") not in SIZES]
    if complaints:
        raise solcx.exceptions.SolcError("\n".join(complaints))
    found = {name: one for contracts in made["contracts"].values() for name, one in contracts.items()}
    kept = {name: {"abi": found[name]["abi"], "bytecode": found[name]["evm"]["bytecode"]["object"]} for name in names}
    KEPT.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:8]}")
    draft.write_text(json.dumps(kept))
    draft.replace(path)
    return kept
