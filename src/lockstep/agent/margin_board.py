"""Signatures over margin payments on the board: `cash/<agreement>-<call>/<agent>-<epoch>.json` below its folder."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockstep.agent.board_files import content_of, listed, names, put, understood, written
from lockstep.agent.board_forms import hash_from
from lockstep.domain.collateral.register import AgreementId, CashPayment, PledgeId
from lockstep.domain.margin_payment import CashAttestation

__all__ = ["MarginBoard"]

MOST_FILES = 1_000
"""Of one call that are looked at. Who floods its folder holds up that call, which a person then clears."""
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


class MarginBoard:
    """`ports.CashBoard` in the folder of the agents' board. Files appear whole; what cannot be read is left out."""

    def __init__(self, root: Path) -> None:
        """`root` is the board's folder, which `DirectoryBoard` has too."""
        self._root = root / "cash"

    def publish_cash(self, attestation: CashAttestation) -> None:
        cash = attestation.cash
        spots = names(self._folder(cash.agreement_id, cash.call_id), f"{attestation.agent}-{cash.epoch}")
        if any(understood(content_of(path), _attestation_from) == attestation for path in spots):
            return
        with written(spots[0].parent, json.dumps(_form_of(attestation), indent=1)) as part:
            put(part, spots)

    def cash_attestations(self, agreement_id: AgreementId, call_id: str) -> Sequence[CashAttestation]:
        folder = self._folder(agreement_id, call_id)
        files = [name for name in listed(folder, MOST_FILES) if name.endswith(".json")]
        found = (understood(content_of(folder / name), _attestation_from) for name in files)
        wanted = (agreement_id, call_id)
        return [one for one in found if one is not None and (one.cash.agreement_id, one.cash.call_id) == wanted]

    def _folder(self, agreement_id: AgreementId, call_id: str) -> Path:
        return self._root / f"{hash_from(agreement_id)}-{hash_from(call_id)}"


def _form_of(attestation: CashAttestation) -> Mapping[str, object]:
    cash = attestation.cash
    return {
        "agreement_id": cash.agreement_id,
        "call_id": cash.call_id,
        "pledge_id": cash.pledge_id,
        "amount": str(cash.amount),
        "epoch": cash.epoch,
        "agent": attestation.agent,
        "signature": attestation.signature.hex(),
    }


def _attestation_from(content: Any) -> CashAttestation:
    """Raises ValueError, KeyError or TypeError for what is none."""
    agent, amount, epoch = str(content["agent"]), int(content["amount"]), int(content["epoch"])
    if not _ADDRESS.fullmatch(agent) or not -(2**63) <= amount < 2**63 or not 0 <= epoch < 2**32:
        raise ValueError("an address, 64 bits of an amount, 32 of an epoch")
    return CashAttestation(
        cash=CashPayment(
            agreement_id=AgreementId(hash_from(content["agreement_id"])),
            call_id=hash_from(content["call_id"]),
            pledge_id=PledgeId(hash_from(content["pledge_id"])),
            amount=amount,
            epoch=epoch,
        ),
        agent=agent,
        signature=bytes.fromhex(content["signature"]),
    )
