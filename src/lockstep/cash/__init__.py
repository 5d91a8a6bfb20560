"""`ports.CashSystem` over ISO 20022: the RTGS as one of its parties sees it.

Both adapters speak real XML, through `lockstep.iso20022`, whatever carries it.
"""

from lockstep.cash.direct import DirectCashSystem
from lockstep.cash.directory import DirectoryCashSystem
from lockstep.cash.http import Certificates, HttpCashSystem

__all__ = ["Certificates", "DirectCashSystem", "DirectoryCashSystem", "HttpCashSystem"]
