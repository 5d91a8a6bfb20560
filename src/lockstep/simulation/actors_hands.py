"""What people and enemies act through: a stage to act on, and hands that hold no more than one actor's keys and doors.

An act is never more than its hands can do: a key or a door that was not given raises `PermissionError`, which is a
mistake of this package and ends the run. What a contract, the RTGS or the service refuses comes back as text.
"""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, cast

from eth_account import Account
from eth_utils.address import to_checksum_address

from lockstep.app.founding import Roles, agent_bic
from lockstep.chain.ledger import call_data, leg_words, read
from lockstep.chain.node import Node
from lockstep.domain.collateral.register_events import RegisterEvent
from lockstep.domain.errors import ContractRefused, LockstepError
from lockstep.domain.identifiers import Bic, SettlementId
from lockstep.domain.instruction import Instruction
from lockstep.domain.market import Market, Participant, Security
from lockstep.domain.message import Message
from lockstep.domain.order import Order
from lockstep.domain.trade import Trade
from lockstep.flow.margining import Margining
from lockstep.flow.repoing import Repoing
from lockstep.iso20022 import Body, write
from lockstep.iso20022 import read as read_message
from lockstep.ports import AssetLedger, BulkAttestationBoard, CashBoard, Clock, CollateralLedger, ValuationBoard
from lockstep.signing import Key

__all__ = ["Act", "Call", "Hands", "Lock", "Stage", "key_of", "names_of", "stranger", "with_heirs"]

Told = TypeVar("Told")

GAS = 900_000
"""Room for the largest act; what is not used is not paid."""
PRIORITY_FEE = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call in a signed transaction, as everybody on the network sees it."""

    to: str
    """In EIP-55 form."""
    data: bytes
    raw: bytes
    """The transaction, signed."""


class Stage(Protocol):
    """The world as actors meet it: what anybody can see, and doors that ask who knocks."""

    @property
    def market(self) -> Market: ...

    @property
    def roles(self) -> Roles:
        """Everybody's keys. Only `Hands` reads it, and gives each actor its own."""

    @property
    def clock(self) -> Clock: ...

    @property
    def node(self) -> Node:
        """An actor's own node; nothing is wrong with it."""

    @property
    def ledger(self) -> AssetLedger:
        """The chain to look at, without a sender."""

    @property
    def board(self) -> BulkAttestationBoard:
        """Anyone can read it, and write on it."""

    @property
    def collateral(self) -> CollateralLedger | None:
        """The collateral register to look at, without a sender; None where the market has none."""

    def register_events(self) -> Sequence[RegisterEvent]:
        """All that the register has said so far, oldest first."""

    @property
    def valuations(self) -> ValuationBoard:
        """Where valuers leave their word. Anyone can read it, and write on it."""

    @property
    def cash_board(self) -> CashBoard:
        """Where agents leave theirs over margin payments; likewise."""

    def margin(self, ask: Callable[[Margining], Told]) -> Told:
        """Something said about margin at the service's door. Raises LockstepError."""

    def repo(self, ask: Callable[[Repoing], Told]) -> Told:
        """The same of repos."""

    def remember(self, say: Callable[[], object]) -> None:
        """This was said: once the service's records are lost, it is said again."""

    def submit(self, data: bytes) -> str:
        """Hands a message in at the service's door; what the door said. Raises LockstepError."""

    def tell_rtgs(self, data: bytes, sender: Bic) -> None:
        """A message to the RTGS by one who authenticated as `sender`. Raises LockstepError."""

    def submitted(self) -> Sequence[bytes]:
        """What participants handed in so far, oldest first."""

    def told_rtgs(self) -> Sequence[tuple[Bic, bytes]]:
        """What the service and its agents told the RTGS so far, with who authenticated, oldest first."""

    def records(self) -> Sequence[Trade]:
        """The service's trades. Only `Hands` reads it, for whoever has the service's access."""

    def transactions(self) -> Sequence[Call]:
        """All calls that went over the network so far, in blocks or not, oldest first."""

    def pending(self) -> Sequence[Call]:
        """What waits for a block, in the order of arrival. Empty where each is mined at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A settlement that was locked, as the chain shows it to everybody."""

    settlement: SettlementId
    order: Order

    @property
    def leg(self) -> tuple[object, ...]:
        return leg_words(self.order)


def stranger(name: str) -> Key:
    """The key of somebody with no role, by name. It is no secret to whoever has this source."""
    return Key(hashlib.sha256(f"lockstep simulation/{name}".encode()).digest())


def with_heirs(market: Market) -> Market:
    """The market with each participant's wallet replaced by its heir, where it goes when it is recovered."""
    heirs = {
        lei: replace(one, wallet=stranger(f"heir of {one.bic}").address) for lei, one in market.participants.items()
    }
    return replace(market, participants=heirs)


def key_of(roles: Roles, name: str) -> Key:
    """A key by its holder's name: a role, `agent-1` to `agent-4`, `wallet-BIC`, or else a stranger's."""
    kind, _, rest = name.partition("-")
    if kind == "agent":
        return roles.agents[int(rest) - 1]
    if kind == "wallet":
        return roles.wallets[Bic(rest)]
    return cast(Key, getattr(roles, name, None)) or stranger(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """One actor's keys, by name, and the BICs under which it can knock at the RTGS's and the service's door."""

    stage: Stage
    keys: frozenset[str]
    doors: frozenset[Bic] = frozenset()

    # --- what it has

    def key(self, name: str) -> Key:
        """Raises PermissionError for a key that this actor has not."""
        if name not in self.keys:
            raise PermissionError(f"{name} is not among {sorted(self.keys)}")
        return key_of(self.stage.roles, name)

    def keys_like(self, kind: str) -> list[str]:
        """Names of its keys of one kind: `agent`, `wallet`."""
        return sorted(name for name in self.keys if name.startswith(f"{kind}-"))

    # --- what everybody sees

    @property
    def market(self) -> Market:
        return self.stage.market

    @property
    def members(self) -> list[Participant]:
        return sorted(self.market.participants.values(), key=lambda one: one.bic)

    @property
    def securities(self) -> list[Security]:
        return sorted(self.market.securities.values(), key=lambda one: one.isin)

    @property
    def dvp(self) -> str:
        return self.market.network.dvp

    def locks(self) -> list[Lock]:
        """All that was ever locked and still is on the chain, by settlement id."""
        ledger, found = self.stage.ledger, []
        for settlement in sorted(ledger.locked()):
            order = next((event.order for event in ledger.history(settlement) if event.order is not None), None)
            if order is not None:
                found.append(Lock(settlement=settlement, order=order))
        return found

    def a_lock(self, rng: random.Random) -> Lock | None:
        """One of those, open ones rather than ended ones."""
        locks = self.locks()
        still = [one for one in locks if not self.stage.ledger.view(one.settlement, one.order).head.is_done]
        chosen = still if still and rng.random() < 0.8 else locks
        return rng.choice(chosen) if chosen else None

    def units(self, token: str, wallet: str, what: str = "freeOf") -> int:
        """A number of the token's: `freeOf`, `balanceOf`, `earmarkedTotalOf`."""
        return int(read(self.stage.node, "SecurityToken", token, what, wallet)[0])

    def registry(self) -> str:
        (address,) = read(self.stage.node, "SecurityToken", self.securities[0].token, "registry")
        return str(to_checksum_address(address))

    def records(self) -> list[Trade]:
        """What the service has written down, its secrets included: for whoever has its access."""
        if self.market.service not in self.doors:
            raise PermissionError(f"{self.market.service} is not among {sorted(self.doors)}")
        return list(self.stage.records())

    def instructions(self) -> list[Message[Instruction]]:
        """What this actor's own BICs have handed in."""
        found: dict[str, Message[Instruction]] = {}
        for data in self.stage.submitted():
            message = read_message(data)
            if isinstance(message.body, Instruction) and message.sender in self.doors:
                found.setdefault(message.message_id, cast(Message[Instruction], message))
        return list(found.values())

    # --- what it can do

    def send(self, name: str, contract: str, address: str, function: str, *arguments: object) -> str:
        """A transaction of one of its keys, asked about first. What came of it, as text; never raises a refusal."""
        return f"{function} {self.send_data(name, address, call_data(contract, function, *arguments))}"

    def send_data(self, name: str, address: str, data: bytes, *, blindly: bool = False, tip: int = 1) -> str:
        """The same with the calldata as it is. `blindly` it goes out though it would be refused now; `tip` times
        the usual fee for the miner."""
        key, node = self.key(name), self.stage.node
        if not blindly:
            try:
                node.call(address, data, sender=key.address, gas=GAS)
            except ContractRefused as refusal:
                return f"refused: {refusal}"
        fee = PRIORITY_FEE * tip
        terms = {
            "type": 2, "chainId": self.market.network.chain_id, "nonce": node.transaction_count(key.address),
            "to": address, "value": 0, "data": data, "gas": GAS,
            "maxPriorityFeePerGas": fee, "maxFeePerGas": 2 * node.base_fee() + fee,
        }  # fmt: skip
        signed = Account.sign_transaction(terms, key.secret())
        objection = node.broadcast(bytes(signed.raw_transaction))
        return f"objected to: {objection}" if objection else "sent"

    def propose_and_confirm(
        self, first: str, second: str, contract: str, address: str, function: str, *arguments: object
    ) -> str:
        """What takes two hands, word for word (IDualControl). Where the first's is in no block yet, next time."""
        data = call_data(contract, function, *arguments)
        proposed = self.send(first, contract, address, "propose", data)
        confirmed = self.send_data(second, address, data)
        return f"{function}: proposed, {proposed}; confirmed, {confirmed}"

    def tell_rtgs(self, sender: Bic, message_id: str, body: Body) -> str:
        """A message to the RTGS under a BIC of its own, as text what came of it."""
        if sender not in self.doors:
            raise PermissionError(f"{sender} is not among {sorted(self.doors)}")
        message = self._message(sender, self.market.rtgs, message_id, body)
        return answered(lambda: self.stage.tell_rtgs(write(message), sender))

    def submit(self, data: bytes) -> str:
        """A message at the service's door: what its header says was authenticated before it."""
        return answered(lambda: self.stage.submit(data))

    def letter(self, sender: Bic, message_id: str, body: Body) -> str:
        """A new message of one of its BICs at the service's door."""
        if sender not in self.doors:
            raise PermissionError(f"{sender} is not among {sorted(self.doors)}")
        return self.submit(write(self._message(sender, self.market.service, message_id, body)))

    def _message(self, sender: Bic, receiver: Bic, message_id: str, body: Body) -> Message[Body]:
        now = self.stage.clock.now().replace(microsecond=0)
        return Message(sender=sender, receiver=receiver, message_id=message_id, created=now, body=body)


Act = Callable[[Hands, random.Random], "str | None"]
"""Does one thing and says what; None: there is nothing to do it to."""


def answered(ask: Callable[[], str | None]) -> str:
    """What came of it, refusals and silence included."""
    try:
        return ask() or "taken"
    except LockstepError as error:
        return f"{type(error).__name__}: {error}"


def names_of(market: Market) -> Mapping[str, Bic]:
    """BICs by what they are to us: `service`, `agent-1` to `agent-4`."""
    return {"service": market.service, **{f"agent-{place}": agent_bic(market.service, place) for place in range(1, 5)}}


def fresh_id(rng: random.Random) -> str:
    """A message id of an actor's own."""
    return f"X{rng.getrandbits(112):028X}"
