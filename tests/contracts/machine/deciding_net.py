"""How actors put cycles together, sign them and present them: mostly as they should, now and then not."""

from typing import Any

from .deciding import signature_of
from .model_dvp import NONE
from .model_net import Gross, Leg
from .model_proofs import HONEST
from .world import DAY, NOBODY, Cycle, Stage

__all__ = ["find_cycle", "limits_of", "new_cycle", "place_of", "presented_net", "signatures_net", "standing"]

REMEMBERED = 40


def packed(legs: list[Leg]) -> bytes:
    return b"".join(bytes(leg[:3]) + leg.quantity.to_bytes(8) + leg.terms for leg in legs)


def new_cycle(stage: Stage) -> Cycle:
    """Most often a cycle that can be locked now; one in seven breaks a rule."""
    world, dice = stage.world, stage.dice
    able = [one for one in world.wallets if stage.market.registry.may_act(one, stage.now)]
    if stage.odds(0.8):
        conduct = stage.market.wallets
        able = [one for one in able if one not in conduct or conduct[one].conduct == HONEST]
    wallets = able if len(able) > 1 and stage.odds(0.92) else world.wallets
    parties = sorted(dice.sample(wallets, min(len(wallets), 2 + stage.below(4))), key=lambda one: int(one, 16))
    tokens = [one for one in _securities(stage) if stage.odds(0.55)] or [world.token]
    tokens.sort(key=lambda one: int(one, 16))
    legs = _ring(stage, tokens, parties)
    dice.shuffle(legs)
    lock_by = stage.now + stage.below(3 * DAY)
    pay_by = lock_by + stage.below(8 * DAY)
    epoch = stage.market.dvp.current
    gross = Gross(tuple(tokens), tuple(parties), packed(legs), dice.randbytes(32), epoch, lock_by, pay_by)
    return stage.cycle(_spoilt(stage, gross, legs) if stage.odds(0.14) else gross)


def _securities(stage: Stage) -> list[str]:
    world = stage.world
    found = [world.token, world.other_token] + ([world.hostile] if stage.odds(0.5) else [])
    return found + ([world.next_token] if stage.market.tokens[world.token].successor else [])


def _ring(stage: Stage, tokens: list[str], parties: list[str]) -> list[Leg]:
    """Each party has a trade, each security has one; some trades cancel each other out."""
    count, legs = len(parties), []

    def add(seller: int, buyer: int, token: int) -> None:
        ledger = stage.market.tokens.get(tokens[token])
        free = ledger.free(parties[seller]) if ledger else 100
        quantity = 1 + stage.below(min(max(free, 1), 1_500))
        legs.append(Leg(seller, buyer, token, quantity, stage.dice.randbytes(32)))
        if stage.odds(0.15):
            legs.append(legs[-1]._replace(seller=buyer, buyer=seller))

    for i in range(max(count, len(tokens))):
        if i < count and i == count - 1 and count > 1 and stage.odds(0.4) and i >= len(tokens):
            # The last one only buys.
            add(stage.below(i), i, i % len(tokens))
        else:
            add(i % count, (i + 1) % count, i % len(tokens))
    for _ in range(stage.below(4)):
        seller, buyer = stage.dice.sample(range(count), 2)
        add(seller, buyer, stage.below(len(tokens)))
    return legs


def _spoilt(stage: Stage, gross: Gross, legs: list[Leg]) -> Gross:
    world, now = stage.world, stage.now
    one = stage.below(len(legs))
    if stage.odds(0.02):
        return _too_large(stage, gross, legs)

    def leg(**changes: Any) -> bytes:
        return packed([*legs[:one], legs[one]._replace(**changes), *legs[one + 1 :]])

    free = [ledger.free(gross.parties[legs[one].seller]) for ledger in stage.market.tokens.values()]
    changes: list[dict[str, Any]] = [
        {"tokens": gross.tokens[::-1]},
        {"tokens": (*gross.tokens, gross.tokens[-1])},
        {"tokens": gross.tokens[:-1]},
        {
            "tokens": tuple(
                sorted({*gross.tokens[:-1], stage.pick(NOBODY, world.address("collateral"), "0x" + "00" * 20)})
            )
        },
        {"parties": gross.parties[::-1]},
        {"parties": gross.parties[1:]},
        {"parties": (stage.pick("0x" + "00" * 20, "0x" + "00" * 19 + "01"), *gross.parties)},
        {"parties": tuple(sorted((*gross.parties[:-1], world.address("stranger")), key=lambda at: int(at, 16)))},
        {"legs": b""},
        {"legs": gross.legs + bytes(stage.pick(1, 42))},
        {"legs": gross.legs[:-1]},
        {"legs": leg(quantity=0)},
        {"legs": leg(quantity=stage.pick(max(free) + 1, 2**64 - 1, 2**60, 2**63))},
        {"legs": leg(buyer=legs[one].seller)},
        {"legs": leg(seller=stage.pick(len(gross.parties), 255))},
        {"legs": leg(buyer=stage.pick(len(gross.parties), 255))},
        {"legs": leg(token=stage.pick(len(gross.tokens), 255))},
        {"epoch": stage.pick(0, gross.epoch + 1, gross.epoch - 1, 2**32 - 1)},
        {"lock_by": stage.pick(now, max(now - 1, 0), gross.pay_by + 1, 2**40 - 1)},
        {"pay_by": stage.pick(gross.lock_by - 1, now + 30 * DAY, now + 30 * DAY + 1, 2**40 - 1, gross.lock_by)},
    ]
    return gross._replace(**stage.dice.choice(changes))


def _too_large(stage: Stage, gross: Gross, legs: list[Leg]) -> Gross:
    """One more trade, party or place than a cycle may have."""
    many = tuple(f"0x{i:040x}" for i in range(1, 258))
    changes: list[dict[str, Any]] = [
        {"legs": gross.legs * (2_000 // len(legs) + 1)},
        {"parties": many},
        {"parties": many[:21], "tokens": many[:20]},
    ]
    return gross._replace(**stage.dice.choice(changes))


def limits_of(stage: Stage, cycle: Cycle) -> list[int]:
    """By party, then token: what each signs to give at most and get at least. Seldom more than it gets."""
    gross, sums = cycle.gross, cycle.gross.sums()
    limits = []
    for p in range(len(gross.parties)):
        for t in range(len(gross.tokens)):
            net, roll = sums.get((t, p), 0), stage.dice.random()
            slack = 0 if roll < 0.6 else stage.below(50) if roll < 0.97 else stage.pick(-1, -1_000, 2**255 + net)
            limits.append(net - slack)
    if stage.odds(0.02):
        return stage.dice.choice([limits[:-1], [*limits, 0]])
    return limits


def signatures_net(stage: Stage, cycle: Cycle, limits: list[int]) -> list[bytes]:
    """Each party's over its own legs and limits; where there is no telling which, over anything."""
    gross, dvp = cycle.gross, stage.market.dvp
    if dvp.misshapen(gross) or len(limits) != len(gross.parties) * len(gross.tokens):
        return [stage.dice.randbytes(64) for _ in gross.parties]
    width, made = len(gross.tokens), []
    for p, party in enumerate(gross.parties):
        own, least = gross.own(p), limits[p * width : (p + 1) * width]
        if stage.odds(0.02):
            own, least = stage.pick((own[1:], least), (own[::-1], least), (own, [one - 1 for one in least]))
        digest = dvp.digests.statement(cycle.id, own, list(zip(gross.tokens, least, strict=True)))
        made.append(signature_of(stage, party, digest))
    if stage.odds(0.02):
        return stage.dice.choice([made[:-1], [*made, made[-1]], made[::-1]])
    return made


def standing(stage: Stage, cycle: Cycle) -> int:
    return stage.market.dvp.cycles.get(cycle.id, (NONE,))[0]


def place_of(stage: Stage, cycle: Cycle) -> int:
    """Of one of its securities, most often of one that is not ended."""
    left = stage.market.dvp.left.get(cycle.id)
    if left and stage.odds(0.8):
        return stage.dice.choice(sorted(left))
    count = len(cycle.gross.tokens)
    return stage.below(count) if count and stage.odds(0.95) else stage.pick(count, 255, 256, 2**256 - 1)


def find_cycle(stage: Stage, *statuses: int) -> Cycle | None:
    """A cycle of the run, most often one that stands at one of `statuses`."""
    recent = stage.cycles[-REMEMBERED:]
    fitting = [one for one in recent if standing(stage, one) in statuses]
    if fitting and stage.odds(0.95):
        return stage.dice.choice(fitting)
    return stage.dice.choice(recent) if recent and stage.odds(0.2) else None


def presented_net(stage: Stage, cycle: Cycle) -> Any:
    """The struct Net; now and then not what was locked."""
    if stage.market.dvp.misshapen(cycle.gross):
        return (cycle.gross.epoch, cycle.gross.pay_by, [])
    epoch, pay_by, movements = cycle.net
    if stage.odds(0.93):
        return (epoch, pay_by, movements)
    token, positions = movements[0]
    swollen = [positions[0] + 1, positions[1] - 1, *positions[2:]]
    return stage.pick(
        (epoch + 1, pay_by, movements),
        (epoch, max(pay_by - 20 * DAY, 0), movements),
        (epoch, pay_by, movements[1:]),
        (epoch, pay_by, [*movements, movements[0]]),
        (epoch, pay_by, [(token, swollen), *movements[1:]]),
        (epoch, pay_by, [(token, positions[::-1]), *movements[1:]]),
        (epoch, pay_by, [(stage.world.next_token, positions), *movements[1:]]),
    )
