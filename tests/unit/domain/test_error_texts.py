"""What an error tells a person: the operands, in words."""

import pytest

from lockstep.domain.errors import (
    Conflict,
    ContractRefused,
    Contradiction,
    InvalidInput,
    InvalidMessage,
    LockstepError,
    Misconfigured,
    Refused,
    Unavailable,
)


@pytest.mark.parametrize("kind", [InvalidInput, InvalidMessage])
def test_invalid_input(kind: type[InvalidInput]) -> None:
    error = kind("LEI", 5, "twenty characters")
    assert (error.field, error.value, error.rule) == ("LEI", "5", "twenty characters")
    assert str(error) == "LEI: '5' breaks the rule: twenty characters"
    assert isinstance(error, InvalidInput)


def test_a_long_value_is_told_by_its_beginning() -> None:
    error = InvalidInput("CreDt", "x" * 70_000, "an instant")
    assert str(error) == f"CreDt: '{'x' * 200}'… (70000 characters) breaks the rule: an instant"
    assert error.value == "x" * 70_000


def test_conflict() -> None:
    error = Conflict("message", "FABL-1")
    assert (error.kind, error.identifier) == ("message", "FABL-1")
    assert str(error) == "message FABL-1 exists already with other content"


@pytest.mark.parametrize("kind", [Refused, ContractRefused])
def test_refused(kind: type[Refused]) -> None:
    error = kind("TooLate", {"actual": 2, "expected": 1})
    assert (error.name, error.details) == ("TooLate", {"actual": 2, "expected": 1})
    assert str(error) == "TooLate(actual=2, expected=1)"
    assert str(kind("TooLate")) == "TooLate()"


@pytest.mark.parametrize("kind", [LockstepError, Contradiction, Unavailable, Misconfigured])
def test_the_docstring_speaks_where_nobody_else_does(kind: type[LockstepError]) -> None:
    assert str(kind()) == (kind.__doc__ or "").splitlines()[0]
    assert str(kind("in words")) == "in words"
    assert isinstance(kind(), LockstepError)
