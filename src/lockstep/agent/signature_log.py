"""What one key signed, numbered and chained on the board: the register's memory outside the register.

A register that comes from a backup has fewer rows than its log has lines. Two copies of one register want
the same number: the board lets one have it, and the other learns of it before its signature leaves.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lockstep.agent.register import Register
from lockstep.domain.errors import Contradiction, SignaturesLost
from lockstep.domain.market import Network
from lockstep.domain.order import Attestation, LogEntry
from lockstep.ports import AttestationBoard
from lockstep.signing import Key, is_of, log_digest

__all__ = ["SignatureLog"]


@dataclass(slots=True, kw_only=True)
class SignatureLog:
    """The signature log of `key`, fed from the register's rows."""

    key: Key
    register: Register
    board: AttestationBoard
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
        numbers = self.board.log_numbers(self.key.address)
        there = set(numbers)
        for row, number, head in reversed(own[1:]):  # each line names the one before: one that fits speaks for those
            line = self._line(number) if number in there else None
            if line is not None:
                if self._digest(line) != head:
                    raise self._another_copy(line)
                self._row, self._number, self._head = row, number, head
                break
        beyond = [line for number in numbers if number > last and (line := self._line(number)) is not None]
        for place, line in enumerate(beyond, 1):
            before = self._digest(beyond[place - 2]) if place > 1 else own[-1][2]
            if line.number != last + place:
                raise SignaturesLost(
                    f"the signature log of {self.key.address} has line {line.number} on the board; line "
                    f"{last + place} is neither there nor in the register, which has {last}"
                )
            if line.previous != before:
                raise self._another_copy(line)
        for line in beyond:
            self.register.record(line.attestation, ("signature log",))
        return len(beyond)

    def write(self) -> None:
        """Brings every row of the register onto the board, before anything of them is published.

        Raises Contradiction if another copy of this register has signed under the same number, Unavailable.
        """
        for row, attestation in self.register.signed_as(self.key.address, self._row):
            entry = self._entry(self._number + 1, self._head, attestation)
            stands = self.board.enter(entry)
            if stands != entry:
                if self._is_ours(stands, entry.number):
                    raise self._another_copy(stands)
                self.board.enter(entry, replace=True)
            self._row, self._number, self._head = row, entry.number, self._digest(entry)

    def mend(self) -> None:
        """Has everything written anew where the last line is gone from the board, as when it was cleared.

        Raises Contradiction if another copy of this register has put its own there.
        """
        if not self._number:
            return
        line = self._line(self._number)
        if line is None:
            self._row, self._number, self._head = self.register.beginning(self.key.address)
        elif self._digest(line) != self._head:
            raise self._another_copy(line)

    def lines(self) -> list[LogEntry]:
        """Every line of ours that the board has, verified, by number."""
        numbers = self.board.log_numbers(self.key.address)
        return [line for number in numbers if (line := self._line(number)) is not None]

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

    def _digest(self, entry: LogEntry) -> str:
        return log_digest(entry.number, entry.previous, entry.attestation, self.network).hex()

    def _line(self, number: int) -> LogEntry | None:
        found = self.board.log_entry(self.key.address, number)
        return found if found is not None and self._is_ours(found, number) else None

    def _is_ours(self, entry: LogEntry, number: int) -> bool:
        named = (entry.number, entry.attestation.agent) == (number, self.key.address)
        return named and is_of(entry, self.network)

    def _another_copy(self, entry: LogEntry) -> Contradiction:
        one = entry.attestation
        return Contradiction(
            f"line {entry.number} of the signature log of {self.key.address} is settlement {one.settlement_id} "
            f"{one.result.name}, which this register has not as such: another copy of it has signed"
        )
