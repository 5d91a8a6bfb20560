"""The service's records on a database: work queue, journal, mirror of the cash leg, sent transactions."""

from lockstep.store.book import SqlBook
from lockstep.store.chain_events import SqlChainEvents, open_chain_events
from lockstep.store.database import Database, open_database
from lockstep.store.leases import SqlLeases
from lockstep.store.transactions import SqlTransactionLog

__all__ = [
    "Database",
    "SqlBook",
    "SqlChainEvents",
    "SqlLeases",
    "SqlTransactionLog",
    "open_chain_events",
    "open_database",
]
