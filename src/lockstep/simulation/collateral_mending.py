"""What people do about margin when the service's records are lost, or nobody works on a payment any more."""

from collections import Counter

from lockstep.chain.ledger import call_data, packed
from lockstep.domain.errors import LockstepError, Unavailable
from lockstep.signing import build_quorum_proof, cash_digest
from lockstep.simulation.actors_hands import Hands
from lockstep.simulation.collateral_hands import CARRIERS, REGISTER, Desk
from lockstep.simulation.ground import DEPTH
from lockstep.simulation.world import World

__all__ = ["count_what_is_booked", "say_again"]


def say_again(world: World) -> None:
    """Calls, answers and payments that the records lost are said again, as often as needed. What is known is known."""
    left = world.collateral.to_say
    while left:
        try:
            with world.faults.paused():
                left[0]()
        except Unavailable:
            return
        except LockstepError as error:
            world.timeline.tell("participant", f"says it again: {error}")
        left.pop(0)


def count_what_is_booked(world: World) -> bool:
    """Carries the agents' word on a booked payment to the register, which anyone may; True if there was one.

    For calls that the service's records lost, or a reorganisation below the finality depth took: else that is its own.
    """
    if not world.witness.life and world.miner.deepest <= DEPTH:
        return False
    hands = Hands(stage=world.stage, keys=frozenset(CARRIERS))
    carried = False
    for agreement, call in world.collateral.uncounted():
        desk, epoch = Desk(hands, world.streams.stream("counted", call)), world.stage.ledger.epoch()
        left = world.stage.cash_board.cash_attestations(agreement, call)
        told = Counter(one.cash for one in left if one.cash.epoch == epoch.number)
        for cash, _ in told.most_common():
            digest = cash_digest(cash, desk.ledger.register)
            proof = build_quorum_proof(digest, [one.signature for one in left if one.cash == cash], epoch)
            if proof is None:
                continue
            ids = (bytes.fromhex(one) for one in (cash.agreement_id, cash.call_id, cash.pledge_id))
            words = (*ids, cash.amount, cash.epoch)
            said = desk.present(call_data(REGISTER, "recordCash", words, packed(proof)))
            world.timeline.tell("anybody", f"carries the agents' word on call {call[:12]}: {said}")
            world.mine()
            carried = True
            break
    return carried
