"""What a contract's events tell about one of its values since it was created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from web3.exceptions import Web3Exception

from lockstep.chain.artifacts import artifact
from lockstep.chain.named import shown
from lockstep.chain.node import Node
from lockstep.domain.errors import Contradiction

__all__ = ["Happened", "happened"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event, its arguments by name as `chain.named` writes them."""

    name: str
    arguments: Mapping[str, Any]
    block: int
    transaction: str

    def __str__(self) -> str:
        return f"{self.name} in block {self.block}, transaction {self.transaction}"


def happened(node: Node, contract: str, address: str, names: Sequence[str], first_block: int) -> list[Happened]:
    """The contract's events of these names from `first_block` to the head, oldest first.

    Raises Contradiction for one that the contract's code cannot have made, Unavailable.
    """
    entries = {one["name"]: one for one in artifact(contract).abi if one["type"] == "event" and one["name"] in names}
    if not entries:
        return []
    topics = {_topic(entry): entry for entry in entries.values()}
    reader = node.web3.eth.contract(abi=list(entries.values()))
    told = []
    for log in node.logs(address, [list(topics)], first_block):
        entry = topics["0x" + bytes(log["topics"][0]).hex()]
        try:
            values = reader.events[entry["name"]]().process_log(log)["args"]
        except (Web3Exception, DecodingError) as error:
            raise Contradiction(f"{address} has an event {entry['name']} that no {contract} makes: {error}") from error
        told.append(
            Happened(
                name=entry["name"],
                arguments={item["name"]: shown(item, values[item["name"]]) for item in entry["inputs"]},
                block=int(log["blockNumber"]),
                transaction="0x" + bytes(log["transactionHash"]).hex(),
            )
        )
    return told


def _topic(entry: Mapping[str, Any]) -> str:
    types = ",".join(collapse_if_tuple(item) for item in entry["inputs"])
    return "0x" + keccak(text=f"{entry['name']}({types})").hex()
