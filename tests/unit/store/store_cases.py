"""Instructions as the records have them."""

from dataclasses import replace
from typing import Any

from lockstep.domain.instruction import Side
from lockstep.ports import StoredInstruction
from lockstep.testing.fakes import MORNING, example_instruction

__all__ = ["both", "stored"]


def stored(reference: str, side: Side = Side.DELIVER, **said: Any) -> StoredInstruction:
    """One that waits. `said`: what its instruction says else than the example."""
    return StoredInstruction(
        message_id=f"M-{reference}",
        content_hash="0" * 64,
        instruction=replace(example_instruction(side, reference), **said),
        status="WAITING",
        received_at=MORNING,
    )


def both(number: int) -> list[StoredInstruction]:
    """Two sides that match; those of other numbers have other references."""
    return [stored(f"{side.value}-{number}", side) for side in Side]
