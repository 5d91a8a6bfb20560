"""Two workers on the same records under load, killed at random moments, and what must be left at the end (I6)."""

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lockstep.domain.instruction import Side
from lockstep.iso20022 import read
from lockstep.testing.trade_files import FileMarket, reference_of

from .running import AGENTS, Installation, wait_until

WORKERS = ("service-1", "service-2")
SECONDS = 5
"""How long a lease, or a claim, of theirs lasts: the service's own outlast a slow node, here a test waits for it."""
QUICKLY = {"LEASE_SECONDS": str(SECONDS)}
"""Their environment."""
WAVE = 12
"""Trades handed in at a time, whenever fewer than so many are under way."""
LONGEST_LIFE_SECONDS = 1.5
BOTH = 0.1
"""How often both are killed at once."""


@dataclass
class Killing:
    """One installation whose workers are killed, from the first trade to the last."""

    day: Installation
    market: FileMarket
    folder: Path
    dice: random.Random
    kills: int = field(default=0, init=False)
    trades: int = field(default=0, init=False)

    def play(self, kills: int, seconds: float) -> None:
        """So many kills while trades come in, and then peace until all have settled."""
        deadline = time.monotonic() + seconds
        assert self.day.json("key", "add-operator")["keystore"] == "operator-2", "one for each worker"
        self.day.start("rtgs", *AGENTS)
        self.day.start(*WORKERS, environment=QUICKLY)
        while self.kills < kills:
            assert time.monotonic() < deadline, f"{self.kills} of {kills} kills within {seconds} seconds"
            if len(self.day.book.open_trades()) < WAVE and self.trades + WAVE <= self.market.trades:
                self._hand_in()
            self._kill()
        self.day.attend(self._all_settled, {}, max(60.0, deadline - time.monotonic()), f"{self.trades} trades settle")
        ended = self.day.stop()
        # the last one killed may be starting still, and knows no signal then
        started = {role: code for role, code in ended.items() if not (role in WORKERS and code == -signal.SIGTERM)}
        assert set(started.values()) == {0}, ended

    def _hand_in(self) -> None:
        wave = self.folder / f"{self.trades:06d}"
        self.market.write(wave, range(self.trades + 1, self.trades + WAVE + 1))
        code, files = self.day.submit(wave)
        assert code == 0 and {one["outcome"] for one in files} == {"instructed"}, files
        self.trades += WAVE

    def _kill(self) -> None:
        """A worker, or both, some time after the last kill; each is started again at once."""
        time.sleep(self.dice.uniform(0.0, LONGEST_LIFE_SECONDS))  # a moment that nobody chose is the point
        doomed = WORKERS if self.dice.random() < BOTH else (self.dice.choice(WORKERS),)
        for role in doomed:
            child = self.day.running[role]
            assert child.poll() is None, f"{role} ended by itself\n{child.output.read_text()[-2000:]}"
            os.kill(child.pid, signal.SIGKILL)
        for role in doomed:
            child = self.day.running[role]
            wait_until(lambda child=child: child.poll() is not None, 10, f"{role} is dead")
            assert child.poll() == -signal.SIGKILL
            self.kills += 1
            self.day.start(role, environment=QUICKLY)

    def _all_settled(self) -> bool:
        book = self.day.book
        return not book.waiting() and not book.open_trades() and not book.undelivered()

    def judge(self) -> None:
        """Nothing is lost, nothing is doubled, and both ledgers agree."""
        assert self.day.violations() == {}
        states = Counter(trade.state.value for trade in self.day.book.trades())
        assert states == {"SETTLED": self.trades}
        facts = self.day.rtgs_facts()
        paid = [posting.reference for posting in facts.postings if posting.reference.startswith("payment/")]
        assert len(paid) == len(set(paid)) == self.trades, "one booking for each trade"
        confirmed: Counter[str] = Counter()
        for path in self.day.home.outbox.rglob("*.xml"):
            data = path.read_bytes()
            if b"sese.025" in data:
                confirmed[read(data).body.instruction.reference] += 1
        assert confirmed == {reference_of(side, number): 1 for number in range(1, self.trades + 1) for side in Side}
