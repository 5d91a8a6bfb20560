"""Microseconds to write and to read each message type, validated both ways, on one core.

`write_us` and `read_us` are of messages whose form was met before, as most are; `read_new_us` is of those
that libxml2 judges, as it does every first message of a form.

The golden messages of `tests/golden`, each in fifty variants with ids of their own, so that nothing is
measured twice in a row. Of several golden messages of a type the first is taken: its usual form. CPU
time, the best of several rounds. Writes `messages` in bench/rtgs.json and leaves the rest of it.

    python bench/messages.py
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from lockstep.domain.identifiers import derive_uetr
from lockstep.domain.message import Message
from lockstep.iso20022 import MESSAGE_TYPES, flattening, forms, read, write

RESULT = ROOT / "bench" / "rtgs.json"
GOLDEN = ROOT / "tests" / "golden"
VARIANTS, ROUNDS, REPEATS, GOAL_MICROSECONDS = 50, 15, 4, 60


def variants(message: Message[Any]) -> list[Message[Any]]:
    """The same message with other ids."""
    found = []
    for number in range(VARIANTS):
        body, uetr = message.body, derive_uetr("bench", number)
        names = {field.name for field in fields(body)}
        if "payment" in names:
            body = replace(body, uetr=uetr, payment=replace(body.payment, uetr=uetr))
        elif "uetr" in names and body.uetr is not None:
            body = replace(body, uetr=uetr)
        found.append(replace(message, message_id=f"BENCH{number:05}", body=body))
    return found


def microseconds(call: Callable[[Any], object], arguments: list[Any]) -> float:
    """CPU time per call, in the best round."""
    best = None
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        for _ in range(REPEATS):
            for argument in arguments:
                call(argument)
        spent = time.process_time_ns() - started
        best = spent if best is None else min(best, spent)
    return (best or 0) / (REPEATS * len(arguments)) / 1000


def read_new(data: bytes) -> object:
    """As if no message of this form had been met."""
    forms._forms.clear()
    forms._learned.clear()
    for shape in flattening._shapes.values():
        shape.met = 0
    return read(data)


def main() -> None:
    results = {}
    for definition in sorted(set(MESSAGE_TYPES.values())):
        messages = variants(read((GOLDEN / f"{definition}.xml").read_bytes()))
        written = [write(message) for message in messages]
        results[definition] = {
            "write_us": round(microseconds(write, messages), 1),
            "read_us": round(microseconds(read, written), 1),
            "read_new_us": round(microseconds(read_new, written), 1),
            "bytes": len(written[0]),
        }
        print(f"{definition:18}", *(f"{name} {value}" for name, value in results[definition].items()))
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps({**kept, "messages": results}, indent=2) + "\n")
    above = [name for name, result in results.items() if max(result["write_us"], result["read_us"]) > GOAL_MICROSECONDS]
    print(f"goal: {GOAL_MICROSECONDS} us each way;", f"above: {', '.join(above)}" if above else "all below")


if __name__ == "__main__":
    main()
