"""Which keys a worker sends with: those of its folder that can pay, in turn."""

from pathlib import Path
from typing import Any

import pytest

from lockstep.app.home import Home
from lockstep.app.operators import OperatorKeys
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.signing import Key, keystore_address, write_keystore
from lockstep.store import open_database


class Purses:
    """A node that knows what each key has."""

    def __init__(self, wei: dict[str, int]) -> None:
        self._wei = wei

    def balance(self, address: str) -> int:
        return self._wei[address]


def folder(root: Path, *names: str) -> dict[str, str]:
    """Keystores, and the address of each."""
    keys = {name: Key((number + 1).to_bytes(32)) for number, name in enumerate(names)}
    for name, key in keys.items():
        write_keystore(root / "keys" / f"{name}.json", key, "password", iterations=10)
    (root / "keys" / "password").write_text("password")
    return {name: key.address for name, key in keys.items()}


def used(root: Path, place: int, wei: dict[str, int]) -> tuple[list[str], list[str]]:
    """What the worker in this place tries, and what people are told."""
    node: Any = Purses(wei)
    told: list[str] = []
    database = open_database(f"sqlite:///{root}/service.db")
    found = [*OperatorKeys(Home(root), node, database, lambda _: None).in_use(place, told.append)]
    database.dispose()
    return found, told


def test_each_worker_begins_with_another(tmp_path: Path) -> None:
    there = folder(tmp_path, "operator-10", "operator-2", "operator", "operator-x", "agent-1")
    one, two, ten = there["operator"], there["operator-2"], there["operator-10"]
    assert Home(tmp_path).operators() == {one: "operator", two: "operator-2", ten: "operator-10"}
    rich = dict.fromkeys((one, two, ten), 1)
    assert [used(tmp_path, place, rich)[0] for place in (1, 2, 3, 4)] == [
        [one, two, ten],
        [two, ten, one],
        [ten, one, two],
        [one, two, ten],
    ]


def test_a_key_without_money_is_told_and_not_used(tmp_path: Path) -> None:
    there = folder(tmp_path, "operator", "operator-2")
    found, told = used(tmp_path, 2, {there["operator"]: 5, there["operator-2"]: 0})
    assert found == [there["operator"]]
    assert told == [f"operator-2 {there['operator-2']} has no money for fees: not used until the service starts again"]
    found, told = used(tmp_path, 1, dict.fromkeys(there.values(), 0))
    assert found == [there["operator"]] and len(told) == 2, "the trades say what is wrong"


def test_a_folder_without_one(tmp_path: Path) -> None:
    folder(tmp_path, "agent-1")
    with pytest.raises(Misconfigured, match="no keystore operator or operator-N"):
        used(tmp_path, 1, {})


def test_what_is_no_keystore(tmp_path: Path) -> None:
    folder(tmp_path, "operator")
    (tmp_path / "keys" / "operator-2.json").write_text("{}")
    with pytest.raises(Misconfigured, match=r"operator-2\.json: 'address'"):
        Home(tmp_path).operators()
    with pytest.raises(Misconfigured, match="No such file"):
        keystore_address(tmp_path / "none.json")
    with pytest.raises(InvalidInput, match="a name that is not taken yet"):
        Home(tmp_path).new_key("operator")
