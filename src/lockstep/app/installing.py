"""Founding an installation on a chain that runs: keys, contracts, opening holdings, network facts."""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockstep.app.founding import found_chain, token_arguments
from lockstep.app.home import Home, Settings
from lockstep.app.market_file import MarketFile, read_market
from lockstep.chain.deployment import Deployer
from lockstep.chain.ledger import read
from lockstep.chain.node import Node
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import Isin
from lockstep.domain.market import Market, Security
from lockstep.domain.money import Quantity

__all__ = ["found", "issue_units", "list_security"]

POLL_SECONDS = 0.05


def found(
    home: Home,
    market: Path,
    rpc: str,
    *,
    rtgs_url: str,
    finality_depth: int = 2,
    told: Callable[[str], None] = lambda _: None,
) -> Market:
    """Makes `home.root` an installation of a market on the chain at `rpc`, a local test chain.

    The chain's time is moved to the market's opening, and the installation's clock with it, so that
    instructions for that business day can settle. Raises Misconfigured if the folder is in use.
    """
    if home.root.exists() and any(home.root.iterdir()):
        raise Misconfigured(f"{home.root} is not empty: an installation is founded in a folder of its own")
    file = read_market(market)
    node = Node(rpc)
    offset = _move_time(node, file)
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(market, home.root / "market.toml")
    founded = found_chain(
        node,
        file,
        home.make_keys(file),
        finality_depth=finality_depth,
        faucet=_faucet(node),
        poll=lambda: time.sleep(POLL_SECONDS),
        told=told,
    )
    home.write(founded, Settings(rpc=rpc, rtgs_url=rtgs_url, clock_offset_seconds=offset))
    return founded


def _move_time(node: Node, file: MarketFile) -> int:
    """Moves a test chain to the opening; returns business time minus the system's, in seconds."""
    _rpc(node, "evm_mine")
    ahead = int(file.opening.timestamp()) - node.head().timestamp
    if ahead > 0:
        _rpc(node, "evm_increaseTime", ahead)
        _rpc(node, "evm_mine")
    now = node.head().timestamp
    day = datetime.fromtimestamp(now, UTC).date()
    if day > file.business_day:
        raise InvalidInput("business_day", file.business_day, f"not before the chain's own day, {day}")
    return now - int(time.time())


def _faucet(node: Node) -> str | None:
    """The test chain's first account, which the node signs for; None where there is none."""
    accounts = _rpc(node, "eth_accounts")
    return node.web3.to_checksum_address(accounts[0]) if accounts else None


def _rpc(node: Node, method: Any, *parameters: object) -> Any:
    answer = node.web3.provider.make_request(method, list(parameters))
    if "error" in answer:
        raise Misconfigured(f"{method} fails on this chain: {answer['error'].get('message')}")
    return answer["result"]


def list_security(home: Home, *, isin: Isin, name: str, symbol: str, like: Isin) -> str:
    """Deploys a token for a new security that counts and settles as `like` does; returns its address."""
    market, settings = home.market(), home.settings()
    if isin in market.securities:
        raise InvalidInput("isin", isin, f"not issued yet (token {market.securities[isin].token})")
    model = market.security(like)
    node = Node(settings.rpc)
    issuer = Deployer(node, home.key("issuer"), poll=lambda: time.sleep(POLL_SECONDS))
    (registry,) = read(node, "SecurityToken", model.token, "registry")
    token = issuer.deploy(
        "SecurityToken",
        *token_arguments(
            name=name,
            symbol=symbol,
            isin=isin,
            currency=model.currency,
            decimals=model.decimals,
            registry=registry,
            issuer=home.key("issuer").address,
            officer=home.key("officer").address,
            confirmer=home.key("confirmer").address,
            dvp=market.network.dvp,
        ),
    )
    issuer.flush()
    listed: Security = replace(model, isin=isin, name=name, token=token)
    home.write(replace(market, securities={**market.securities, isin: listed}), settings)
    return token


def issue_units(home: Home, *, isin: Isin, to: str, quantity: str) -> int:
    """Issues units of a listed security to a participant, named by BIC; returns its new balance."""
    market, settings = home.market(), home.settings()
    security = market.security(isin)
    member = next((one for one in market.participants.values() if one.bic == to), None)
    if member is None:
        raise InvalidInput("to", to, "the BIC of a participant")
    units = Quantity.parse(quantity).units(security.decimals)
    node = Node(settings.rpc)
    issuer = Deployer(node, home.key("issuer"), poll=lambda: time.sleep(POLL_SECONDS))
    issuer.call("SecurityToken", security.token, "issue", member.wallet, units)
    issuer.flush()
    (balance,) = read(node, "SecurityToken", security.token, "balanceOf", member.wallet)
    return int(balance)
