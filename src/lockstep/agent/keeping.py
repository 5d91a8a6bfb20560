"""The other agents' signature logs, kept for the day when one of them has lost its own and the board too."""

from collections.abc import Sequence

from lockstep.agent.register import Register
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.domain.order import LogEntry
from lockstep.ports import AttestationBoard
from lockstep.signing import is_of, log_digest

__all__ = ["keep_logs"]

AT_MOST = 200
"""New lines of one log at one look."""
WINDOW = 50
"""Kept lines of one log that one look compares with the board; the next look takes the next ones."""

Doubts = list[tuple[SettlementId, str]]


def keep_logs(
    register: Register, board: AttestationBoard, agents: Sequence[str], network: Network, *, longest: int, look: int
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


def _mend(register: Register, board: AttestationBoard, agent: str, network: Network, *, last: int, look: int) -> Doubts:
    """The last line, and a window of the others that moves on; all of them if the last is gone."""
    if not last:
        return []
    if board.log_entry(agent, last) is None:
        lines = list(register.kept(agent))
    else:
        begin = look * WINDOW % last
        lines = [*register.kept(agent, begin, WINDOW), *register.kept(agent, last - 1)]
    doubts = []
    for known in lines:
        stands = board.enter(known)
        if stands == known:
            continue
        if _is_line(stands, agent, known.number, network):
            settlement = stands.attestation.settlement_id
            doubts.append((settlement, f"{agent} signed two lines {known.number} of its signature log"))
        else:
            board.enter(known, replace=True)
    return doubts


def _take_in(
    register: Register, board: AttestationBoard, agent: str, network: Network, *, last: int, longest: int
) -> Doubts:
    head = "0" * 64
    if last:
        (kept,) = register.kept(agent, last - 1)
        head = log_digest(kept.number, kept.previous, kept.attestation, network).hex()
    for number in range(last + 1, min(last + AT_MOST, longest) + 1):
        line = board.log_entry(agent, number)
        if line is None or not _is_line(line, agent, number, network):
            break
        if line.previous != head:
            return [(line.attestation.settlement_id, f"{agent}: line {number} does not follow line {number - 1}")]
        register.keep(line)
        head = log_digest(line.number, line.previous, line.attestation, network).hex()
    return []


def _is_line(line: LogEntry, agent: str, number: int, network: Network) -> bool:
    return (line.number, line.attestation.agent) == (number, agent) and is_of(line, network)
