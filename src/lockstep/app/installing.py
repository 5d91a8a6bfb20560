"""Founding an installation on a chain that runs: keys, contracts, opening holdings, network facts."""

import itertools
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockstep.app.founding import DEFAULT_SALT, PAYERS, found_chain, plan_chain
from lockstep.app.home import EMBEDDED, Home, Settings
from lockstep.app.market_file import MarketFile, read_market
from lockstep.chain.deployment import ZERO, Deployer
from lockstep.chain.ledger import read
from lockstep.chain.manifest import read_manifest, recorded
from lockstep.chain.node import Node
from lockstep.chain.planning import REGISTRY, Planner, carry_out, token_arguments, token_id
from lockstep.chain.verifying import Finding, Verdict, verify
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import Isin
from lockstep.domain.market import Market, Security
from lockstep.domain.money import Quantity

__all__ = ["Finding", "faucet_of", "found", "issue_units", "list_security", "rehearse", "verify_deployment"]

POLL_SECONDS, LONGEST_POLL_SECONDS = 0.05, 2.0


def found(
    home: Home,
    market: Path,
    rpc: str,
    *,
    rtgs_url: str,
    rtgs_operator_url: str | None = None,
    finality_depth: int = 2,
    real_time: bool = False,
    salt: str = DEFAULT_SALT,
    factory: str | None = None,
    more_rpcs: tuple[str, ...] = (),
    database: str | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Market:
    """Makes `home.root` an installation of a market on the chain at `rpc`.

    A local test chain: its time is moved to the market's opening, and the installation's clock with it, so that
    instructions for that business day can settle; its first account pays all fees. With `real_time` the chain's time
    is its own, and the keys pay, from money that they were given before.

    `more_rpcs` are further nodes of that chain, `database` where the service's records are, by `checked_database`.

    A run that was cut off goes on where it was; on a founded installation it only compares the chain with the
    manifest. Raises Misconfigured if the folder is another's or the chain is not the manifest's.
    """
    if home.is_founded:
        return _compared(home, rpc, told)
    file = read_market(market)
    probed = Settings(rpc=rpc, rtgs_url=rtgs_url, rtgs_operator_url=rtgs_operator_url)
    if probed.rtgs_drop is None or rtgs_operator_url is not None:  # a drop alone is a gateway that is not ours
        _ = probed.rtgs_http_url
    _take_folder(home, market)
    node = Node(rpc)
    for url in more_rpcs:
        if (found_id := Node(url).chain_id()) != node.chain_id():
            raise InvalidInput("--rpc", url, f"a node of the same chain, {node.chain_id()}, not {found_id}")
    offset = 0 if real_time else _move_time(node, file)
    founded = found_chain(
        node,
        file,
        home.make_keys(file),
        finality_depth=finality_depth,
        faucet=None if real_time else faucet_of(node),
        poll=_patience(),
        salt=salt,
        factory=factory,
        told=told,
    )
    home.write_manifest(founded.manifest.text())
    settings = replace(probed, clock_offset_seconds=offset, more_rpcs=more_rpcs, database=database)
    home.write(founded.market, settings)
    return founded.market


def rehearse(
    home: Home, market: Path, rpc: str, *, salt: str = DEFAULT_SALT, factory: str | None = None
) -> list[tuple[str, str]]:
    """What `found` would deploy: each key that must have fees money and each contract, with its address.

    Makes the keys, since addresses depend on the roles; changes nothing on the chain. Raises what `found` raises
    before it sends anything.
    """
    if home.is_founded:
        raise Misconfigured(f"{home.root} is founded already: `lockstep verify-deployment` compares it with the chain")
    file = read_market(market)
    _take_folder(home, market)
    roles = home.make_keys(file)
    plan = plan_chain(Node(rpc), file, roles, salt=salt, factory=factory)
    payers = [(name, getattr(roles, name).address) for name in PAYERS]
    made = [(one.id, one.address) for one in plan.contracts]
    return [*payers, (f"factory ({plan.factory.kind})", plan.factory.address), *made]


def _take_folder(home: Home, market: Path) -> None:
    """A new folder, or one in which the same market was begun."""
    copy = home.root / "market.toml"
    if home.root.exists() and any(home.root.iterdir()):
        if not copy.exists():
            raise Misconfigured(f"{home.root} is not empty: an installation is founded in a folder of its own")
        if copy.read_bytes() != market.read_bytes():
            raise Misconfigured(f"{copy} differs from {market}: another market was begun in this folder")
        return
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = home.root / ".market.toml.part"
    shutil.copyfile(market, beside)
    os.replace(beside, copy)


def _compared(home: Home, rpc: str, told: Callable[[str], None]) -> Market:
    """The market of a founded installation, if the chain at `rpc` still is the manifest's."""
    manifest = read_manifest(home.manifest())
    for one in manifest.contracts:
        told(f"{one.id} at {one.address}, founded before")
    failed = [one for one in verify(Node(rpc), manifest) if one.verdict is Verdict.FAIL]
    if failed:
        first = failed[0]
        raise Misconfigured(
            f"the chain at {rpc} is not as {home.root} was founded: {first.field} should be {first.expected}, is "
            f"{first.found} ({len(failed)} such; `lockstep verify-deployment` lists them)"
        )
    return home.market()


def _patience() -> Callable[[], None]:
    """A pause between looks at the chain, short at first, for test chains, longer for one with slow blocks."""
    pauses = itertools.chain((POLL_SECONDS for _ in range(100)), itertools.repeat(LONGEST_POLL_SECONDS))
    return lambda: time.sleep(next(pauses))


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


def faucet_of(node: Node) -> str | None:
    """The test chain's first account, which the node signs for; None where there is none."""
    accounts = _rpc(node, "eth_accounts")
    return node.web3.to_checksum_address(accounts[0]) if accounts else None


def _rpc(node: Node, method: Any, *parameters: object) -> Any:
    answer = node.web3.provider.make_request(method, list(parameters))
    if "error" in answer:
        raise Misconfigured(f"{method} fails on this chain: {answer['error'].get('message')}")
    return answer["result"]


def list_security(home: Home, *, isin: Isin, name: str, symbol: str, like: Isin) -> str:
    """Deploys a token for a new security that counts and settles as `like` does; returns its address.

    Its roles are those that the manifest names: they are as they were deployed.
    """
    market, settings = home.market(), home.settings()
    if isin in market.securities:
        raise InvalidInput("isin", isin, f"not issued yet (token {market.securities[isin].token})")
    model = market.security(like)
    node = Node(settings.rpc)
    manifest = read_manifest(home.manifest())
    planner = Planner(manifest.chain_id, manifest.factory.address, manifest.salt)
    planned = planner.add(
        token_id(isin),
        "SecurityToken",
        token_arguments(
            name=name,
            symbol=symbol,
            isin=isin,
            currency=model.currency,
            decimals=model.decimals,
            registry=manifest.contract(REGISTRY).address,
            roles=manifest.roles,
            dvp=market.network.dvp,
            collateral=market.network.collateral or ZERO,
        ),
    )
    deployer = Deployer(node, home.key("deployer"), poll=_patience())
    carry_out(node, deployer, manifest.factory, manifest.salt, [planned])
    home.write_manifest(manifest.with_contract(recorded(node, planned, planner.rebuilt)).text())
    listed: Security = replace(model, isin=isin, name=name, token=planned.address)
    home.write(replace(market, securities={**market.securities, isin: listed}), settings)
    return planned.address


def verify_deployment(home: Home, manifest: Path | None = None, rpc: str | None = None) -> list[Finding]:
    """Compares a chain with a manifest; the installation's own, where they are not named.

    Raises Misconfigured or InvalidInput for a manifest that is missing or broken, Unavailable for a silent node.
    """
    try:
        text = home.manifest() if manifest is None else manifest.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{manifest}: {error}") from error
    url = rpc or home.settings().rpc
    if url == EMBEDDED:
        raise Misconfigured("an embedded chain is inside its own process alone: no other can look at it")
    return verify(Node(url), read_manifest(text))


def issue_units(home: Home, *, isin: Isin, to: str, quantity: str) -> int:
    """Issues units of a listed security to a participant, named by BIC; returns its new balance."""
    market, settings = home.market(), home.settings()
    security = market.security(isin)
    member = next((one for one in market.participants.values() if one.bic == to), None)
    if member is None:
        raise InvalidInput("to", to, "the BIC of a participant")
    units = Quantity.parse(quantity).units(security.decimals)
    node = Node(settings.rpc)
    issuer = Deployer(node, home.key("issuer"), poll=_patience())
    issuer.call("SecurityToken", security.token, "issue", member.wallet, units)
    issuer.flush()
    (balance,) = read(node, "SecurityToken", security.token, "balanceOf", member.wallet)
    return int(balance)
