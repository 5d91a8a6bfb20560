"""The simulated chain's JSON-RPC: answers in the form that nodes give, errors in theirs."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from web3.providers.base import JSONBaseProvider

from lockstep.simulation.chain_blocks import GAS_LIMIT
from lockstep.simulation.chain_shapes import block_shown, log_shown, receipt_shown, transaction_shown
from lockstep.simulation.chain_transactions import NodeError

if TYPE_CHECKING:
    from lockstep.simulation.chain import SimulatedChain

__all__ = ["SimulatedProvider"]

NOBODY = "0x" + "0" * 40


class SimulatedProvider(JSONBaseProvider):
    """Answers at once. Blocks are named by number, hash, `latest`, `pending`, `earliest`, `safe` or `finalized`."""

    def __init__(self, chain: "SimulatedChain") -> None:
        super().__init__()
        self._chain = chain
        self._methods: dict[str, Callable[..., Any]] = {
            "eth_chainId": lambda: hex(chain.chain_id),
            "net_version": lambda: str(chain.chain_id),
            "web3_clientVersion": lambda: "lockstep-simulated-chain",
            "eth_accounts": lambda: [chain.faucet],
            "eth_blockNumber": lambda: hex(chain.head.number),
            "eth_gasPrice": lambda: hex(chain.head.base_fee + 10**9),
            "eth_maxPriorityFeePerGas": lambda: hex(10**9),
            "eth_getBlockByNumber": self._block,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate,
            "eth_getLogs": self._logs,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionCount": self._count,
            "eth_getCode": lambda address, at="latest": "0x" + self._account(address, at).code.hex(),
            "eth_getBalance": lambda address, at="latest": hex(self._account(address, at).balance),
            "eth_getStorageAt": self._storage,
            "eth_sendRawTransaction": lambda raw: chain.submit(_bytes(raw)),
            "eth_sendTransaction": self._send,
            "evm_mine": self._mine,
        }

    def make_request(self, method: Any, params: Any) -> Any:
        answer = self._methods.get(method)
        if answer is None:
            return _failure(NodeError(-32601, f"the method {method} does not exist/is not available"))
        try:
            return {"jsonrpc": "2.0", "id": 1, "result": answer(*params)}
        except NodeError as error:
            return _failure(error)

    def is_connected(self, show_traceback: bool = False) -> bool:
        return True

    def _number(self, which: Any) -> int:
        """Of a block that is named. Raises NodeError for one that is not there."""
        head = self._chain.head.number
        if which in ("latest", "safe", "finalized"):
            return head
        if which == "pending":
            return head + 1
        if which == "earliest":
            return 0
        if isinstance(which, Mapping):
            which = which.get("blockHash", which.get("blockNumber"))
        if isinstance(which, str) and len(which) == 66:
            number = self._chain.number_of(which.lower())
        else:
            number = which if isinstance(which, int) else int(str(which), 16)
        if number is None or number > head:
            raise NodeError(-32000, "header not found")
        return number

    def _account(self, address: str, which: Any) -> Any:
        return self._chain.account(address, self._number(which))

    def _storage(self, address: str, slot: Any, which: Any = "latest") -> str:
        place = slot if isinstance(slot, int) else int(str(slot), 16)
        return "0x" + self._chain.storage(address, place, self._number(which)).to_bytes(32).hex()

    def _count(self, address: str, which: Any = "latest") -> str:
        if which == "pending":
            return hex(self._chain.next_nonce(address.lower()))
        return hex(self._account(address, which).nonce)

    def _block(self, which: Any, full: bool = False) -> Any:
        try:
            number = self._number(which)
        except NodeError:
            return None
        block = self._chain.block(number)
        if block is None:  # the pending one has neither hash nor nonce yet
            return {**block_shown(self._chain.pending(), full), "hash": None, "nonce": None}
        return block_shown(block, full)

    def _block_by_hash(self, hash_: str, full: bool = False) -> Any:
        number = self._chain.number_of(hash_.lower())
        return None if number is None else self._block(number, full)

    def _call(self, request: Mapping[str, Any], which: Any = "latest", *_: Any) -> str:
        return "0x" + self._executed(request, which)[0].hex()

    def _estimate(self, request: Mapping[str, Any], which: Any = "latest") -> str:
        return hex(self._executed(request, which)[1])

    def _executed(self, request: Mapping[str, Any], which: Any) -> tuple[bytes, int]:
        """Output and gas. Raises NodeError 3 with the revert data, as geth and anvil do."""
        to = request.get("to")
        execution = self._chain.call(
            str(request.get("from") or NOBODY).lower(),
            str(to).lower() if to else None,
            _bytes(request.get("data", request.get("input", "0x"))),
            value=_quantity(request.get("value", 0)),
            gas=min(_quantity(request.get("gas", GAS_LIMIT)), GAS_LIMIT),
            number=self._number(which),
        )
        if execution.done:
            return execution.output, execution.gas
        if execution.halted is not None:
            raise NodeError(-32000, _halt(execution.halted))
        told = f": custom error 0x{execution.output[:4].hex()}" if execution.output else ""
        raise NodeError(3, f"execution reverted{told}", "0x" + execution.output.hex())

    def _from(self, which: Any) -> int:
        """As `_number`, but a number may be past the head: there are no logs there yet."""
        named = isinstance(which, str) and not (which.startswith("0x") and len(which) < 66)
        return self._number(which) if named else _quantity(which)

    def _logs(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        head = self._chain.head.number
        if "blockHash" in query:
            first = last = self._number(query["blockHash"])
        else:
            first = self._from(query.get("fromBlock", "latest"))
            last = min(self._from(query.get("toBlock", "latest")), head)
        return [
            log_shown(block, place, index)
            for block in self._chain.between(first, last)
            for place, one in enumerate(block.mined)
            for index, log in enumerate(one.logs)
            if _matches(log[0], query.get("address")) and _topics_match(log[1], query.get("topics") or ())
        ]

    def _receipt(self, hash_: str) -> dict[str, Any] | None:
        place = self._chain.mined(hash_.lower())
        return None if place is None else receipt_shown(*place)

    def _transaction(self, hash_: str) -> dict[str, Any] | None:
        place = self._chain.mined(hash_.lower())
        if place is not None:
            return transaction_shown(place[0].mined[place[1]].tx, place[0], place[1])
        waiting = self._chain.waiting(hash_.lower())
        return None if waiting is None else transaction_shown(waiting, None, None)

    def _send(self, request: Mapping[str, Any]) -> str:
        fields: dict[str, Any] = {"from": request.get("from", "")}
        if request.get("to"):
            fields["to"] = bytes.fromhex(str(request["to"])[2:])
        for name in ("value", "gas", "nonce", "maxFeePerGas", "maxPriorityFeePerGas"):
            if name in request:
                fields[name] = _quantity(request[name])
        if "gasPrice" in request:
            fields["maxFeePerGas"] = fields["maxPriorityFeePerGas"] = _quantity(request["gasPrice"])
        fields.setdefault("maxPriorityFeePerGas", 10**9)
        fields.setdefault("maxFeePerGas", 2 * self._chain.head.base_fee + 10**9)
        if "data" in request or "input" in request:
            fields["data"] = _bytes(request.get("data", request.get("input")))
        return self._chain.submit(self._chain.sign_for_faucet(fields))

    def _mine(self, *_: Any) -> str:
        self._chain.mine()
        return "0x0"


def _failure(error: NodeError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return {"jsonrpc": "2.0", "id": 1, "error": body}


def _halt(reason: str) -> str:
    """Geth's words for what stops the EVM."""
    return "out of gas" if "OutOfGas" in reason else f"EVM error: {reason}"


def _bytes(text: Any) -> bytes:
    if isinstance(text, bytes):
        return bytes(text)
    try:
        return bytes.fromhex(str(text)[2:])
    except ValueError:
        raise NodeError(-32602, f"invalid argument: {text!r} is not 0x and hexadecimal digits") from None


def _quantity(value: Any) -> int:
    return value if isinstance(value, int) else int(str(value), 16)


def _matches(address: str, wanted: Any) -> bool:
    if wanted is None:
        return True
    return address in ([one.lower() for one in wanted] if isinstance(wanted, list | tuple) else (wanted.lower(),))


def _topics_match(topics: Sequence[bytes], wanted: Sequence[Any]) -> bool:
    if len(wanted) > len(topics):
        return False
    for topic, choice in zip(topics, wanted, strict=False):
        if choice is None:
            continue
        choices = choice if isinstance(choice, list | tuple) else (choice,)
        if choices and "0x" + topic.hex() not in [_hex(one) for one in choices]:
            return False
    return True


def _hex(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value).lower()
