"""py-evm behind the machine's calls: transactions with a sender's key, at any second, and every word written."""

from collections import defaultdict

from eth_keys.datatypes import PrivateKey
from eth_tester import PyEVMBackend
from eth_utils.address import to_canonical_address

from .machine.evm import Outcome
from .machine.typed import Key

FEE = 10**10
RICH = 10**30


class PyEvm:
    """One py-evm state, as eth-tester configures it; transactions are applied without mining."""

    def __init__(self) -> None:
        backend = PyEVMBackend()
        self.chain_id = int(backend.chain.chain_id)
        self.vm = backend.chain.get_vm()
        self.state = self.vm.state
        self.written: dict[bytes, set[int]] = defaultdict(set)
        self._set_storage = self.state.set_storage
        self.state.set_storage = self._remember
        self.now = 0
        self.contracts: tuple[bytes, ...] = ()

    def _remember(self, address: bytes, slot: int, value: int) -> None:
        self.written[address].add(slot)
        self._set_storage(address, slot, value)

    def send(self, key: Key, to: str, data: bytes, gas: int) -> tuple[Outcome, str]:
        """How the transaction ended, and the address of what it deployed."""
        sender = to_canonical_address(key.address)
        self.state.set_balance(sender, RICH)
        self.state.execution_context._timestamp = self.now
        unsigned = self.vm.create_unsigned_transaction(
            nonce=self.state.get_nonce(sender),
            gas_price=FEE,
            gas=gas,
            to=to_canonical_address(to) if to else b"",
            value=0,
            data=data,
        )
        signed = unsigned.as_signed_transaction(PrivateKey(key.private.secret), self.chain_id)
        receipt, computation = self.vm.apply_transaction(self.vm.get_header(), signed)
        logs = tuple(
            ("0x" + address.hex(), tuple(topic.to_bytes(32) for topic in topics), bytes(body))
            for address, topics, body in computation.get_log_entries()
        )
        created = "0x" + bytes(computation.msg.storage_address).hex()
        outcome = Outcome(not computation.is_error, bytes(computation.output), int(receipt.gas_used), logs)
        return outcome, created

    def words(self, address: bytes) -> dict[int, int]:
        return {slot: self.state.get_storage(address, slot) for slot in self.written[address]}
