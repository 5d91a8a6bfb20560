"""What one key signed, numbered and chained on the board: the register's memory outside the register.

A register that comes from a backup has fewer rows than its log has lines. Two copies of one register want
the same number: the board lets one have it, and the other learns of it before its signature leaves.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lockstep.agent.board_log import LONGEST_RUN
from lockstep.agent.boarding import AgentsBoard
from lockstep.agent.register import Register
from lockstep.domain.errors import Contradiction, SignaturesLost
from lockstep.domain.log_run import LogRun
from lockstep.domain.market import Network
from lockstep.domain.order import Attestation, LogEntry
from lockstep.signing import Key, is_run_of, line_digests, log_digest, run_digest

__all__ = ["SignatureLog"]


@dataclass(slots=True, kw_only=True)
class SignatureLog:
    """The signature log of `key`, fed from the register's rows. What is written at once is one run of lines."""

    key: Key
    register: Register
    board: AgentsBoard
    network: Network
    _row: int = field(init=False)
    _number: int = field(init=False)
    _head: str = field(init=False)

    def __post_init__(self) -> None:
        self._row, self._number, self._head = self.register.beginning(self.key.address)

    def recover(self) -> int:
        """Takes into the register what only the board knows; returns how many lines that were.

        Raises Contradiction if another copy of this register signed, SignaturesLost if lines are missing, Unavailable.
        """
        self._row, self._number, self._head = self.register.beginning(self.key.address)
        own = [(self._row, self._number, self._head), *self._places()]
        last = own[-1][1]
        firsts = self.board.run_numbers(self.key.address)
        for row, number, head in reversed(own[1:]):  # each line names the one before: one that fits speaks for those
            run = self._run_with(number) if _may_be_in(firsts, number) else None
            if run is not None:
                if self._digest_in(run, number) != head:
                    raise self._another_copy(run, number)
                self._row, self._number, self._head = row, number, head
                break
        beyond = self._beyond(firsts, last)
        self._require_unbroken(beyond, last, own[-1][2])
        if beyond:
            taken = self.register.record_all([(line.attestation, ("signature log",)) for line in beyond])
            for stored in taken:
                if isinstance(stored, Contradiction):
                    raise stored
        return len(beyond)

    def _beyond(self, firsts: Sequence[int], last: int) -> list[LogEntry]:
        """The lines above a number that the board has, verified, by number."""
        found: dict[int, LogEntry] = {}
        for first in firsts[bisect_left(firsts, last + 2 - LONGEST_RUN) :]:
            for run in self.board.runs_with(self.key.address, first):
                if run.first == first and run.last > last and self._is_ours(run):
                    for line in self._lines_in(run):
                        if line.number > last:
                            found.setdefault(line.number, line)
        return [found[number] for number in sorted(found)]

    def _require_unbroken(self, beyond: Sequence[LogEntry], last: int, head: str) -> None:
        for place, line in enumerate(beyond, 1):
            if line.number != last + place:
                raise SignaturesLost(
                    f"the signature log of {self.key.address} has line {line.number} on the board; line "
                    f"{last + place} is neither there nor in the register, which has {last}"
                )
            if line.previous != head:
                raise self._another_line(line)
            head = self._digest(line)

    def write(self) -> None:
        """Brings every row of the register onto the board, before anything of them is published.

        Raises Contradiction if another copy of this register has signed under the same number, Unavailable.
        """
        rows = self.register.signed_as(self.key.address, self._row)
        for begin in range(0, len(rows), LONGEST_RUN):
            chunk = rows[begin : begin + LONGEST_RUN]
            heads = dict(line_digests(self._number + 1, self._head, [one for _, one in chunk], self.network))
            run = self._run([one for _, one in chunk], heads[self._number + len(chunk)])
            in_the_way = self.board.enter_run(run)
            ours = [other for other in in_the_way if self._is_ours(other)]
            for other in ours:
                self._require_same(other, heads)
            if in_the_way and not any(one.first == run.first and one.last >= run.last for one in ours):
                self.board.enter_run(run, replace=True)
            self._row, self._number, self._head = chunk[-1][0], run.last, heads[run.last]

    def has_written(self, row: int) -> bool:
        """Whether the board has had the register's rows up to this one."""
        return row <= self._row

    def _require_same(self, other: LogRun, heads: dict[int, str]) -> None:
        for line in self._lines_in(other):
            if line.number in heads and self._digest(line) != heads[line.number]:
                raise self._another_line(line)

    def mend(self) -> None:
        """Has everything written anew where the last line is gone from the board, as when it was cleared.

        Raises Contradiction if another copy of this register has put its own there.
        """
        if not self._number:
            return
        run = self._run_with(self._number)
        if run is None:
            self._row, self._number, self._head = self.register.beginning(self.key.address)
        elif self._digest_in(run, self._number) != self._head:
            raise self._another_copy(run, self._number)

    def lines(self) -> list[LogEntry]:
        """Every line of ours that the board has, verified, by number."""
        return self._beyond(self.board.run_numbers(self.key.address), 0)

    def end(self) -> tuple[int, str]:
        """The highest number known, on the board or here, and its digest: where the log goes on after a loss."""
        _, number, head = self.register.beginning(self.key.address)
        ends = [(number, head), *((place[1], place[2]) for place in self._places())]
        return max([*ends, *((line.number, self._digest(line)) for line in self.lines())], key=lambda end: end[0])

    def _places(self) -> Iterator[tuple[int, int, str]]:
        """Row, number and digest of each line that the register's rows make."""
        row, number, head = self.register.beginning(self.key.address)
        for place, attestation in self.register.signed_as(self.key.address, row):
            number += 1
            head = log_digest(number, head, attestation, self.network).hex()
            yield place, number, head

    def _entry(self, number: int, previous: str, attestation: Attestation) -> LogEntry:
        digest = log_digest(number, previous, attestation, self.network)
        return LogEntry(number=number, previous=previous, attestation=attestation, signature=self.key.sign(digest))

    def _run(self, attestations: Sequence[Attestation], head: str) -> LogRun:
        """The next lines; `head` is the last one's digest."""
        if len(attestations) == 1:
            return LogRun.alone(self._entry(self._number + 1, self._head, attestations[0]))
        unsigned = LogRun(first=self._number + 1, previous=self._head, attestations=tuple(attestations), signature=b"")
        return replace(unsigned, signature=self.key.sign(run_digest(unsigned, self.network, head)))

    def _lines_in(self, run: LogRun) -> Iterator[LogEntry]:
        previous = run.previous
        for number, attestation in run.numbered():
            yield LogEntry(number=number, previous=previous, attestation=attestation, signature=run.signature)
            previous = log_digest(number, previous, attestation, self.network).hex()

    def _digest(self, line: LogEntry) -> str:
        return log_digest(line.number, line.previous, line.attestation, self.network).hex()

    def _digest_in(self, run: LogRun, number: int) -> str:
        digests = line_digests(run.first, run.previous, run.attestations, self.network)
        return next(digest for place, digest in digests if place == number)

    def _run_with(self, number: int) -> LogRun | None:
        return next((run for run in self.board.runs_with(self.key.address, number) if self._is_ours(run)), None)

    def _is_ours(self, run: LogRun) -> bool:
        return run.agent == self.key.address and is_run_of(run, self.network)

    def _another_copy(self, run: LogRun, number: int) -> Contradiction:
        return self._another_line(next(line for line in self._lines_in(run) if line.number == number))

    def _another_line(self, line: LogEntry) -> Contradiction:
        one = line.attestation
        return Contradiction(
            f"line {line.number} of the signature log of {self.key.address} is settlement {one.settlement_id} "
            f"{one.result.name}, which this register has not as such: another copy of it has signed"
        )


def _may_be_in(firsts: Sequence[int], number: int) -> bool:
    """Whether a run that begins at one of these, ascending, may have the line."""
    place = bisect_left(firsts, number - LONGEST_RUN + 1)
    return place < len(firsts) and firsts[place] <= number
