"""Held payments in mind: what each agent's release asks of them, kept from one step to the next.

Like what is remembered of the ledger (`database`), it is trusted only while nobody else wrote. Whatever changes a
payment's row notes it here (`register`), whatever changes its earmarks or releases does so too.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockstep.domain.identifiers import Bic, Uetr
from lockstep.domain.payment import PaymentState

if TYPE_CHECKING:
    from lockstep.rtgs.register import StoredOrder

MOST = 10_000
"""Payments kept, about 3 kB each; the one that was held first leaves first."""

Earmarked = tuple[str, int, int]
"""An account, how much of it is set aside, and how much of that came out of a reservation; in minor units."""


@dataclass(slots=True)
class Held:
    """A held payment; what is None was not read yet."""

    stored: "StoredOrder"
    earmarks: list[Earmarked] | None = None
    released: dict[Bic, Uetr] | None = None
    """Who has released its settlement, each under which UETR."""


class HeldPayments:
    """By UETR, those that were held or released lately."""

    def __init__(self) -> None:
        self._found: dict[Uetr, Held] = {}

    def get(self, uetr: Uetr) -> Held | None:
        """None says nothing: it may be held all the same."""
        return self._found.get(uetr)

    def of(self, stored: "StoredOrder") -> Held:
        """A payment that was found to be held."""
        found = self._found.get(stored.order.uetr)
        return self._keep(stored) if found is None else found

    def changed(self, stored: "StoredOrder") -> None:
        """A payment was stored, new or anew."""
        self._found.pop(stored.order.uetr, None)
        if stored.state is PaymentState.HELD:
            self._keep(stored)

    def clear(self) -> None:
        self._found.clear()

    def _keep(self, stored: "StoredOrder") -> Held:
        if len(self._found) >= MOST:
            del self._found[next(iter(self._found))]
        found = self._found[stored.order.uetr] = Held(stored)
        return found
