"""What the settlement logic needs of the world, as small protocols. Adapters are wired in `app`.

One module for each that is asked, with the values that are said there; all are imported from here.

Those whose name begins with `Bulk` ask for many at once. What was done of many is told one by one, in the order given:
a `Sequence[LockstepError | None]`, None for what is done. One that fails never holds up or undoes another, and
Unavailable for one says that nothing is known of that one. Raised as a whole, an error holds for all of them;
Unavailable as a whole is raised only where certainly nothing was done.
"""

from lockstep.ports.anchors import AnchorBook, AnchorLedger
from lockstep.ports.assets import AssetLedger, BulkAssetLedger
from lockstep.ports.board import AttestationBoard, BulkAttestationBoard, SignOnceRegister
from lockstep.ports.book import Book, BulkBook, Change, StoredInstruction, Unclaimed
from lockstep.ports.breaks import BreakBook
from lockstep.ports.cash import BulkCashSystem, CashBody, CashSystem, SettlementBody, Unreadable
from lockstep.ports.clock import Clock, Randomness
from lockstep.ports.collateral import CollateralLedger, CollateralWallet
from lockstep.ports.leases import Lease, Leases
from lockstep.ports.mailbox import BulkMailbox, Mailbox, PartyBody
from lockstep.ports.margin import CashBoard, EnforcementBook, MarginBook, ValuationBoard
from lockstep.ports.parallel import ParallelBook
from lockstep.ports.payments import PaymentBook
from lockstep.ports.repos import RepoBook
from lockstep.ports.results import Results
from lockstep.ports.sending import SentTransaction, TransactionLog
from lockstep.ports.wallet import OrderWallet
from lockstep.ports.work import Claimed, WaitingGroup, WaitingRoom, WorkQueue

__all__ = [
    "AnchorBook",
    "AnchorLedger",
    "AssetLedger",
    "AttestationBoard",
    "Book",
    "BreakBook",
    "BulkAssetLedger",
    "BulkAttestationBoard",
    "BulkBook",
    "BulkCashSystem",
    "BulkMailbox",
    "CashBoard",
    "CashBody",
    "CashSystem",
    "Change",
    "Claimed",
    "Clock",
    "CollateralLedger",
    "CollateralWallet",
    "EnforcementBook",
    "Lease",
    "Leases",
    "Mailbox",
    "MarginBook",
    "OrderWallet",
    "ParallelBook",
    "PartyBody",
    "PaymentBook",
    "Randomness",
    "RepoBook",
    "Results",
    "SentTransaction",
    "SettlementBody",
    "SignOnceRegister",
    "StoredInstruction",
    "TransactionLog",
    "Unclaimed",
    "Unreadable",
    "ValuationBoard",
    "WaitingGroup",
    "WaitingRoom",
    "WorkQueue",
]
