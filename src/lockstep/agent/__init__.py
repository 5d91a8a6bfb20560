"""A synchronisation agent: watches a node of its own and its RTGS mailbox, releases, signs outcomes.

It trusts nobody's word but those two: not the operator's, not the other agents'.
"""

from lockstep.agent.board import DirectoryBoard
from lockstep.agent.judging import judge_outcome, judge_release
from lockstep.agent.margin_board import MarginBoard
from lockstep.agent.margin_desk import MarginDesk
from lockstep.agent.margin_register import MarginRegister
from lockstep.agent.reconciling import Forgone, forgo, reconcile
from lockstep.agent.register import Register
from lockstep.agent.signature_log import SignatureLog
from lockstep.agent.valuation_board import ValuationDirectory
from lockstep.agent.watching import Agent

__all__ = [
    "Agent",
    "DirectoryBoard",
    "Forgone",
    "MarginBoard",
    "MarginDesk",
    "MarginRegister",
    "Register",
    "SignatureLog",
    "ValuationDirectory",
    "forgo",
    "judge_outcome",
    "judge_release",
    "reconcile",
]
