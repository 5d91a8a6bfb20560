"""Setting a market up: contracts on a chain, members and balances in the RTGS.

Everything here is done before the first trade, by the registrar, the issuer and the RTGS's operator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.app.market_file import MarketFile
from lockstep.chain.deployment import ZERO, Deployer
from lockstep.chain.node import Node
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Isin, bic
from lockstep.domain.market import Market, Network, Participant, Security
from lockstep.rtgs import Role, Rtgs
from lockstep.signing import Key

__all__ = ["AGENTS", "FAULTY", "QUORUM", "Roles", "agent_bic", "found_chain", "found_rtgs"]

AGENTS, QUORUM, FAULTY = 4, 3, 1
"""Four synchronisation agents; three must agree; one may be faulty."""


NO_EXPIRY = 2**40 - 1
"""The registry's latest instant: an admission without an end."""


def agent_bic(service: Bic, number: int) -> Bic:
    """The RTGS address of an agent: the service's institution, a branch of its own."""
    return bic(f"{service[:8]}A{number:02d}")


# Of ISecurityToken.Terms and Setup: the kind for neither bond, share nor fund unit; the most units that an account
# can hold; all bits of the rules' jurisdictions and investor classes.
OTHER_KIND = 3
MAX_UNITS = 2**60 - 1
ANYWHERE = 2**192 - 1
ANYONE = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who holds which key. No two roles share one."""

    registrar: Key
    issuer: Key
    operator: Key
    officer: Key
    confirmer: Key
    agents: tuple[Key, ...]
    wallets: Mapping[Bic, Key]


def token_arguments(
    *,
    name: str,
    symbol: str,
    isin: str,
    currency: str,
    decimals: int,
    registry: str,
    issuer: str,
    officer: str,
    confirmer: str,
    dvp: str,
) -> tuple[Any, ...]:
    """What SecurityToken's constructor takes (ISecurityToken.Terms and Setup): a security that every
    registered participant may hold, without interest or maturity, issued up to the contract's limit."""
    terms = (isin.encode(), OTHER_KIND, currency.encode(), decimals, 0, 0, 0, 0, 0, 0)
    setup = (registry, issuer, officer, confirmer, [dvp, ZERO, ZERO], MAX_UNITS, ANYWHERE, ANYONE, ZERO)
    return name, symbol, terms, setup


def found_chain(
    node: Node,
    market: MarketFile,
    roles: Roles,
    *,
    finality_depth: int,
    faucet: str | None,
    poll: Callable[[], None],
    told: Callable[[str], None] = lambda _: None,
) -> Market:
    """Deploys registry, DvP and tokens, registers the members and issues the opening holdings."""
    registrar, issuer = Deployer(node, roles.registrar, poll=poll), Deployer(node, roles.issuer, poll=poll)
    if faucet is not None:
        for key in (roles.registrar, roles.issuer, roles.operator, roles.officer, roles.confirmer):
            registrar.fund(faucet, key.address)
        registrar.flush()
    registry = registrar.deploy("ParticipantRegistry", roles.registrar.address, roles.confirmer.address)
    told(f"ParticipantRegistry at {registry}")
    agents = sorted((key.address for key in roles.agents), key=lambda address: int(address, 16))
    dvp = registrar.deploy("DvP", (agents, QUORUM, FAULTY, roles.officer.address, roles.confirmer.address))
    told(f"DvP at {dvp}, {QUORUM} of {len(agents)} agents")
    for member in market.members:
        wallet = roles.wallets[member.bic].address
        registrar.call(
            "ParticipantRegistry",
            registry,
            "register",
            wallet,
            member.lei.encode(),
            member.bic[4:6].encode(),
            0,
            NO_EXPIRY,
        )
    securities: dict[Isin, Security] = {}
    for one in market.securities:
        token = issuer.deploy(
            "SecurityToken",
            *token_arguments(
                name=one.name,
                symbol=one.symbol,
                isin=one.isin,
                currency=one.currency,
                decimals=one.decimals,
                registry=registry,
                issuer=roles.issuer.address,
                officer=roles.officer.address,
                confirmer=roles.confirmer.address,
                dvp=dvp,
            ),
        )
        securities[one.isin] = Security(
            isin=one.isin,
            name=one.name,
            token=token,
            decimals=one.decimals,
            quantity_type=one.quantity_type,
            currency=one.currency,
        )
        told(f"{one.isin} {one.symbol} at {token}")
    registrar.flush()  # members before holdings: a token asks the registry
    for holding in market.holdings:
        to = roles.wallets[holding.participant].address
        issuer.call("SecurityToken", securities[holding.isin].token, "issue", to, holding.units)
    issuer.flush()
    for member in market.members:
        if not member.active:
            registrar.call("ParticipantRegistry", registry, "setStatus", roles.wallets[member.bic].address, 2)
    registrar.flush()
    return Market(
        service=market.service,
        rtgs=market.rtgs,
        network=Network(chain_id=node.chain_id(), dvp=dvp, finality_depth=finality_depth),
        participants={
            member.lei: Participant(
                name=member.name,
                lei=member.lei,
                bic=member.bic,
                wallet=roles.wallets[member.bic].address,
                accounts=member.accounts,
            )
            for member in market.members
        },
        securities=securities,
        tolerances=market.tolerances,
        pay_by=market.pay_by,
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
