"""Running constructors in this process, to know the code that a deployment must have, byte for byte.

The compiler leaves holes where immutables go, and says where but not what. The constructor fills them; so it is run
here, by py-evm, at the same address and on the same chain id, from the shipped creation code and the arguments. The
result owes nothing to the node that is being checked. It also shows what a constructor refuses before it costs gas.
"""

from eth.abc import ComputationAPI, TransactionContextAPI
from eth.constants import BLANK_ROOT_HASH, ZERO_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert, VMError
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague import PragueVM
from eth.vm.message import Message
from eth_typing import Address, BlockNumber
from eth_utils.address import to_canonical_address

from lockstep.chain.refusals import decode_refusal
from lockstep.domain.errors import Misconfigured

__all__ = ["Rebuilt"]

_GAS = 100_000_000
_CODE_LIMIT = 24_576
_NO_ONE = Address(ZERO_ADDRESS)


class Rebuilt:
    """An empty state that contracts are created in, one after the other."""

    def __init__(self, chain_id: int) -> None:
        kind = PragueVM.get_state_class()
        # Neither time nor block number may matter to a constructor: its code would not be a function of its address.
        context = ExecutionContext(_NO_ONE, 1, BlockNumber(1), 0, ZERO_HASH32, _GAS, [], chain_id, 0, 0)
        self._state = kind(AtomicDB(), context, BLANK_ROOT_HASH)
        self._context: TransactionContextAPI = self._state.get_transaction_context_class()(0, _NO_ONE)

    def create(self, address: str, init_code: bytes) -> bytes:
        """The runtime code that `init_code` leaves at `address`. Raises ContractRefused as the constructor does."""
        there = to_canonical_address(address)
        message = Message(
            gas=_GAS, to=Address(b""), sender=_NO_ONE, value=0, data=b"", code=init_code, create_address=there
        )
        kind = self._state.computation_class
        _require_success(kind.apply_create_message(self._state, message, self._context), address)
        code = bytes(self._state.get_code(there))
        if len(code) > _CODE_LIMIT:
            raise Misconfigured(f"the code for {address} has {len(code)} bytes, more than {_CODE_LIMIT} (EIP-170)")
        return code

    def code(self, address: str) -> bytes:
        """The runtime code at an address, also of what a constructor created; empty where nothing is."""
        return bytes(self._state.get_code(to_canonical_address(address)))

    def view(self, address: str, data: bytes) -> bytes:
        """What a contract created here answers. Raises ContractRefused."""
        there = to_canonical_address(address)
        code = self._state.get_code(there)
        message = Message(gas=_GAS, to=there, sender=_NO_ONE, value=0, data=data, code=code, is_static=True)
        computation = self._state.computation_class.apply_message(self._state, message, self._context)
        _require_success(computation, address)
        return bytes(computation.output)


def _require_success(computation: ComputationAPI, address: str) -> None:
    try:
        computation.raise_if_error()
    except Revert as error:
        raise decode_refusal(bytes(computation.output)) from error
    except VMError as error:
        raise Misconfigured(f"the code for {address} fails when it is run: {error!r}") from error
