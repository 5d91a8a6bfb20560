"""The other agents' signature logs, kept for the day when one of them has lost its own and the board too."""

from collections.abc import Iterator, Sequence

from lockstep.agent.boarding import AgentsBoard
from lockstep.agent.register import Register
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.log_run import LogRun
from lockstep.domain.market import Network
from lockstep.domain.order import Attestation
from lockstep.signing import is_run_of, line_digests

__all__ = ["keep_logs"]

AT_MOST = 4_000
"""New lines of one log at one look."""
WINDOW = 50
"""Kept lines of one log, rounded up to whole runs, that one look compares with the board; the next look takes the
next ones."""
NOTHING = "0" * 64

Doubts = list[tuple[SettlementId, str]]


def keep_logs(
    register: Register, board: AgentsBoard, agents: Sequence[str], network: Network, *, longest: int, look: int
) -> Doubts:
    """Takes in new lines of the agents' logs, and puts back on the board what is gone from it or spoilt.

    `longest` is how many lines a log may have, so that a key in wrong hands fills no disk: one for each settlement
    that was ever locked. `look` counts the looks.
    Returns what contradicts what is kept, by settlement: an agent that signed two logs. Raises Unavailable.
    """
    doubts: Doubts = []
    for agent in agents:
        last = register.last_kept(agent)
        found = _mend(register, board, agent, network, last=last, look=look)
        doubts += found
        if not found:
            doubts += _take_in(register, board, agent, network, last=last, longest=longest)
    return doubts


def _mend(register: Register, board: AgentsBoard, agent: str, network: Network, *, last: int, look: int) -> Doubts:
    """The last run, and a window of the others that moves on; all of them if the last is gone."""
    if not last:
        return []
    if next(board.runs_with(agent, last), None) is None:
        runs = list(register.kept_runs(agent))
    else:
        begin = look * WINDOW % last
        runs = [*register.kept_runs(agent, begin, WINDOW), *register.kept_runs(agent, last - 1)]
    doubts = []
    for known in runs:
        for settlement, number in _put_back(board, known, network):
            doubts.append((settlement, f"{agent} signed two lines {number} of its signature log"))
    return doubts


def _put_back(board: AgentsBoard, known: LogRun, network: Network) -> Iterator[tuple[SettlementId, int]]:
    """Sees that each line of a kept run is on the board, however it is cut there; else the run is put there.

    Yields the lines that stand there signed and are not what is kept: settlement and number.
    """
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
    register: Register, board: AgentsBoard, agent: str, network: Network, *, last: int, longest: int
) -> Doubts:
    head, taken, doubts = _head(register, agent, network, last), list[LogRun](), Doubts()
    end = min(last + AT_MOST, longest)
    while last < end:
        run = next((one for one in board.runs_with(agent, last + 1) if _is_by(one, agent, network)), None)
        if run is None or run.last > end:
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
        register.keep(taken)
    return doubts


def _head(register: Register, agent: str, network: Network, last: int) -> str:
    """The digest of the last line that is kept."""
    head = NOTHING
    for run in register.kept_runs(agent, last - 1) if last else ():
        digests = dict(line_digests(run.first, run.previous, run.attestations, network))
        head = digests.get(last, head)
    return head


def _at(run: LogRun, number: int) -> Attestation:
    return run.attestations[number - run.first]


def _is_by(run: LogRun, agent: str, network: Network) -> bool:
    return run.agent == agent and is_run_of(run, network)
