"""Writes `refusal_classes.py`: one exception class for each custom error of the compiled contracts.

python -m lockstep.chain.binding [--check]. Names and fields come from the ABI, the words from the interfaces'
NatSpec; so it runs in a clone, after `make contracts`. A test compares.
"""

import argparse
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from lockstep.chain.artifacts import CONTRACTS, artifact
from lockstep.chain.refusals import attribute

__all__ = ["render"]

REPOSITORY = Path(__file__).resolve().parents[3]
TARGET = Path(__file__).with_name("refusal_classes.py")
_ERROR = re.compile(r"((?:^[ ]*///.*\n)+)\s*error (\w+)\(([^)]*)\);", re.MULTILINE)
_HEAD = '''\
"""The custom errors of the contracts as exceptions. Written by `python -m lockstep.chain.binding`: do not edit.

A class has the error's name, its attributes the names of the error's fields (`from` is `from_`, `name` is `name_`), in
the forms that `lockstep.chain.refusals` shows. Where two contracts give one name to two errors, the class
has both forms, and only the fields of the one that was met.
"""

from typing import ClassVar

from lockstep.chain.refusals import ContractRefusal, Field
'''


def _errors() -> dict[str, dict[bytes, tuple[Mapping[str, Any], list[str]]]]:
    """By name, then by selector: the ABI's entry and which contracts have it."""
    found: dict[str, dict[bytes, tuple[Mapping[str, Any], list[str]]]] = {}
    for contract in CONTRACTS:
        for entry in artifact(contract).abi:
            if entry["type"] == "error":
                selector = bytes(function_abi_to_4byte_selector(entry))
                forms = found.setdefault(entry["name"], {})
                forms.setdefault(selector, (entry, []))[1].append(contract)
    return dict(sorted(found.items()))


def _notices() -> dict[tuple[str, tuple[str, ...]], str]:
    """NatSpec's @notice of each error, by name and the names of its fields."""
    found = {}
    for path in sorted((REPOSITORY / "contracts").rglob("*.sol")):
        for text, name, fields in _ERROR.findall(path.read_text()):
            words = " ".join(line.strip().removeprefix("///").strip() for line in text.splitlines())
            words = words.partition("@notice ")[2].partition("@dev")[0]
            names = tuple(one.split()[-1] for one in fields.split(",") if one.strip())
            found[name, names] = re.sub(r"[{}]", "", words).strip()
    return found


def _python_type(kind: str) -> str:
    """What `refusals` makes of a Solidity type."""
    if kind.endswith("]") or kind.startswith("("):
        return "tuple[object, ...]"
    return "bool" if kind == "bool" else "int" if kind.startswith(("uint", "int")) else "str"


def _lines(name: str, forms: Mapping[bytes, tuple[Mapping[str, Any], list[str]]], notices: Any) -> Iterator[str]:
    yield f"class {name}(ContractRefusal):"
    told = []
    for entry, contracts in forms.values():
        words = notices.get((name, tuple(item["name"] for item in entry["inputs"])), f"{name}.")
        told.append(f"{', '.join(contracts)}: {words}" if len(forms) > 1 else words)
    yield from textwrap.wrap(
        f'"""{" ".join(told)}"""', 116, initial_indent=" " * 4, subsequent_indent=" " * 4, break_long_words=False
    )
    yield ""
    yield "    forms: ClassVar = {"
    for selector, (entry, _) in forms.items():
        fields = [f'Field("{item["name"]}", "{collapse_if_tuple(item)}")' for item in entry["inputs"]]
        yield f"        bytes.fromhex({selector.hex()!r}): ({''.join(one + ', ' for one in fields)}),"
    yield "    }"
    seen: dict[str, str] = {}
    for entry, _ in forms.values():
        for item in entry["inputs"]:
            kind = _python_type(collapse_if_tuple(item))
            if seen.setdefault(item["name"], kind) != kind:
                raise ValueError(f"{name}.{item['name']} has two types: {seen[item['name']]} and {kind}")
    yield from (f"    {attribute(field)}: {kind}" for field, kind in seen.items())


def render() -> str:
    """The whole module."""
    errors, notices = _errors(), _notices()
    blocks = ["\n".join(_lines(name, forms, notices)) for name, forms in errors.items()]
    names = "\n".join(f"    {name!r}," for name in sorted(errors, key=_natural))
    classes = "\n".join(f"    {name}," for name in errors)
    tail = f"REFUSALS: tuple[type[ContractRefusal], ...] = (\n{classes}\n)\n"
    return _formatted(f"{_HEAD}\n__all__ = [\n    'REFUSALS',\n{names}\n]\n\n\n" + "\n\n\n".join([*blocks, tail]))


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers in names by their value: the order that ruff asks of `__all__`."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _formatted(text: str) -> str:
    """In the house's format, by ruff, a dependency of development as the compiler is."""
    command = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lockstep.chain.binding", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed file")
    given = parser.parse_args(arguments)
    text, same = render(), False
    same = TARGET.exists() and TARGET.read_text() == text
    sys.stdout.write(f"{TARGET.name}: {'same' if same else 'differs' if given.check else 'written'}\n")
    if not given.check and not same:
        TARGET.write_text(text)
    return 1 if given.check and not same else 0


if __name__ == "__main__":
    raise SystemExit(main())
