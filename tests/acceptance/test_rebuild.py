"""Every file of the service deleted midway: `lockstep rebuild`, and the rest settles."""

import json
import os
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lockstep.domain.instruction import SettlementConfirmation
from lockstep.iso20022 import read

from .running import AGENTS, COMMAND, EVERYBODY, Executed, Installation, wait_until
from .story import Writer, seller_reference


@pytest.fixture
def day(installed: Callable[[Path], Installation], small_market: Path) -> Installation:
    return installed(small_market)


def lose(day: Installation) -> None:
    """The service dies, and all that it has written is gone."""
    if (service := day.running.pop("service", None)) is not None:
        os.kill(service.pid, signal.SIGKILL)
        wait_until(lambda: service.poll() is not None, 10, "the service is dead")
    if day._database is not None:
        day._database.dispose()
        day._database = None
    gone = [*day.home.root.glob("service*"), day.home.outbox]
    assert len(gone) >= 3
    for path in gone:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def confirmations(day: Installation) -> Counter[tuple[str, str, str]]:
    """Receiver, reference and message id of each sese.025 in the participants' folders."""
    found: Counter[tuple[str, str, str]] = Counter()
    for path in day.home.outbox.rglob("*.xml"):
        message = read(path.read_bytes())
        if isinstance(message.body, SettlementConfirmation):
            found[message.receiver, message.body.instruction.reference, message.message_id] += 1
    return found


def references(told: Counter[tuple[str, str, str]]) -> list[str]:
    return sorted(reference for _, reference, _ in told.elements())


def both(*numbers: int) -> list[str]:
    return sorted(one for number in numbers for one in (seller_reference(number), f"ATLS-R-T{number}"))


def rebuild(day: Installation, files: Sequence[Path] = (), code: int = 0) -> Any:
    done, said = day.run("rebuild", *map(str, files), "--json")
    assert done == code, said
    return json.loads(said) if code == 0 else said


def rows(day: Installation) -> dict[str, int]:
    connection = sqlite3.connect(day.home.root / "service.db")
    try:
        names = ("trade", "instruction", "cash_view", "outgoing", "journal")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    finally:
        connection.close()


def test_a_day_with_a_trade_in_each_state(day: Installation, tmp_path: Path) -> None:
    writer, given = Writer(tmp_path / "files"), list[Path]()

    def submit(*files: Path) -> None:
        assert day.submit(*files)[0] == 0
        given.extend(files)

    day.start(*EVERYBODY)
    submit(*writer.trade(1, "100000.00"), *writer.trade(2, "9000000.00"), *writer.trade(3, "8000000.00"))
    submit(*writer.trade(4, "1000.00", "999000000.00"), writer.trade(5, "7.00")[0])
    first = {1: "SETTLED", 2: "LOCKED", 3: "LOCKED", 4: "MATCHED"}
    day.attend(lambda: day.shows({seller_reference(n): s for n, s in first.items()}), {}, 60, "the first come to rest")
    submit(*writer.cancellations(3))
    day.attend(lambda: day.shows({seller_reference(3): "RELEASED"}), {}, 60, "one is cancelled")
    day.stop(*AGENTS)
    submit(*writer.trade(6, "2000.00"))
    day.attend(lambda: day.shows({seller_reference(6): "EARMARKED"}), {}, 60, "one is earmarked")
    os.kill(day.running["service"].pid, signal.SIGSTOP)
    day.start(*AGENTS)
    wait_until(lambda: settlement_is_proved(day, seller_reference(6)), 60, "one is paid")
    before, told = day.trades(), confirmations(day)
    assert references(told) == both(1)
    lose(day)
    day.stop(*AGENTS)

    done = rebuild(day, given)
    assert done["trades"] == {"MATCHED": 1, "LOCKED": 1, "PAID": 1, "SETTLED": 1, "RELEASED": 1}
    assert (done["without_instructions"], done["refused"], done["waiting"]) == ([], [], 1)
    after = day.trades()
    assert {name: one.trade_id for name, one in after.items()} == {name: one.trade_id for name, one in before.items()}
    locked = {name: one.settlement_id for name, one in before.items() if name != seller_reference(4)}
    assert {name: after[name].settlement_id for name in locked} == locked
    journal = day.book.journal()
    assert (journal[0].number, journal[0].entry.kind, journal[0].entry.facts["trades_paid"]) == (1, "rebuilt", "1")
    assert not day.home.outbox.exists(), "it sends nothing, to nobody"
    code, said = day.run("rebuild", *map(str, given))
    assert code == 1 and "5 in trade" in said and "overwrites nothing" in said
    assert day.book.journal() == journal

    day.start(*AGENTS, "service")
    submit(writer.trade(5, "7.00")[1], *writer.trade(7, "3000.00"))
    standing = {1: "SETTLED", 2: "LOCKED", 3: "RELEASED", 4: "MATCHED", 5: "SETTLED", 6: "SETTLED", 7: "SETTLED"}
    day.attend(lambda: day.shows({seller_reference(n): s for n, s in standing.items()}), {}, 60, "the rest settles")
    code, said = day.run("rebuild")
    assert code == 1 and "another service is running" in said
    assert references(confirmations(day)) == both(1, 5, 6, 7)
    assert set(confirmations(day)) >= set(told), "under the ids that they had"
    assert set(day.stop().values()) == {0}
    assert day.violations(ended=False) == {}


def settlement_is_proved(day: Installation, name: str) -> bool:
    settlement = day.trades()[name].settlement_id
    return settlement is not None and sum(1 for _ in day.home.attestations.rglob(f"*{settlement}*")) > 0


@pytest.mark.parametrize("known", [pytest.param(0, marks=pytest.mark.deep), 2])
def test_with_none_and_with_half_of_the_instructions(day: Installation, tmp_path: Path, known: int) -> None:
    """What was not given is carried to its end, and its parties are told when it comes."""
    writer = Writer(tmp_path / "files")
    files = {number: writer.trade(number, f"{number}000.00") for number in range(1, 5)}
    day.start("rtgs", "service")
    assert day.submit(*(one for pair in files.values() for one in pair))[0] == 0
    names = [seller_reference(number) for number in files]
    day.attend(lambda: day.shows(dict.fromkeys(names, "EARMARKED")), {}, 60, "all are earmarked")
    before = {name: one.trade_id for name, one in day.trades().items()}
    settlements = {number: day.trades()[seller_reference(number)].settlement_id for number in files}
    lose(day)

    done = rebuild(day, [one for number in list(files)[:known] for one in files[number]])
    assert done["trades"] == ({"EARMARKED": known} if known else {})
    left = {one["settlement_id"]: one for one in done["without_instructions"]}
    assert set(left) == {settlements[number] for number in list(files)[known:]}
    named = {(one["receiver_reference"], one["amount"], one["isin"]) for one in left.values()}
    assert named == {(f"ATLS-R-T{n}", f"{n}000.00 EUR", "ZZ00EXB20314") for n in list(files)[known:]}
    day.start(*AGENTS, "service")
    wait_until(lambda: carried(day) == set(left), 120, "what has no instructions is carried", pause=0.2)
    wait_until(lambda: len(day.trades()) == known, 10, "no trade is made of it")
    rest = [str(one) for number in list(files)[known:] for one in files[number]]
    assert day.run("submit", "--late", *rest)[0] == 0
    day.attend(lambda: day.shows(dict.fromkeys(names, "SETTLED")), {}, 60, "all are told")
    assert {name: one.trade_id for name, one in day.trades().items()} == before
    assert references(confirmations(day)) == both(*files)
    assert set(day.stop().values()) == {0}
    assert day.violations() == {}


def carried(day: Installation) -> set[str]:
    return {row.entry.subject for row in day.book.journal() if row.entry.kind == "carried"}


def test_killed_midway_it_leaves_nothing_and_is_run_again(day: Installation, tmp_path: Path) -> None:
    writer, count = Writer(tmp_path / "files"), 40
    files = [one for number in range(1, count + 1) for one in writer.trade(number, "10.00")]
    day.start(*EVERYBODY)
    assert day.submit(*files)[0] == 0
    names = [seller_reference(number) for number in range(1, count + 1)]
    day.attend(lambda: day.shows(dict.fromkeys(names, "SETTLED")), {}, 120, "all settle")
    before = {one.trade_id for one in day.trades().values()}
    lose(day)
    arguments = [*COMMAND, "rebuild", *map(str, files), *day.place]
    seen = set()
    for delay in (0.3, 0.6, 0.8, 1.0, 1.2, 1.4):
        child = Executed(arguments, tmp_path / "killed.log", {})
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda one=child: one.poll() is not None, 10, "it is dead")
        if (day.home.root / "service.db").exists() and (there := counted(day)) is not None:
            assert there["trade"] in (0, count) and (there["trade"] or not any(there.values())), there
            seen.add(there["trade"])
        if count in seen:
            break
    if count not in seen:
        assert rebuild(day, files)["trades"] == {"SETTLED": count}
    assert {one.trade_id for one in day.trades().values()} == before
    day.start("service")
    day.attend(lambda: day.shows(dict.fromkeys(names, "SETTLED")), {}, 60, "all are told again")
    assert len(confirmations(day)) == 2 * count
    assert set(day.stop().values()) == {0}
    assert day.violations() == {}


def counted(day: Installation) -> dict[str, int] | None:
    """None before there are tables."""
    try:
        return rows(day)
    except sqlite3.OperationalError:
        return None
