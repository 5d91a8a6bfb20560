"""The joint world of DvP and collateral register: contracts on a chain, the keys of all, and what they sign."""

from collections.abc import Iterable, Sequence
from typing import Any

from eth_hash.auto import keccak

from .artifacts import Artifacts, mocks, shipped
from .evm import CHAIN_ID, Chain, Codec, Outcome
from .typed import Digests, Key, compact, word

__all__ = ["DAY", "GAS", "PEOPLE", "START", "CollateralWorld"]

DAY = 86_400
START = 1_750_000_000
GAS = 6_000_000
HELD = 1_000
PEOPLE = tuple(f"party {i}" for i in range(5))
HEIRS = ("heir 0", "heir 1")
ROLES = (
    "registrar",
    "second",
    "issuer",
    "officer",
    "confirmer",
    "dvp officer",
    "dvp confirmer",
    "deployer",
    "stranger",
)
AGREEMENT = (
    "Agreement(address giver,uint8 mode,bytes3 currency,uint24 reuseCap,uint8 maxDepth,bool appropriation,"
    "bool substitution,address taker,uint32 noticePeriod,uint32 curePeriod,uint32 maxAge,bytes32 valuers,"
    "uint40 until,uint24 saleFloor,uint128 salt)"
)
PRICE = "Price(address token,uint64 price,uint24 haircut)"
VALUATION = "Valuation(bytes32 agreementId,uint64 exposure,uint64 required,uint40 asOf,Price[] prices)" + PRICE
CASH = "Cash(bytes32 agreementId,bytes32 callId,bytes32 pledgeId,int64 amount,uint32 epoch)"
ACT = "Act(address party,bytes call,uint256 nonce,uint40 by,bytes32 together)"


def struct(kind: str, values: Iterable[Any]) -> bytes:
    return keccak(keccak(kind.encode()) + b"".join(word(int(v) if isinstance(v, bool) else v) for v in values))


class CollateralWorld:
    """Deployed once; each run begins from a snapshot. Every party holds 1,000 units of each of two securities."""

    def __init__(self, planted: Artifacts | None = None) -> None:
        made = shipped() | mocks() | (planted or {})
        self.made = made
        self.codec = Codec({name: one["abi"] for name, one in made.items()})
        self.keys = {name: Key.named(name) for name in (*ROLES, *PEOPLE, *HEIRS)}
        self.names = {key.address: name for name, key in self.keys.items()}
        self.agents = sorted((Key.named(f"agent {i}") for i in range(4)), key=lambda key: key.address)
        self.valuers = sorted((Key.named(f"valuer {i}") for i in range(3)), key=lambda key: key.address)
        self.valuers_hash = keccak(b"".join(word(one) for one in (0, 2, *(key.address for key in self.valuers))))
        self.chain = Chain(START)
        at = self.address
        self.registry = self._deploy("ParticipantRegistry", at("registrar"), at("second"))
        epoch = ([key.address for key in self.agents], 3, 1, at("dvp officer"), at("dvp confirmer"))
        self.dvp = self._deploy("DvP", epoch)
        self.desk = self._deploy("CollateralRegister", self.dvp, self.registry)
        self.tokens = [self._token(isin) for isin in (b"DE0001102580", b"FR0000000001")]
        self.hostile = self._deploy("HostileToken")
        for i, name in enumerate((*PEOPLE, *HEIRS)):
            lei = b"5299000000000000%04d" % (i % len(PEOPLE))
            self.must("registrar", "ParticipantRegistry", self.registry, "register", at(name), lei, b"DE", 1, 2**40 - 1)
        desk = (self.desk, b"5299000000000000REGI", b"DE", 1, 2**40 - 1)
        self.must("registrar", "ParticipantRegistry", self.registry, "register", *desk)
        for token in self.tokens:
            for name in PEOPLE:
                self.must("issuer", "SecurityToken", token, "issue", at(name), HELD)
        self.orders = Digests("Lockstep DvP", CHAIN_ID, self.dvp)
        self.words = Digests("Lockstep Collateral", CHAIN_ID, self.desk)
        self.mark = self.chain.snapshot()

    def begin(self) -> None:
        self.chain.revert(self.mark)
        self.mark = self.chain.snapshot()
        self.chain.now = START

    def address(self, name: str) -> str:
        return self.keys[name].address

    def call(self, sender: str, contract: str, target: str, function: str, *arguments: Any) -> Outcome:
        return self.chain.call(sender, target, self.codec.encode(contract, function, arguments), GAS)

    def must(self, sender: str, contract: str, target: str, function: str, *arguments: Any) -> None:
        outcome = self.call(self.address(sender), contract, target, function, *arguments)
        if not outcome.done:
            raise RuntimeError(f"{function}: {self.codec.refusal(outcome.data)}")

    def read(self, contract: str, target: str, function: str, *arguments: Any) -> tuple[Any, ...]:
        outcome = self.call(self.address("stranger"), contract, target, function, *arguments)
        if not outcome.done:
            raise RuntimeError(f"{function}: {self.codec.refusal(outcome.data)}")
        return self.codec.answer(contract, function, outcome.data)

    def sign(self, wallet: str, digest: bytes) -> bytes:
        raw = self.keys[self.names[wallet]].private.sign_recoverable(digest, hasher=None)
        return compact(raw[:64] + bytes([27 + raw[64]]))

    def proof(self, digest: bytes, signers: Sequence[Key], count: int) -> bytes:
        """Packed: the first `count` sign, as many as the quorum."""
        signed = b"".join(self._by(key, digest) for key in signers[:count])
        absent = b"".join(bytes.fromhex(key.address[2:]) for key in signers[count:])
        return bytes([count, (1 << count) - 1]) + signed + absent

    def agreement_id(self, terms: Sequence[Any]) -> bytes:
        return self.words.of(struct(AGREEMENT, terms))

    def valuation_digest(self, head: Sequence[Any], prices: Sequence[Sequence[Any]]) -> bytes:
        listed = keccak(b"".join(struct(PRICE, one) for one in prices))
        return self.words.of(struct(VALUATION, (*head, listed)))

    def cash_digest(self, values: Sequence[Any]) -> bytes:
        return self.words.of(struct(CASH, values))

    def act_digest(self, party: str, call: bytes, nonce: int, by: int, together: bytes) -> bytes:
        return self.words.of(struct(ACT, (party, keccak(call), nonce, by, together)))

    @staticmethod
    def together(*acts: tuple[str, bytes]) -> bytes:
        """Of the parties and their calls."""
        return keccak(b"".join(keccak(word(party) + keccak(call)) for party, call in acts))

    def _by(self, key: Key, digest: bytes) -> bytes:
        raw = key.private.sign_recoverable(digest, hasher=None)
        return compact(raw[:64] + bytes([27 + raw[64]]))

    def _deploy(self, name: str, *arguments: Any) -> str:
        made = self.made[name]
        types = [one for one in made["abi"] if one["type"] == "constructor"]
        code = bytes.fromhex(made["bytecode"].removeprefix("0x"))
        if types:
            code += self.codec.constructor(types[0], arguments)
        return self.chain.deploy(self.address("deployer"), code)

    def _token(self, isin: bytes) -> str:
        at = self.address
        terms = (isin, 0, b"EUR", 2, 1, START - 300 * DAY, START + 3_000 * DAY, 25_000, 1, 1)
        roles = (at("issuer"), at("officer"), at("confirmer"))
        lanes = (self.dvp, self.desk, "0x" + "00" * 20)
        setup = (self.registry, *roles, lanes, 10**9, 2**192 - 1, 2**32 - 1, "0x" + "00" * 20)
        return self._deploy("SecurityToken", "A bond", "BOND", terms, setup)
