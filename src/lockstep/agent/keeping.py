"""The other agents' signature logs, kept for the day when one of them has lost its own and the board too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockstep.agent.boarding import AgentsBoard
from lockstep.agent.register import Register
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.log_run import LogRun
from lockstep.domain.market import Network
from lockstep.domain.order import Attestation
from lockstep.signing import is_run_of, line_digests

__all__ = ["Ends", "keep_logs"]

AT_MOST = 4_000
"""New lines of one log at one look."""
WINDOW = 50
"""Kept lines of one log, rounded up to whole runs, that one look compares with the board; the next look takes the
next ones."""
NOTHING = "0" * 64

Doubts = list[tuple[SettlementId, str]]


@dataclass(frozen=True, slots=True)
class _End:
    """How far a log is kept, as the register has it: its last run, if one is kept, the last line and its digest."""

    run: LogRun | None
    number: int = 0
    head: str = NOTHING


Ends = dict[str, _End]
"""By agent: what the last look left, so that the next one need not work it out again."""


def keep_logs(
    register: Register,
    board: AgentsBoard,
    agents: Sequence[str],
    network: Network,
    *,
    longest: int,
    look: int,
    ends: Ends | None = None,
) -> Doubts:
    """Takes in new lines of the agents' logs, and puts back on the board what is gone from it or spoilt.

    `longest` is how many lines a log may have, so that a key in wrong hands fills no disk: one for each settlement
    that was ever locked. `look` counts the looks; `ends` is handed from one to the next.
    Returns what contradicts what is kept, by settlement: an agent that signed two logs. Raises Unavailable.
    """
    doubts: Doubts = []
    ends = {} if ends is None else ends
    for agent in agents:
        end = ends[agent] = ends.get(agent) or _end(register, agent, network)
        found = _mend(register, board, agent, network, end=end, look=look)
        doubts += found
        if not found:
            doubts += _take_in(register, board, agent, network, ends=ends, longest=longest)
    return doubts


def _mend(register: Register, board: AgentsBoard, agent: str, network: Network, *, end: _End, look: int) -> Doubts:
    """The last run, and a window of the others that moves on; all of them if the last is gone."""
    if end.run is None:
        return []
    if next(board.runs_with(agent, end.number), None) is None:
        runs = list(register.kept_runs(agent))
    else:
        begin = look * WINDOW % end.number
        runs = [*register.kept_runs(agent, begin, WINDOW), end.run]
    doubts = []
    for known in runs:
        for settlement, number in _put_back(board, known, network):
            doubts.append((settlement, f"{agent} signed two lines {number} of its signature log"))
    return doubts


def _put_back(board: AgentsBoard, known: LogRun, network: Network) -> Iterator[tuple[SettlementId, int]]:
    """Sees that each line of a kept run is on the board, however it is cut there; else the run is put there.

    Yields the lines that stand there signed and are not what is kept: settlement and number.
    """
    if next(board.runs_with(known.agent, known.first), None) == known:
        return  # as it was when it was taken in, and verified
    heads = dict(line_digests(known.first, known.previous, known.attestations, network))
    number = known.first
    while number <= known.last:
        there = next((run for run in board.runs_with(known.agent, number) if _is_by(run, known.agent, network)), None)
        if there is None:
            board.enter_run(known, replace=True)
            return
        other = _first_other(there, heads, network)
        if other is not None:
            yield other
            return
        number = there.last + 1


def _first_other(there: LogRun, heads: dict[int, str], network: Network) -> tuple[SettlementId, int] | None:
    digests = line_digests(there.first, there.previous, there.attestations, network)
    for (number, digest), attestation in zip(digests, there.attestations, strict=True):
        if heads.get(number, digest) != digest:
            return attestation.settlement_id, number
    return None


def _take_in(
    register: Register, board: AgentsBoard, agent: str, network: Network, *, ends: Ends, longest: int
) -> Doubts:
    last, head, taken, doubts = ends[agent].number, ends[agent].head, list[LogRun](), Doubts()
    most = min(last + AT_MOST, longest)
    while last < most:
        run = next((one for one in board.runs_with(agent, last + 1) if _is_by(one, agent, network)), None)
        if run is None or run.last > most:
            break
        digests = dict(line_digests(run.first, run.previous, run.attestations, network))
        before = run.previous if run.first == last + 1 else digests[last]
        if before != head:
            new = _at(run, last + 1)
            doubts = [(new.settlement_id, f"{agent}: line {last + 1} does not follow line {last}")]
            break
        taken.append(run)
        last, head = run.last, digests[run.last]
    if taken:
        del ends[agent]
        register.keep(taken)
        if register.last_kept(agent) == last:  # a run that begins where a kept one does is not kept besides
            ends[agent] = _End(taken[-1], last, head)
    return doubts


def _end(register: Register, agent: str, network: Network) -> _End:
    last, end = register.last_kept(agent), _End(None)
    for run in register.kept_runs(agent, last - 1) if last else ():
        digests = dict(line_digests(run.first, run.previous, run.attestations, network))
        end = _End(run, last, digests.get(last, end.head))
    return end


def _at(run: LogRun, number: int) -> Attestation:
    return run.attestations[number - run.first]


def _is_by(run: LogRun, agent: str, network: Network) -> bool:
    return run.agent == agent and is_run_of(run, network)
