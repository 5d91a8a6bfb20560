"""ABI values by name, as JSON has them: what a constructor was given, what a view function answers.

Integers of more than 48 bits are decimal text, since not every reader of JSON keeps more than 53; bytes are
0x-prefixed hex, addresses EIP-55 text, structs objects by their fields' names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import is_address, to_checksum_address

from lockstep.chain.artifacts import artifact
from lockstep.domain.errors import InvalidInput

__all__ = ["constructor_data", "constructor_values", "creation_code", "shown", "shown_answer"]

_LARGEST_NUMBER_BITS = 48


def creation_code(contract: str) -> bytes:
    """What creates a contract, as it ships, without its constructor's arguments."""
    return bytes.fromhex(artifact(contract).bytecode.removeprefix("0x"))


def constructor_data(contract: str, arguments: Mapping[str, Any]) -> bytes:
    """A constructor's arguments, by name and in the form of this module's JSON, as the EVM takes them.

    Raises InvalidInput for a parameter that is missing, unknown, or not of its type.
    """
    inputs = _constructor(contract)
    values = _fields(inputs, arguments, contract)
    try:
        return encode([collapse_if_tuple(item) for item in inputs], values)
    except EncodingError as error:
        raise InvalidInput(contract, dict(arguments), f"what its constructor takes: {error}") from error


def constructor_values(contract: str, data: bytes) -> dict[str, Any]:
    """The arguments that `constructor_data` made. Raises InvalidInput if it did not."""
    inputs = _constructor(contract)
    try:
        values = decode([collapse_if_tuple(item) for item in inputs], data)
    except DecodingError as error:
        raise InvalidInput(contract, "0x" + data.hex(), f"its constructor's arguments: {error}") from error
    return {item["name"]: shown(item, value) for item, value in zip(inputs, values, strict=True)}


def shown(item: Mapping[str, Any], value: Any) -> Any:
    """A value in JSON's form; `item` is its entry in the ABI."""
    kind = str(item["type"])
    if kind.endswith("]"):
        element = {**item, "type": kind[: kind.rindex("[")]}
        return [shown(element, one) for one in value]
    if kind == "tuple":
        return {part["name"]: shown(part, one) for part, one in zip(item["components"], value, strict=True)}
    if kind == "address":
        return to_checksum_address(value)
    if kind.startswith("bytes"):
        return "0x" + bytes(value).hex()
    if kind.startswith("uint"):
        return value if int(kind[4:]) <= _LARGEST_NUMBER_BITS else str(value)
    return value


def shown_answer(outputs: Sequence[Mapping[str, Any]], answer: bytes) -> Any:
    """What a view function answered: one value, or several by name.

    Raises InvalidInput if the bytes are not that.
    """
    try:
        values = decode([collapse_if_tuple(dict(item)) for item in outputs], answer)
    except DecodingError as error:
        raise InvalidInput("answer", "0x" + answer.hex(), f"the ABI's values: {error}") from error
    if len(outputs) == 1:
        return shown(outputs[0], values[0])
    return {item["name"]: shown(item, value) for item, value in zip(outputs, values, strict=True)}


def _constructor(contract: str) -> list[dict[str, Any]]:
    entry = next((one for one in artifact(contract).abi if one["type"] == "constructor"), None)
    return entry["inputs"] if entry else []


def _fields(items: Sequence[Mapping[str, Any]], given: Any, field: str) -> tuple[Any, ...]:
    if not isinstance(given, Mapping):
        raise InvalidInput(field, given, "an object")
    names = [item["name"] for item in items]
    for name in given:
        if name not in names:
            raise InvalidInput(f"{field}/{name}", given[name], f"one of {', '.join(names)}")
    for name in names:
        if name not in given:
            raise InvalidInput(f"{field}/{name}", "", "given: the constructor takes it")
    return tuple(_parsed(item, given[item["name"]], f"{field}/{item['name']}") for item in items)


def _parsed(item: Mapping[str, Any], given: Any, field: str) -> Any:
    kind = str(item["type"])
    if kind.endswith("]"):
        if not isinstance(given, list | tuple):
            raise InvalidInput(field, given, "a list")
        element = {**item, "type": kind[: kind.rindex("[")]}
        return [_parsed(element, one, f"{field}/{index}") for index, one in enumerate(given)]
    if kind == "tuple":
        return _fields(item["components"], given, field)
    if kind == "address":
        if not is_address(given):
            raise InvalidInput(field, given, "an address: 0x and 40 hex digits")
        return given
    if kind.startswith("bytes"):
        return _bytes(kind, given, field)
    if kind.startswith("uint"):
        if isinstance(given, bool) or not str(given).isdecimal() or int(given) >= 2 ** int(kind[4:]):
            raise InvalidInput(field, given, f"a whole number of {kind}")
        return int(given)
    if (kind, type(given)) not in (("string", str), ("bool", bool)):
        raise InvalidInput(field, given, f"a {kind}")
    return given


def _bytes(kind: str, given: Any, field: str) -> bytes:
    try:
        value = bytes.fromhex(str(given).removeprefix("0x"))
    except ValueError:
        raise InvalidInput(field, given, "bytes as 0x-prefixed hex") from None
    if kind != "bytes" and len(value) != int(kind[5:]):
        raise InvalidInput(field, given, f"{kind[5:]} bytes as 0x-prefixed hex")
    return value
