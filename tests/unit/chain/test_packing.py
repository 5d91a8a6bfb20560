"""Many view functions in one question, of nodes that do not run the program, or answer as they like."""

from collections.abc import Callable
from typing import Any

import pytest
from requests import HTTPError
from web3.providers.base import JSONBaseProvider

from lockstep.chain.node import TRIES, ContractCall, Node
from lockstep.chain.packing import AT_ONCE, GAS, LONGEST, program, unpacked
from lockstep.domain.errors import ContractRefused, InvalidInput, Unavailable

CALLS = [ContractCall(to=f"0x{number:040x}", data=bytes([number] * 4)) for number in range(1, 6)]
WORDS = [bytes([number]) * 32 for number in range(1, 6)]
REVERTED = {"error": {"code": 3, "message": "execution reverted", "data": "0x"}}


class Asked(JSONBaseProvider):
    """Answers one question for a contract's view with four times what it was called with, and as told programs."""

    def __init__(self, told: Callable[[dict[str, str]], Any]) -> None:
        super().__init__()
        self.told, self.programs, self.alone = told, 0, 0

    def make_request(self, method: Any, params: Any) -> Any:
        assert method == "eth_call" and params[1] == "0x7"
        if "to" not in params[0]:
            self.programs += 1
            return {"jsonrpc": "2.0", "id": 1, **self.told(params[0])}
        self.alone += 1
        return {"jsonrpc": "2.0", "id": 1, "result": params[0]["data"] + 28 * params[0]["data"][2:4]}

    def make_batch_request(self, batch_requests: Any) -> Any:
        return [self.make_request(*one) for one in batch_requests]


def result(content: bytes) -> dict[str, str]:
    return {"result": "0x" + content.hex()}


def flagged(*words: bytes | None) -> bytes:
    return b"".join(bytes(33) if word is None else b"\1" + word for word in words)


def test_one_question_for_all() -> None:
    provider = Asked(lambda asked: result(flagged(*WORDS)) if int(asked["gas"], 16) == GAS else REVERTED)
    assert Node(provider).words(CALLS, 7) == WORDS == Node(provider).calls(CALLS, 7)
    assert (provider.programs, provider.alone) == (1, 5)


def test_as_many_questions_as_are_needed() -> None:
    calls = CALLS * (AT_ONCE // 5) + CALLS[:2]
    sizes = [AT_ONCE, 2]
    provider = Asked(lambda _: result(flagged(*(calls[place].data * 8 for place in range(sizes.pop(0))))))
    assert Node(provider).words(calls, 7) == [one.data * 8 for one in calls]
    assert (provider.programs, provider.alone) == (2, 0)


def test_what_brought_no_word_is_asked_by_itself() -> None:
    provider = Asked(lambda _: result(flagged(WORDS[0], None, WORDS[2], None, WORDS[4])))
    node = Node(provider)
    for _ in range(TRIES + 1):
        assert node.words(CALLS, 7) == WORDS
    assert (provider.programs, provider.alone) == (TRIES + 1, 2 * (TRIES + 1)), "the node runs programs all the same"


@pytest.mark.parametrize(
    "told",
    [
        REVERTED,
        {"error": {"code": -32602, "message": "missing field `to`"}},
        {"error": {"code": -32000, "message": "max initcode size exceeded"}},
        {"result": "0x"},
        {"result": None},
        result(flagged(*WORDS)[:-1]),
        result(flagged(*WORDS, WORDS[0])),
        result(b"\2" + flagged(*WORDS)[1:]),
        result(bytes(32) * 5),
    ],
)
def test_a_node_that_runs_no_programs_is_soon_asked_for_none(told: dict[str, Any]) -> None:
    provider = Asked(lambda _: told)
    node = Node(provider)
    for _ in range(TRIES + 2):
        assert node.words(CALLS, 7) == WORDS
    assert (provider.programs, provider.alone) == (TRIES, 5 * (TRIES + 2))


def test_a_node_that_fails_now_and_then_is_asked_on() -> None:
    told = [REVERTED, REVERTED, result(flagged(*WORDS))] * 3
    provider = Asked(lambda _: told.pop(0))
    node = Node(provider)
    assert [node.words(CALLS, 7) for _ in range(9)] == [WORDS] * 9
    assert provider.programs == 9


class Away(Asked):
    """Silent to everything while it is away, and to programs where something on the way stops them."""

    def __init__(self, told: Callable[[dict[str, str]], Any], *, stops_programs: bool = False) -> None:
        super().__init__(told)
        self.away, self.stops_programs, self.waits = False, stops_programs, 0

    def make_request(self, method: Any, params: Any) -> Any:
        if self.away or (self.stops_programs and "to" not in params[0]):
            self.waits += 1
            raise HTTPError("403 Forbidden")
        return super().make_request(method, params)


def test_a_node_that_is_silent_is_not_waited_for_twice() -> None:
    provider = Away(lambda _: result(flagged(*WORDS)))
    node, provider.away = Node(provider), True
    for look in range(1, 4 * TRIES):
        answers = node.words(CALLS, 7)
        assert all(isinstance(one, Unavailable) and "403" in str(one) for one in answers) and len(answers) == 5
        assert provider.waits == look
    provider.away = False
    for _ in range(10):
        assert node.words(CALLS, 7) == WORDS
    assert provider.programs >= 9, "back again it is asked by programs, as before"


def test_where_something_on_the_way_stops_programs_views_are_soon_asked_without() -> None:
    """A proxy that answers with a status of its own, or closes the connection, is not told from a silent node."""
    provider = Away(lambda _: REVERTED, stops_programs=True)
    node = Node(provider)
    looks = [node.words(CALLS, 7) == WORDS for _ in range(50)]
    assert looks.count(False) == provider.waits <= 2 * TRIES and all(looks[4 * TRIES :])


def test_what_a_node_cannot_tell_at_all_does_not_say_that_it_runs_no_programs() -> None:
    """As of a block that it has not got yet, or has no state of any more."""
    unknown, told = {"error": {"code": -32000, "message": "header not found"}}, [True]

    class Behind(Asked):
        def make_request(self, method: Any, params: Any) -> Any:
            answer = super().make_request(method, params)
            return {"jsonrpc": "2.0", "id": 1, **unknown} if told[0] else answer

    provider = Behind(lambda _: result(flagged(*WORDS)))
    node = Node(provider)
    for _ in range(TRIES + 1):
        assert all(isinstance(one, Unavailable) for one in node.words(CALLS, 7))
    told[0], alone = False, provider.alone
    assert node.words(CALLS, 7) == WORDS and provider.alone == alone


def test_one_look_of_many_programs_that_fail_does_not_end_programs() -> None:
    told = [REVERTED] * TRIES
    provider = Asked(lambda _: told.pop() if told else result(flagged(*WORDS)))
    node = Node(provider)
    node.words(CALLS * (AT_ONCE // 5 * TRIES), 7)
    alone = provider.alone
    assert node.words(CALLS, 7) == WORDS and provider.alone == alone


@pytest.mark.parametrize(
    "calls",
    [CALLS[:3], [*CALLS, ContractCall(to=CALLS[0].to, data=bytes(LONGEST + 1))]],
    ids=["few", "long"],
)
def test_few_and_long_ones_are_asked_one_by_one(calls: list[ContractCall]) -> None:
    provider = Asked(lambda _: REVERTED)
    assert Node(provider).words(calls, 7) == Node(provider).calls(calls, 7)
    assert provider.programs == 0


def test_an_error_of_one_is_its_own() -> None:
    class Refusing(Asked):
        def make_request(self, method: Any, params: Any) -> Any:
            if params[0].get("to") == CALLS[3].to:
                return {"jsonrpc": "2.0", "id": 1, **REVERTED}
            return super().make_request(method, params)

    node = Node(Refusing(lambda _: result(flagged(*WORDS[:3], None, WORDS[4]))))
    answers = node.words(CALLS, 7)
    assert isinstance(answers.pop(3), ContractRefused) and answers == [*WORDS[:3], WORDS[4]]


def test_the_program_and_its_list() -> None:
    longest = [(one.to, bytes(LONGEST)) for one in CALLS] * (AT_ONCE // 5)
    assert len(program(longest)["data"]) // 2 <= 49_152, "EIP-3860"
    data = bytes.fromhex(program([(CALLS[0].to, b"\xaa\xbb\xcc\xdd"), (CALLS[1].to, b"")])["data"][2:])
    assert data[0x53:].hex() == "00" * 19 + "01" + "0004" + "aabbccdd" + "00" * 19 + "02" + "0000"
    assert data[0x0D] == data[0x4C] == 0x5B, "where it jumps to"
    with pytest.raises(InvalidInput):
        program([("0x12", b"")])
    assert unpacked(b"", 0) == [] and unpacked(b"", 1) is None
