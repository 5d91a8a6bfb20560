"""What can go wrong, as one tree.

LockstepError
├── InvalidInput            a field, its value and the rule that it broke
│   └── InvalidMessage      the same, in an ISO 20022 message
├── Conflict                an id that exists with other content
├── Refused                 a ledger or an agent said no, by name
│   └── ContractRefused     a contract's custom error, decoded
├── Contradiction           a source said two things that cannot both be true
│   └── SignaturesLost      an agent signed more than it knows
├── StepFailed              the service's own code failed at one trade
├── LeaseLost               another worker has taken over: nothing was stored
├── Unavailable             no answer: nothing is known, nothing may be concluded
│   └── ChainHalted         final blocks were replaced: nothing is concluded until people have decided
└── Misconfigured           the installation itself is wrong
"""

from collections.abc import Mapping

__all__ = [
    "UNNAMED_REVERTS",
    "ChainHalted",
    "Conflict",
    "ContractRefused",
    "Contradiction",
    "InvalidInput",
    "InvalidMessage",
    "LeaseLost",
    "LockstepError",
    "Misconfigured",
    "Refused",
    "SignaturesLost",
    "StepFailed",
    "Unavailable",
]

UNNAMED_REVERTS = frozenset({"EmptyRevert", "Panic", "RevertString", "UnknownRevert"})
"""Reverts that are no custom error: perhaps the node's trouble, or a token's own. Nothing is concluded from them."""


LONGEST_SHOWN = 200
"""Characters of a value that an error's text shows; the error's `value` has them all."""


class LockstepError(Exception):
    """Something in Lockstep failed."""

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or "").strip().splitlines()[0]


class InvalidInput(LockstepError):
    """A value breaks a rule.

    `field` is the name a person would look for (an ISO path for messages), `value` what stood
    there, `rule` what should have.
    """

    def __init__(self, field: str, value: object, rule: str) -> None:
        self.field, self.value, self.rule = field, str(value), rule
        super().__init__(f"{field}: {_shown(self.value)} breaks the rule: {rule}")


def _shown(value: str) -> str:
    """A value as a person reads it: what is longer than a screen's line or two is told by its beginning."""
    if len(value) <= LONGEST_SHOWN:
        return repr(value)
    return f"{value[:LONGEST_SHOWN]!r}… ({len(value)} characters)"


class InvalidMessage(InvalidInput):
    """An ISO 20022 message cannot be accepted."""


class Conflict(LockstepError):
    """An id is already taken by other content. `field`, `value` and `rule` say it as InvalidInput does."""

    def __init__(self, kind: str, identifier: str) -> None:
        self.kind, self.identifier = kind, identifier
        self.field, self.value, self.rule = kind, identifier, "not used before with other content"
        super().__init__(f"{kind} {identifier} exists already with other content")


class Refused(LockstepError):
    """A request was understood and refused. `name` is stable, `details` are its operands."""

    def __init__(self, name: str, details: Mapping[str, object] | None = None) -> None:
        self.name, self.details = name, dict(details or {})
        listed = ", ".join(f"{key}={value}" for key, value in self.details.items())
        super().__init__(f"{name}({listed})")


class ContractRefused(Refused):
    """A contract reverted; `name` is its custom error's, `details` are the error's fields by name.

    The classes by name are in `lockstep.chain.refusal_classes`.
    """

    meaning: str = ""
    """What the error says, in a sentence; "" where nobody wrote one."""


class Contradiction(LockstepError):
    """A source said two things that cannot both be true; people decide."""


class SignaturesLost(Contradiction):
    """An agent signed more than its register knows, and what is missing cannot be found."""


class StepFailed(LockstepError):
    """The service's own code failed at one trade's step, in a way that nobody foresaw. `__cause__` is what it failed
    with: for the log, and for nobody's eyes outside.
    """

    def __init__(self, cause: Exception) -> None:
        self.__cause__ = cause
        super().__init__(f"the service failed at this trade ({type(cause).__name__}); its log says where")


class LeaseLost(LockstepError):
    """Another worker has taken over what a lease was for, while this one slept. Nothing was stored.

    `subject` says what was held, `fence` is the number under which the late worker wrote.
    """

    def __init__(self, subject: str, fence: int) -> None:
        self.subject, self.fence = subject, fence
        super().__init__(f"lease {fence} of {subject} is over: another has taken over")


class Unavailable(LockstepError):
    """A ledger gave no answer. Unknown means held, never failed."""


class ChainHalted(Unavailable):
    """The chain replaced blocks that were final, and people have not decided yet how to go on."""


class Misconfigured(LockstepError):
    """The installation's own settings are wrong."""
