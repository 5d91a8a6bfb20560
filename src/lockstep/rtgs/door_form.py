"""What the operator's requests carry: members of one JSON object, each checked before it is used."""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money
from lockstep.rtgs.orders import Priority
from lockstep.rtgs.parties import Role


@dataclass(frozen=True, slots=True)
class Form:
    """A JSON object whose members are all of the right type, or named in an InvalidInput."""

    members: dict[str, Any]

    @classmethod
    def parse(cls, content: bytes) -> "Form":
        try:
            members = json.loads(content or b"{}", parse_float=Decimal)
        except ValueError as error:
            raise InvalidInput("body", content[:40], f"JSON ({error})") from None
        if not isinstance(members, dict):
            raise InvalidInput("body", content[:40], "a JSON object")
        return cls(members)

    def text(self, name: str) -> str:
        value = self.members.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidInput(name, value, "text")
        return value

    def optional(self, name: str) -> str | None:
        return None if self.members.get(name) is None else self.text(name)

    def whole(self, name: str) -> int:
        value = self.members.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput(name, value, "a whole number")
        return value

    def truth(self, name: str) -> bool:
        """False where it is absent."""
        value = self.members.get(name, False)
        if not isinstance(value, bool):
            raise InvalidInput(name, value, "true or false")
        return value

    def bounded(self, name: str, usual: int, most: int) -> int:
        """A whole number from 1 on; as text too, since a GET carries nothing else. More than `most` is `most`."""
        value = self.members.get(name, usual)
        if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidInput(name, value, "a whole number, one or more")
        return min(value, most)

    def instant(self, name: str) -> datetime:
        try:
            found = datetime.fromisoformat(self.text(name))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise InvalidInput(name, self.text(name), "an instant with its zone: 2026-11-20T12:00:00Z")
        return found

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise InvalidInput(name, self.text(name), "a day as ISO 8601 writes it: 2026-11-20") from None

    def money(self, name: str) -> Money:
        return Money.parse(self.text(name), self.text("currency"), field=name)

    def priority(self, name: str) -> Priority:
        try:
            return Priority[self.text(name)]
        except KeyError:
            raise InvalidInput(name, self.text(name), f"one of {', '.join(one.name for one in Priority)}") from None

    def role(self, name: str) -> Role:
        try:
            return Role(self.text(name))
        except ValueError:
            raise InvalidInput(name, self.text(name), f"one of {', '.join(role.value for role in Role)}") from None
