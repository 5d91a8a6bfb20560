"""A node as the event reader asks it: many logs and many blocks at once, and a refusal told from silence.

Over HTTP the answers are parsed by orjson straight into what is kept; a provider inside this process (a test chain, the
simulated world) is asked through `Node`, one question at a time.
"""

from collections.abc import Collection, Sequence
from typing import Any

import orjson
from web3.exceptions import Web3RPCError

from lockstep.chain.answers import lineage
from lockstep.chain.decoding import Log, logs_of_json, logs_of_node, topics
from lockstep.chain.node import Head, Node
from lockstep.domain.errors import Unavailable

__all__ = ["NodeRefused", "Source"]

BLOCKS_AT_ONCE = 100
"""Headers in one JSON-RPC batch: what nodes for hire take at least."""
SPAN, LONGEST_SPAN = 64, 100_000
"""Blocks that are asked for at once, at first and at most."""
EVENTS_AT_ONCE = 10_000
"""Events in one answer, about, and in one transaction."""


class NodeRefused(Unavailable):
    """The node understood the question and does not answer it: too many results, as a rule."""


class Source:
    """One contract's events, and the chain's blocks, through one node. Every method raises Unavailable."""

    def __init__(self, node: Node, address: str) -> None:
        self._node, self._address = node, address
        self.span = SPAN
        """How many blocks are asked for at once: fewer where the node refuses so many events, then more again."""

    def head(self) -> Head:
        return self._node.head()

    def block(self, number: int) -> Head:
        return self._node.block(number)

    def blocks(self, numbers: Collection[int]) -> dict[int, Head]:
        """Blocks by number."""
        wanted = sorted(numbers)
        found: dict[int, Head] = {}
        for first in range(0, len(wanted), BLOCKS_AT_ONCE):
            some = wanted[first : first + BLOCKS_AT_ONCE]
            answers = self._posted([("eth_getBlockByNumber", (hex(one), False)) for one in some])
            if answers is None:
                found |= {one: self._node.block(one) for one in some}
            else:
                found |= {one: _head(one, answer) for one, answer in zip(some, answers, strict=True)}
        return found

    def some_logs(self, first: int, last: int) -> tuple[list[Log], int]:
        """The events of the blocks from `first` on, no further than `last`, and to which block they go."""
        last = min(last, first + self.span - 1)
        while True:
            try:
                logs = self.logs(first, last)
            except NodeRefused:
                if first == last:
                    raise
                last = (first + last) // 2
                self.span = last - first + 1
            except Unavailable:
                self.span = max(1, self.span // 2)  # an answer that is too long may come as silence
                raise
            else:
                break
        asked = last - first + 1
        if len(logs) > EVENTS_AT_ONCE:
            self.span = max(1, asked * EVENTS_AT_ONCE // len(logs))
        elif asked >= self.span:
            self.span = min(LONGEST_SPAN, 2 * self.span)
        return logs, last

    def places(self, first: int, last: int) -> frozenset[tuple[int, int, str]]:
        """Block, place and transaction of each event there: what tells two forks apart where no hash was kept."""
        found: set[tuple[int, int, str]] = set()
        while first <= last:
            logs, read = self.some_logs(first, last)
            found.update((block, place, log["transactionHash"]) for block, place, log in logs)
            first = read + 1
        return frozenset(found)

    def logs(self, first: int, last: int) -> list[Log]:
        """The events of settlements in blocks `first` through `last`. Raises NodeRefused where that is too much."""
        query = {"address": self._address, "topics": [topics()], "fromBlock": hex(first), "toBlock": hex(last)}
        answers = self._posted([("eth_getLogs", (query,))])
        if answers is not None:
            return logs_of_json(answers[0])
        try:
            return logs_of_node(self._node.logs(self._address, [topics()], first, last))
        except Unavailable as error:
            if isinstance(error.__cause__, Web3RPCError):
                raise NodeRefused(str(error)) from error
            raise

    def _posted(self, questions: Sequence[tuple[str, Sequence[Any]]]) -> list[Any] | None:
        """Each question's result, asked as one batch; None where the node is not reached over HTTP."""
        asked = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
            for number, (method, parameters) in enumerate(questions)
        ]
        raw = self._node.post(orjson.dumps(asked[0] if len(asked) == 1 else asked))
        if raw is None:
            return None
        try:
            said = orjson.loads(raw)
            answers = said if isinstance(said, list) else [said]
            results = [_result(one) for one in sorted(answers, key=_number)]
        except (ValueError, TypeError, KeyError) as error:
            raise Unavailable(f"the node's answer to {questions[0][0]} cannot be read: {error!r}") from error
        if len(results) != len(questions):
            raise Unavailable(f"the node gives {len(results)} answers to {len(questions)} questions")
        return results


def _number(answer: dict[str, Any]) -> int:
    if "error" in answer and answer.get("id") is None:
        raise NodeRefused(f"the node does not answer: {answer['error']}")
    return int(answer["id"])


def _result(answer: dict[str, Any]) -> Any:
    if answer.get("error") is not None:
        raise NodeRefused(f"the node does not answer: {answer['error']}")
    return answer["result"]


def _head(number: int, answer: Any) -> Head:
    if answer is None:
        raise Unavailable(f"the node does not answer: it knows no block {number}")
    try:
        return Head(
            number=int(answer["number"], 16),
            timestamp=int(answer["timestamp"], 16),
            hash=answer["hash"][2:].lower(),
            **lineage(answer),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(f"the node's block {number} cannot be read: {error!r}") from error
