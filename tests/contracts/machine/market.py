"""Registry, tokens and DvP of the model as one, and how a call finds its method."""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .model_net import DvPNetModel
from .model_proofs import HostileTokenModel, WalletModel
from .model_registry import RegistryModel
from .model_token import TokenModel
from .rules import Broken, Context

__all__ = ["Call", "Market", "Verdict"]

Skips = tuple[tuple[bytes, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One call by `sender`, an account or a contract of the world. `contract` names the ABI, `target` the address."""

    sender: str
    contract: str
    target: str
    function: str
    arguments: tuple[Any, ...]
    gas: int = 3_000_000
    scarce: bool = False

    def __str__(self) -> str:
        return f"{self.sender[:8]} {self.contract}@{self.target[:8]}.{self.function}{_shown(self.arguments)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of a call: the rules that it breaks, none if it is accepted; and a batch's skipped legs."""

    refused: frozenset[str]
    skipped: Skips = ()


@dataclass
class Market:
    """All that the contracts keep, as the model sees it."""

    registry: RegistryModel
    tokens: dict[str, TokenModel]
    dvp: DvPNetModel
    wallets: dict[str, WalletModel]
    hostile: dict[str, HostileTokenModel]
    # Calls that hostile tokens may send back, by calldata.
    payloads: dict[bytes, Call] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dvp.reenter = self._reenter
        self.dvp.checkpoint = self._checkpoint

    def judge(self, call: Call, now: int, data: bytes) -> Verdict:
        """The verdict; the model is changed as the call would change the contracts."""
        subject = self._subject(call)
        method = getattr(subject, snake(call.function))
        try:
            answer = method(Context(call.sender, now, data), *call.arguments)
        except Broken as refusal:
            return Verdict(refusal.names)
        return Verdict(frozenset(), tuple(answer or ()))

    def _subject(self, call: Call) -> Any:
        if call.contract == "SecurityToken":
            return self.tokens[call.target]
        if call.contract == "HostileWallet":
            return self.wallets[call.target]
        if call.contract == "HostileToken":
            return self.hostile[call.target]
        return {"DvP": self.dvp, "ParticipantRegistry": self.registry}[call.contract]

    def _reenter(self, token: str, payload: bytes, now: int) -> None:
        inner = self.payloads[payload]
        self.judge(Call(token, inner.contract, inner.target, inner.function, inner.arguments), now, payload)

    def _checkpoint(self) -> Callable[[], None]:
        """Takes back, once called, all that DvP and what it reaches kept since."""
        mine = ("lanes", "paid", "in_parts", "long_stop", "cycles", "left")
        dvp = copy.deepcopy({name: vars(self.dvp)[name] for name in mine})
        tokens = {
            address: copy.deepcopy({name: vars(one)[name] for name in ("balance", "earmarks")})
            for address, one in self.tokens.items()
        }

        def undo() -> None:
            vars(self.dvp).update(dvp)
            for address, kept in tokens.items():
                vars(self.tokens[address]).update(kept)

        return undo


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), name)


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(_shown, value)) + ")"
    if isinstance(value, bytes):
        return "0x" + (value.hex() if len(value) <= 8 else f"{value[:4].hex()}…{len(value)}")
    return str(value)[:12] if isinstance(value, str) else str(value)
