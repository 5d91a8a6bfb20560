"""The line between a party and the RTGS: a call in this process, with boundaries on both sides of it.

What the line does to messages is the RTGS's own plan of faults (`lockstep.rtgs.faults`), set from the seed;
corruption, which that plan does not know, happens here. Many messages go as one file: it arrives whole, or changed, or
not at all, and the process dies before or after it, not within.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from lockstep.cash import DirectCashSystem
from lockstep.domain.errors import InvalidInput, LockstepError
from lockstep.domain.identifiers import Bic
from lockstep.iso20022 import pack, unpack
from lockstep.rtgs.faults import Plan, parse
from lockstep.rtgs.faults_desk import FaultStatus
from lockstep.simulation.faults import Injector
from lockstep.simulation.node_faults import NodeFault, NodeFaultKind
from lockstep.simulation.stores import Boundary

__all__ = ["cash_line", "corrupted", "line_uses", "node_faults", "rules_of"]

_MADE = datetime(2026, 1, 1, tzinfo=UTC)
"""What a file says of itself, which nobody goes by."""
SEND, COUNT = "eth_sendRawTransaction", "eth_getTransactionCount"
_SENDS = {
    "rpc-timeout-after": NodeFault(kind=NodeFaultKind.UNANSWERED),
    "rpc-forgotten": NodeFault(kind=NodeFaultKind.FORGOTTEN),
    "rpc-twice": NodeFault(kind=NodeFaultKind.TWICE),
}


class Door(Protocol):
    """The RTGS's, as `DirectCashSystem` knocks at it."""

    def handle(self, data: bytes, sender: Bic) -> object: ...

    def handle_all(self, mail: Sequence[tuple[bytes, Bic]]) -> Sequence[object]: ...

    def mailbox(self, receiver: Bic, after: int, limit: int) -> Sequence[tuple[int, bytes]]: ...


def cash_line(bic: Bic, rtgs: Door, boundary: Boundary, faults: Injector) -> DirectCashSystem:
    """The RTGS as one party sees it."""

    def send(data: bytes, sender: Bic) -> object:
        boundary.at("send")
        how = faults.strikes("line-corrupt")
        answer = rtgs.handle(data if how is None else corrupted(data, how), sender)
        boundary.at("sent")
        return answer

    def alone(data: bytes, sender: Bic) -> object:
        try:
            return send(data, sender)
        except LockstepError as error:
            return error

    def send_all(mail: Sequence[tuple[bytes, Bic]]) -> Sequence[object]:
        if len(mail) == 1:
            return [alone(*mail[0])]
        boundary.at("send")
        how = faults.strikes("line-corrupt")
        if how is not None:
            try:
                arrived = unpack(corrupted(pack([data for data, _ in mail], _MADE), how)).messages
            except InvalidInput:  # the file as such is refused: its messages go one by one, as over HTTP
                return [alone(*one) for one in mail]
            mail = [(data, bic) for data in arrived]
        answers = rtgs.handle_all(mail)
        boundary.at("sent")
        return answers

    def receive(receiver: Bic, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        mail = list(rtgs.mailbox(receiver, after, limit))
        for place, (sequence, data) in enumerate(mail):
            how = faults.strikes("line-corrupt")
            if how is not None:
                mail[place] = sequence, corrupted(data, how)
        if mail:
            boundary.at("receive")
        return mail

    return DirectCashSystem(send, receive, bic, send_all)


def corrupted(data: bytes, how: random.Random) -> bytes:
    """Cut short, or with bytes that are no text in its middle: what a line does. What one may *say* instead, an
    enemy decides, not the line."""
    place = how.randrange(len(data))
    if how.random() < 0.5:
        return data[:place]
    return data[:place] + how.randbytes(4).replace(b" ", b"\0") + b"\xff" + data[place + 4 :]


def rules_of(faults: Injector, agents: Sequence[Bic], service: Bic) -> Plan | None:
    """The plan of the RTGS's line for this seed, None for a line without faults.

    What contradicts goes to one party only, an agent or the service: a quorum that was told two things needs people.
    Where an agent's key is stolen it is that agent, or the service: of four agents one may be faulty, and no more.
    """
    told = agents[-1:] if faults.has("agent-stolen") else agents
    rules: list[dict[str, Any]] = []

    def add(fault: str, /, **rule: object) -> None:
        how = faults.strikes(fault)
        if how is not None:
            rules.append({name: value(how) if callable(value) else value for name, value in rule.items()})

    def share(most: float) -> Callable[[random.Random], str]:
        return lambda how: str(round(how.uniform(most / 5, most), 3))

    def either(how: random.Random) -> str:
        return how.choice(("in", "out"))

    add("line-loss", kind="loss", probability=share(0.25), direction=either)
    add(
        "line-duplicate",
        kind="duplicate",
        probability=share(0.4),
        direction=either,
        seconds=lambda how: how.randrange(120),
    )
    add("line-delay", kind="delay", probability=share(0.5), direction=either, seconds=lambda how: how.randint(5, 600))
    add(
        "line-reorder",
        kind="reorder",
        probability=share(0.4),
        direction=either,
        seconds=lambda how: how.randint(10, 300),
    )
    add("line-notice-first", kind="notice_first", probability=share(0.6))
    add("line-answer-lost", kind="answer_lost", probability=share(0.3))
    add("line-recall-race", kind="recall_race", probability="1", winner=lambda how: how.choice(("release", "recall")))
    add("line-statement", kind=lambda how: how.choice(("statement_misses", "statement_wrong")), probability=share(0.8))
    add("line-outage", kind="outage", calls=lambda how: how.randint(3, 15), probability=share(0.1))
    add(
        "line-contradict",
        kind="contradict",
        participant=lambda how: how.choice((service, how.choice(told))),
        probability=share(1.0),
    )
    add("file-loss", kind="loss", files=True, probability=share(0.25))
    add(
        "file-duplicate",
        kind="duplicate",
        files=True,
        probability=share(0.4),
        seconds=lambda how: how.randrange(120),
    )
    add("file-delay", kind="delay", files=True, probability=share(0.5), seconds=lambda how: how.randint(5, 600))
    add("file-reorder", kind="reorder", files=True, probability=share(0.4), seconds=lambda how: how.randint(10, 300))
    for rule in [one for one in rules if one["kind"] == "contradict"]:
        rule |= {"status": "ACSC", "says": "RJCT"}
        rules.append({**rule, "status": "RJCT", "says": "ACSC"})
    if not rules:
        return None
    return parse({"seed": faults.step + 1, "rules": rules})


def line_uses(status: FaultStatus) -> Counter[str]:
    """How often each kind of the line's faults struck."""
    found = Counter[str]()
    for use in status.uses if status.plan is not None else ():
        assert status.plan is not None
        kind = status.plan.rules[use.rule - 1].kind.value
        found["line-statement" if kind.startswith("statement_") else "line-" + kind.replace("_", "-")] += use.struck
    return found


def node_faults(faults: Injector) -> Callable[[str, object], NodeFault | None]:
    """What is wrong with a party's requests to its node, one by one."""

    def decide(method: str, _: object) -> NodeFault | None:
        if not faults.active:
            return None
        if method == SEND:
            for kind, fault in _SENDS.items():
                if faults.strikes(kind) is not None:
                    return fault
        if method == COUNT and (how := faults.strikes("rpc-wrong-nonce")) is not None:
            return NodeFault(kind=NodeFaultKind.WRONG_NONCE, by=how.choice((-2, -1, 1, 2)))
        if faults.strikes("rpc-timeout-before") is not None:
            return NodeFault(kind=NodeFaultKind.UNREACHED)
        if faults.strikes("rpc-error") is not None:
            return NodeFault(kind=NodeFaultKind.FAILED)
        how = faults.strikes("rpc-stale")
        return None if how is None else NodeFault(kind=NodeFaultKind.STALE, by=how.randint(1, 4))

    return decide
