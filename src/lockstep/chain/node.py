"""One node's JSON-RPC, with its failures told apart: the contract said no, or nobody answered."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

from eth_utils.exceptions import ValidationError
from requests import RequestException
from web3 import Web3
from web3._utils.method_formatters import get_error_formatters
from web3.datastructures import NamedElementOnion
from web3.exceptions import ContractCustomError, ContractLogicError, Web3Exception
from web3.providers.base import BaseProvider

from lockstep.chain import answers
from lockstep.chain.failover import FailoverProvider
from lockstep.chain.jsonrpc import HttpEndpoint, batch_of
from lockstep.chain.packing import AT_ONCE, LONGEST, program, unpacked
from lockstep.chain.refusals import refusal_of, refusal_of_tester
from lockstep.domain.errors import ContractRefused, LockstepError, Unavailable

__all__ = ["ContractCall", "Head", "Node", "Standing"]

Answer = TypeVar("Answer")
_NOBODY = "0x" + "0" * 40
_SILENT = (RequestException, OSError, TimeoutError)
_OBJECTIONS = (ValueError, ValidationError, Web3Exception)
_Question = tuple[str, Sequence[Any]]
BATCH = 250
"""Questions in one request: nodes take 1,000 as a rule, and their answers grow large."""
BATCH_CHARACTERS = 1_000_000
"""In one request, unless one question alone is larger: anvil takes 2 MB, geth 5."""
FEW, TRIES = 4, 3
"""So many views are asked for by a program; by none after a node has answered so often without one, and never with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A block: its number, its timestamp in seconds, its hash; of what is not asked for by everybody its parent's hash
    and the bloom of its events, empty and None where the node does not tell."""

    number: int
    timestamp: int
    hash: str
    parent: str = field(default="", compare=False)
    bloom: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account stands at the head: how many of its transactions are in blocks, and wei per gas of the block."""

    head: Head
    base_fee: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCall:
    """A question to a contract, or a transaction tried out; gas in units."""

    to: str
    data: bytes
    sender: str = _NOBODY
    gas: int = 5_000_000


class Node:
    """A node reached by URL, several that stand in for one another, or a provider such as eth-tester's.

    Every method raises Unavailable when the node does not answer. Those that ask for many at once do so by JSON-RPC
    batches where the provider has them, else one by one, and say of each by itself what could not be had.
    """

    def __init__(self, endpoint: str | BaseProvider | Sequence[str], *, timeout_seconds: float = 10) -> None:
        """Raises Misconfigured where several URLs are of different chains."""
        if isinstance(endpoint, str):
            endpoint = HttpEndpoint(endpoint, timeout_seconds=timeout_seconds)
        elif not isinstance(endpoint, BaseProvider):
            endpoint = FailoverProvider([HttpEndpoint(one, timeout_seconds=timeout_seconds) for one in endpoint])
        self.web3 = Web3(endpoint)
        self._unpacked = self._unheard = 0
        """Looks in a row where the node ran no program and answered without; where it was silent to programs."""
        # It asks for the chain id anew with every call; the adapters check it once, when they are made.
        self.web3.middleware_onion.remove("validation")

    @cached_property
    def _answer(self) -> Callable[..., Any]:
        """Asks past web3's middleware and formatters, which take longer than most answers; not past the provider's."""
        provider: Any = self.web3.provider
        function: Callable[..., Any] = provider.request_func(self.web3, NamedElementOnion([]))
        return function

    def chain_id(self) -> int:
        return self._read("eth_chainId", (), answers.number)

    def head(self) -> Head:
        return self.block("latest")

    def block(self, which: Any) -> Head:
        """`which` is a number, a hash or a name such as `latest`. Raises Unavailable for one that is not there."""
        block = self._block(which)
        return _read_by(_standing_block, f"block {which}", block)[0]

    def _block(self, which: Any) -> Mapping[str, Any]:
        named = isinstance(which, str) and not which.startswith("0x")
        shown = which if isinstance(which, str) else _named(which)
        method = "eth_getBlockByNumber" if named or len(shown) < 66 else "eth_getBlockByHash"
        found: Mapping[str, Any] | None = self._read(method, (shown, False), lambda answer: answer)
        if found is None:
            raise Unavailable(f"the node does not answer: it knows no block {shown}")
        return found

    def call(
        self, to: str, data: bytes, block: int | None = None, *, sender: str | None = None, gas: int = 5_000_000
    ) -> bytes:
        """eth_call. Raises ContractRefused with the custom error decoded."""
        request = _request(ContractCall(to=to, data=data, sender=sender or _NOBODY, gas=gas))
        return self._read("eth_call", (request, _named(block)), answers.data)

    def logs(
        self, address: str | Sequence[str], topics: Sequence[Any], first: int, last: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """A contract's events, or several contracts', from block `first` through `last`, or through the head."""
        query = {"address": address, "topics": list(topics), "fromBlock": hex(first), "toBlock": _named(last)}
        return self._read("eth_getLogs", (query,), lambda found: [answers.log(one) for one in found])

    def receipt(self, transaction: str) -> Mapping[str, Any] | None:
        """The receipt, or None while the transaction is in no block."""
        return self._read("eth_getTransactionReceipt", (transaction,), lambda found: found and answers.receipt(found))

    def transaction(self, hash_: str) -> Mapping[str, Any]:
        """A transaction in a block or in the pool: `to`, `input`. Raises Unavailable if the node does not know it."""
        found = self._read("eth_getTransactionByHash", (hash_,), lambda given: given and answers.transaction(given))
        if found is None:
            raise Unavailable(f"the node does not know {hash_}")
        return found

    def transaction_count(self, address: str) -> int:
        """How many transactions of an account are in blocks."""
        return self._read("eth_getTransactionCount", (address, "latest"), answers.number)

    def code(self, address: str) -> bytes:
        """The code at an address; empty where there is none."""
        return self._read("eth_getCode", (address, "latest"), answers.data)

    def balance(self, address: str) -> int:
        """Money for fees, in wei."""
        return self._read("eth_getBalance", (address, "latest"), answers.number)

    def base_fee(self) -> int:
        return answers.number(self._block("latest").get("baseFeePerGas", 0))

    def gas_limit(self) -> int:
        """The most gas that a block takes, by the last one."""
        return _read_by(lambda block: answers.number(block["gasLimit"]), "block latest", self._block("latest"))

    def broadcast(self, raw: bytes) -> str | None:
        """Hands over a signed transaction; returns the node's objection, or None.

        An objection proves nothing: the transaction may be known already, or mined.
        """
        (objection,) = self.broadcast_all([raw])
        if isinstance(objection, Unavailable):
            raise objection
        return objection

    # --- many at once

    def standing(self, address: str) -> Standing:
        """The head and an account's count of transactions, in one request."""
        block, count = self._all(
            [("eth_getBlockByNumber", ("latest", False)), ("eth_getTransactionCount", (address, "latest"))],
            [_standing_block, answers.number],
        )
        for one in (block, count):
            if isinstance(one, LockstepError):
                raise one
        head, base_fee = block
        return Standing(head=head, base_fee=base_fee, count=count)

    def counts(self, address: str, block: int) -> int:
        """How many transactions of an account were in blocks up to this one."""
        return self._read("eth_getTransactionCount", (address, hex(block)), answers.number)

    def receipts(self, transactions: Sequence[str]) -> list[Mapping[str, Any] | Unavailable | None]:
        """Of each its `answers.outcome`, None while it is in no block, or why nothing is known of it."""
        return self._all_alike(
            [("eth_getTransactionReceipt", (one,)) for one in transactions],
            lambda found: found and answers.outcome(found),
        )

    def calls(
        self, calls: Sequence[ContractCall], block: int | None = None
    ) -> list[bytes | ContractRefused | Unavailable]:
        """eth_call for each: what it returns, the custom error decoded, or why nothing is known of it."""
        at = _named(block)
        return self._all_alike([("eth_call", (_request(one), at)) for one in calls], answers.data)

    def words(
        self, calls: Sequence[ContractCall], block: int | None = None
    ) -> list[bytes | ContractRefused | Unavailable]:
        """As `calls`, of views of which 32 bytes are wanted, 200 to a question where the node runs `packing`'s program.
        What that brought no word of is asked by itself."""
        short = all(len(one.data) <= LONGEST for one in calls)
        if len(calls) < FEW or not short or self._unpacked >= TRIES or batch_of(self.web3.provider) is None:
            return self.calls(calls, block)
        if self._unheard >= TRIES:  # it is away, or something on the way stops programs: this tells
            plain = self.calls(calls, block)
            if any(not isinstance(one, Unavailable) for one in plain):
                self._unheard, self._unpacked = TRIES - 1, self._unpacked + 1
            return plain
        parts = [calls[start : start + AT_ONCE] for start in range(0, len(calls), AT_ONCE)]
        programs = [program([(one.to, one.data) for one in part]) for part in parts]
        told = self._all_alike([("eth_call", (one, _named(block))) for one in programs], answers.data)
        ran = [
            unpacked(one, len(part)) if isinstance(one, bytes) else None for one, part in zip(told, parts, strict=True)
        ]
        found: list[bytes | ContractRefused | Unavailable | None] = []
        for part, answer, words in zip(parts, told, ran, strict=True):
            found += words or [answer if _is_silence(answer) else None] * len(part)  # whoever asks again waits again
        self._unheard = self._unheard + 1 if any(map(_is_silence, told)) else 0
        rest = [one for one, word in zip(calls, found, strict=True) if word is None]
        alone = self.calls(rest, block) if rest else []
        if any(ran):
            self._unpacked = 0
        elif any(not isinstance(one, Unavailable) for one in alone):  # what it cannot tell at all says nothing
            self._unpacked += 1
        by_itself = iter(alone)
        return [next(by_itself) if word is None else word for word in found]

    def codes(self, addresses: Sequence[str]) -> list[bytes]:
        """The code at each address; empty where there is none."""
        found = self._all_alike([("eth_getCode", (one, "latest")) for one in addresses], answers.data)
        for one in found:
            if isinstance(one, LockstepError):
                raise one
        return found

    def broadcast_all(self, raws: Sequence[bytes]) -> list[str | Unavailable | None]:
        """As `broadcast`, for each; what went without an answer may have arrived."""
        questions = [("eth_sendRawTransaction", ("0x" + raw.hex(),)) for raw in raws]
        found: list[str | Unavailable | None] = []
        for question, response in zip(questions, self._responses(questions), strict=True):
            if isinstance(response, Unavailable):
                found.append(response)
                continue
            try:
                self._understood(*question, response)
                found.append(None)
            except _or_reverted(*_OBJECTIONS) as error:
                found.append(str(error))
        return found

    def _all_alike(self, questions: Sequence[_Question], understood: Callable[[Any], Any]) -> list[Any]:
        return self._all(questions, [understood] * len(questions))

    def _all(self, questions: Sequence[_Question], understood: Sequence[Callable[[Any], Any]]) -> list[Any]:
        """Each answer as it is understood, or the error that it is: ContractRefused or Unavailable."""
        found: list[Any] = []
        for (method, parameters), response, read in zip(questions, self._responses(questions), understood, strict=True):
            try:
                if isinstance(response, Unavailable):
                    raise response
                answer = self._ask(partial(self._understood, method, parameters, response))
                found.append(_read_by(read, method, answer))
            except (ContractRefused, Unavailable) as error:
                found.append(error)
        return found

    def _responses(self, questions: Sequence[_Question]) -> list[Any]:
        """The node's responses, errors of its own included; Unavailable in the place of each that did not come."""
        batch = batch_of(self.web3.provider)
        found: list[Any] = []
        if batch is None or len(questions) == 1:
            for method, parameters in questions:
                try:
                    found.append(self._answer(method, list(parameters)))
                except _or_reverted(*_SILENT, Web3Exception, ValidationError) as error:
                    found.append(_silence(error) if isinstance(error, _SILENT) else _Raised(error))
            return found
        for part in _parts(questions):
            try:
                found += batch([(method, list(parameters)) for method, parameters in part])
            except _SILENT as error:
                found += [_silence(error)] * len(part)
        return found

    def raw(self, questions: Sequence[_Question]) -> list[Any]:
        """The answers as they came, for who judges them himself. Raises Unavailable, ContractRefused."""
        found = self._all_alike(questions, lambda answer: answer)
        for one in found:
            if isinstance(one, LockstepError):
                raise one
        return found

    # --- one question

    def post(self, body: bytes) -> bytes | None:
        """A JSON-RPC request as bytes, a batch too, and the answer as bytes; None where it is not reached over HTTP."""
        post: Callable[[bytes], bytes] | None = getattr(self.web3.provider, "post", None)
        if post is None:
            return None
        try:
            return post(body)
        except _SILENT as error:
            raise Unavailable(f"the node does not answer: {error}") from error

    def _read(self, method: str, parameters: Sequence[Any], understood: Callable[[Any], Answer]) -> Answer:
        """One question past web3's formatters; its errors are web3's still."""
        return _read_by(understood, method, self._ask(lambda: self._result(method, parameters)))

    def _result(self, method: Any, parameters: Sequence[Any]) -> Any:
        return self._understood(method, parameters, self._answer(method, list(parameters)))

    def _understood(self, method: Any, parameters: Sequence[Any], response: Any) -> Any:
        """The result in a response, or the exception that web3 has for its error."""
        if isinstance(response, _Raised):
            raise response.error
        if "error" in response or "result" not in response:
            return self.web3.manager.formatted_response(response, parameters, get_error_formatters(method))
        return response["result"]

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except (ContractCustomError, ContractLogicError) as error:
            raise refusal_of(error.data) from error
        except _or_reverted() as error:
            raise refusal_of_tester(error) from error
        except (*_SILENT, Web3Exception, ValidationError) as error:  # an error of the node's own proves nothing either
            raise _silence(error) from error


@dataclass(frozen=True, slots=True)
class _Raised:
    """What a provider raised in place of an answer."""

    error: Exception


def _parts(questions: Sequence[_Question]) -> Iterator[list[_Question]]:
    part: list[_Question] = []
    size = 0
    for question in questions:
        long = sum(len(one["data"] if isinstance(one, dict) and "data" in one else str(one)) for one in question[1])
        if part and (len(part) == BATCH or size + long > BATCH_CHARACTERS):
            yield part
            part, size = [], 0
        part.append(question)
        size += long
    if part:
        yield part


def _silence(error: Exception) -> Unavailable:
    silence = Unavailable(f"the node does not answer: {error}")
    silence.__cause__ = error
    return silence


def _is_silence(answer: object) -> bool:
    return isinstance(answer, Unavailable) and isinstance(answer.__cause__, _SILENT)


def _read_by(understood: Callable[[Any], Answer], method: str, answer: Any) -> Answer:
    try:
        return understood(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(f"the node's answer to {method} cannot be read: {error!r}") from error


def _standing_block(block: Mapping[str, Any]) -> tuple[Head, int]:
    head = Head(
        number=answers.number(block["number"]),
        timestamp=answers.number(block["timestamp"]),
        hash=answers.data(block["hash"]).hex(),
        **answers.lineage(block),
    )
    return head, answers.number(block.get("baseFeePerGas", 0))


def _request(one: ContractCall) -> dict[str, str]:
    """Nobody is the zero address, as nodes take it; left out, eth-tester looks for an account, slowly."""
    return {"from": one.sender, "to": one.to, "data": "0x" + one.data.hex(), "gas": hex(one.gas)}


def _named(block: int | bytes | None) -> str:
    if block is None:
        return "latest"
    return hex(block) if isinstance(block, int) else "0x" + block.hex()


def _or_reverted(*kinds: type[Exception]) -> tuple[type[Exception], ...]:
    """And what eth-tester raises for a call that reverts, where there is such a chain in this process: with it comes a
    whole EVM, which takes long to load, and no other process is to pay for that."""
    module = sys.modules.get("eth_tester.exceptions")
    return kinds if module is None else (*kinds, module.TransactionFailed)
