"""A contract's storage, read and written past its functions."""

from typing import Any

from eth_utils import keccak

from .harness import World


def slot_of(world: World, contract: Any, key: bytes) -> int:
    """The value of the only mapping that has a slot for the key of 32 bytes."""
    found = [
        value
        for number in range(24)
        if (value := int.from_bytes(world.w3.eth.get_storage_at(contract.address, place(key, number))))
    ]
    assert len(found) == 1, found
    return found[0]


def place(key: bytes, number: int) -> int:
    return int.from_bytes(keccak(key + number.to_bytes(32)))


def wide(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


def set_storage(world: World, contract: Any, slot: int, value: int) -> None:
    """Write a contract's slot, as no transaction could."""
    chain = world.tester.backend.chain
    state = chain.get_vm().state
    state.set_storage(bytes.fromhex(contract.address[2:]), slot, value)
    state.persist()
    chain.header = chain.header.copy(state_root=state.make_state_root())
    world.tester.mine_block()
