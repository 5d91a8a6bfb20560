"""A simulated RTGS: the legacy payment system of another organisation.

It knows ISO 20022, accounts and time. It knows no chain, signs nothing for one, and shares no state
with the settlement service: a bank's real gateway takes its place by configuration.

`Rtgs` is a step function: one message or one operator's act is one database transaction, at the time
its clock shows. `lockstep.rtgs.door` puts it on HTTP.
"""

from lockstep.rtgs.clock import Clock
from lockstep.rtgs.core import Rtgs
from lockstep.rtgs.facts import Facts, Mandate, Posting, ReleaseGiven, Tombstone
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.operator import Operator
from lockstep.rtgs.orders import Kind, Leg, Order, Priority
from lockstep.rtgs.parties import Role
from lockstep.rtgs.register import StoredOrder, StoredPayment
from lockstep.rtgs.statements import AccountStatement, StatementEntry
from lockstep.rtgs.timetable import DAYTIME, Phase, Timetable

__all__ = [
    "DAYTIME",
    "Account",
    "AccountStatement",
    "Clock",
    "Facts",
    "Kind",
    "Leg",
    "Mandate",
    "Operator",
    "Order",
    "Phase",
    "Posting",
    "Priority",
    "ReleaseGiven",
    "Role",
    "Rtgs",
    "StatementEntry",
    "StoredOrder",
    "StoredPayment",
    "Timetable",
    "Tombstone",
]
