"""The acts of officer and confirmer: the long stop, freezes, pause, and what takes two hands.

Each signs with the key of its own keystore and needs nothing but a node: what it acts on, it reads on the chain.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lockstep.app.home import EMBEDDED, Home
from lockstep.chain.desk import Desk
from lockstep.chain.ledger import EvmAssetLedger, leg_words, order_words, read
from lockstep.chain.node import Node
from lockstep.domain.errors import ContractRefused, InvalidInput, Misconfigured
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Market, Security
from lockstep.domain.money import Quantity
from lockstep.domain.order import AssetStatus, Order
from lockstep.store import SqlTransactionLog, open_database

__all__ = ["Observer", "Office", "open_observer", "open_office", "why_not"]

POLL_SECONDS = 0.5
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_BEGINNING = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """The chain to look at, and what people call things by."""

    market: Market
    node: Node

    def security(self, isin: str) -> Security:
        """Raises InvalidInput where the market has no such security."""
        found = next((one for one in self.market.securities.values() if one.isin == isin), None)
        if found is None:
            raise InvalidInput("isin", isin, "a security of this market")
        return found

    def wallet(self, field: str, text: str) -> str:
        """The wallet of a participant named by BIC, or the address as given."""
        found = next((one.wallet for one in self.market.participants.values() if one.bic == text), None)
        if found is not None:
            return found
        if not text.startswith("0x"):
            raise InvalidInput(field, text, "a participant's BIC, or an address")
        return self.address(field, text)

    def address(self, field: str, text: str) -> str:
        """In EIP-55 form. Raises InvalidInput where the case of its letters shows that it was mistyped."""
        if not _ADDRESS.fullmatch(text):
            raise InvalidInput(field, text, "an address: 0x and 40 hexadecimal digits")
        checked = str(self.node.web3.to_checksum_address(text))
        if text not in (checked, checked.lower()):
            raise InvalidInput(field, text, "an address whose upper and lower case fit (EIP-55), or all lower case")
        return checked

    def show_long_stop(self, text: str) -> Mapping[str, Any]:
        """Where a settlement stands, and from when on which step of the long stop can be taken."""
        settlement, order = self.find(text)
        return self._stop(settlement, order)

    def find(self, text: str) -> tuple[SettlementId, Order]:
        """The one settlement ever locked whose id begins so. Raises InvalidInput."""
        beginning = text.removeprefix("0x").lower()
        if not _BEGINNING.fullmatch(beginning):
            raise InvalidInput("settlement", text, "8 to 64 hexadecimal digits, the beginning of a settlement's id")
        ledger = EvmAssetLedger(self.node, self.market.network)
        found = [one for one in ledger.locked() if one.startswith(beginning)]
        if len(found) != 1:
            rule = f"the beginning of the id of one settlement that was locked; {len(found)} fit"
            raise InvalidInput("settlement", text, rule)
        order = next((event.order for event in ledger.history(found[0]) if event.order is not None), None)
        if order is None:  # a reorganisation between the two looks
            raise InvalidInput("settlement", text, "locked: the chain took its lock back")
        return found[0], order

    def _stop(self, settlement: SettlementId, order: Order) -> Mapping[str, Any]:
        raw = bytes.fromhex(settlement)
        (status,) = self._dvp_read("statusOfSettlement", raw, order.movement.seller, order.movement.nonce)
        (grace,), (from_,) = self._dvp_read("GRACE"), self._dvp_read("longStopFrom", raw)
        return {
            "settlement_id": settlement,
            "status": AssetStatus(status).name,
            "seller": order.movement.seller,
            "token": order.movement.token,
            "units": order.movement.quantity,
            "proposable_after": _instant(order.terms.pay_by + grace),
            "confirmable_after": _instant(from_) if from_ else None,
        }

    @property
    def _dvp(self) -> str:
        return self.market.network.dvp

    @property
    def _anchor(self) -> str:
        """Raises Misconfigured where the market has none."""
        if self.market.network.anchor is None:
            raise Misconfigured("the market was founded without `anchor = true`: nobody writes its journal's roots")
        return self.market.network.anchor

    def _dvp_read(self, name: str, *arguments: object) -> Any:
        return read(self.node, "DvP", self._dvp, name, *arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office(Observer):
    """One role's desk, with the market's addresses and eyes on the chain. Each act returns what a person wants told."""

    desk: Desk

    # --- the long stop

    def propose_long_stop(self, text: str) -> Mapping[str, Any]:
        """By the officer, once `payBy` and the grace are over. Nothing moves yet."""
        settlement, order = self.find(text)
        transaction = self.desk.act("DvP", self._dvp, "proposeLongStop", order_words(order))
        return {**self._stop(settlement, order), "transaction": transaction}

    def confirm_long_stop(self, text: str) -> Mapping[str, Any]:
        """By the confirmer, once the challenge is over: the units are the seller's again."""
        settlement, order = self.find(text)
        transaction = self.desk.act("DvP", self._dvp, "confirmLongStop", leg_words(order))
        return {**self._stop(settlement, order), "transaction": transaction}

    # --- one hand stops, two let go

    def pause(self, isin: str) -> Mapping[str, Any]:
        """By the officer: transfers, issues and new locks stop. What is locked settles all the same."""
        transaction = self._token_act(self.security(isin).token, "setPaused", True)
        return {"isin": isin, "paused": True, "transaction": transaction}

    def unpause(self, isin: str, *, confirm: bool) -> Mapping[str, Any]:
        """The officer proposes, the confirmer makes it: they go on."""
        token = self.security(isin).token
        transaction = self._two_hands("SecurityToken", token, "setPaused", False, confirm=confirm)
        return {"isin": isin, "paused": not confirm, "done": confirm, "transaction": transaction}

    def freeze(self, isin: str, holder: str) -> Mapping[str, Any]:
        """By the officer: a whole account."""
        token, account = self.security(isin).token, self.wallet("holder", holder)
        transaction = self._token_act(token, "setAccountFrozen", account, True)
        return {"isin": isin, "holder": account, "frozen": True, "transaction": transaction}

    def unfreeze(self, isin: str, holder: str, *, confirm: bool) -> Mapping[str, Any]:
        """The officer proposes, the confirmer makes it: a whole account is free again."""
        token, account = self.security(isin).token, self.wallet("holder", holder)
        transaction = self._two_hands("SecurityToken", token, "setAccountFrozen", account, False, confirm=confirm)
        return {"isin": isin, "holder": account, "frozen": not confirm, "done": confirm, "transaction": transaction}

    def freeze_units(self, isin: str, holder: str, quantity: str) -> Mapping[str, Any]:
        """By the officer: so many units of an account, in all, no fewer than before; more than it has is allowed."""
        security, account = self.security(isin), self.wallet("holder", holder)
        units = Quantity.parse(quantity).units(security.decimals)
        transaction = self._token_act(security.token, "setFrozenTokens", account, units)
        return {"isin": isin, "holder": account, "frozen_units": units, "transaction": transaction}

    def unfreeze_units(self, isin: str, holder: str, left: str, *, confirm: bool) -> Mapping[str, Any]:
        """The officer proposes, the confirmer makes it: fewer units of an account are frozen, `left` in all."""
        security, account = self.security(isin), self.wallet("holder", holder)
        units = Quantity.parse(left).units(security.decimals) if left != "0" else 0
        words = (account, units)
        transaction = self._two_hands("SecurityToken", security.token, "setFrozenTokens", *words, confirm=confirm)
        told = {"isin": isin, "holder": account, "frozen_units_then": units}
        return {**told, "done": confirm, "transaction": transaction}

    def recover(self, isin: str, old: str) -> Mapping[str, Any]:
        """By anyone: what no earmark holds of a lost wallet goes to its heir, as the registry names it."""
        token, wallet = self.security(isin).token, self.wallet("old", old)
        return {"isin": isin, "wallet": wallet, "transaction": self._token_act(token, "recover", wallet)}

    # --- two hands

    def forced_transfer(
        self, isin: str, source: str, target: str, quantity: str, *, confirm: bool
    ) -> Mapping[str, Any]:
        """The officer proposes, the confirmer makes it: units that no earmark holds, on a court's order."""
        security = self.security(isin)
        units = Quantity.parse(quantity).units(security.decimals)
        words = (self.wallet("from", source), self.wallet("to", target), units)
        transaction = self._two_hands("SecurityToken", security.token, "forcedTransfer", *words, confirm=confirm)
        told = {"isin": isin, "from": words[0], "to": words[1], "units": units}
        return {**told, "done": confirm, "transaction": transaction}

    def succeed(self, old: str, new: str, *, confirm: bool) -> Mapping[str, Any]:
        """The registrar proposes, the registry's confirmer makes it: another wallet of that LEI is heir for good."""
        words = (self.wallet("old", old), self.wallet("new", new))
        transaction = self._two_hands("ParticipantRegistry", self._registry(), "succeed", *words, confirm=confirm)
        return {"old": words[0], "new": words[1], "done": confirm, "transaction": transaction}

    def allow_anchorer(self, address: str, *, confirm: bool) -> Mapping[str, Any]:
        """The registrar proposes, the registry's confirmer makes it: one more key may write the journal's roots."""
        anchorer = self.address("anchorer", address)
        transaction = self._two_hands("JournalAnchor", self._anchor, "allow", anchorer, confirm=confirm)
        return {"anchorer": anchorer, "allowed": confirm, "done": confirm, "transaction": transaction}

    def stop_anchorer(self, address: str) -> Mapping[str, Any]:
        """By either of them alone: it writes no more; what it wrote stays."""
        anchorer = self.address("anchorer", address)
        transaction = self.desk.act("JournalAnchor", self._anchor, "stop", anchorer)
        return {"anchorer": anchorer, "allowed": False, "transaction": transaction}

    def _two_hands(self, contract: str, address: str, function: str, *words: object, confirm: bool) -> str:
        act = self.desk.act if confirm else self.desk.propose
        return act(contract, address, function, *words)

    def _registry(self) -> str:
        token = next(iter(self.market.securities.values())).token
        (address,) = read(self.node, "SecurityToken", token, "registry")
        return str(self.node.web3.to_checksum_address(address))

    def _token_act(self, token: str, function: str, *arguments: object) -> str:
        return self.desk.act("SecurityToken", token, function, *arguments)


def open_observer(home: Home) -> Observer:
    """Needs no key. Raises Misconfigured where the chain is inside another process."""
    settings = home.settings()
    if settings.rpc == EMBEDDED:
        raise Misconfigured("this installation's chain lives inside the one process of `lockstep up`: it has no door")
    return Observer(market=home.market(), node=Node(settings.rpc))


def open_office(home: Home, keystore: str, *, poll: Callable[[], None] | None = None) -> Office:
    """The desk of whoever has this keystore. What it sent stands in `desks/<keystore>.db`."""
    eyes, key, folder = open_observer(home), home.key(keystore), home.root / "desks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = SqlTransactionLog(open_database(f"sqlite:///{folder / keystore}.db"))
    desk = Desk(eyes.node, key, log, poll=poll or (lambda: time.sleep(POLL_SECONDS)))
    return Office(market=eyes.market, node=eyes.node, desk=desk)


def why_not(home: Home, isin: str, source: str, target: str, quantity: str) -> ContractRefused | None:
    """What a transfer would be refused for now; None: it would pass. Needs no key. Raises Unavailable."""
    eyes = open_observer(home)
    security = eyes.security(isin)
    units = Quantity.parse(quantity).units(security.decimals)
    ledger = EvmAssetLedger(eyes.node, eyes.market.network)
    return ledger.why_not(security.token, eyes.wallet("from", source), eyes.wallet("to", target), units)


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
