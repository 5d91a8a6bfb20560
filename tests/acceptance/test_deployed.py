"""What lies in deploy/, as far as it can be tried without Docker: commands, names, and each process's keys."""

import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from lockstep.app.founding import agent_bic
from lockstep.app.home import Home
from lockstep.app.processes import open_reception
from lockstep.cli.commands import app

from .running import AGENTS, Forks, Installation, stop, wait_until
from .story import Writer

yaml = pytest.importorskip("yaml", reason="pyyaml is not installed: pip install '.[dev]'")

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == "lockstep"}


def parsed(arguments: list[str]) -> dict[str, Any]:
    """The parameters as the real command reads them. Raises where it would refuse them."""
    command: Any = get_command(app)
    context, rest = command.make_context("lockstep", list(arguments)), list(arguments)
    while hasattr(command, "get_command"):
        command = command.get_command(context, rest.pop(0))
        context = command.make_context(command.name, list(rest), parent=context)
    return dict(context.params)


@pytest.mark.parametrize("name", sorted(OURS.keys() - {"founding"}))
def test_every_command_is_one(name: str) -> None:
    found = parsed([str(one) for one in OURS[name]["command"]])
    if name.startswith("agent-"):
        number = int(name[-1])
        assert (found["number"], found["rpc"]) == (number, f"http://besu-{number}:8545"), "a node of its own"
    with pytest.raises(BaseException, match=r"[Nn]o such option"):
        parsed([*map(str, OURS[name]["command"]), "--no-such-option"])


def test_founding_is_by_the_script() -> None:
    options = set(re.findall(r'add_argument\("(--[\w-]+)"', (ROOT / "scripts" / "deploy.py").read_text()))
    founding = SERVICES["founding"]
    assert founding["entrypoint"][-1] == "/opt/lockstep/scripts/deploy.py"
    given = {one.partition("=")[0] for one in founding["command"]}
    assert given <= options and {"--real-time", "--db", "--rpc"} <= given


def test_every_name_is_declared() -> None:
    for name, one in SERVICES.items():
        assert set(one.get("depends_on", ())) <= SERVICES.keys(), name
        assert set(one.get("secrets", ())) <= COMPOSE["secrets"].keys(), name
        for volume in one.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source.startswith("./") or source in COMPOSE["volumes"], f"{name}: {volume}"
        for host in re.findall(r"//([\w-]+):\d+|@([\w-]+):\d+", " ".join(map(str, one.get("command", ())))):
            assert {*host} - {""} <= SERVICES.keys(), f"{name}: {host}"
    code = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = {variable for one in OURS.values() for variable in one.get("environment", ())}
    assert used and not [variable for variable in used if variable not in code]
    assert len({one["networks"]["default"]["ipv4_address"] for one in SERVICES.values() if "networks" in one}) == 4


def test_the_image_has_what_is_run() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    (copied,) = re.findall(r"^COPY (pyproject.*) \./$", text, re.MULTILINE)
    assert all((ROOT / one).exists() for one in copied.split())
    extra = re.findall(r'"\.\[(\w+)\]"', text)
    assert extra == ["postgresql"] and "postgresql = [" in (ROOT / "pyproject.toml").read_text()
    assert 'ENTRYPOINT ["lockstep"]' in text


def test_each_process_gets_its_own_keys_alone(
    installed: Callable[..., Installation], small_market: Path, tmp_path: Path
) -> None:
    founded = installed(small_market)
    subprocess.run([ROOT / "deploy" / "homes.sh", founded.home.root, tmp_path], check=True, timeout=30)
    keys = {folder.name: {path.name for path in (folder / "keys").iterdir()} for folder in tmp_path.iterdir()}
    service = founded.market.service
    assert set(keys) == {"service", "rtgs", *(f"agent-{number}" for number in range(1, 5))}
    for number in range(1, 5):
        named = {"password", f"agent-{number}.json", f"rtgs-{agent_bic(service, number)}.key"}
        assert keys[f"agent-{number}"] == named
    wallets = {f"wallet-{one.bic}.json" for one in founded.market.participants.values()}
    assert keys["service"] == {"password", "salt.key", "operator.json", f"rtgs-{service}.key", *wallets}
    assert all(re.fullmatch(r"rtgs-\w+\.key", name) for name in keys["rtgs"])
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    home = Home(tmp_path / "service")
    assert home.market() == founded.market and home.key("operator").address == founded.home.key("operator").address
    assert open_reception(home).book.trades() == []


def test_a_settled_trade_among_the_folders(
    installed: Callable[..., Installation], forks: Forks, small_market: Path, tmp_path: Path
) -> None:
    """Each process on the folder that was made for it; what they share is the board."""
    founded = installed(small_market)
    subprocess.run([ROOT / "deploy" / "homes.sh", founded.home.root, tmp_path], check=True, timeout=30)
    for number in range(1, 5):
        (tmp_path / f"agent-{number}" / "attestations").rmdir()
        (tmp_path / f"agent-{number}" / "attestations").symlink_to(tmp_path / "service" / "attestations")
    commands = {"rtgs": ["rtgs", "serve"], "service": ["run"]}
    commands |= {name: ["agent", "run", name[-1]] for name in AGENTS}
    running = [
        forks.start([*command, "--home", str(tmp_path / name)], tmp_path / f"{name}.log", {})
        for name, command in commands.items()
    ]
    try:
        home, files = Home(tmp_path / "service"), Writer(tmp_path / "messages").trade(1, "1000.00")
        submitted = forks.start(["submit", *map(str, files), "--home", str(home.root)], tmp_path / "submit.log", {})
        wait_until(lambda: submitted.poll() == 0, 30, "it is handed in")
        book = open_reception(home).book
        wait_until(lambda: [one.state.value for one in book.trades()] == ["SETTLED"], 90, "it settles", pause=0.2)
    finally:
        for child in running:
            stop(child)
