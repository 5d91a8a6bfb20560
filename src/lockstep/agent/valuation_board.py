"""Valuers' signatures on the board: `valuations/<agreement>/<as of>/<valuer>.json` below its folder."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockstep.agent.board_files import LARGEST_SHEET, content_of, listed, names, put, written
from lockstep.agent.board_forms import hash_from
from lockstep.domain.collateral.register import AgreementId, PricedToken, Valuation
from lockstep.domain.errors import Conflict, InvalidInput, Unavailable
from lockstep.domain.margin_payment import ValuationAttestation
from lockstep.signing import checked_address, valuers_epoch

__all__ = ["ValuationDirectory"]

NEWEST = 20
"""Of one agreement that are told of each valuer, the latest first."""
MOST_AGREEMENTS = 100_000
_AGREEMENT = re.compile(r"[0-9a-f]{64}")
_SECOND = re.compile(r"[1-9][0-9]{0,12}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


class ValuationDirectory:
    """`ports.ValuationBoard` in the folder of the agents' board. What cannot be read is left out."""

    def __init__(self, root: Path) -> None:
        self._root = root / "valuations"

    def publish_valuation(self, attestation: ValuationAttestation) -> None:
        one = attestation.valuation
        spots = names(self._root / hash_from(one.agreement_id) / str(one.as_of), attestation.valuer)
        found = [there for path in spots if (there := _read(path)) is not None]
        if attestation in found:
            return
        if any(there.valuer == attestation.valuer and there.valuation != one for there in found):
            raise Conflict("valuation", f"{one.agreement_id} as of {one.as_of} by {attestation.valuer}")
        with written(spots[0].parent, json.dumps(_form_of(attestation), indent=1)) as part:
            put(part, spots)

    def agreements(self) -> Sequence[AgreementId]:
        return [AgreementId(one) for one in listed(self._root, MOST_AGREEMENTS) if _AGREEMENT.fullmatch(one)]

    def valuations(
        self,
        agreement_id: AgreementId,
        since: int,
        until: int,
        is_genuine: Callable[[ValuationAttestation], bool],
    ) -> Sequence[ValuationAttestation]:
        told, found = Counter[str](), list[ValuationAttestation]()
        for one in self._lying(agreement_id, since, until):
            if told[one.valuer] >= NEWEST or not is_genuine(one):
                continue
            if any((other.valuer, other.valuation) == (one.valuer, one.valuation) for other in found):
                continue  # the same under another name
            told[one.valuer] += 1
            found.append(one)
            if all(told[each] >= NEWEST for each in one.valuers.agents):
                break
        return found

    def _lying(self, agreement_id: AgreementId, since: int, until: int) -> Iterator[ValuationAttestation]:
        """Whatever can be read, the newest first; what is in the way hides nothing else."""
        folder = self._root / hash_from(agreement_id)
        seconds = sorted((int(one) for one in listed(folder) if _SECOND.fullmatch(one)), reverse=True)
        for second in (one for one in seconds if since <= one <= until):
            try:
                files = listed(folder / str(second))
            except Unavailable:  # no folder of ours: a link that leads in a circle, for one
                continue
            for name in files:
                one = _read(folder / str(second) / name)
                if one is not None and (one.valuation.agreement_id, one.valuation.as_of) == (agreement_id, second):
                    yield one


def _read(path: Path) -> ValuationAttestation | None:
    data = content_of(path, LARGEST_SHEET)
    if data is None:
        return None
    try:
        return _attestation_from(json.loads(data))
    except (ValueError, KeyError, TypeError, RecursionError, InvalidInput):
        return None


def _form_of(attestation: ValuationAttestation) -> Mapping[str, object]:
    one = attestation.valuation
    return {
        "agreement_id": one.agreement_id,
        "exposure": str(one.exposure),
        "required": str(one.required),
        "as_of": one.as_of,
        "prices": [[each.token, str(each.price), each.haircut] for each in one.prices],
        "valuers": list(attestation.valuers.agents),
        "quorum": attestation.valuers.quorum,
        "valuer": attestation.valuer,
        "signature": attestation.signature.hex(),
    }


def _attestation_from(content: Any) -> ValuationAttestation:
    """Raises ValueError, KeyError, TypeError or InvalidInput for what is none."""
    prices = tuple(
        PricedToken(token=_address(token), price=_number(price, 64), haircut=_number(haircut, 24))
        for token, price, haircut in content["prices"]
    )
    return ValuationAttestation(
        valuation=Valuation(
            agreement_id=AgreementId(hash_from(content["agreement_id"])),
            exposure=_number(content["exposure"], 64),
            required=_number(content["required"], 64),
            as_of=_number(content["as_of"], 40),
            prices=prices,
        ),
        valuers=valuers_epoch([_address(one) for one in content["valuers"]], int(content["quorum"])),
        valuer=_address(content["valuer"]),
        signature=bytes.fromhex(content["signature"]),
    )


def _address(value: Any) -> str:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ValueError("an address")
    return checked_address(value.lower(), field="address")  # one spelling: two would be two stories


def _number(value: Any, bits: int) -> int:
    number = int(value)
    if isinstance(value, float) or not 0 <= number < 1 << bits:
        raise ValueError(f"a whole number of {bits} bits")
    return number
