"""The service's records on a database: work queue, journal, mirror of the cash leg, sent transactions."""

from lockstep.store.book import SqlBook
from lockstep.store.database import Database, open_database
from lockstep.store.leases import SqlLeases
from lockstep.store.transactions import SqlTransactionLog

__all__ = ["Database", "SqlBook", "SqlLeases", "SqlTransactionLog", "open_database"]
