"""A node that names an epoch whose event it, or another that answers in its place, does not show yet."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lockstep.chain.ledger import EvmAssetLedger, serving
from lockstep.domain.errors import Refused, Unavailable
from lockstep.domain.market import Network

DVP = "0x" + "11" * 20


class Lagging:
    """Its state is of epoch 2; of its logs it has none."""

    def chain_id(self) -> int:
        return 31337

    def call(self, address: str, data: bytes, block: int | None = None) -> bytes:
        return (2).to_bytes(32, "big")

    def logs(self, address: str, topics: Any, first: int) -> Sequence[Mapping[str, Any]]:
        return []


def test_what_lags_is_waited_for() -> None:
    network = Network(chain_id=31337, dvp=DVP, finality_depth=3)
    ledger = EvmAssetLedger(Lagging(), network)
    for number in (None, 1, 2):
        with pytest.raises(Unavailable, match="epoch 2 and does not show how epoch"):
            ledger.epoch(number)
    with pytest.raises(Unavailable):
        serving(Lagging(), DVP)


@pytest.mark.parametrize("number", [0, 3])
def test_what_never_began_is_refused(number: int) -> None:
    network = Network(chain_id=31337, dvp=DVP, finality_depth=3)
    ledger = EvmAssetLedger(Lagging(), network)
    with pytest.raises(Refused) as refused:
        ledger.epoch(number)
    assert refused.value.name == "UnknownEpoch"
