"""Mutants of the golden messages, each read: taken or refused by name, soon, and nothing else."""

import resource
import time
from collections import Counter
from pathlib import Path

from lockstep.domain.errors import InvalidMessage
from lockstep.iso20022 import peek, read, write
from lockstep.iso20022.flattening import flatten_bytes, flatten_tree
from lockstep.iso20022.forms import recall
from lockstep.iso20022.validation import parse, validate
from lockstep.testing.mutation import Mutator

__all__ = ["SECONDS_EACH", "judge"]

SECONDS_EACH = 3
"""No message takes that long, on a machine shared with others; the slowest seen took 0.1 s."""
MEGABYTES = 400
"""What reading may add to the process, over all messages."""


def judge(seed: int, count: int) -> Counter[str]:
    """How many mutants were taken and refused, and of which kinds; raises for what may not happen."""
    messages = [file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.xml"))]
    for message in messages * 3:  # so that the forms of all are learned
        read(message)
    seen: Counter[str] = Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for mutant in Mutator(seed, messages).mutants(count):
        where = f"seed {mutant.seed}, number {mutant.number}: {mutant.kind}"
        started = time.perf_counter()
        try:
            message = read(mutant.data)
        except InvalidMessage as refused:
            seen["refused"] += 1
            _is_told(refused, where)
        except Exception as other:
            raise AssertionError(f"{where}: {other!r}") from other
        else:
            seen["taken"] += 1
            assert read(write(message)) == message, where
            by_bytes = flatten_bytes(mutant.data)
            assert by_bytes is None or by_bytes == flatten_tree(parse(mutant.data)), where
        seen["by form"] += _fits_no_more_than_the_schema(mutant.data, where)
        peek(mutant.data)
        spent = time.perf_counter() - started
        assert spent < SECONDS_EACH, f"{where} took {spent:.1f} s"
        seen.update(mutant.kind.split("+"))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    assert grown < MEGABYTES, f"{grown} MB more than before"
    return seen


def _fits_no_more_than_the_schema(data: bytes, where: str) -> bool:
    """What a form takes, libxml2 finds well-formed, valid, and with the same values."""
    values = recall(data)
    if values is None:
        return False
    root = parse(data)
    validate(root)
    assert values == flatten_tree(root), where
    return True


def _is_told(refused: InvalidMessage, where: str) -> None:
    """Which field, and by which rule, in no more words than a person reads."""
    assert refused.field, where
    assert refused.rule, where
    assert len(str(refused)) < 5000, where
