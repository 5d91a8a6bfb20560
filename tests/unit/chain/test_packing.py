"""Many view functions in one question, of nodes that do not run the program, or answer as they like."""

from collections.abc import Callable
from typing import Any

import pytest
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


def test_a_node_that_is_silent_is_not_waited_for_twice() -> None:
    def silent(_: dict[str, str]) -> Any:
        raise TimeoutError("late")

    provider = Asked(silent)
    node = Node(provider)
    for _ in range(TRIES + 1):
        answers = node.words(CALLS, 7)
        assert all(isinstance(one, Unavailable) and "late" in str(one) for one in answers) and len(answers) == 5
    assert (provider.programs, provider.alone) == (TRIES + 1, 0)


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
