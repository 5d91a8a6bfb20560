"""Calls whose calldata says less, or other, than what the contract was called with."""

from collections.abc import Callable
from typing import Any

import pytest
from hexbytes import HexBytes
from ledger_venues import ChainVenue

__all__ = ["forwarder", "instead"]


def instead(monkeypatch: pytest.MonkeyPatch, venue: ChainVenue, change: Callable[[bytes], bytes]) -> None:
    """From now on the node shows each transaction's calldata changed."""
    node = venue.chain.node
    honest = node.transaction

    def changed(transaction: Any) -> Any:
        content = dict(honest(transaction))
        content["input"] = HexBytes(change(bytes(content["input"])))
        return content

    monkeypatch.setattr(node, "transaction", changed)


def forwarder(venue: ChainVenue) -> str:
    """A contract that passes on whatever it is called with to DvP, as a multi-signature wallet does."""
    target = venue.network.dvp.removeprefix("0x")
    runtime = f"365f5f375f5f365f5f73{target}5af13d5f5f3e602a573d5ffd5b00"
    creation = venue.chain.node.web3.eth.contract(abi=[], bytecode=f"0x602c8060095f395ff3{runtime}").constructor()
    made = creation.transact({"from": venue.chain.faucet, "gas": 200_000})
    return str(venue.chain.node.web3.eth.get_transaction_receipt(made)["contractAddress"])
