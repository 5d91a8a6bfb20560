"""Tables of the line between the outbox and the doors: what was planned, and what is on its way.

* `fault_plans`: every plan that was set, and by whom; a row without a plan ends the one before.
* `lines`: one per receiver, once a plan was ever set. Mail up to `begins` has its outbox number as position.
* `transit`: mail behind that: when it may arrive, and at which position it did. Without `data` it is the
  outbox's message itself; without `available_at` it is lost.
* `arrivals`: messages of parties that have not reached the core yet, or never will.
* `fault_uses`: how many messages each rule has looked at, and how many it has struck, by party.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from lockstep.rtgs.schema import Instant, metadata, only_grows

fault_plans = Table(
    "fault_plans",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("set_at", Instant, nullable=False),
    Column("set_by", String(140), nullable=False),
    Column("plan", String),
)

fault_uses = Table(
    "fault_uses",
    metadata,
    Column("plan", ForeignKey("fault_plans.number"), primary_key=True),
    Column("rule", Integer, primary_key=True, autoincrement=False),
    Column("party", String(11), primary_key=True),
    Column("seen", BigInteger, nullable=False),
    Column("struck", BigInteger, nullable=False),
)

lines = Table(
    "lines",
    metadata,
    Column("receiver", String(11), primary_key=True),
    Column("begins", Integer, nullable=False),
    Column("taken", Integer, nullable=False),  # the last outbox number that is in `transit`
    Column("delivered", Integer, nullable=False),  # the last position given
)

transit = Table(
    "transit",
    metadata,
    Column("receiver", String(11), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),  # in the outbox
    Column("copy", Integer, primary_key=True, autoincrement=False),
    Column("available_at", Instant),
    Column("place", BigInteger, nullable=False),  # among what is available at one instant
    Column("behind", Integer, nullable=False),  # how many must pass it yet
    Column("behind_type", String(8)),
    Column("message", String(8), nullable=False),
    Column("uetr", String(36), nullable=False),
    Column("data", LargeBinary),
    Column("faults", String, nullable=False),
    Column("position", Integer),
    UniqueConstraint("receiver", "position"),
    Index("transit_waiting", "receiver", "position", "available_at"),
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sender", String(11), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("arrived_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("behind", Integer, nullable=False),
    Column("behind_type", String(8)),
    Column("uetr", String(36), nullable=False),
    Column("faults", String, nullable=False),
    Column("done_at", Instant),
    Column("result", String(70)),  # taken, lost, or the name of its refusal
    Index("arrivals_due", "done_at", "due_at"),
)

only_grows(fault_plans)
