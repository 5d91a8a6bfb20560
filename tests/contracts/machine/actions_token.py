"""What actors send to a token. One function a call of the contract; the docstring says who sends it."""

from typing import Any

from eth_hash.auto import keccak

from .market import Call
from .model_net import position
from .model_token import CONFIRMER, ISSUER, OFFICER, TokenModel
from .rules import ZERO
from .table_of_actions import action
from .two_hands import Drafted, two_hands
from .typed import high_s
from .world import DAY, NOBODY, Stage

EVERYTHING = 2**256 - 1
MAX_UNITS = 2**60 - 1
DOCUMENTS = [bytes([i]) * 32 for i in range(1, 5)]


def ledger(stage: Stage) -> TokenModel:
    """Most often the first security; its successor once it has one."""
    world, roll = stage.world, stage.dice.random()
    later = world.next_token if stage.market.tokens[world.token].successor else world.token
    return stage.market.tokens[world.token if roll < 0.6 else world.other_token if roll < 0.8 else later]


def send(token: TokenModel, sender: str, function: str, *arguments: Any) -> Call:
    return Call(sender, "SecurityToken", token.address, function, arguments)


def amount(stage: Stage, there: int) -> int:
    """Most often some of what is there; now and then an edge."""
    if stage.odds(0.85):
        return 1 + stage.below(max(1, there // 4))
    return int(stage.pick(0, there, there + 1, MAX_UNITS, 2**64, EVERYTHING))


def holder_with_units(stage: Stage, token: TokenModel) -> str:
    holders = [one for one in stage.world.wallets if token.balance[one]]
    return str(stage.dice.choice(holders)) if holders else stage.wallet()


@action(4)
def transfer(stage: Stage) -> Call:
    """A holder."""
    token = ledger(stage)
    sender = holder_with_units(stage, token) if stage.odds(0.97) else stage.anyone()
    return send(token, sender, "transfer", stage.party(), amount(stage, token.free(sender)))


@action(2)
def approve(stage: Stage) -> Call:
    """A holder."""
    token = ledger(stage)
    spender = (
        stage.wallet() if stage.odds(0.6) else token.roles[ISSUER] if stage.odds(0.8) else stage.pick(ZERO, NOBODY)
    )
    owner = stage.wallet() if stage.odds(0.95) else stage.anyone()
    return send(token, owner, "approve", spender, amount(stage, token.balance[owner]))


def allowed(stage: Stage, token: TokenModel) -> tuple[str, str, int]:
    """Owner, spender and how much: most often of an allowance that was given."""
    given = [(*pair, value) for pair, value in token.allowance.items() if value]
    if given and stage.odds(0.85):
        owner, spender, value = stage.dice.choice(given)
        return owner, spender, amount(stage, min(value, token.free(owner)))
    return stage.wallet(), stage.wallet(), amount(stage, 100)


@action(3)
def transfer_from(stage: Stage) -> Call:
    """Whom the holder allowed."""
    token = ledger(stage)
    owner, spender, value = allowed(stage, token)
    return send(token, stage.rightly(spender), "transferFrom", owner, stage.party(), value)


@action(2)
def permit(stage: Stage) -> Call:
    """Anyone, with the owner's signature."""
    token, key = ledger(stage), stage.key_of(stage.world.wallets[stage.below(4)])
    owner = key.address if stage.odds(0.95) else stage.wallet()
    spender = stage.pick(
        stage.wallet(), token.roles[ISSUER], stage.wallet(), ZERO if stage.odds(0.2) else stage.wallet()
    )
    value, deadline = amount(stage, token.balance[owner]), stage.now + stage.pick(0, 60, DAY, DAY, DAY, -1)
    nonce = token.nonces[owner] + (0 if stage.odds(0.95) else stage.pick(1, -1 if token.nonces[owner] else 2))
    signature = stage.keyring.sign(key, token.digests.permit(owner, spender, value, nonce, deadline))
    if stage.odds(0.05):
        signature = high_s(signature)
    v = signature[64] if stage.odds(0.97) else stage.pick(0, 1, signature[64] ^ 7)
    return send(token, stage.anyone(), "permit", owner, spender, value, deadline, v, signature[:32], signature[32:64])


@action(3)
def issue(stage: Stage) -> Call:
    """The issuer."""
    token = ledger(stage)
    quantity = amount(stage, min(4_000, token.authorised - token.supply))
    if stage.odds(0.05):
        quantity = token.authorised - token.supply + stage.pick(0, 1)
    return send(token, stage.rightly(token.roles[ISSUER]), "issue", stage.party(), quantity)


@action(1)
@two_hands
def tap(stage: Stage) -> Drafted:
    """The confirmer; the issuer proposes."""
    token = ledger(stage)
    limit = MAX_UNITS - token.authorised
    quantity = stage.below(5_000) if stage.odds(0.9) else stage.pick(limit + 1, EVERYTHING)
    return send(token, token.roles[2], "tap", quantity), token.roles[ISSUER]


@action(2)
@two_hands
def redeem(stage: Stage) -> Drafted:
    """The confirmer; the issuer proposes."""
    token = ledger(stage)
    holders = [holder_with_units(stage, token) for _ in range(stage.below(4))]
    quantities = [amount(stage, token.unearmarked(one)) for one in holders]
    if stage.odds(0.05):
        quantities.append(1)
    return send(token, token.roles[2], "redeem", holders, quantities), token.roles[ISSUER]


@action(1)
def buy_back(stage: Stage) -> Call:
    """The issuer, from whom it allowed."""
    token = ledger(stage)
    issuer = token.roles[ISSUER]
    given = [(owner, value) for (owner, spender), value in token.allowance.items() if spender == issuer and value]
    owner, value = stage.dice.choice(given) if given else (stage.wallet(), 5)
    return send(token, stage.rightly(issuer), "buyBack", owner, amount(stage, min(value, token.free(owner))))


@action(1)
def set_rules(stage: Stage) -> Call:
    """The issuer; most often everyone may hold afterwards."""
    token, all_ = ledger(stage), 2**192 - 1
    jurisdictions = all_ if stage.odds(0.75) else all_ ^ 1 << stage.below(3)
    classes = 2**32 - 1 if stage.odds(0.8) else 2**32 - 1 ^ 1 << stage.below(4)
    return send(token, stage.rightly(token.roles[ISSUER]), "setRules", jurisdictions, classes)


def restricting(token: TokenModel, lifts: bool, function: str, *arguments: Any) -> Drafted:
    """By the officer; by the confirmer, as the officer proposed, where it lifts."""
    sender = token.roles[CONFIRMER if lifts else OFFICER]
    return send(token, sender, function, *arguments), token.roles[OFFICER] if lifts else None


@action(4)
@two_hands
def set_paused(stage: Stage) -> Drafted:
    """The officer pauses; a paused token is most often let go on."""
    paused = [one for one in stage.market.tokens.values() if one.paused]
    token = stage.dice.choice(paused) if paused and stage.odds(0.8) else ledger(stage)
    pauses = stage.odds(0.05 if token.paused else 0.08)
    return restricting(token, not pauses, "setPaused", pauses)


@action(4)
@two_hands
def set_account_frozen(stage: Stage) -> Drafted:
    """The officer freezes; the confirmer lifts."""
    token = ledger(stage)
    account = stage.party() if not token.stopped or stage.odds(0.3) else stage.dice.choice(sorted(token.stopped))
    frozen = stage.odds(0.1 if account in token.stopped else 0.3)
    return restricting(token, not frozen, "setAccountFrozen", account, frozen)


@action(3)
@two_hands
def set_frozen_tokens(stage: Stage) -> Drafted:
    """The officer, above the balance too; the confirmer where it is less than before."""
    token, account = ledger(stage), stage.party()
    value = 0 if token.frozen[account] and stage.odds(0.6) else amount(stage, token.balance[account])
    return restricting(token, value < token.frozen[account], "setFrozenTokens", account, value)


@action(2)
@two_hands
def forced_transfer(stage: Stage) -> Drafted:
    """The confirmer; the officer proposes."""
    token, from_ = ledger(stage), holder_with_units(stage, ledger(stage))
    call = send(token, token.roles[2], "forcedTransfer", from_, stage.party(), amount(stage, token.unearmarked(from_)))
    return call, token.roles[OFFICER]


@action(3)
def recover(stage: Stage) -> Call:
    """Anyone, once the registry has the heir."""
    lost = list(stage.market.registry.successors)
    wallet = stage.dice.choice(lost) if lost and stage.odds(0.9) else stage.wallet()
    return send(ledger(stage), stage.anyone(), "recover", wallet)


@action(1)
@two_hands
def assign_role(stage: Stage) -> Drafted:
    """One of the three; another of them proposes."""
    token = ledger(stage)
    caller, proposer = stage.dice.sample(list(token.roles.values()), 2)
    names = ("issuer", "officer", "token_confirmer", "spare 0", "spare 1", "spare 2")
    next_ = stage.world.address(stage.pick(*names)) if stage.odds(0.95) else ZERO
    return send(token, caller, "assignRole", stage.below(3), next_), proposer


@action(1)
@two_hands
def name_successor(stage: Stage) -> Drafted:
    """The confirmer; the issuer proposes. Not in every run."""
    token, world = ledger(stage), stage.world
    wanted = world.next_token if stage.odds(0.3) else stage.pick(world.other_token, NOBODY, world.token)
    return send(token, token.roles[2], "nameSuccessor", wanted), token.roles[ISSUER]


@action(2)
def migrate(stage: Stage) -> Call:
    """A holder, once there is a successor."""
    named = stage.market.tokens[stage.world.token]
    token = named if named.successor or stage.odds(0.1) else stage.market.tokens[stage.world.other_token]
    sender = holder_with_units(stage, token)
    return send(token, sender, "migrate", amount(stage, token.free(sender)))


@action(1)
def accept_migration(stage: Stage) -> Call:
    """The predecessor alone, from within {migrate}: whoever sends it is refused."""
    token = stage.market.tokens[stage.world.next_token] if stage.odds(0.7) else ledger(stage)
    return send(token, stage.anyone(), "acceptMigration", stage.wallet(), amount(stage, 100))


def lane_owner(stage: Stage) -> str:
    """The owner of the second lane, who is a key here; the first is DvP's alone."""
    return stage.world.address("collateral") if stage.odds(0.92) else stage.anyone()


@action(3)
def make_earmark(stage: Stage) -> Call:
    """An earmarker."""
    token = ledger(stage)
    holder = holder_with_units(stage, token)
    return send(
        token, lane_owner(stage), "makeEarmark", holder, stage.party(), amount(stage, min(400, token.free(holder)))
    )


def earmarked(stage: Stage, token: TokenModel) -> tuple[str, int]:
    """Holder and units of the second lane; now and then of the first, which is not the caller's."""
    lane = 1 if stage.odds(0.9) else 0
    held = [(holder, units) for (holder, of), units in token.earmarks.items() if of == lane and units]
    return stage.dice.choice(held) if held else (stage.wallet(), 3)


@action(2)
def release_earmark(stage: Stage) -> Call:
    """An earmarker."""
    token = ledger(stage)
    holder, units = earmarked(stage, token)
    return send(token, lane_owner(stage), "releaseEarmark", holder, stage.pick(units, amount(stage, units)))


@action(2)
def settle_earmark(stage: Stage) -> Call:
    """An earmarker."""
    token = ledger(stage)
    holder, units = earmarked(stage, token)
    to = stage.party() if stage.odds(0.95) else ZERO
    return send(token, lane_owner(stage), "settleEarmark", holder, to, stage.pick(units, amount(stage, units)))


def positions_of(stage: Stage, token: TokenModel, givers: list[tuple[str, int]]) -> list[int]:
    """The words of these givers and of takers who get as much; now and then not as much, or in the wrong order."""
    owed = sum(units for _, units in givers)
    found = [(giver, -units) for giver, units in givers]
    for _ in range(stage.below(3)):
        part = stage.below(owed + 1)
        found.append((stage.party(), part))
        owed -= part
    found.append((stage.party() if stage.odds(0.94) else stage.pick(ZERO, givers[0][0] if givers else ZERO), owed))
    stage.dice.shuffle(found)
    if stage.odds(0.06):
        party, units = found[0]
        found[0] = (party, stage.pick(units + 1, units - 1, -units, 2**95 - 1, -(2**95)))
    if stage.odds(0.03):
        del found[stage.below(len(found))]
    return [position(*one) for one in found]


@action(2)
def earmark_net(stage: Stage) -> Call:
    """An earmarker."""
    token = ledger(stage)
    holders = dict.fromkeys(holder_with_units(stage, token) for _ in range(stage.below(4)))
    givers = [(one, amount(stage, min(300, token.free(one))) % 2**95) for one in holders]
    return send(token, lane_owner(stage), "earmarkNet", positions_of(stage, token, givers))


@action(2)
def settle_net(stage: Stage) -> Call:
    """An earmarker."""
    token = ledger(stage)
    given = dict(earmarked(stage, token) for _ in range(stage.below(4)))
    givers = [(one, stage.pick(units, amount(stage, units)) % 2**95) for one, units in given.items()]
    return send(token, lane_owner(stage), "settleNet", positions_of(stage, token, givers))


@action(1)
def set_document(stage: Stage) -> Call:
    """The issuer."""
    token = ledger(stage)
    name = stage.pick(*DOCUMENTS) if stage.odds(0.95) else bytes(32)
    uri = "https://example.org/prospectus" if stage.odds(0.95) else ""
    return send(token, stage.rightly(token.roles[ISSUER]), "setDocument", name, uri, stage.dice.randbytes(32))


@action(1)
def remove_document(stage: Stage) -> Call:
    """The issuer."""
    token = ledger(stage)
    return send(token, stage.rightly(token.roles[ISSUER]), "removeDocument", stage.pick(*DOCUMENTS))


@action(1)
def propose(stage: Stage) -> Call:
    """A role: here junk, and the same again; what is meant comes with the calls that need it."""
    token = ledger(stage)
    action_ = stage.pick(b"", b"junk", stage.dice.randbytes(4))
    return send(token, stage.rightly(token.roles[stage.below(3)]), "propose", action_)


@action(1)
def withdraw(stage: Stage) -> Call:
    """Who proposed it."""
    token = ledger(stage)
    open_ = list(token.hands.proposals)
    proposer, id_ = stage.dice.choice(open_) if open_ else (stage.anyone(), keccak(b"junk"))
    return send(token, stage.rightly(proposer), "withdraw", id_)
