"""What a batch went on without: DvP's LegSkipped events, each with its reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode

from lockstep.chain.artifacts import event_topic
from lockstep.chain.refusals import decode_refusal
from lockstep.domain.errors import ContractRefused
from lockstep.domain.identifiers import SettlementId

__all__ = ["SkippedLeg", "skipped_legs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedLeg:
    """A settlement that a batch went on without, and what it met."""

    settlement_id: SettlementId
    reason: ContractRefused


def skipped_legs(logs: Iterable[Mapping[str, Any]]) -> list[SkippedLeg]:
    """The LegSkipped events of a transaction's logs, each with its reason decoded."""
    topic = event_topic("LegSkipped")
    return [
        SkippedLeg(
            settlement_id=SettlementId(bytes(log["topics"][1]).hex()),
            reason=decode_refusal(decode(["bytes"], bytes(log["data"]))[0]),
        )
        for log in logs
        if "0x" + bytes(log["topics"][0]).hex() == topic
    ]
