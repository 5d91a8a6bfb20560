"""What a contract's revert says, as an exception: of the error's own name, with its fields as attributes.

```
ContractRefused (domain)
├── ContractRefusal      a custom error of these contracts: the classes in `refusal_classes`
├── Panic                Solidity's own checks: `code`, and what it stands for
├── RevertString         a text, from a contract that is not ours: `text`
├── EmptyRevert          no data: no such function, out of gas, a bare revert
└── UnknownRevert        anything else: `data`
```

The last four are no answer of these contracts (`domain.errors.UNNAMED_REVERTS`). Addresses are shown in EIP-55 text,
bytes as 0x-prefixed hex, numbers as int.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from keyword import iskeyword
from typing import Any, ClassVar

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from lockstep.domain.errors import ContractRefused, InvalidInput

__all__ = [
    "ContractRefusal",
    "EmptyRevert",
    "Field",
    "Panic",
    "RevertString",
    "UnknownRevert",
    "attribute",
    "decode_refusal",
    "explain",
    "refusal_from_hex",
    "refusal_of",
    "refusal_of_tester",
]

_PANIC, _ERROR = bytes.fromhex("4e487b71"), bytes.fromhex("08c379a0")
"""Selectors of Panic(uint256) and Error(string)."""

_PANICS: Mapping[int, str] = {
    0x00: "a panic that the compiler inserted",
    0x01: "an assertion failed",
    0x11: "arithmetic overflowed",
    0x12: "division by zero",
    0x21: "a number that is no value of its enum",
    0x22: "a byte array in storage is badly encoded",
    0x31: "pop on an empty array",
    0x32: "an index beyond an array's end",
    0x41: "too much memory asked for",
    0x51: "a call of an internal function that was never set",
}
"""Solidity's documentation, "Panic via assert and Error via require"."""


_TAKEN = frozenset({"args", "data", "details", "forms", "meaning", "name"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an error: its name and its Solidity type."""

    name: str
    kind: str


def attribute(field: str) -> str:
    """What a field is called in Python: a `_` follows where the name is taken."""
    return f"{field}_" if iskeyword(field) or field in _TAKEN else field


class ContractRefusal(ContractRefused):
    """A custom error of these contracts."""

    forms: ClassVar[Mapping[bytes, tuple[Field, ...]]] = {}
    """By selector. One, except where two contracts give one name to two errors."""

    def __init__(self, **values: object) -> None:
        """`values` by the fields' own names; exactly those of one form."""
        if not any(values.keys() == {field.name for field in fields} for fields in self.forms.values()):
            rule = " or ".join(str([field.name for field in fields]) for fields in self.forms.values())
            raise InvalidInput(type(self).__name__, list(values), f"the fields {rule}")
        super().__init__(type(self).__name__, values)
        for name, value in values.items():
            setattr(self, attribute(name), value)
        self.meaning = " ".join((self.__doc__ or "").split())

    @property
    def data(self) -> bytes:
        """The revert data that it was decoded from: selector and arguments."""
        for selector, fields in self.forms.items():
            if self.details.keys() == {field.name for field in fields}:
                values = [_raw(field.kind, self.details[field.name]) for field in fields]
                return selector + encode([field.kind for field in fields], values)
        raise AssertionError("the constructor saw to it that the fields are those of a form")


class Panic(ContractRefused):
    """One of Solidity's own checks failed."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__("Panic", {"code": f"0x{code:02x}"})
        self.meaning = _PANICS.get(code, "a panic of an unknown kind")


class RevertString(ContractRefused):
    """A contract that is not ours refused with a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__("RevertString", {"text": text})


class EmptyRevert(ContractRefused):
    """A revert without data: no such function, out of gas, or a bare revert."""

    def __init__(self) -> None:
        super().__init__("EmptyRevert", {})


class UnknownRevert(ContractRefused):
    """Revert data that is no error of these contracts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        super().__init__("UnknownRevert", {"data": "0x" + data.hex()})


@cache
def _by_selector() -> dict[bytes, type[ContractRefusal]]:
    """Every error of every contract: a token's error surfaces through DvP."""
    from lockstep.chain.refusal_classes import REFUSALS

    return {selector: kind for kind in REFUSALS for selector in kind.forms}


def decode_refusal(data: bytes) -> ContractRefused:
    """The exception for revert data, a batch's `reason` or the answer of `whyNot`. Never raises."""
    if not data:
        return EmptyRevert()
    selector, rest = data[:4], data[4:]
    kind = _by_selector().get(selector)
    try:
        if kind is not None:
            fields = kind.forms[selector]
            values = decode([field.kind for field in fields], rest)
            shown = {field.name: _shown(field.kind, value) for field, value in zip(fields, values, strict=True)}
            return kind(**shown)
        if selector == _PANIC:
            return Panic(decode(["uint256"], rest)[0])
        if selector == _ERROR:
            return RevertString(decode(["string"], rest)[0])
    except (DecodingError, UnicodeDecodeError, OverflowError):
        pass
    return UnknownRevert(data)


def refusal_of(data: object) -> ContractRefused:
    """Of what a node gives as revert data: hex as a rule, nothing where the contract gave nothing."""
    if data in (None, "", "0x", "no data"):
        return EmptyRevert()
    try:
        return decode_refusal(bytes.fromhex(str(data).removeprefix("0x")))
    except ValueError:
        return UnknownRevert(str(data).encode())


def refusal_of_tester(error: Exception) -> ContractRefused:
    """eth-tester shows the revert data as the Python text of a bytes object."""
    shown = str(error).partition("execution reverted: ")[2]
    try:
        data = ast.literal_eval(shown)
    except (ValueError, SyntaxError):
        data = None
    return decode_refusal(data) if isinstance(data, bytes) else UnknownRevert(str(error).encode())


def refusal_from_hex(text: str) -> ContractRefused:
    """As `decode_refusal`, of hex with or without 0x. Raises InvalidInput for anything else."""
    try:
        return decode_refusal(bytes.fromhex(text.strip().removeprefix("0x")))
    except ValueError as error:
        raise InvalidInput("revert data", text, "hexadecimal digits, two a byte") from error


def explain(refusal: ContractRefused) -> Iterator[str]:
    """What it is, what it means and each operand, a line each; instants also as dates."""
    yield refusal.name
    if refusal.meaning:
        yield refusal.meaning
    kinds = _kinds(refusal)
    for name, value in refusal.details.items():
        instant = _instant(value) if kinds.get(name) == "uint40" or name == "time" else ""
        yield f"{name} = {value}{instant}"


def _kinds(refusal: ContractRefused) -> dict[str, str]:
    forms = refusal.forms.values() if isinstance(refusal, ContractRefusal) else ()
    return {field.name: field.kind for fields in forms for field in fields}


def _instant(value: object) -> str:
    if not isinstance(value, int) or not 0 < value < 2**37:
        return ""
    return f" ({datetime.fromtimestamp(value, UTC).isoformat()})"


def _shown(kind: str, value: Any) -> object:
    if kind == "address":
        return to_checksum_address(str(value))
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _raw(kind: str, value: Any) -> Any:
    return bytes.fromhex(value.removeprefix("0x")) if kind.startswith("bytes") else value
