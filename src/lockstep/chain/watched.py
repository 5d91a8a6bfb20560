"""The values of each contract that a verification looks at, and the events by which each may change.

A value without events never changes. One with events starts as the constructor left it, and each event says what it is
from then on: so what it should be now can be worked out, and a value that no event explains is found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from lockstep.chain.artifacts import artifact
from lockstep.chain.deployment import ZERO
from lockstep.chain.named import shown_answer

__all__ = ["Watched", "watched"]

Fold = Callable[[Any, Mapping[str, Any]], Any]
"""The value before an event and the event's arguments: the value after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One value: the view function that tells it, and what each event makes of it.

    `role` names the field of `RoleHolders` that it starts as.
    """

    name: str
    contract: str
    function: str
    arguments: tuple[object, ...] = ()
    changes: Mapping[str, Fold] = field(default_factory=dict)
    role: str | None = None

    def call_data(self) -> bytes:
        entry = _function(self.contract, self.function)
        types = [collapse_if_tuple(item) for item in entry["inputs"]]
        return bytes(function_abi_to_4byte_selector(entry)) + encode(types, self.arguments)

    def value(self, answer: bytes) -> Any:
        """Raises InvalidInput for bytes that are no answer of this function."""
        return shown_answer(_function(self.contract, self.function)["outputs"], answer)


@cache
def watched(contract: str) -> tuple[Watched, ...]:
    """What is looked at in a contract: its constants, whatever they are, its roles and its settings."""
    constants = tuple(
        Watched(name=one["name"], contract=contract, function=one["name"])
        for one in artifact(contract).abi
        if one["type"] == "function" and not one["inputs"] and one["name"].isupper()
    )
    return constants + _KNOWN[contract]


def _function(contract: str, name: str) -> Any:
    return next(one for one in artifact(contract).abi if one["type"] == "function" and one["name"] == name)


def _named(argument: str) -> Fold:
    return lambda _, event: event[argument]


def _token_role(name: str, number: int) -> Watched:
    """ISecurityToken.Role: 0 issuer, 1 officer, 2 confirmer."""

    def assigned(before: Any, event: Mapping[str, Any]) -> Any:
        return event["current"] if event["role"] == number else before

    return Watched(
        name=name,
        contract="SecurityToken",
        function="holderOf",
        arguments=(number,),
        changes={"RoleAssigned": assigned},
        role=name,
    )


def _registry_role(name: str, role: str, event: str) -> Watched:
    return Watched(
        name=name, contract="ParticipantRegistry", function=name, changes={event: _named("current")}, role=role
    )


def _dvp(name: str, argument: str, role: str | None = None) -> Watched:
    return Watched(name=name, contract="DvP", function=name, changes={"EpochStarted": _named(argument)}, role=role)


def _token(name: str, **changes: Fold) -> Watched:
    return Watched(name=name, contract="SecurityToken", function=name, changes=changes)


def _ruled(before: Any, event: Mapping[str, Any]) -> Any:
    return {**before, "jurisdictions": event["jurisdictions"], "investorClasses": event["investorClasses"]}


def _paused(before: Any, event: Mapping[str, Any]) -> Any:
    return {**before, "paused": event["paused"]}


def _less(before: Any, event: Mapping[str, Any]) -> str:
    return str(int(before) - int(event["quantity"]))


_KNOWN: dict[str, tuple[Watched, ...]] = {
    "ParticipantRegistry": (
        _registry_role("registrar", "registrar", "RegistrarChanged"),
        _registry_role("confirmer", "registrar_confirmer", "ConfirmerChanged"),
        Watched(
            name="proposedRegistrar",
            contract="ParticipantRegistry",
            function="proposedRegistrar",
            changes={"RegistrarProposed": _named("successor"), "RegistrarChanged": lambda *_: ZERO},
        ),
    ),
    "DvP": (
        _dvp("currentEpoch", "epoch"),
        _dvp("officer", "officer", "officer"),
        _dvp("confirmer", "confirmer", "confirmer"),
        Watched(name="netCode", contract="DvP", function="netCode"),
    ),
    "CollateralRegister": tuple(
        Watched(name=name, contract="CollateralRegister", function=name)
        for name in ("dvp", "registry", "enforcementCode")
    ),
    "JournalAnchor": (Watched(name="registry", contract="JournalAnchor", function="registry"),),
    "SecurityToken": (
        _token_role("issuer", 0),
        _token_role("officer", 1),
        _token_role("confirmer", 2),
        *(_token(name) for name in ("name", "symbol", "terms", "registry", "predecessor", "earmarkers")),
        _token("successor", SuccessorNamed=_named("successor")),
        _token("rules", RulesChanged=_ruled, PauseChanged=_paused),
        # Units that come over from a predecessor raise it by no event of their own; chain.verifying knows.
        _token("authorised", Tapped=_named("authorised"), Redeemed=_less, BoughtBack=_less, Migrated=_less),
    ),
}
