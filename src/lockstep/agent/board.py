"""Where attestations are left for anyone to take: a directory, and files in it.

One attestation is a file of its own, `<settlement id>/<agent address>.json`; what an agent signs in one step with
others is a sheet (`board_sheets`). Beside them are the agents' signature logs (`board_log`), of which the first to
write a number prevails, and what is asked of the agents in batches (`board_batches`).
Files appear whole (written beside, then renamed or linked). Any way to share a directory, or to serve one,
carries them further; a signature needs no secrecy. Whoever can write here can leave what he likes:
readers verify, and an agent puts its own file in the place of another under its name.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from lockstep.agent.board_batches import BatchFiles
from lockstep.agent.board_files import SUFFIXES, Mark, content_of, mark_of, names, put, understood, written
from lockstep.agent.board_forms import attestation_from, form_of
from lockstep.agent.board_log import LogFiles
from lockstep.agent.board_sheets import Sheets
from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.log_run import LogRun
from lockstep.domain.order import Attestation, Batch, BatchSignature, LogEntry

__all__ = ["DirectoryBoard"]

_SETTLEMENT = re.compile(r"[0-9a-f]{64}")
_KEPT_PLACES = 10_000
"""Of attestations that are no more asked for, before their places are forgotten."""
_ASKED_AT_MOST = 400
"""Settlements whose own files are looked at for news, one look at a folder each."""


class DirectoryBoard:
    """`<settlement id>/`, `sheets/`, `ended/`, `logs/` and `batches/` below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sheets, self._ended = Sheets(root / "sheets"), Sheets(root / "ended", most=None)
        self._log, self._batches = LogFiles(root / "logs"), BatchFiles(root / "batches")
        self._places: dict[tuple[SettlementId, str], tuple[Attestation, Path, Mark]] = {}
        """Where this reader saw an attestation lie, or put it."""
        self._asked: dict[SettlementId, list[str]] = {}
        """What was last asked for, oldest first, and which files of its own it had at the last look for news."""

    # --- attestations

    def publish(self, attestation: Attestation) -> None:
        """See `ports.AttestationBoard.publish`. Raises Unavailable."""
        self.publish_all([attestation])

    def publish_all(self, attestations: Sequence[Attestation]) -> None:
        """See `ports.BulkAttestationBoard.publish_all`. Raises Unavailable.

        What lies there unchanged costs a look at its file's date; what is gone or changed is written anew.
        """
        by_agent: defaultdict[str, list[Attestation]] = defaultdict(list)
        for one in self._missing(attestations):
            by_agent[one.agent].append(one)
        for agent, ones in by_agent.items():
            self._sheets.refresh(agent)
            missing = [one for one in ones if not self._found(one)]
            if len(missing) > 1 and not self._sheets.is_flooded(agent):
                self._sheets.leave(missing)
                for one in missing:
                    self._note(one, self._sheets.place_of(one))
                continue
            for one in missing:
                self._leave(one)
        if len(self._places) > len(attestations) + _KEPT_PLACES:
            wanted = {(one.settlement_id, one.agent) for one in attestations}
            self._places = {key: place for key, place in self._places.items() if key in wanted}

    def _missing(self, attestations: Sequence[Attestation]) -> list[Attestation]:
        """Those that no longer lie where they were seen."""
        marks: dict[Path, Mark | None] = {}
        missing = []
        for one in attestations:
            known, path, mark = self._places.get((one.settlement_id, one.agent), (None, None, None))
            if path is not None and path not in marks:
                marks[path] = mark_of(path)
            if path is None or (known is not one and known != one) or marks[path] != mark:
                missing.append(one)
        return missing

    def _found(self, attestation: Attestation) -> bool:
        """Looks for it by its names and on the sheets, and notes where it is."""
        place = self._sheets.place_of(attestation)
        if place is None and os.path.lexists(f"{self._root}/{attestation.settlement_id}"):  # most have no folder
            for path in self._names(attestation):
                mark = mark_of(path)  # before it is read: what comes in between changes it
                if mark is not None and understood(content_of(path), attestation_from) == attestation:
                    place = path, mark
                    break
        return self._note(attestation, place)

    def _note(self, attestation: Attestation, place: tuple[Path, Mark] | None) -> bool:
        if place is not None:
            self._places[attestation.settlement_id, attestation.agent] = (attestation, *place)
        return place is not None

    def _leave(self, attestation: Attestation) -> None:
        spots = self._names(attestation)
        with written(spots[0].parent, json.dumps(form_of(attestation), indent=1)) as part:
            put(part, spots)

    def _names(self, attestation: Attestation) -> list[Path]:
        return names(self._root / attestation.settlement_id, attestation.agent)

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        """What is there, unverified; what cannot be read as one is left out."""
        self._sheets.refresh()
        self._ended.refresh()
        return [*self._alone(settlement_id), *self._sheets.of(settlement_id), *self._ended.of(settlement_id)]

    def attestations_of(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[Attestation]]:
        """See `ports.BulkAttestationBoard.attestations_of`. Sheets of what has ended are not looked through."""
        self._sheets.refresh()
        self._asked.update((one, self._asked.get(one, [])) for one in ids)
        for one in list(self._asked)[: max(0, len(self._asked) - _ASKED_AT_MOST)]:
            del self._asked[one]
        return {one: [*self._alone(one), *self._sheets.of(one)] for one in ids}

    def news(self, at_least: int) -> Collection[SettlementId]:
        """See `ports.BulkAttestationBoard.news`. Those on sheets are seen; of what was asked for also the files of its
        own, and each new one is told of, as any may be forged."""
        self._sheets.refresh()
        told = set(self._sheets.news(at_least))
        for one in told:
            self._asked.pop(one, None)
        for one, known in self._asked.items():
            files = [path.name for path in self._files(one)]
            if files != known:
                self._asked[one] = files
                spoken = {attestation.agent for attestation in (*self._alone(one), *self._sheets.of(one))}
                if len(spoken) >= at_least:
                    told.add(one)
        return told

    def _alone(self, settlement_id: SettlementId) -> list[Attestation]:
        found = (understood(content_of(path), attestation_from) for path in self._files(settlement_id))
        return [one for one in found if one is not None and one.settlement_id == settlement_id]

    def _files(self, settlement_id: SettlementId) -> list[Path]:
        """Most settlements have no folder of their own, which is all that is asked of the disk then."""
        folder = self._root / settlement_id
        try:
            return [folder / name for name in sorted(os.listdir(folder)) if name.endswith(".json")]
        except OSError:
            return []

    def signed_by(self, agent: str) -> Sequence[Attestation]:
        """See `ports.AttestationBoard.signed_by`."""
        try:
            settlements = [entry.path for entry in os.scandir(self._root) if _SETTLEMENT.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"the board cannot be read: {error}") from error
        paths = (Path(folder) / f"{agent}{suffix}.json" for folder in sorted(settlements) for suffix in SUFFIXES)
        found = (understood(content_of(path), attestation_from) for path in paths)
        alone = [one for one in found if one is not None and one.agent == agent]
        return [*alone, *self._ended.of_agent(agent), *self._sheets.of_agent(agent)]

    def archive(self, agent: str, is_over: Callable[[SettlementId], bool]) -> None:
        """See `boarding.AgentsBoard.archive`."""
        self._sheets.move_aside(agent, is_over, self._root / "ended")

    # --- signature logs

    def enter(self, entry: LogEntry, *, replace: bool = False) -> LogEntry:
        """See `ports.AttestationBoard.enter`."""
        for run in self.enter_run(LogRun.alone(entry), replace=replace):
            return _line(run, entry.number)
        return entry

    def enter_run(self, run: LogRun, *, replace: bool = False) -> Sequence[LogRun]:
        """See `boarding.AgentsBoard.enter_run`."""
        return self._log.enter(run, replace=replace)

    def runs_with(self, agent: str, number: int) -> Iterator[LogRun]:
        """See `boarding.AgentsBoard.runs_with`."""
        return self._log.runs_with(agent, number)

    def run_numbers(self, agent: str) -> Sequence[int]:
        """See `boarding.AgentsBoard.run_numbers`."""
        return self._log.firsts(agent)

    def log_entry(self, agent: str, number: int) -> LogEntry | None:
        """See `ports.AttestationBoard.log_entry`."""
        return next((_line(run, number) for run in self.runs_with(agent, number)), None)

    def log_numbers(self, agent: str) -> Sequence[int]:
        """See `ports.AttestationBoard.log_numbers`."""
        numbers = set(self.run_numbers(agent))
        for first in tuple(numbers):
            for run in self.runs_with(agent, first):
                numbers.update(range(run.first, run.last + 1))
        return sorted(numbers)

    # --- batches

    def ask_for(self, batch: Batch) -> None:
        """See `ports.BulkAttestationBoard.ask_for`."""
        self._batches.ask(batch)

    def batches(self, known: Collection[str] = ()) -> Sequence[Batch]:
        """See `boarding.AgentsBoard.batches`."""
        return list(self._batches.all(known))

    def sign_batch(self, signature: BatchSignature) -> None:
        """See `boarding.AgentsBoard.sign_batch`."""
        self._batches.sign(signature)

    def signatures_of(self, batch_id: str) -> Sequence[BatchSignature]:
        """See `ports.BulkAttestationBoard.signatures_of`."""
        return self._batches.signatures(batch_id)

    def batches_signed_by(self, agent: str) -> Sequence[tuple[Batch, BatchSignature]]:
        """See `boarding.AgentsBoard.batches_signed_by`."""
        return list(self._batches.signed_by(agent))

    def drop_batch(self, batch_id: str) -> None:
        """See `boarding.AgentsBoard.drop_batch`."""
        self._batches.drop(batch_id)


def _line(run: LogRun, number: int) -> LogEntry:
    """A line as its run has it; `previous` is told of a run's first line only, else zeros."""
    return LogEntry(
        number=number,
        previous=run.previous if number == run.first else "0" * 64,
        attestation=run.attestations[number - run.first],
        signature=run.signature,
    )
