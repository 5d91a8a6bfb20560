"""Misbehaviour as data: a plan of rules, each a fault for certain messages of certain parties.

```toml
seed = 7

[[rules]]
kind = "delay"
message = "pacs.002"          # this type only; without it every message
participant = "LSTPDEFFXXX"   # this party only
direction = "out"             # from the RTGS to the party
probability = 0.5
seconds = 90
```

A plan chooses without chance: whether a rule strikes is a hash of the plan's seed, the rule, the party and
the message's number on that party's line. The same seed and the same traffic give the same faults, on any
machine and at any time of day. Several rules may strike one message; loss outweighs all others.

A rule with `files = true` strikes what a party hands in as one file, all its messages as one, and no message alone.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, bic
from lockstep.iso20022 import MESSAGE_TYPES

LONGEST_SECONDS = 30 * 86_400
MOST_RULES = 100
_TYPES = frozenset(definition[:8] for definition in MESSAGE_TYPES.values())
_STATUSES = ("ACSP", "PDNG", "ACSC", "RJCT", "CANC")


class Fault(Enum):
    """What can be done to a message, or to the doors."""

    DELAY = "delay"
    LOSS = "loss"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    NOTICE_FIRST = "notice_first"  # camt.054 before pacs.002
    CONTRADICT = "contradict"  # a second pacs.002 that says the opposite
    STATEMENT_MISSES = "statement_misses"  # a camt.053 without one of its entries
    STATEMENT_WRONG = "statement_wrong"  # a camt.053 with another amount in one
    OUTAGE = "outage"  # the doors answer nothing
    ANSWER_LOST = "answer_lost"  # restart between commit and send
    SLOW_LIQUIDITY = "slow_liquidity"  # camt.050 takes effect later
    RECALL_RACE = "recall_race"  # camt.056 and camt.007 pass each other


_IN, _OUT = "in", "out"
_BOTH = (_IN, _OUT)

_DIRECTIONS = {
    Fault.DELAY: _BOTH,
    Fault.LOSS: _BOTH,
    Fault.DUPLICATE: _BOTH,
    Fault.REORDER: _BOTH,
    Fault.NOTICE_FIRST: (_OUT,),
    Fault.CONTRADICT: (_OUT,),
    Fault.STATEMENT_MISSES: (_OUT,),
    Fault.STATEMENT_WRONG: (_OUT,),
    Fault.OUTAGE: _BOTH,
    Fault.ANSWER_LOST: (_IN,),
    Fault.SLOW_LIQUIDITY: (_IN,),
    Fault.RECALL_RACE: (_IN,),
}
_MESSAGES = {
    Fault.NOTICE_FIRST: "pacs.002",
    Fault.CONTRADICT: "pacs.002",
    Fault.STATEMENT_MISSES: "camt.053",
    Fault.STATEMENT_WRONG: "camt.053",
    Fault.SLOW_LIQUIDITY: "camt.050",
}
_COMMON = frozenset({"kind", "participant", "direction", "probability", "at_most", "since", "until", "note"})
_FREE = frozenset({"message", "status"})
_OWN = {
    Fault.DELAY: {"seconds", "files"} | _FREE,
    Fault.LOSS: {"files"} | _FREE,
    Fault.DUPLICATE: {"copies", "seconds", "files"} | _FREE,
    Fault.REORDER: {"behind", "seconds", "files"} | _FREE,
    Fault.NOTICE_FIRST: {"seconds"},
    Fault.CONTRADICT: {"status", "says", "seconds"},
    Fault.STATEMENT_MISSES: set(),
    Fault.STATEMENT_WRONG: set(),
    Fault.OUTAGE: {"calls"},
    Fault.ANSWER_LOST: {"message", "files"},
    Fault.SLOW_LIQUIDITY: {"seconds"},
    Fault.RECALL_RACE: {"winner", "behind", "seconds"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault and what it strikes. None does not narrow. Seconds are of the business clock."""

    kind: Fault
    message: str | None = None
    """The message type's first two parts: `pacs.002`."""
    status: str | None = None
    """Only a pacs.002 with this TxSts."""
    participant: Bic | None = None
    direction: str | None = None
    """`in`: from the party to the RTGS; `out`: from the RTGS to the party; None: both."""
    probability: Decimal = Decimal(1)
    at_most: int | None = None
    """How often it strikes each party."""
    since: datetime | None = None
    until: datetime | None = None
    """Both instants are included."""
    seconds: int = 0
    """How long a message is delayed, or waits for another at the longest; how much later a copy comes."""
    copies: int = 1
    behind: int = 1
    """How many messages pass the one that waits."""
    calls: int | None = None
    """How many calls of each party an outage leaves without an answer."""
    says: str = "RJCT"
    """The status that contradicts."""
    winner: str | None = None
    """Of a recall race: `release` or `recall`."""
    files: bool = False
    """Whether it strikes files of several messages, each as one, instead of messages."""
    note: str | None = None

    def fits(self, direction: str, party: Bic, now: datetime, message: str | None = None, status: str = "") -> bool:
        """Whether it speaks of such a message at all. Without a message: of the call as such."""
        return (
            self.direction in (None, direction)
            and self.participant in (None, party)
            and (self.since is None or self.since <= now)
            and (self.until is None or now <= self.until)
            and (self.message is None or self.message == message)
            and (self.status is None or self.status == status)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What goes wrong from the moment it is set."""

    seed: int
    rules: tuple[Rule, ...]

    def strikes(self, number: int, party: Bic, sequence: int) -> bool:
        """Whether rule `number` (from 0) strikes the party's message of this sequence."""
        chosen = self.draw(number, party, sequence, "strikes")
        return chosen < int(self.rules[number].probability * (1 << 64))

    def draw(self, number: int, party: Bic, sequence: int, what: str) -> int:
        """64 bits that depend on nothing else."""
        text = f"{self.seed}/{number}/{party}/{sequence}/{what}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

    def to_json(self) -> str:
        """As `parse` reads it again."""
        return json.dumps({"seed": self.seed, "rules": [_shown(rule) for rule in self.rules]})


def from_toml(text: str) -> Plan:
    """A plan as TOML. Raises InvalidInput."""
    try:
        return parse(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput("plan", text[:40], f"TOML ({error})") from None


def from_json(text: str | bytes) -> Plan:
    """A plan as JSON. Raises InvalidInput."""
    try:
        return parse(json.loads(text, parse_float=Decimal))
    except ValueError as error:
        raise InvalidInput("plan", text[:40], f"JSON ({error})") from None


def parse(given: object) -> Plan:
    """A plan from what JSON or TOML holds. Raises InvalidInput, which names the rule by its number from 1."""
    if not isinstance(given, Mapping):
        raise InvalidInput("plan", given, "an object with seed and rules")
    _only(given, {"seed", "rules"}, "", "of a plan")
    seed = _whole(given.get("seed"), "seed", 0, (1 << 63) - 1)
    rules = given.get("rules")
    if not isinstance(rules, list) or not 1 <= len(rules) <= MOST_RULES:
        raise InvalidInput("rules", rules, f"a list of 1 to {MOST_RULES} rules")
    return Plan(seed=seed, rules=tuple(_rule(one, f"rules[{number}]") for number, one in enumerate(rules, 1)))


def _rule(given: object, at: str) -> Rule:
    if not isinstance(given, Mapping):
        raise InvalidInput(at, given, "an object")
    try:
        kind = Fault(given.get("kind"))
    except ValueError:
        known = ", ".join(fault.value for fault in Fault)
        raise InvalidInput(f"{at}.kind", given.get("kind"), f"one of {known}") from None
    _only(given, _COMMON | _OWN[kind], f"{at}.", f"of {kind.value}")
    members = {name: _member(name, value, f"{at}.{name}") for name, value in given.items() if name != "kind"}
    directions = _DIRECTIONS[kind]
    if len(directions) == 1:
        members.setdefault("direction", directions[0])
    elif kind is not Fault.OUTAGE:
        members.setdefault("direction", _IN if members.get("files") else _OUT)
    if members.get("direction") not in (None, *directions):
        raise InvalidInput(f"{at}.direction", members["direction"], f"{' or '.join(directions)} for {kind.value}")
    rule = Rule(kind=kind, **{"message": _MESSAGES.get(kind), **_usual(kind, members), **members})
    _check(rule, given, at)
    return rule


def _usual(kind: Fault, members: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule of this kind has where it does not say."""
    if kind in (Fault.REORDER, Fault.NOTICE_FIRST, Fault.RECALL_RACE):
        usual: dict[str, Any] = {"seconds": 60}
        if kind is Fault.RECALL_RACE:
            usual["message"] = "camt.056" if members.get("winner") == "release" else "camt.007"
        return usual
    if kind is Fault.CONTRADICT:
        return {"status": "ACSC"}
    return {"message": "pacs.002"} if members.get("status") is not None else {}


def _check(rule: Rule, given: Mapping[str, Any], at: str) -> None:
    """What the members of a rule must be together."""
    needed = {Fault.DELAY: "seconds", Fault.SLOW_LIQUIDITY: "seconds", Fault.RECALL_RACE: "winner"}.get(rule.kind)
    if needed is not None and needed not in given:
        raise InvalidInput(f"{at}.{needed}", None, f"given, for {rule.kind.value}")
    if rule.kind is Fault.OUTAGE and rule.calls is None and rule.until is None:
        raise InvalidInput(f"{at}.until", None, "given, or calls: an outage has an end")
    if rule.files and rule.direction != _IN:
        raise InvalidInput(f"{at}.direction", rule.direction, f"{_IN}, with files: mail comes message by message")
    if rule.files and rule.message is not None:
        raise InvalidInput(f"{at}.message", rule.message, "not given, with files")
    if rule.status is not None and rule.message != "pacs.002":
        raise InvalidInput(f"{at}.status", rule.status, "only with message pacs.002")
    if rule.kind is Fault.CONTRADICT and rule.status == rule.says:
        raise InvalidInput(f"{at}.says", rule.says, f"another status than {rule.status}")
    if rule.since is not None and rule.until is not None and rule.since > rule.until:
        raise InvalidInput(f"{at}.since", rule.since.isoformat(), "not after until")


def _member(name: str, value: Any, at: str) -> Any:
    match name:
        case "participant":
            return bic(_text(value, at), field=at)
        case "direction":
            return _one_of(value, _BOTH, at)
        case "winner":
            return _one_of(value, ("release", "recall"), at)
        case "status" | "says":
            return _one_of(value, _STATUSES, at)
        case "message":
            text = _text(value, at)
            if text[:8] not in _TYPES or not (len(text) == 8 or text in MESSAGE_TYPES.values()):
                raise InvalidInput(at, value, f"a message type: {', '.join(sorted(_TYPES))}")
            return text[:8]
        case "probability":
            return _probability(value, at)
        case "since" | "until":
            return _instant(value, at)
        case "seconds":
            return _whole(value, at, 0, LONGEST_SECONDS)
        case "copies" | "behind":
            return _whole(value, at, 1, 100)
        case "files":
            if not isinstance(value, bool):
                raise InvalidInput(at, value, "true or false")
            return value
        case "at_most" | "calls":
            return _whole(value, at, 1, 1_000_000)
        case _:
            return _text(value, at)


def _only(given: Mapping[str, Any], known: "frozenset[str] | set[str]", at: str, whose: str) -> None:
    for name, value in given.items():
        if name not in known:
            raise InvalidInput(f"{at}{name}", value, f"a member {whose}: {', '.join(sorted(known))}")


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 140:
        raise InvalidInput(at, value, "text of 1 to 140 characters")
    return value


def _one_of(value: Any, known: tuple[str, ...], at: str) -> str:
    if value not in known:
        raise InvalidInput(at, value, f"one of {', '.join(known)}")
    return str(value)


def _whole(value: Any, at: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(at, value, f"a whole number from {least} to {most}")
    return value


def _probability(value: Any, at: str) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal(-1)
    if isinstance(value, bool) or not found.is_finite() or not 0 < found <= 1:
        raise InvalidInput(at, value, "a number above 0, at most 1")
    return found


def _instant(value: Any, at: str) -> datetime:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value, at))
    except ValueError:
        raise InvalidInput(at, value, "an instant as ISO 8601 writes it: 2026-11-20T12:00:00Z") from None
    if found.tzinfo is None:
        raise InvalidInput(at, value, "an instant with its time zone")
    return found.astimezone(UTC).replace(microsecond=0)


def _shown(rule: Rule) -> dict[str, Any]:
    """Members that differ from what a rule has by itself, as JSON holds them."""
    shown: dict[str, Any] = {"kind": rule.kind.value}
    allowed = _COMMON | _OWN[rule.kind]
    for field in fields(rule):
        value = getattr(rule, field.name)
        if field.name == "kind" or field.name not in allowed or value is None or value == field.default:
            continue
        if isinstance(value, datetime):
            value = value.isoformat()
        shown[field.name] = str(value) if isinstance(value, Decimal) else value
    return shown
