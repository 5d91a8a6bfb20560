"""Lockstep: delivery versus payment between a chain and an RTGS, together or not at all.

The names below are the public API; they load what they need when they are first used.
"""

from importlib import import_module
from typing import Any

__all__ = [
    "Instruction",
    "LockstepError",
    "Market",
    "Message",
    "Money",
    "Quantity",
    "Trade",
    "TradeState",
    "TradeTerms",
    "World",
    "__version__",
    "check_invariants",
    "read_market",
    "read_message",
    "run_day",
    "write_message",
]

__version__ = "0.1.0"

_HOMES = {
    "Instruction": ("lockstep.domain.instruction", "Instruction"),
    "LockstepError": ("lockstep.domain.errors", "LockstepError"),
    "Market": ("lockstep.domain.market", "Market"),
    "Message": ("lockstep.domain.message", "Message"),
    "Money": ("lockstep.domain.money", "Money"),
    "Quantity": ("lockstep.domain.money", "Quantity"),
    "Trade": ("lockstep.domain.trade", "Trade"),
    "TradeState": ("lockstep.domain.trade", "TradeState"),
    "TradeTerms": ("lockstep.domain.trade", "TradeTerms"),
    "World": ("lockstep.app.world", "World"),
    "check_invariants": ("lockstep.testing", "check"),
    "read_market": ("lockstep.app.market_file", "read_market"),
    "read_message": ("lockstep.iso20022", "read"),
    "run_day": ("lockstep.app.demo", "run_day"),
    "write_message": ("lockstep.iso20022", "write"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lockstep' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
