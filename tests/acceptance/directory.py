"""A folder of many trades, some of them bad, handed in at once to separate processes; the weeks until all has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import requests

from lockstep.domain.instruction import Side
from lockstep.domain.trade import Trade
from lockstep.iso20022 import read
from lockstep.ports import StoredInstruction
from lockstep.testing.bad_trades import KINDS, Bad, write_bad
from lockstep.testing.trade_files import POOR, SUSPENDED, UNMANDATED, FileMarket, reference_of

from .running import EVERYBODY, Child, Installation, wait_until

SPECIALS = (POOR, UNMANDATED, SUSPENDED)
LONG = 1_000
"""Trades that take long enough to hand in that one sees how far it is."""


@dataclass
class Directory:
    """One installation and the folder that was handed in to it."""

    day: Installation
    market: FileMarket
    folder: Path
    good: int
    bad: int
    seconds: float
    """For the trades to settle, and for the rest to end."""
    made: list[Bad] = field(init=False)
    settling: set[int] = field(init=False)
    """The numbers of the trades that must settle: the good ones, and those beside whom something else is bad."""

    def __post_init__(self) -> None:
        numbers = range(1, self.good + self.bad + 1)
        step = len(numbers) // self.bad
        spoilt = [*range(step, len(numbers) + 1, step)][: self.bad]
        for number in set(numbers) - set(spoilt):
            self.market.write(self.folder, range(number, number + 1))
        self.made = write_bad(self.market, self.folder, spoilt)
        assert {one.kind for one in self.made} == set(KINDS), "every kind"
        self.settling = set(numbers) - {one.number for one in self.made if "SETTLED" not in one.ends}

    def play(self) -> None:
        """Hands it in, and lets the day of the settlement go by, and the weeks until what never matched is given up."""
        self.day.start(*EVERYBODY)
        child = self.day.forks.start(
            ["submit", str(self.folder), *self.day.place], self.day.logs / "submit.log", {"COLUMNS": "300"}
        )
        self.progress(child)
        self.day.attend(self._all_settled, {}, self.seconds, f"{len(self.settling)} trades settle", pause=self.pause)
        assert self.day.run("rtgs", "close-day")[0] == 0
        self.day.stop()
        self._weeks_go_by()
        self.day.start(*EVERYBODY)
        self.day.attend(self._all_ended, {}, self.seconds, "everything ends", pause=self.pause)
        self.day.stop()

    @property
    def pause(self) -> float:
        """Between two looks at all trades."""
        return max(0.1, (self.good + self.bad) / 2_000)

    def progress(self, child: Child) -> None:
        """The command ends with 1, as some were refused; of a long folder it tells while it goes on."""
        told: list[int] = []

        def ended() -> bool:
            told.append(len(child.output.read_text().splitlines()))
            return child.poll() is not None

        wait_until(ended, self.seconds, "the folder is handed in", pause=0.1)
        assert child.poll() == 1, child.output.read_text()[-500:]
        assert self.said.keys() == {name for bad in self.made for name in bad.refused}
        assert self.good < LONG or any(0 < lines < told[-1] for lines in told), "progress"

    @property
    def said(self) -> Mapping[str, str]:
        """What was said of each file that was refused, by its name."""
        found: dict[str, str] = {}
        lines = iter((self.day.logs / "submit.log").read_text().splitlines())
        for line in lines:
            if line.startswith("refused"):
                found[line.rpartition("/")[2].strip()] = next(lines)
        return found

    def _all_settled(self) -> bool:
        states = {trade.terms.deliverer_reference: trade.state.value for trade in self.day.book.trades()}
        wanted = (states.get(reference_of(Side.DELIVER, number)) for number in self.settling)
        return all(state == "SETTLED" for state in wanted) and not self.day.book.undelivered()

    def _all_ended(self) -> bool:
        book = self.day.book
        return not book.open_trades() and not book.waiting() and not book.undelivered()

    def _weeks_go_by(self) -> None:
        """Everybody's clock is put to a night three weeks on, and the chain's too."""
        home = self.day.home
        settings, now = home.settings(), home.clock().now()
        ahead = timedelta(days=22, minutes=5) - timedelta(hours=now.hour, minutes=now.minute)
        home.write(
            home.market(),
            replace(settings, clock_offset_seconds=settings.clock_offset_seconds + int(ahead.total_seconds())),
        )
        for method, parameters in (("evm_increaseTime", [int(ahead.total_seconds())]), ("evm_mine", [])):
            asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
            assert "result" in requests.post(self.day.rpc, json=asked, timeout=30).json()

    # --- how all must have ended

    @cached_property
    def instructions(self) -> Mapping[str, StoredInstruction]:
        return {one.instruction.reference: one for one in self.day.book.instructions()}

    @cached_property
    def trades(self) -> Mapping[str, Trade]:
        return {trade.terms.deliverer_reference: trade for trade in self.day.book.trades()}

    def judge(self) -> None:
        """Each bad one ended with its reason, all others settled, and both ledgers agree."""
        assert self.day.violations() == {}
        settled = {name for name, trade in self.trades.items() if trade.state.value == "SETTLED"}
        assert settled == {reference_of(Side.DELIVER, number) for number in self.settling}
        confirmed: dict[str, int] = {}
        for path in self.day.home.outbox.rglob("*.xml"):
            data = path.read_bytes()
            if b"sese.025" in data:
                reference = read(data).body.instruction.reference
                confirmed[reference] = confirmed.get(reference, 0) + 1
        expected = {reference_of(side, number) for number in self.settling for side in Side}
        assert confirmed == dict.fromkeys(expected, 1), "one confirmation to each party of each trade, and no other"
        said = self.said
        wrong = [told for bad in self.made if (told := self._wrong(bad, said))]
        assert not wrong, "\n".join(wrong)

    def _wrong(self, bad: Bad, said: Mapping[str, str]) -> str | None:
        for name, told in bad.refused.items():
            if told not in said.get(name, ""):
                return f"{bad.kind}, {name}: {told} is not in {said.get(name)!r}"
        references = [reference_of(side, bad.number) for side in Side]
        trade = self.trades.get(references[0])
        if bad.ends:
            state, code = (trade.state.value, trade.reason and trade.reason.code) if trade else (None, None)
            if trade is None and "CANCELLED" in bad.ends:  # each side was cancelled before they met
                state, code = self._alike([one for one in references if one in self.instructions])
            right = state in bad.ends and (not bad.codes or code in bad.codes)
            return (
                None
                if right
                else f"{bad.kind}, trade {bad.number}: {state} for {code}, expected {bad.ends} {bad.codes}"
            )
        if trade is not None:
            return f"{bad.kind}: {bad.number} became a trade"
        there = [one for one in references if one in self.instructions]
        if bad.refused:
            return f"{bad.kind}: {there} were taken" if there else None
        state, code = self._alike(there)
        right = state == "AGED_OUT" and code in bad.codes
        return None if right else f"{bad.kind}, {bad.number}: {state} for {code}, expected AGED_OUT for {bad.codes}"

    def _alike(self, references: list[str]) -> tuple[str | None, str | None]:
        """The status and the reason's code of all these instructions, if they agree."""
        found = {
            (one.status, one.reason.code if one.reason else None)
            for one in map(self.instructions.get, references)
            if one
        }
        return found.pop() if len(found) == 1 else (None, None)
