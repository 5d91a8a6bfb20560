"""The documentation against the code: what a user can type, meet or be told stands in it, and links lead somewhere."""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lockstep.domain.order import AssetStatus
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import TradeState
from lockstep.iso20022 import MESSAGE_TYPES
from lockstep.testing.invariants import INVARIANTS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "lockstep"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
FAKES = {"fakes.py", "fakes"}
CODE = "\n".join(path.read_text() for path in sorted(SOURCE.rglob("*.py")) if FAKES.isdisjoint(path.parts))


def reference(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text()


def missing(words: Iterator[str] | set[str], text: str) -> list[str]:
    """The words that a page does not have, each as a whole word."""
    return sorted(word for word in set(words) if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text))


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("docs_reference", ROOT / "scripts" / "docs_reference.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_command_reference_is_what_the_command_says(generator: ModuleType) -> None:
    assert generator.PAGE.read_text() == generator.page(), "stale: python scripts/docs_reference.py"


def test_every_command_and_option_is_in_it() -> None:
    """Independently of the generator: from the source of the commands."""
    source = "\n".join(path.read_text() for path in sorted((SOURCE / "cli").glob("*.py")))
    named = re.findall(r"@(?:(\w+)_)?app\.command\((?:\"([\w-]+)\")?\)\ndef (\w+)", source)
    commands = {
        " ".join(filter(None, ["lockstep", group.replace("_", "-"), name or function]))
        for group, name, function in named
    }
    assert len(commands) >= 29
    page = reference("cli")
    assert not [one for one in commands if f"## `{one}" not in page]
    options = set(re.findall(r'"(--[\w-]+)"', source))
    options |= {f"--{name.replace('_', '-')}" for name in re.findall(r"(\w+): Annotated\[[^=]*?typer\.Option", source)}
    assert not missing(options - {"--as-json"}, page)


def test_every_environment_variable_is_documented() -> None:
    text = "\n".join(path.read_text() for path in PAGES)
    checked = [ROOT / "Makefile", ROOT / "tests" / "conftest.py", ROOT / "ape-config.yaml"]
    found = re.findall(r"\bLOCKSTEP_[A-Z0-9_]+|\bSOLCX_BINARY_PATH", CODE + "".join(one.read_text() for one in checked))
    assert found
    assert not missing(set(found), text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} is not there"
        if anchor:
            assert anchor in headings(there), f"{target}: no such heading"


def headings(page: Path) -> set[str]:
    """As the usual renderers make anchors of them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "index.md").read_text()
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - {"index.md"}
    assert not [page for page in sorted(pages) if f"({page})" not in index]


def test_every_contract_error_is_documented_with_its_arguments() -> None:
    page = reference("errors")
    for path in sorted((SOURCE / "chain" / "compiled").glob("*.json")):
        for entry in json.loads(path.read_text())["abi"]:
            if entry["type"] == "error":
                signature = f"`{entry['name']}({', '.join(item['name'] for item in entry['inputs'])})`"
                assert signature in page, f"{path.stem}: {signature}"


def test_every_exception_and_refusal_is_documented() -> None:
    errors = (SOURCE / "domain" / "errors.py").read_text()
    names = set(re.findall(r"^class (\w+)\(", errors, re.MULTILINE))
    names |= set(re.findall(r"\b(?:Refused|refusal)\(\s*\"(\w+)\"", CODE))
    names |= set(re.findall(r"\b_refused\(\s*\w+,\s*\"(\w+)\"", CODE))
    names |= set(re.findall(r"\(\"(\w+Differs)\", ", CODE))
    assert names >= {"TokenUnknown", "BuyerDiffers", "SellerDiffers", "TradeOpenElsewhere"}
    assert len(names) > 30
    assert not missing(names, reference("errors"))


def test_every_message_and_reason_code_is_documented() -> None:
    page = reference("messages")
    codes = set(re.findall(r"\bReason\(\s*code=\"(\w+)\"", CODE)) | set(re.findall(r"Reason\.of\(\"(\w+)\"", CODE))
    assert len(codes) > 15
    assert not missing({*MESSAGE_TYPES.values(), *codes}, page)


def test_every_state_is_documented() -> None:
    page = reference("states")
    names = {one.name for one in (*TradeState, *PaymentState)} | {one.value for one in PaymentState}
    names |= {one.name.title().replace("_", "") for one in AssetStatus}
    assert not missing(names, page)


def test_every_invariant_is_documented() -> None:
    rows = re.findall(r"^\| (I\d+) \|", reference("invariants"), re.MULTILINE)
    assert rows == list(INVARIANTS)
    assert len(rows) == 12


def test_every_make_target_is_documented() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = {name for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE) for name in line.split()}
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    assert targets >= {"demo", "test", "check", "bench", "deep"}
    assert not [name for name in sorted(targets) if f"`make {name}`" not in guide]


def test_the_figures_of_the_contracts_sizes_are_those_that_ship() -> None:
    page = (DOCS / "explanation" / "contracts.md").read_text()
    for path in sorted((SOURCE / "chain" / "compiled").glob("*.json")):
        size = len(json.loads(path.read_text())["deployedBytecode"]) // 2 - 1
        assert f"| `{path.stem}` | {size:,} |" in page
