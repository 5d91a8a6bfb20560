"""Payments in mind, held or just booked: what each agent's release asks of them, kept from one step to the next.

Like what is remembered of the ledger (`database`), it is trusted only while nobody else wrote. Whatever changes a
payment's row notes it here (`register`), whatever changes its earmarks or releases does so too.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockstep.domain.identifiers import Bic, Uetr
from lockstep.domain.payment import PaymentState

if TYPE_CHECKING:
    from lockstep.rtgs.register import StoredOrder

MOST = 5_000
"""Payments kept, about 3 kB each; the one that changed longest ago leaves first."""

Earmarked = tuple[str, int, int]
"""An account, how much of it is set aside, and how much of that came out of a reservation; in minor units."""


@dataclass(slots=True)
class Held:
    """A payment that is held, or was; what is None was not read yet."""

    stored: "StoredOrder"
    earmarks: list[Earmarked] | None = None
    released: dict[Bic, Uetr] | None = None
    """Who has released its settlement, each under which UETR."""


class HeldPayments:
    """By UETR, those that were held lately, also such as are booked since then: the last agents' releases come late."""

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
        if stored.order.held and stored.state in (PaymentState.HELD, PaymentState.BOOKED):
            self._keep(stored)

    def clear(self) -> None:
        self._found.clear()

    def _keep(self, stored: "StoredOrder") -> Held:
        if len(self._found) >= MOST:
            del self._found[next(iter(self._found))]
        found = self._found[stored.order.uetr] = Held(stored)
        return found
