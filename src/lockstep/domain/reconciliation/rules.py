"""Which books are compared for what, whose word counts where none has a majority, and what is tolerated."""

from collections.abc import Sequence
from dataclasses import dataclass

from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Book, Key, Subject
from lockstep.domain.values import quick

__all__ = ["PRECEDENCE", "Rule", "RuleBook"]

PRECEDENCE = {
    Subject.POSITION: (Book.CHAIN, Book.SERVICE, Book.LEGACY),
    Subject.TRADE: (Book.CHAIN, Book.RTGS, Book.SERVICE, Book.LEGACY),
    Subject.CASH: (Book.RTGS, Book.SERVICE, Book.LEGACY),
}
"""Who is expected to have what, the ledger of record first: it decides where as many say one thing as another."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is tolerated, and how long a gap is only a matter of time, for one subject or a part of it."""

    name: str
    """Told with every break and every tolerated difference that it judged."""
    subject: Subject
    instrument: str = ""
    """Only this ISIN or currency; "": all."""
    participant: str = ""
    """Only this one's; "": everybody's."""
    books: tuple[Book, ...] = ()
    """Who is compared, the one that decides first; (): as `PRECEDENCE`."""
    tolerated_quantity: int = 0
    """Base units, inclusive."""
    tolerated_amount: int = 0
    """Minor units, inclusive."""
    tolerated_seconds: int | None = None
    """How much later than the others a book may have had it, inclusive; None: on the same UTC day."""
    patience_days: int = 1
    """Business days after the day on which others had it, inclusive, in which a gap is timing and no more."""

    def __post_init__(self) -> None:
        for field in ("tolerated_quantity", "tolerated_amount", "tolerated_seconds", "patience_days"):
            if (getattr(self, field) or 0) < 0:
                raise InvalidInput(field, getattr(self, field), "not below zero")
        if not self.name:
            raise InvalidInput("name", self.name, "a name for every rule")
        if len(set(self.books)) != len(self.books) or len(self.books) == 1:
            raise InvalidInput("books", [one.value for one in self.books], "two books or more, each once, or none")
        if self.subject is Subject.TRADE and self.participant:
            raise InvalidInput("participant", self.participant, "none for trades, which have two")

    @property
    def compared(self) -> tuple[Book, ...]:
        return self.books or PRECEDENCE[self.subject]

    def fits(self, key: Key, instrument: str) -> bool:
        return (
            key.subject is self.subject
            and self.instrument in ("", instrument)
            and self.participant in ("", key.participant)
        )


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Rules, of which the most particular decides: both named, then the instrument, then the participant, then none."""

    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        scopes = [(one.subject, one.instrument, one.participant) for one in self.rules]
        for scope, rule in zip(scopes, self.rules, strict=True):
            if scopes.count(scope) > 1:
                raise InvalidInput("rule", rule.name, "one rule for one subject, instrument and participant")

    def rule(self, key: Key, instrument: str) -> Rule:
        """The rule for a key; without one, nothing is tolerated and a gap has one business day."""
        fitting: Sequence[Rule] = [one for one in self.rules if one.fits(key, instrument)]
        if not fitting:
            return _DEFAULTS[key.subject]
        return max(fitting, key=lambda one: (bool(one.instrument), bool(one.participant)))


_DEFAULTS = {one: Rule(name=f"{one.value}: exact", subject=one) for one in Subject}
