"""Everyone and everything of one market, deployed once; each run begins from a snapshot of it."""

from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from .artifacts import Artifacts, mocks, shipped
from .evm import CHAIN_ID, Chain, Codec
from .market import Call, Market
from .model_dvp import Movement, Terms
from .model_net import DvPNetModel, Gross, position
from .model_proofs import Epoch, HostileTokenModel, WalletModel
from .model_registry import Record, RegistryModel
from .model_token import TokenModel
from .rules import ZERO
from .typed import Digests, Key, Keyring, compact

__all__ = ["DAY", "FAR", "LEIS", "MATURITY", "NOBODY", "OPENING_GAS", "START", "Cycle", "Order", "Stage", "World"]

DAY = 86_400
START = 1_750_000_000
FAR = 2**40 - 1
MATURITY = START + 60 * DAY
ISIN = b"DE0001102580"
GERMANY, FRANCE, ITALY = b"DE", b"FR", b"IT"
NOBODY = "0x" + "0d" * 20
OPENING_GAS = 8_000_000
EARLIER_CHAIN_ID = 77_001
ISSUED = 100_000
SPARES = tuple(f"spare {i}" for i in range(4))
ROLES = ("registrar", "registry_confirmer", "issuer", "officer", "token_confirmer", "dvp_officer", "dvp_confirmer")
LEIS = (b"5299000000000000AAAA", b"5299000000000000BBBB", b"5299000000000000CCCC")


@dataclass
class World:
    """Contracts on a chain, the keys of all actors, and what was deployed where."""

    planted: Artifacts = field(default_factory=dict)
    renames: bool = False

    def __post_init__(self) -> None:
        self.made: Artifacts = shipped() | mocks() | self.planted
        self.codec = Codec({name: one["abi"] for name, one in self.made.items()})
        self.keys = {
            name: Key.named(name) for name in (*ROLES, *SPARES, "operator", "collateral", "stranger", "deployer")
        }
        self.keys |= {f"wallet {i}": Key.named(f"wallet {i}") for i in range(4)}
        self.keys |= {f"owner {i}": Key.named(f"owner {i}") for i in range(2)}
        self.agents = sorted((Key.named(f"agent {i}") for i in range(10)), key=lambda key: key.address)
        self.outsiders = sorted((Key.named(f"outsider {i}") for i in range(8)), key=lambda key: key.address)
        self.chain = Chain(START)
        # What the opening sent: who, to whom (nobody: a deployment), calldata or code.
        self.opening: list[tuple[str, str, bytes]] = []
        self._deploy_all()
        self.name_chain(renamed=False)
        self._open()
        self.opened = len(self.opening)
        self.mark = self.chain.snapshot()

    def address(self, name: str) -> str:
        return self.keys[name].address

    def deploy(self, name: str, *arguments: Any) -> str:
        made = self.made[name]
        types = [one for one in made["abi"] if one["type"] == "constructor"]
        code = bytes.fromhex(made["bytecode"].removeprefix("0x"))
        if types:
            code += self.codec.constructor(types[0], arguments)
        self.opening.append((self.address("deployer"), "", code))
        return self.chain.deploy(self.address("deployer"), code)

    def send(self, sender: str, contract: str, target: str, function: str, *arguments: Any) -> None:
        """A call of the opening, which must succeed."""
        data = self.codec.encode(contract, function, arguments)
        self.opening.append((self.address(sender), target, data))
        outcome = self.chain.call(self.address(sender), target, data, OPENING_GAS)
        if not outcome.done:
            raise RuntimeError(f"{function}: {self.codec.refusal(outcome.data)}")

    def _deploy_all(self) -> None:
        at = self.address
        self.first_epoch = Epoch(
            tuple(key.address for key in self.agents[:4]), 3, 1, at("dvp_officer"), at("dvp_confirmer")
        )
        first = (self.first_epoch.agents, 3, 1, at("dvp_officer"), at("dvp_confirmer"))
        self.registry = self.deploy("ParticipantRegistry", at("registrar"), at("registry_confirmer"))
        self.dvp = self.deploy("DvP", first)
        self.token = self._token(ISIN, 10 * ISSUED, ZERO)
        self.other_token = self._token(b"FR0000000001", 10 * ISSUED, ZERO)
        self.next_token = self._token(ISIN, 0, self.token)
        self.hostile = self.deploy("HostileToken")
        self.contract_wallets = [self.deploy("HostileWallet", at(f"owner {i}")) for i in range(2)]
        self.wallets = [at(f"wallet {i}") for i in range(4)] + self.contract_wallets
        self.operators = {one: at(f"owner {i}") for i, one in enumerate(self.contract_wallets)}
        self.operators[self.hostile] = at("stranger")

    def digests_at_birth(self) -> Digests:
        """Of DvP, for the chain's id at its deployment."""
        return Digests("Lockstep DvP", EARLIER_CHAIN_ID if self.renames else CHAIN_ID, self.dvp)

    def name_chain(self, renamed: bool) -> None:
        """In a world whose chain is to change its id. The EVM's cannot change, so DvP's memory of it does: it is made
        to have been deployed on another chain, which until then it takes for this one."""
        if not self.renames:
            return
        codes = self.chain.codes([self.dvp, self._net_code()])
        self.born = getattr(self, "born", codes)
        now, then = Digests("Lockstep DvP", CHAIN_ID, self.dvp).domain, self.digests_at_birth().domain
        for address, code in self.born.items():
            made = code.replace(now, then)
            if renamed:
                made = made.replace(CHAIN_ID.to_bytes(32), EARLIER_CHAIN_ID.to_bytes(32))
            self.chain.put_code(address, made)

    def _net_code(self) -> str:
        data = self.codec.encode("DvP", "netCode", ())
        return "0x" + self.chain.call(self.address("stranger"), self.dvp, data, OPENING_GAS).data[12:].hex()

    def _token(self, isin: bytes, authorised: int, predecessor: str) -> str:
        at = self.address
        terms = (isin, 0, b"EUR", 2, 1, START - 300 * DAY, MATURITY, 25_000, 1, 1)
        roles = (at("issuer"), at("officer"), at("token_confirmer"))
        lanes = (self.dvp, at("collateral"), ZERO)
        setup = (self.registry, *roles, lanes, authorised, 2**192 - 1, 2**32 - 1, predecessor)
        return self.deploy("SecurityToken", "A bond", "BOND", terms, setup)

    def _open(self) -> None:
        # The issuer is a member too, so that holders can allow it to buy back.
        self.members = [*zip(self.wallets, (0, 0, 1, 1, 0, 2), strict=True), (self.address("issuer"), 2)]
        for wallet, lei in self.members:
            self.send("registrar", "ParticipantRegistry", self.registry, "register", wallet, LEIS[lei], GERMANY, 1, FAR)
        for token in (self.token, self.other_token):
            for wallet in self.wallets:
                self.send("issuer", "SecurityToken", token, "issue", wallet, ISSUED // 10)

    def market(self) -> tuple[Market, Keyring]:
        """The model as it stands after the opening."""
        at, keyring = self.address, Keyring()
        registry = RegistryModel(at("registrar"), at("registry_confirmer"), numbers={GERMANY: 0})
        registry.records = {w: Record(LEIS[lei], 1, GERMANY, 1, FAR) for w, lei in self.members}
        tokens: dict[str, TokenModel] = {}
        for address, authorised in ((self.token, 10 * ISSUED), (self.other_token, 10 * ISSUED), (self.next_token, 0)):
            tokens[address] = TokenModel(
                address,
                (self.dvp, at("collateral"), ZERO),
                {0: at("issuer"), 1: at("officer"), 2: at("token_confirmer")},
                registry,
                Digests("A bond", CHAIN_ID, address),
                keyring,
                MATURITY,
                authorised,
            )
            if authorised:
                tokens[address].supply = ISSUED // 10 * len(self.wallets)
                for wallet in self.wallets:
                    tokens[address].balance[wallet] = ISSUED // 10
        tokens[self.next_token].predecessor = tokens[self.token]
        tokens[self.token].fit[self.next_token] = tokens[self.next_token]
        wallets = {one: WalletModel(self.operators[one]) for one in self.contract_wallets}
        hostile = {self.hostile: HostileTokenModel()}
        digests = self.digests_at_birth()
        dvp = DvPNetModel(self.dvp, digests, digests, keyring, wallets, tokens, hostile, {1: self.first_epoch})
        return Market(registry, tokens, dvp, wallets, hostile), keyring


class Order(NamedTuple):
    """What two parties agreed, and its settlement id."""

    movement: Movement
    terms: Terms
    id: bytes

    @property
    def words(self) -> tuple[Movement, Terms]:
        return (self.movement, self.terms)

    @property
    def leg(self) -> tuple[Movement, bytes]:
        return (self.movement, Digests.terms(self.terms))


class Cycle(NamedTuple):
    """What the parties of a cycle agreed, and its settlement id."""

    gross: Gross
    id: bytes

    @property
    def net(self) -> tuple[Any, ...]:
        """The struct Net, as the contract takes it."""
        epoch, pay_by, movements = self.gross.net()
        return (epoch, pay_by, [(token, [position(*one) for one in positions]) for token, positions in movements])


@dataclass
class Stage:
    """One run in a world: the model, what the actors know and have signed, and their dice."""

    world: World
    dice: Random
    market: Market
    keyring: Keyring
    now: int = START
    orders: list[Order] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    history: list[Call] = field(default_factory=list)
    proposed: list[Call] = field(default_factory=list)
    truth: dict[bytes, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, world: World, dice: Random) -> "Stage":
        """Take the world back to its opening."""
        world.chain.revert(world.mark)
        world.mark = world.chain.snapshot()
        world.chain.now = START
        world.name_chain(renamed=False)
        market, keyring = world.market()
        return cls(world, dice, market, keyring)

    # Dice

    def odds(self, chance: float) -> bool:
        return self.dice.random() < chance

    def pick(self, *choices: Any) -> Any:
        return choices[self.dice.randrange(len(choices))]

    def below(self, limit: int) -> int:
        return self.dice.randrange(limit) if limit > 0 else 0

    # Actors

    def wallet(self) -> str:
        return str(self.dice.choice(self.world.wallets))

    def anyone(self) -> str:
        keys = self.world.keys
        return str(self.pick(*self.world.wallets, *(keys[name].address for name in (*ROLES, "stranger", "operator"))))

    def party(self) -> str:
        """Mostly a wallet, now and then someone who never registered, or nobody."""
        return self.wallet() if self.odds(0.93) else self.pick(self.world.address("stranger"), NOBODY, self.anyone())

    def rightly(self, sender: str) -> str:
        """Mostly `sender`, who may; now and then somebody who may not. Nobody has the key of the zero address."""
        return sender if sender != ZERO and self.odds(0.92) else self.anyone()

    def key_of(self, address: str) -> Key:
        for key in (*self.world.keys.values(), *self.world.agents):
            if key.address == address:
                return key
        return self.key_of(self.world.operators[address])

    def sign(self, party: str, digest: bytes) -> bytes:
        """A party's signature; a wallet contract's is its owner's, with 65 bytes."""
        key = self.key_of(party)
        signature = self.keyring.sign(key, digest)
        return signature if key.address != party or self.odds(0.3) else compact(signature)

    # Calls

    def order(self, movement: Movement, terms: Terms) -> Order:
        """The order, kept for later."""
        made = Order(movement, terms, self.market.dvp.digests.order(movement, terms))
        self.orders.append(made)
        return made

    def cycle(self, gross: Gross) -> Cycle:
        """The cycle, kept for later."""
        made = Cycle(gross, self.market.dvp.digests.cycle(*gross))
        self.cycles.append(made)
        return made

    def data(self, call: Call) -> bytes:
        return self.world.codec.encode(call.contract, call.function, call.arguments)
