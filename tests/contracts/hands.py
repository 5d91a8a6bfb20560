"""Acts of two hands, and other words that the tests of token and registry share."""

from typing import Any

from eth_utils import keccak

from .harness import Key, World

WEEK = 7 * 86_400


def low(key: Key) -> str:
    return key.address.lower()


def action(contract: Any, call: Any) -> bytes:
    """The calldata of a call, which is what gets proposed."""
    return bytes.fromhex(contract.encode_abi(call.abi_element_identifier, args=call.args)[2:])


def propose(world: World, contract: Any, call: Any, by: Key) -> bytes:
    """Propose the call and return the id of the action."""
    data = action(contract, call)
    world.send(contract.functions.propose(data), by)
    return keccak(data)


def confirmed(world: World, call: Any, proposer: Key) -> Any:
    """The receipt of a call of the token that `proposer` proposed and the confirmer made."""
    propose(world, world.token, call, proposer)
    return world.send(call, world.confirmer)


def refused_confirmation(world: World, call: Any, proposer: Key) -> tuple[Any, ...]:
    propose(world, world.token, call, proposer)
    return world.refusal(call, world.confirmer)


def events(world: World, receipt: Any) -> list[tuple[str, dict[str, Any]]]:
    """All but the confirmation of the two hands."""
    return [event for event in world.events(receipt) if event[0] != "Confirmed"]


def moved(from_: str, to: str, value: int) -> tuple[str, dict[str, Any]]:
    return ("Transfer", {"from": from_, "to": to, "value": value})


def frozen(account: str, amount: int) -> tuple[str, dict[str, Any]]:
    return ("Frozen", {"account": account, "amount": amount})


def interface_id(*signatures: str) -> bytes:
    """ERC-165: the selectors of the functions, one xor the other."""
    together = 0
    for signature in signatures:
        together ^= int.from_bytes(keccak(text=signature)[:4])
    return together.to_bytes(4)
