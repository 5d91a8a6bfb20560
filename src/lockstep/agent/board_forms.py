"""How an attestation is written on the board, and read back by who does not trust the writer."""

import re
from collections.abc import Mapping
from typing import Any

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, OutcomeResult

__all__ = ["attestation_from", "form_of", "hash_from"]

_HASH = re.compile(r"[0-9a-f]{64}")


def form_of(attestation: Attestation) -> Mapping[str, object]:
    return {
        "settlement_id": attestation.settlement_id,
        "result": attestation.result.name,
        "epoch": attestation.epoch,
        "agent": attestation.agent,
        "signature": attestation.signature.hex(),
    }


def attestation_from(content: Any) -> Attestation:
    """Raises ValueError, KeyError, TypeError or OverflowError for what is none."""
    return Attestation(
        settlement_id=SettlementId(hash_from(content["settlement_id"])),
        result=OutcomeResult[content["result"]],
        epoch=int(content["epoch"]),
        agent=str(content["agent"]),
        signature=bytes.fromhex(content["signature"]),
    )


def hash_from(value: Any) -> str:
    """64 hex digits, small letters. Raises ValueError."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError("64 hex digits")
    return value
