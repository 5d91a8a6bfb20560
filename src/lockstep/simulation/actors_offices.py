"""What officer, confirmer, registrar and agents do by right, at the worst moment: between a lock and its end."""

import random
from dataclasses import replace

from lockstep.chain.ledger import order_words, packed, rotation_words, serving
from lockstep.signing import build_rotation_proof, rotation_digest
from lockstep.simulation.actors_hands import Hands, stranger

__all__ = [
    "admits_again",
    "confirms_a_long_stop",
    "forces_a_transfer",
    "freezes",
    "freezes_units",
    "pauses",
    "proposes_a_long_stop",
    "recovers_a_wallet",
    "rotates",
    "rotates_by_two_roles",
    "suspends",
    "unfreezes",
    "unpauses",
]

ACTIVE, SUSPENDED = 1, 2
"""IParticipantRegistry.Status."""
NO_EXPIRY = 2**40 - 1


def pauses(hands: Hands, rng: random.Random) -> str | None:
    """One hand stops a security."""
    one = rng.choice(hands.securities)
    return f"{one.isin}: {hands.send('officer', 'SecurityToken', one.token, 'setPaused', True)}"


def unpauses(hands: Hands, rng: random.Random) -> str | None:
    """Two hands let it go on."""
    one = rng.choice(hands.securities)
    said = hands.propose_and_confirm("officer", "confirmer", "SecurityToken", one.token, "setPaused", False)
    return f"{one.isin}: {said}"


def freezes(hands: Hands, rng: random.Random) -> str | None:
    """A whole account, which may have units earmarked, or wait for some."""
    one, member = rng.choice(hands.securities), rng.choice(hands.members)
    said = hands.send("officer", "SecurityToken", one.token, "setAccountFrozen", member.wallet, True)
    return f"{member.bic} in {one.isin}: {said}"


def unfreezes(hands: Hands, rng: random.Random) -> str | None:
    """Two hands: an account, and all its units."""
    one, member = rng.choice(hands.securities), rng.choice(hands.members)
    act, words = rng.choice((("setAccountFrozen", False), ("setFrozenTokens", 0)))
    said = hands.propose_and_confirm("officer", "confirmer", "SecurityToken", one.token, act, member.wallet, words)
    return f"{member.bic} in {one.isin}: {said}"


def freezes_units(hands: Hands, rng: random.Random) -> str | None:
    """So many units, perhaps more than there are, perhaps those that are earmarked."""
    one, member = rng.choice(hands.securities), rng.choice(hands.members)
    owned = hands.units(one.token, member.wallet, "balanceOf")
    units = rng.choice((1, owned // 2, owned, 2 * owned + 1))
    said = hands.send("officer", "SecurityToken", one.token, "setFrozenTokens", member.wallet, units)
    return f"{units} of {member.bic} in {one.isin}: {said}"


def forces_a_transfer(hands: Hands, rng: random.Random) -> str | None:
    """A court's order, by two hands: up to all that a holder has, earmarked units included, which it must not reach."""
    one, (source, target) = rng.choice(hands.securities), rng.sample(hands.members, 2)
    owned = hands.units(one.token, source.wallet, "balanceOf")
    units = rng.choice((1, owned // 3, owned))
    words = (source.wallet, target.wallet, units)
    said = hands.propose_and_confirm("officer", "confirmer", "SecurityToken", one.token, "forcedTransfer", *words)
    return f"{units} of {one.isin} from {source.bic} to {target.bic}: {said}"


def suspends(hands: Hands, rng: random.Random) -> str | None:
    """A participant may not act any more. What is locked for it settles all the same."""
    member = rng.choice(hands.members)
    said = hands.send("registrar", "ParticipantRegistry", hands.registry(), "setStatus", member.wallet, SUSPENDED)
    return f"{member.bic}: {said}"


def admits_again(hands: Hands, rng: random.Random) -> str | None:
    """It may act again."""
    member = rng.choice(hands.members)
    said = hands.send("registrar", "ParticipantRegistry", hands.registry(), "setStatus", member.wallet, ACTIVE)
    return f"{member.bic}: {said}"


def recovers_a_wallet(hands: Hands, rng: random.Random) -> str | None:
    """A bank lost its wallet: another of the same LEI is its heir for good, and what is settled later goes there."""
    registry, member, one = hands.registry(), rng.choice(hands.members), rng.choice(hands.securities)
    heir = stranger(f"heir of {member.bic}").address
    words = (heir, member.lei.encode(), member.bic[4:6].encode(), 0, NO_EXPIRY)
    admitted = hands.send("registrar", "ParticipantRegistry", registry, "register", *words)
    succeeded = hands.propose_and_confirm(
        "registrar", "registrar_confirmer", "ParticipantRegistry", registry, "succeed", member.wallet, heir
    )
    carried = hands.send("officer", "SecurityToken", one.token, "recover", member.wallet)
    return f"{member.bic}: heir {admitted}; {succeeded}; {one.isin} {carried}"


def proposes_a_long_stop(hands: Hands, rng: random.Random) -> str | None:
    """Early as a rule: the contract holds the officer to `payBy` and the grace."""
    lock = hands.a_lock(rng)
    if lock is None:
        return None
    said = hands.send("officer", "DvP", hands.dvp, "proposeLongStop", order_words(lock.order))
    return f"{lock.settlement[:12]}: {said}"


def confirms_a_long_stop(hands: Hands, rng: random.Random) -> str | None:
    """Without a proposal, or before the challenge is over."""
    lock = hands.a_lock(rng)
    if lock is None:
        return None
    return f"{lock.settlement[:12]}: {hands.send('confirmer', 'DvP', hands.dvp, 'confirmLongStop', lock.leg)}"


def rotates(hands: Hands, rng: random.Random) -> str | None:
    """The next epoch, on the word of those of its agents' keys that these hands have: a quorum, or too few.

    The same agents serve on under a new number, which makes every order that is not locked yet stale.
    """
    now = serving(hands.stage.node, hands.dvp)
    following = replace(now, number=now.number + 1)
    digest = rotation_digest(following, hands.market.network)
    signatures = [hands.key(name).sign(digest) for name in hands.keys_like("agent")]
    epoch = hands.stage.ledger.epoch(now.number)
    proof = build_rotation_proof(following, signatures, epoch, hands.market.network)
    said = hands.send("anybody", "DvP", hands.dvp, "rotate", rotation_words(following), packed(proof) if proof else b"")
    return f"to epoch {following.number} on {len(signatures)} agents' word: {said}"


def rotates_by_two_roles(hands: Hands, rng: random.Random) -> str | None:
    """The officer's and the confirmer's way, without its wait of 45 days."""
    now = serving(hands.stage.node, hands.dvp)
    following = rotation_words(replace(now, number=now.number + 1))
    proposed = hands.send("officer", "DvP", hands.dvp, "proposeRotation", following)
    return f"{proposed}; {hands.send('confirmer', 'DvP', hands.dvp, 'confirmRotation', following)}"
