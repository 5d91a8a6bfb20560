"""Hundreds of view functions asked for in one question: a program that calls each and returns the first words.

It is given to eth_call as what would make a new contract, so nothing is deployed and any node can run it. All answers
are of one node and one block. An anvil needs a tenth of the time that as many questions take it, and who asks them a
third.
"""

from collections.abc import Sequence

from lockstep.chain.encoding import word_of_address

__all__ = ["AT_ONCE", "GAS", "LONGEST", "program", "unpacked"]

AT_ONCE = 200
"""Calls in one program. With the longest data it is shorter than EIP-3860 allows, 49,152 bytes."""
LONGEST = 200
"""Bytes of data to a call."""
GAS = 2**24 - 1
"""Enough for all of them and for what is returned; more is not taken by nodes that follow EIP-7825."""
_GAS_OF_EACH = 60_000
"""Its own, so that none uses up another's. A view of Lockstep's contracts takes a third of it at most."""
_RESULT = 33
"""Bytes for each call: 1 where it returned a word, else 0; and the word."""

_PROGRAM = bytes.fromhex(
    # The list of calls follows the program and is copied to memory: of each 20 bytes of address, 2 of length, the data.
    # The stack holds the list's size, the place of the next result, `out`, and that of the next call, `at`, on top.
    "60533803 80 60536000 39 80 6000"  # size = CODESIZE - 0x53; CODECOPY; out = size; at = 0
    "5b 82811015 604c 57"  # 0x0d: while at < size
    "6020 82600101"  # 32 bytes of what is returned, at out + 1
    "8260140151 60f01c"  # the length, from the word at at + 20
    "83601601"  # the data, at at + 22
    "8451 60601c"  # the address, from the word at `at`
    f"62{_GAS_OF_EACH:06x} fa"  # STATICCALL
    "601f 3d 11 16 82 53"  # memory[out] = it succeeded and RETURNDATASIZE > 31
    "8060140151 60f01c 01 601601"  # at += 22 + length
    "90 602101 90"  # out += 33
    "600d 56"
    "5b 50 81 90 03 90 f3"  # 0x4c: return memory[size:out]
)


def program(calls: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """What eth_call is asked: the program, with each contract's address and the data for it. Nobody makes a contract,
    which is the zero address. Raises InvalidInput for what is no address."""
    items = [word_of_address(to)[12:] + len(data).to_bytes(2) + data for to, data in calls]
    return {"from": "0x" + "0" * 40, "data": "0x" + (_PROGRAM + b"".join(items)).hex(), "gas": hex(GAS)}


def unpacked(answer: bytes, count: int) -> list[bytes | None] | None:
    """The word of each call; None where it returned none. None for all where no such program was run."""
    flags = answer[::_RESULT]
    if len(answer) != count * _RESULT or flags.strip(b"\0\1"):
        return None
    return [answer[start + 1 : start + _RESULT] if answer[start] else None for start in range(0, len(answer), _RESULT)]
