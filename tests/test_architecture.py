"""The house's rules as tests: layers, fences, purity, size, and what the package calls its API."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lockstep

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "lockstep"
MODULES = sorted(SOURCE.rglob("*.py"))
PURE = [path for path in MODULES if path.relative_to(SOURCE).parts[0] in ("domain", "flow")]
LONG = {
    # Written by a program from the ABI: one class for each custom error.
    "chain/refusal_classes.py",
}


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def imported(path: Path) -> set[str]:
    """Top-level names of every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_layers_and_fences() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", [path for path in PURE if "domain" in path.parts], ids=name)
def test_domain_imports_the_standard_library_only(path: Path) -> None:
    assert imported(path) <= set(sys.stdlib_module_names) | {"lockstep"}


@pytest.mark.parametrize("path", PURE, ids=name)
def test_logic_has_no_clock_randomness_io_or_threads(path: Path) -> None:
    assert not imported(path) & {
        "asyncio", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "sqlite3", "subprocess",
        "tempfile", "threading", "time", "urllib", "uuid",
    }  # fmt: skip
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("utcnow", "today"), f"{name(path)}:{node.lineno} reads a hidden clock"
            on_datetime = isinstance(node.value, ast.Name) and node.value.id == "datetime"
            assert not (node.attr == "now" and on_datetime), f"{name(path)}:{node.lineno} reads a hidden clock"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input"), f"{name(path)}:{node.lineno} does I/O"


RTGS_CORE = [
    path for path in MODULES if name(path).startswith("rtgs/") and path.name not in ("door.py", "door_intake.py")
]
"""All but its door, which serves HTTP on an event loop and so handles signals and sockets."""


@pytest.mark.parametrize("path", RTGS_CORE, ids=name)
def test_the_rtgs_core_has_no_clock_and_no_threads(path: Path) -> None:
    assert not imported(path) & {"asyncio", "random", "secrets", "socket", "threading", "time", "urllib", "web3"}


SIGNING = [path for path in MODULES if name(path).startswith("signing/")]


@pytest.mark.parametrize("path", [*PURE, *RTGS_CORE, *SIGNING], ids=name)
def test_no_float_where_value_is_counted(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float), f"{name(path)}:{node.lineno} has a float"
        if isinstance(node, ast.Name):
            assert node.id != "float", f"{name(path)}:{node.lineno} names float"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_are_short_and_documented(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), f"{name(path)} says nothing of itself"
    if name(path) not in LONG:
        assert len(text.splitlines()) <= 400, f"{name(path)} is over 400 lines"


SILENCED = re.compile(r"# (?:type: ignore\[[\w, -]+\]  # |noqa: [A-Z0-9, ]+ -- )\w")
"""One finding of one line, and why: mypy's in a comment of its own, ruff's behind two dashes."""


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_silenced_check_says_why(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if re.search(r"#\s*(type:\s*ignore|(ruff:\s*|flake8:\s*)?noqa)|pragma: no cover", line):
            assert SILENCED.search(line), f"{name(path)}:{number} does not say why: {line.strip()}"


@pytest.mark.parametrize("path", sorted((ROOT / "contracts").rglob("*.sol")), ids=lambda path: path.stem)
def test_a_silenced_slither_says_why(path: Path) -> None:
    """In the line, or in the comment before it."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    for number, (before, line) in enumerate(zip(["", *lines], lines, strict=False), start=1):
        if line.startswith("// slither-disable"):
            said = " -- " in line or (before.startswith("// ") and not before.startswith("// slither"))
            assert said, f"{path.name}:{number} does not say why: {line}"


def test_all_names_exist() -> None:
    for found in pkgutil.walk_packages(lockstep.__path__, "lockstep."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for public in getattr(module, "__all__", ()):
            assert hasattr(module, public), f"{found.name}.__all__ names {public}"


def test_public_api() -> None:
    """`lockstep` itself exports its vocabulary, lazily: importing it loads no chain and no database."""
    code = "import sys, lockstep; print([m for m in ('web3', 'sqlalchemy', 'lxml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for public in lockstep.__all__:
        assert getattr(lockstep, public) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lockstep.nonsense
