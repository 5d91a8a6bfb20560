"""What actors send to the registry. One function a call of the contract; the docstring says who sends it."""

from typing import Any

from eth_hash.auto import keccak

from .market import Call
from .rules import ZERO
from .table_of_actions import action
from .two_hands import Drafted, two_hands
from .world import DAY, FAR, LEIS, NOBODY, Stage

CODES = (b"DE", b"DE", b"DE", b"FR", b"IT", b"ES")


def send(stage: Stage, sender: str, function: str, *arguments: Any) -> Call:
    return Call(sender, "ParticipantRegistry", stage.world.registry, function, arguments)


def registrar(stage: Stage) -> str:
    return stage.rightly(stage.market.registry.registrar)


def expiry(stage: Stage) -> int:
    if stage.odds(0.8):
        return FAR
    return stage.now + int(stage.pick(0, 1, DAY, 20 * DAY, -1))


def investor_class(stage: Stage) -> int:
    return stage.below(3) if stage.odds(0.96) else stage.pick(31, 32, 255)


@action(1)
def register(stage: Stage) -> Call:
    """The registrar."""
    new = [one for one in (NOBODY, stage.world.address("stranger")) if one not in stage.market.registry.records]
    wallet = stage.dice.choice(new) if new and stage.odds(0.3) else stage.pick(stage.wallet(), ZERO, stage.anyone())
    lei = stage.pick(*LEIS) if stage.odds(0.95) else bytes(20)
    return send(
        stage, registrar(stage), "register", wallet, lei, stage.pick(*CODES), investor_class(stage), expiry(stage)
    )


@action(2)
def amend(stage: Stage) -> Call:
    """The registrar; most often it renews."""
    code = b"DE" if stage.odds(0.7) else stage.pick(*CODES)
    class_ = 1 if stage.odds(0.7) else investor_class(stage)
    lapsed = [one for one in stage.world.wallets if stage.market.registry.records[one].expires < stage.now]
    wallet = stage.dice.choice(lapsed) if lapsed and stage.odds(0.7) else stage.party()
    return send(stage, registrar(stage), "amend", wallet, code, class_, expiry(stage))


@action(3)
def set_status(stage: Stage) -> Call:
    """The registrar; a suspended wallet is most often let in again."""
    records = stage.market.registry.records
    suspended = [one for one in stage.world.wallets if records[one].status == 2]
    if suspended and stage.odds(0.7):
        return send(stage, registrar(stage), "setStatus", stage.dice.choice(suspended), 1)
    status = 2 if stage.odds(0.6) else 1 if stage.odds(0.9) else stage.pick(0, 3)
    return send(stage, registrar(stage), "setStatus", stage.party(), status)


@action(1)
def add_jurisdiction(stage: Stage) -> Call:
    """The registrar."""
    return send(stage, registrar(stage), "addJurisdiction", stage.pick(*CODES))


@action(1)
def propose_registrar(stage: Stage) -> Call:
    """The registrar."""
    at = stage.world.address
    next_ = stage.pick(at("spare 0"), at("registrar"), at("registry_confirmer"), ZERO)
    return send(stage, registrar(stage), "proposeRegistrar", next_)


@action(1)
def accept_registrar(stage: Stage) -> Call:
    """Who was proposed."""
    return send(stage, stage.rightly(stage.market.registry.proposed), "acceptRegistrar")


@action(2)
@two_hands
def succeed(stage: Stage) -> Drafted:
    """The confirmer; the registrar proposes. Seldom for a wallet that is not lost for another of its entity."""
    model = stage.market.registry
    wallet = stage.wallet()
    kin = [w for w, record in model.records.items() if w != wallet and record.lei == model.records[wallet].lei]
    heir = stage.dice.choice(kin) if kin and stage.odds(0.85) else stage.party()
    return send(stage, model.confirmer, "succeed", wallet, heir), model.registrar


@action(1)
@two_hands
def change_confirmer(stage: Stage) -> Drafted:
    """Registrar or confirmer; the other proposes."""
    model, at = stage.market.registry, stage.world.address
    two = [model.registrar, model.confirmer]
    caller, proposer = two if stage.odds(0.5) else two[::-1]
    next_ = stage.pick(at("spare 1"), at("registry_confirmer"), model.registrar, ZERO)
    return send(stage, caller, "changeConfirmer", next_), proposer


@action(1)
def propose(stage: Stage) -> Call:
    """Registrar or confirmer: here junk; what is meant comes with the calls that need it."""
    model = stage.market.registry
    sender = stage.rightly(stage.pick(model.registrar, model.confirmer))
    return send(stage, sender, "propose", stage.pick(b"", b"junk"))


@action(1)
def withdraw(stage: Stage) -> Call:
    """Who proposed it."""
    open_ = list(stage.market.registry.hands.proposals)
    proposer, id_ = stage.dice.choice(open_) if open_ else (stage.anyone(), keccak(b"junk"))
    return send(stage, stage.rightly(proposer), "withdraw", id_)
