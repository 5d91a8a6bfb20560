"""Runs of the joint machine: draw an act, make the call, compare it and all that can be read with the books.

`python -m contracts.machine.collateral_run --seconds 60`, in `tests/`, plays seeds; a violation names seed and step.
"""

import argparse
import sys
import time
from collections import Counter
from random import Random

from .collateral_acts import ACTS, Actors
from .collateral_hands import Try
from .collateral_world import DAY, GAS, PEOPLE, CollateralWorld

__all__ = ["STEPS", "Violation", "play"]

STEPS = 150
OPENING = 10
WAITS = (1,) * 20 + (10, 60, 60, 200, 3_600, DAY, 3 * DAY)


class Violation(AssertionError):
    """Contract and books differ, or what must hold does not."""


class Play:
    """One seed."""

    def __init__(self, world: CollateralWorld, seed: int) -> None:
        self.world, self.seed = world, seed
        world.begin()
        self.dice = Random(seed)
        self.hands = Actors(world, self.dice)
        self.books = self.hands.books
        self.tally: Counter[str] = Counter()
        self.at = "start"

    def go(self, steps: int) -> None:
        for number in range(steps):
            name = "open" if number < OPENING else self.dice.choices(list(ACTS), list(ACTS.values()))[0]
            self.at = f"seed {self.seed}, step {number}: {name}"
            self.wait(self.dice.choice(WAITS) if self.dice.random() < 0.4 else 0)
            drawn = getattr(self.hands, name)()
            if drawn is None:
                continue
            self.make(name, drawn)
            self.compare()
            self.tally[f"depth {max((one.depth for one in self.books.claims.values()), default=0)}"] += 1
        self.at = f"seed {self.seed}, the end"
        self.all_ends()

    def wait(self, seconds: int) -> None:
        self.world.chain.now += seconds
        self.books.now = self.world.chain.now

    def make(self, name: str, drawn: Try) -> None:
        codec = self.world.codec
        data = codec.encode(drawn.contract, drawn.function, drawn.arguments)
        sender, target = drawn.sender, drawn.target
        if sender == self.world.hostile:
            data = codec.encode("HostileToken", "execute", (target, data))
            sender, target = self.world.address("stranger"), sender
        outcome = self.world.chain.call(sender, target, data, GAS)
        if outcome.done:
            if drawn.broken:
                raise Violation(f"{self.at}: done, though it breaks {sorted(drawn.broken)}")
            drawn.effect()
            self.tally[f"{name} done"] += 1
            return
        told = codec.name_of(outcome.data)
        if told not in drawn.broken and not drawn.loose:
            raise Violation(f"{self.at}: {codec.refusal(outcome.data)}, expected {sorted(drawn.broken) or 'success'}")
        self.tally[f"{name} {told if told in drawn.broken else 'by the token'}"] += 1

    def compare(self) -> None:
        """All that the contracts say of themselves beside the books."""
        world, books = self.world, self.books
        found = books.complaints()
        for id_, claim in books.claims.items():
            ((_, _, _, quantity, depth, reach, _, reused, _, owed, recalled, until, out),) = world.read(
                "CollateralRegister", world.desk, "pledgeOf", id_
            )
            actual = (quantity, depth, reach, reused, owed, recalled, until, out)
            expected = (
                *(claim.quantity, claim.depth, claim.reach, books.reused(id_), claim.owed),
                *(claim.recalled, claim.until, claim.out),
            )
            if actual != expected:
                found.append(f"pledge {id_.hex()[:8]}: {actual}, expected {expected}")
        for id_, deal in books.deals.items():
            (actual,) = world.read("CollateralRegister", world.desk, "stateOf", id_)
            state = (deal.exposure, deal.required, deal.credit, deal.valued, deal.enforce, books.selling(id_))
            if tuple(actual) != state:
                found.append(f"agreement {id_.hex()[:8]}: {actual}, expected {state}")
            (cover,) = world.read("CollateralRegister", world.desk, "coverOf", id_)
            if cover != books.cover(id_):
                found.append(f"cover of {id_.hex()[:8]}: {cover}, expected {books.cover(id_)}")
        for token in world.tokens:
            for wallet in (*self.hands.people, world.desk):
                at = (token, wallet)
                actual = tuple(
                    world.read("SecurityToken", token, function, *arguments)[0]
                    for function, arguments in (
                        ("balanceOf", (wallet,)),
                        ("earmarkedOf", (wallet, world.dvp)),
                        ("earmarkedOf", (wallet, world.desk)),
                    )
                )
                wanted = tuple(one.get(at, 0) for one in (books.balance, books.dvp_lane, books.lane))
                if actual != wanted:
                    found.append(f"{world.names.get(wallet, 'register')}: {actual}, expected {wanted}")
        if found:
            raise Violation(f"{self.at}: {'; '.join(found)}")

    def all_ends(self) -> None:
        """(I12) With faults off, everybody gets out without the taker: settlements end, sales end, and valuers say that
        nothing is owed; or, if they say nothing, officer and confirmer end it."""
        world, books, hands = self.world, self.books, self.hands
        self._calm()
        for id_, lot in books.lots.items():
            if lot.status == "locked" and lot.token != world.hostile:
                digest = world.orders.outcome(id_, 2, 1)
                proof = world.proof(digest, world.agents, 3)
                world.must("stranger", "DvP", world.dvp, "giveBack", (lot.movement, lot.terms), proof)
                books.dvp_lane[lot.token, lot.seller] -= lot.quantity
                lot.status = "back"
        for id_, lot in books.lots.items():
            if lot.open and lot.token != world.hostile:
                world.must("stranger", "CollateralRegister", world.desk, "endSale", id_)
        self.wait(1)
        by_word = self.dice.random() < 0.5
        if not by_word:
            self.wait(3_670 * DAY)
        open_ = {one: claim for one, claim in books.claims.items() if claim.token != world.hostile}
        for id_ in {claim.deal for claim in open_.values()} if by_word else ():
            head = (id_, 0, 0, books.now)
            proof = world.proof(world.valuation_digest(head, []), world.valuers, 2)
            world.must("stranger", "CollateralRegister", world.desk, "value", (*head, []), proof)
            if books.deals[id_].enforce > books.now:
                self.wait(200)
        for stage in ("proposeLongStop", "confirmLongStop") if not by_word else ("releaseExcess",):
            for id_, claim in sorted(open_.items(), key=lambda item: -item[1].depth):
                ((*_, left, _, _, _, _, _, _, _, _, _),) = (
                    world.read("CollateralRegister", world.desk, "pledgeOf", id_)[0][:13],
                )
                if not left:
                    continue
                giver = world.names[books.heir(books.deals[claim.deal].giver)]
                actor = {"proposeLongStop": "dvp officer", "confirmLongStop": "dvp confirmer"}.get(stage, giver)
                if stage == "proposeLongStop" and claim.stop and not books.stop_defeated(id_):
                    continue
                arguments = (id_, left) if stage == "releaseExcess" else (id_,)
                world.must(actor, "CollateralRegister", world.desk, stage, *arguments)
            self.wait(2 * DAY + 1 if not by_word else 0)
        for token in world.tokens:
            for wallet in hands.people:
                (lane,) = world.read("SecurityToken", token, "earmarkedOf", wallet, world.desk)
                if lane:
                    raise Violation(f"{self.at}: {lane} units of {world.names[wallet]} are stranded")
            (kept,) = world.read("SecurityToken", token, "balanceOf", world.desk)
            if kept:
                raise Violation(f"{self.at}: {kept} units are stranded in the register")

    def _calm(self) -> None:
        """Pauses, freezes and suspensions end."""
        world, books = self.world, self.books
        for token in books.paused:
            self._two_hands(token, "setPaused", False)
        for token, wallet in books.frozen:
            self._two_hands(token, "setAccountFrozen", wallet, False)
        for wallet in books.barred - books.heirs.keys():
            world.must("registrar", "ParticipantRegistry", world.registry, "setStatus", wallet, 1)

    def _two_hands(self, token: str, function: str, *arguments: object) -> None:
        data = self.world.codec.encode("SecurityToken", function, arguments)
        self.world.must("officer", "SecurityToken", token, "propose", data)
        self.world.must("confirmer", "SecurityToken", token, function, *arguments)


def play(world: CollateralWorld, seed: int, steps: int = STEPS) -> Counter[str]:
    """How often each act was done and refused, and by what; raises Violation."""
    one = Play(world, seed)
    one.go(steps)
    return one.tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    world, total, seed, end = CollateralWorld(), Counter[str](), given.first, time.monotonic() + given.seconds
    while time.monotonic() < end:
        total += play(world, seed)
        seed += 1
    for name, count in sorted(total.items()):
        sys.stdout.write(f"{count:8} {name}\n")
    calls = sum(count for name, count in total.items() if not name.startswith("depth"))
    sys.stdout.write(f"{seed - given.first} seeds, {calls} calls, parties {len(PEOPLE)}: no violation\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
