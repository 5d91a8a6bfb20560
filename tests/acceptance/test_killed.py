"""SIGKILL after every durable step, a restart each time, and the same end on both ledgers (I6).

`LOCKSTEP_CRASH_AFTER=1` makes a process kill itself right after its next durable step: started again
and again it never makes two in one life.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from lockstep.agent import Register

from .running import AGENTS, EVERYBODY, Installation, Picture
from .story import Writer, seller_reference

SETTLES, UNPAID, CANCELLED = (seller_reference(number) for number in (1, 2, 3))
FROM_OUTSIDE = ("instructed", "duplicate", "refused", "cancellation asked")
"""Journal entries that `lockstep submit` makes, in a process of its own."""


@dataclass
class Story:
    """Three trades: one that settles, one that is closed with the day, one that both parties cancel."""

    installation: Installation
    folder: Path

    def play(self, *dying: str) -> Counter[str]:
        """From the first instruction to the end; returns how often each of `dying` was killed."""
        one, writer = self.installation, Writer(self.folder)
        one.submit(*writer.trade(1, "1000000.00"), *writer.trade(2, "9000000.00"), *writer.trade(3, "8000000.00"))
        for role in EVERYBODY:
            one.start(role, environment={"LOCKSTEP_CRASH_AFTER": "1"} if role in dying else {})
        kills: Counter[str] = Counter()
        each = dict.fromkeys(dying, 1)

        def until(calm: float = 0, **states: str) -> None:
            names = {"settles": SETTLES, "unpaid": UNPAID, "cancelled": CANCELLED}
            expected = {names[name]: state for name, state in states.items()}
            kills.update(one.attend(lambda: one.shows(expected), each, 60, str(expected), calm=calm))

        until(settles="SETTLED", unpaid="LOCKED", cancelled="LOCKED")
        kills.update(one.attend(self._both_wait_for_money, each, 60, "both wait for money"))
        one.submit(*writer.cancellations(3))
        until(settles="SETTLED", unpaid="LOCKED", cancelled="RELEASED")
        kills.update(one.attend(self._day_is_closed, each, 60, "the day is closed"))
        until(settles="SETTLED", unpaid="RELEASED", cancelled="RELEASED", calm=0.4 if dying else 0)
        one.stop("service")
        self._rest_is_quiet()
        one.stop()
        return kills

    def _both_wait_for_money(self) -> bool:
        reasons = [self.installation.trades()[name].reason for name in (UNPAID, CANCELLED)]
        return [reason.code if reason else None for reason in reasons] == ["MONY", "MONY"]

    def _day_is_closed(self) -> bool:
        """The operator asks until the RTGS says so; one that dies after closing the day cannot answer."""
        try:
            health = requests.get(f"{self.installation.home.settings().rtgs_url}/health", timeout=5).json()
        except requests.RequestException:
            return False
        if health["business_day"] is None:
            return True
        self.installation.run("rtgs", "close-day")
        return False

    def _rest_is_quiet(self) -> None:
        """A normal run to the end finds nothing left to do."""
        journal = len(self.installation.book.journal())
        code, said = self.installation.run("run", "--until-quiet", "0.3", "--json")
        assert code == 0, said
        assert len(self.installation.book.journal()) == journal


@pytest.fixture(scope="module")
def story(
    installed: Callable[[Path], Installation], small_market: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Story]:
    return lambda: Story(installed(small_market), tmp_path_factory.mktemp("messages"))


@pytest.fixture(scope="module")
def undisturbed(story: Callable[[], Story]) -> Picture:
    """What three trades come to when nobody dies."""
    told = story()
    assert told.play() == {}
    _in_order(told.installation)
    return told.installation.picture()


def _in_order(installation: Installation) -> None:
    assert installation.violations() == {}
    facts = installation.rtgs_facts()
    assert [posting.amount.text() for posting in facts.postings if posting.reference.startswith("payment/")] == [
        "1000000.00"
    ]
    trades = installation.trades()
    assert {one.settlement_id for one in facts.tombstones} == {
        trades[UNPAID].settlement_id,
        trades[CANCELLED].settlement_id,
    }
    assert len(facts.payments) == 3
    receivers = Counter(path.parent.name for path in installation.home.outbox.rglob("*.xml"))
    assert receivers["FABLZZ2A"] == receivers["ATLSZZ2A"]


def test_the_undisturbed_end(undisturbed: Picture) -> None:
    assert undisturbed.states == {SETTLES: "SETTLED", UNPAID: "RELEASED", CANCELLED: "RELEASED"}
    assert undisturbed.cash["FABLZZ2A", "EUR"].text() == "26000000.00"
    assert undisturbed.cash["ATLSZZ2A", "EUR"].text() == "200000.00"
    assert undisturbed.holdings["FABLZZ2A", "ZZ00EXB20314"].text() == "39000000"
    assert undisturbed.holdings["ATLSZZ2A", "ZZ00EXB20314"].text() == "16000000"
    assert undisturbed.earmarked == 0


def test_the_service_dies_after_each_step(story: Callable[[], Story], undisturbed: Picture) -> None:
    told = story()
    kills = told.play("service")
    _in_order(told.installation)
    assert told.installation.picture() == undisturbed
    steps = service_steps(told.installation)
    assert steps["entries"] > 20 and steps["messages"] > 12
    assert 4 <= steps["transactions"] <= 6, "what is locked, or ends, at one moment may go in one"
    trades = told.installation.trades()
    own = Counter(row.entry.subject for row in told.installation.book.journal() if row.entry.subject in trades)
    assert kills["service"] >= max(own.values()) + 2, "no two steps of one trade are one; it is locked, and ends"


def service_steps(installation: Installation) -> Mapping[str, int]:
    """The service's durable steps: journal entries, transactions signed, messages handed over."""
    entries = [row for row in installation.book.journal() if row.entry.kind not in FROM_OUTSIDE]
    return {
        "entries": len(entries),
        "transactions": _count(installation.home.root / "service.db", "sent_transaction"),
        "messages": len(list(installation.home.outbox.rglob("*.xml"))),
    }


def _count(database: Path, table: str) -> int:
    connection = sqlite3.connect(database)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


def test_two_agents_and_the_rtgs_die_after_each_step(story: Callable[[], Story], undisturbed: Picture) -> None:
    """With both agents dead nothing could reach the quorum: each must have done its part."""
    told = story()
    kills = told.play("rtgs", *AGENTS[:2])
    _in_order(told.installation)
    assert told.installation.picture() == undisturbed
    for number in (1, 2):
        register = Register(told.installation.home.register(number))
        signed, steps = register.all(), register.steps()
        register.close()
        assert kills[f"agent-{number}"] >= len(signed) + len(steps) > 0
    taken = _count(told.installation.home.root / "rtgs.db", "inbox")
    assert taken >= 3 + 1 + 3, "three payments, one cancellation, a quorum of releases"
    assert kills["rtgs"] >= 3 + 1, "a file is one step: payments, cancellation, releases; and the closing"
