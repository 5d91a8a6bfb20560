"""The random acts on DvP and collateral register together, each with what should become of it.

An act returns a `Try`: who calls what, the names of the rules that it breaks, and what it does to the books if none.
Actors are drawn mostly right and often wrong; so are amounts and times.
"""

from .collateral_acts_around import Around
from .collateral_acts_pledges import Pledging
from .collateral_acts_values import Enforcing
from .collateral_hands import Try

__all__ = ["ACTS", "Actors"]


class Actors(Pledging, Enforcing, Around):
    """Everyone, and the hostile token."""

    def hostility(self) -> Try | None:
        """The hostile token changes its ways, or learns a call that it makes in the midst of others'."""
        payload = b""
        made = [one for one in (self.release(), self.pledge(), self.appropriate(), self.substitute()) if one]
        if made and self.dice.random() < 0.6:
            drawn = self.dice.choice([one for one in made if one.function != "run"] or made)
            payload = self.world.codec.encode(drawn.contract, drawn.function, drawn.arguments)
            if drawn.function == "run":
                payload = b""
        conduct = self.dice.choice([0, 0, 0, 1, 4, 5, 6])
        arguments = (conduct, payload)
        sender = self.world.address("stranger")
        return Try(sender, "HostileToken", self.world.hostile, "become", arguments, frozenset(), lambda: None)


ACTS: dict[str, int] = {
    "open": 4,
    "pledge": 8,
    "repledge": 10,
    "release": 5,
    "release_excess": 5,
    "substitute": 4,
    "recall": 2,
    "value": 9,
    "record_cash": 4,
    "declare": 5,
    "end_default": 1,
    "appropriate": 5,
    "set_off": 3,
    "return_units": 3,
    "sell": 6,
    "end_sale": 4,
    "lock": 3,
    "settle": 3,
    "give_back": 3,
    "propose_stop": 2,
    "confirm_stop": 3,
    "pause": 1,
    "freeze": 1,
    "bar": 1,
    "hostility": 1,
}
"""How often each is drawn, beside the others."""
