"""How soon a payment settles before others."""

from enum import Enum

__all__ = ["Priority"]


class Priority(Enum):
    """Of a payment's settlement (SttlmPrty), or of a message's handling (head.001 Prty)."""

    URGENT = "URGT"
    HIGH = "HIGH"
    NORMAL = "NORM"
