"""The other agents' signature logs, kept for the day when one of them has lost its own and the board too."""

from collections.abc import Sequence

from lockstep.agent.register import Register
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.ports import AttestationBoard
from lockstep.signing import is_of, log_digest

__all__ = ["keep_logs"]

AT_MOST = 200
"""Lines of one log at one look."""


def keep_logs(
    register: Register, board: AttestationBoard, agents: Sequence[str], network: Network
) -> list[tuple[SettlementId, str]]:
    """Takes in new lines of the agents' logs, and puts back on the board what is gone from it.

    Returns what contradicts what is kept, by settlement: an agent that signed two logs. Raises Unavailable.
    """
    doubts = []
    for agent in agents:
        last = register.last_kept(agent)
        head = "0" * 64
        if last:
            (kept,) = register.kept(agent, last - 1)
            there = board.log_entry(agent, last)
            if there is None or not is_of(there, network):
                for known in register.kept(agent):
                    stands = board.enter(known)
                    if stands.attestation.agent != agent or not is_of(stands, network):
                        board.enter(known, replace=True)
            elif there != kept and there.number == last and there.attestation.agent == agent:
                settlement = there.attestation.settlement_id
                doubts.append((settlement, f"{agent} signed two lines {last} of its signature log"))
                continue
            head = log_digest(kept.number, kept.previous, kept.attestation, network).hex()
        for number in range(last + 1, last + 1 + AT_MOST):
            line = board.log_entry(agent, number)
            if line is None or (line.number, line.attestation.agent) != (number, agent) or not is_of(line, network):
                break
            if line.previous != head:
                doubts.append((line.attestation.settlement_id, f"{agent}: line {number} does not follow line {last}"))
                break
            register.keep(line)
            head, last = log_digest(line.number, line.previous, line.attestation, network).hex(), number
    return doubts
