"""Setting a market up: contracts on a chain, members and balances in the RTGS.

Everything here is done before the first trade, by the registrar, the issuer and the RTGS's operator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lockstep.app.keyholders import AGENTS, FAULTY, QUORUM, Roles, agent_bic
from lockstep.app.market_file import MarketFile
from lockstep.chain.deployment import ZERO, Deployer
from lockstep.chain.factory import Factory, find_factory, salt_of
from lockstep.chain.ledger import read
from lockstep.chain.manifest import Manifest, recorded
from lockstep.chain.node import Node
from lockstep.chain.planning import (
    Planned,
    Planner,
    carry_out,
    plan_anchor,
    plan_collateral,
    plan_market,
    token_arguments,
    token_id,
)
from lockstep.chain.roles import RoleHolders
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import Bic, Isin, Lei
from lockstep.domain.market import Market, Network, Participant, Security
from lockstep.rtgs import Role, Rtgs

__all__ = [
    "AGENTS",
    "DEFAULT_SALT",
    "FAULTY",
    "PAYERS",
    "QUORUM",
    "Founded",
    "Plan",
    "Roles",
    "agent_bic",
    "found_chain",
    "found_rtgs",
    "market_of",
    "plan_chain",
]

NO_EXPIRY = 2**40 - 1
"""The registry's latest instant: an admission without an end."""

SUSPENDED = 2
"""IParticipantRegistry.Status."""

LOW_BALANCE = 10**18
"""Wei; a faucet fills up below it."""

DEFAULT_SALT = "lockstep"

PAYERS = ("deployer", "registrar", "issuer", "operator")
"""The roles that send transactions from the first day on, and so need money for fees."""

EXCEPTIONAL = ("officer", "confirmer", "registrar_confirmer")
"""The roles that send one when something goes wrong. A faucet gives them money for fees; without one they see to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """A market on a chain, and the manifest of the contracts that carry it."""

    market: Market
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A market's contracts before they are sent: registry, DvP, collateral register and journal's anchor if wanted, a
    token by ISIN."""

    holders: RoleHolders
    factory: Factory
    salt: bytes
    planner: Planner
    registry: Planned
    dvp: Planned
    tokens: Mapping[Isin, Planned]
    collateral: Planned | None = None
    anchor: Planned | None = None

    @property
    def contracts(self) -> tuple[Planned, ...]:
        beside = [one for one in (self.collateral, self.anchor) if one is not None]
        return self.registry, self.dvp, *beside, *self.tokens.values()


def plan_chain(
    node: Node, market: MarketFile, roles: Roles, *, salt: str = DEFAULT_SALT, factory: str | None = None
) -> Plan:
    """What `found_chain` would deploy, and where; changes nothing.

    `factory` is `keyless` or `deployer`; if absent, what the chain has or takes (see `chain.factory`). Raises
    InvalidInput for roles that are not apart and ContractRefused for what a constructor refuses.
    """
    holders = roles.holders()
    used = find_factory(node, holders.deployer, factory)
    planner = Planner(node.chain_id(), used.address, salt_of(salt))
    registry, dvp = plan_market(planner, holders)
    beside = plan_collateral(planner, registry.address, dvp.address) if market.collateral else None
    tokens = {}
    for one in market.securities:
        arguments = token_arguments(
            name=one.name,
            symbol=one.symbol,
            isin=one.isin,
            currency=one.currency,
            decimals=one.decimals,
            registry=registry.address,
            roles=holders,
            dvp=dvp.address,
            collateral=ZERO if beside is None else beside.address,
        )
        tokens[one.isin] = planner.add(token_id(one.isin), "SecurityToken", arguments)
    return Plan(
        holders=holders,
        factory=used,
        salt=salt_of(salt),
        planner=planner,
        registry=registry,
        dvp=dvp,
        tokens=tokens,
        collateral=beside,
        anchor=plan_anchor(planner, registry.address, holders.operator) if market.anchor else None,
    )


def found_chain(
    node: Node,
    market: MarketFile,
    roles: Roles,
    *,
    finality_depth: int,
    faucet: str | None,
    poll: Callable[[], None],
    salt: str = DEFAULT_SALT,
    factory: str | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Founded:
    """Deploys registry, DvP and tokens, registers the members and issues the opening holdings.

    What is there already is left as it is, so that a run that was cut off is simply run again. Before anything is
    sent it raises what `plan_chain` does, and InvalidInput where no faucet is and a key has no money for fees.
    """
    plan = plan_chain(node, market, roles, salt=salt, factory=factory)
    deployer = Deployer(node, roles.deployer, poll=poll)
    registrar, issuer = Deployer(node, roles.registrar, poll=poll), Deployer(node, roles.issuer, poll=poll)
    _fund(node, roles, faucet, deployer)
    start = node.head().number
    created = carry_out(node, deployer, plan.factory, plan.salt, plan.contracts, told)
    manifest = _manifest(node, plan, dict.fromkeys(created, start))

    registry = plan.registry.address
    for member in market.members:
        wallet = roles.wallets[member.bic].address
        if plan.registry.id in created or not _is_registered(node, registry, wallet, member.lei):
            country = member.bic[4:6].encode()
            registrar.call(
                "ParticipantRegistry", registry, "register", wallet, member.lei.encode(), country, 0, NO_EXPIRY
            )
    if plan.collateral is not None and market.collateral_lei is not None:
        _enter(node, registrar, registry, plan.collateral.address, market.collateral_lei, market.service)
    registrar.flush()  # members before holdings: a token asks the registry
    for (participant, isin), units in _opening(market).items():
        token, to = plan.tokens[isin], roles.wallets[participant].address
        if token.id in created or not _is_issued(node, token.address, to, units):
            issuer.call("SecurityToken", token.address, "issue", to, units)
    issuer.flush()
    for member in market.members:
        if not member.active:
            registrar.call("ParticipantRegistry", registry, "setStatus", roles.wallets[member.bic].address, SUSPENDED)
    registrar.flush()
    network = Network(
        chain_id=node.chain_id(),
        dvp=plan.dvp.address,
        finality_depth=finality_depth,
        collateral=None if plan.collateral is None else plan.collateral.address,
        anchor=None if plan.anchor is None else plan.anchor.address,
    )
    wallets = {of: key.address for of, key in roles.wallets.items()}
    tokens = {isin: token.address for isin, token in plan.tokens.items()}
    return Founded(market=market_of(market, network, wallets, tokens), manifest=manifest)


def _fund(node: Node, roles: Roles, faucet: str | None, deployer: Deployer) -> None:
    """Fees money for the keys that send, from the faucet, else theirs from before."""
    for name in PAYERS + EXCEPTIONAL:
        address = getattr(roles, name).address
        balance = node.balance(address)
        if faucet is not None and balance < LOW_BALANCE:
            deployer.fund(faucet, address)
        elif not balance and name in PAYERS:
            raise InvalidInput(f"balance of the {name} {address}", "0 wei", "money for fees before it can send")
    deployer.flush()


def _enter(node: Node, registrar: Deployer, registry: str, wallet: str, entity: Lei, service: Bic) -> None:
    """The collateral register as a participant, in the service's country: while it sells, units are its own."""
    if not _is_registered(node, registry, wallet, entity):
        registrar.call(
            "ParticipantRegistry", registry, "register", wallet, entity.encode(), service[4:6].encode(), 0, NO_EXPIRY
        )


def _is_registered(node: Node, registry: str, wallet: str, lei: str) -> bool:
    ((there, status, *_),) = read(node, "ParticipantRegistry", registry, "participantOf", wallet)
    if status and there != lei.encode():
        raise Misconfigured(f"the registry has {wallet} as {there!r}, not as {lei}")
    return bool(status)


def _is_issued(node: Node, token: str, to: str, units: int) -> bool:
    """Raises Misconfigured where the holder has other than none or all: they were traded since."""
    (balance,) = read(node, "SecurityToken", token, "balanceOf", to)
    if balance not in (0, units):
        raise Misconfigured(f"{to} holds {balance} units of {token}, not its opening {units}: this market is in use")
    return bool(balance)


def _opening(market: MarketFile) -> dict[tuple[Bic, Isin], int]:
    units: dict[tuple[Bic, Isin], int] = {}
    for one in market.holdings:
        units[one.participant, one.isin] = units.get((one.participant, one.isin), 0) + one.units
    return units


def _manifest(node: Node, plan: Plan, since: Mapping[str, int]) -> Manifest:
    """`since`: a block before a contract's creation, by id; those that were there before may be of any block."""
    return Manifest(
        chain_id=node.chain_id(),
        factory=plan.factory,
        salt=plan.salt,
        roles=plan.holders,
        contracts=tuple(recorded(node, one, plan.planner.rebuilt, since.get(one.id, 0)) for one in plan.contracts),
    )


def market_of(file: MarketFile, network: Network, wallets: Mapping[Bic, str], tokens: Mapping[Isin, str]) -> Market:
    """The market that a file tells of, where its wallets and tokens have these addresses."""
    return Market(
        service=file.service,
        rtgs=file.rtgs,
        network=network,
        participants={
            one.lei: Participant(
                name=one.name, lei=one.lei, bic=one.bic, wallet=wallets[one.bic], accounts=one.accounts
            )
            for one in file.members
        },
        securities={
            one.isin: Security(
                isin=one.isin,
                name=one.name,
                token=tokens[one.isin],
                decimals=one.decimals,
                quantity_type=one.quantity_type,
                currency=one.currency,
            )
            for one in file.securities
        },
        tolerances=file.tolerances,
        pay_by=file.pay_by,
    )


def found_rtgs(rtgs: Rtgs, market: MarketFile, keys: Mapping[Bic, str]) -> None:
    """Admits parties, opens accounts, funds, records mandates and opens the day: the last act, and the
    sign that all was done. After it nothing here happens again, whatever the operator changed since.
    """
    operator = rtgs.operator
    if operator.days():
        return
    agents = {agent_bic(market.service, number) for number in range(1, AGENTS + 1)}
    for member in market.members:
        if member.bic in agents:
            raise InvalidInput("participants/bic", member.bic, "not the BIC of a synchronisation agent")
    operator.register_party(market.service, Role.INSTRUCTING, keys.get(market.service))
    for number in range(1, AGENTS + 1):
        agent = agent_bic(market.service, number)
        operator.register_party(agent, Role.AGENT, keys.get(agent))
    operator.set_quorum(QUORUM)
    for member in market.members:
        operator.register_party(member.bic, Role.PARTICIPANT, keys.get(member.bic))
        for currency, number_ in member.accounts.items():
            operator.open_account(member.bic, number_, currency)
        for money in member.cash:
            if money.amount:
                operator.fund(member.accounts[money.currency], money, f"opening/{member.bic}/{money.currency}")
    accounts = {member.bic: member.accounts for member in market.members}
    for mandate in market.mandates:
        currency = mandate.maximum.currency
        payee = accounts[mandate.payee][currency] if mandate.payee else None
        operator.set_mandate(
            accounts[mandate.debtor][currency],
            mandate.maximum,
            mandate.until,
            payee=payee,
            instructing=market.service,
        )
    operator.open_day(market.business_day)
