"""The world of the collateral tests: the harness's, with a register in the token's second lane, and everyone's words.

Hashes and signatures come from eth_account's own EIP-712 code, as in the harness. Takers of a chain, in their order:
`buyer`, `other`, `last`; the giver is `seller`, who owns 10,000 units.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from eth_abi import encode
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from . import harness
from .harness import PAID, TYPES, Key, Order, World, compact, packed, sign

ZERO_ID = bytes(32)
YEAR = 365 * 86_400
INTEREST, TITLE = 0, 1

WORDS: dict[str, list[tuple[str, str]]] = {
    "Agreement": [
        ("address", "giver"),
        ("uint8", "mode"),
        ("bytes3", "currency"),
        ("uint24", "reuseCap"),
        ("uint8", "maxDepth"),
        ("bool", "appropriation"),
        ("bool", "substitution"),
        ("address", "taker"),
        ("uint32", "noticePeriod"),
        ("uint32", "curePeriod"),
        ("uint32", "maxAge"),
        ("bytes32", "valuers"),
        ("uint40", "until"),
        ("uint24", "saleFloor"),
        ("uint128", "salt"),
    ],
    "Amendment": [("bytes32", "agreementId"), ("Agreement", "next"), ("uint40", "by")],
    "Price": [("address", "token"), ("uint64", "price"), ("uint24", "haircut")],
    "Valuation": [
        ("bytes32", "agreementId"),
        ("uint64", "exposure"),
        ("uint64", "required"),
        ("uint40", "asOf"),
        ("Price[]", "prices"),
    ],
    "Cash": [
        ("bytes32", "agreementId"),
        ("bytes32", "callId"),
        ("bytes32", "pledgeId"),
        ("int64", "amount"),
        ("uint32", "epoch"),
    ],
    "Income": [
        ("bytes32", "pledgeId"),
        ("bytes32", "incomeId"),
        ("uint40", "recordDate"),
        ("uint64", "entitled"),
        ("uint64", "owed"),
    ],
    "Act": [("address", "party"), ("bytes", "call"), ("uint256", "nonce"), ("uint40", "by"), ("bytes32", "together")],
}
USES = {"Amendment": ("Agreement",), "Valuation": ("Price",)}

Terms = dict[str, Any]


def digest_of(primary: str, message: dict[str, Any], chain_id: int, contract: str) -> bytes:
    """EIP-712 digest by eth_account."""
    types = {name: [{"name": n, "type": t} for t, n in WORDS[name]] for name in (primary, *USES.get(primary, ()))}
    signable = encode_typed_data(
        full_message={
            "types": types | {"EIP712Domain": TYPES["EIP712Domain"]},
            "primaryType": primary,
            "domain": {
                "name": "Lockstep Collateral",
                "version": "1",
                "chainId": chain_id,
                "verifyingContract": contract,
            },
            "message": message,
        }
    )
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def words(name: str, message: dict[str, Any]) -> tuple[Any, ...]:
    """The struct as the contract takes it."""
    return tuple(message[field] for _, field in WORDS[name])


class Desk(World):
    """Agreements, pledges and values, and who says them."""

    def __init__(self, mocks: dict[str, dict[str, Any]]) -> None:
        super().__init__(mocks | {"CollateralRegister": harness.artifact("CollateralRegister")})
        self.desk = self.deploy("CollateralRegister", self.dvp.address, self.registry.address)
        self.token = self.second = self.deploy_token([self.dvp.address, self.desk.address, self.gateway.address])
        self.second = self.deploy_token([self.dvp.address, self.desk.address, self.gateway.address])
        self.last = self.collateral
        self.register(self.last.address)
        self.register(self.desk.address)
        self.send(self.token.functions.issue(self.seller.address, 10_000), self.issuer)
        self.send(self.second.functions.issue(self.seller.address, 10_000), self.issuer)
        self.valuers = sorted((Key.named(f"valuer {i}") for i in range(3)), key=lambda key: key.address.lower())
        self.f = self.desk.functions
        self._asof = 0

    # Agreements

    def terms(self, **changes: Any) -> Terms:
        usual: Terms = {
            "giver": self.seller.address,
            "mode": INTEREST,
            "currency": b"EUR",
            "reuseCap": 800_000,
            "maxDepth": 3,
            "appropriation": True,
            "substitution": True,
            "taker": self.buyer.address,
            "noticePeriod": 0,
            "curePeriod": 0,
            "maxAge": 3_600,
            "valuers": self.valuers_hash(),
            "until": self.deadline,
            "saleFloor": 500_000,
            "salt": 0,
        }
        assert changes.keys() <= usual.keys()
        return usual | changes

    def valuers_hash(self, valuers: Sequence[Key] | None = None, quorum: int = 2) -> bytes:
        chosen = [key.address for key in (valuers or self.valuers)]
        return keccak(encode(["uint256", "uint256", *(["address"] * len(chosen))], [0, quorum, *chosen]))

    def typed(self, primary: str, message: dict[str, Any], chain_id: int | None = None) -> bytes:
        return digest_of(primary, message, chain_id or self.chain_id, self.desk.address)

    def key_of(self, wallet: str) -> Key:
        return next(key for key in self.keys if key.address == wallet)

    def open_call(self, terms: Terms, giver: bytes | None = None, taker: bytes | None = None) -> Any:
        digest = self.typed("Agreement", terms)
        first = compact(sign(self.key_of(terms["giver"]), digest)) if giver is None else giver
        second = compact(sign(self.key_of(terms["taker"]), digest)) if taker is None else taker
        return self.f.open(words("Agreement", terms), first, second)

    def open(self, **changes: Any) -> bytes:
        terms = self.terms(**changes)
        self.send(self.open_call(terms), self.outsider)
        return self.typed("Agreement", terms)

    def amend_call(self, id_: bytes, terms: Terms, giver: Key, taker: Key, by: int | None = None) -> Any:
        last = self.deadline if by is None else by
        digest = self.typed("Amendment", {"agreementId": id_, "next": terms, "by": last})
        signatures = (compact(sign(one, digest)) for one in (giver, taker))
        return self.f.amend(id_, words("Agreement", terms), last, *signatures)

    # Pledges

    def pledge_id(self, agreement: bytes, parent: bytes = ZERO_ID, salt: int = 0, token: Any = None) -> bytes:
        address = (token or self.token).address
        content = [agreement, parent, address, salt.to_bytes(32)]
        return keccak(encode(["bytes32", "bytes32", "address", "bytes32"], content))

    def pledge(self, agreement: bytes, quantity: int = 1_000, salt: int = 0, token: Any = None) -> bytes:
        call = self.f.pledge(agreement, (token or self.token).address, quantity, salt.to_bytes(32))
        self.send(call, self.key_of(self.f.agreementOf(agreement).call()[0]))
        return self.pledge_id(agreement, salt=salt, token=token)

    def repledge(self, parent: bytes, agreement: bytes, quantity: int, salt: int = 0) -> bytes:
        call = self.f.repledge(parent, agreement, quantity, salt.to_bytes(32))
        self.send(call, self.key_of(self.f.agreementOf(agreement).call()[0]))
        return self.pledge_id(agreement, parent, salt)

    def chain(self, quantity: int = 1_000, shares: Sequence[int] = (500, 200), **changes: Any) -> list[bytes]:
        """A root pledge and those made of it, each of what its share says; the agreements' ids are `self.links`."""
        people = [self.seller, self.buyer, self.other, self.last]
        self.links = [
            self.open(giver=giver.address, taker=taker.address, **changes) for giver, taker in pairwise(people)
        ][: len(shares) + 1]
        made = [self.pledge(self.links[0], quantity)]
        for link, share in zip(self.links[1:], shares, strict=True):
            made.append(self.repledge(made[-1], link, share))
        return made

    def at(self, pledge: bytes) -> dict[str, Any]:
        """The struct Pledge."""
        names = [
            *("agreementId", "parent", "token", "quantity", "depth", "maxDepth"),
            *("holder", "reused", "reuseCap", "owed", "recalled", "until", "selling"),
        ]
        return dict(zip(names, self.f.pledgeOf(pledge).call(), strict=True))

    def amounts(self, pledge: bytes) -> tuple[int, int, int]:
        """(pledged, of these pledged on, owed)."""
        found = self.at(pledge)
        return found["quantity"], found["reused"], found["owed"]

    def lane(self, wallet: str, token: Any = None) -> int:
        return int((token or self.token).functions.earmarkedOf(wallet, self.desk.address).call())

    # Values

    def valuation(
        self, agreement: bytes, exposure: int, prices: Iterable[tuple[Any, int, int]] | None = None, **k: Any
    ) -> Any:
        """Prices: (token, minor units for a million units, haircut in parts of a million); else the token at 1."""
        given = [(self.token, 1_000_000, 0)] if prices is None else prices
        return {
            "agreementId": agreement,
            "exposure": exposure,
            "required": k.get("required", exposure),
            "asOf": k.get("as_of", self.now()),
            "prices": [{"token": one.address, "price": price, "haircut": cut} for one, price, cut in given],
        }

    def value_call(self, message: Any, signers: Iterable[int] = (0, 1), digest: bytes | None = None) -> Any:
        struct = (
            *(message[name] for name in ("agreementId", "exposure", "required", "asOf")),
            [words("Price", one) for one in message["prices"]],
        )
        proof = self.proof(digest or self.typed("Valuation", message), signers, 2, self.valuers)
        return self.f.value(struct, packed(proof))

    def value(self, agreement: bytes, exposure: int, prices: Any = None, **changes: Any) -> Any:
        return self.send(self.value_call(self.valuation(agreement, exposure, prices, **changes)), self.outsider)

    def cash_call(self, agreement: bytes, amount: int, call: int = 1, epoch: int = 1, pledge: bytes = ZERO_ID) -> Any:
        message = {
            "agreementId": agreement,
            "callId": call.to_bytes(32),
            "pledgeId": pledge,
            "amount": amount,
            "epoch": epoch,
        }
        return self.f.recordCash(words("Cash", message), packed(self.proof(self.typed("Cash", message))))

    def income_call(self, pledge: bytes, entitled: int, owed: int, number: int = 1) -> Any:
        message = {
            "pledgeId": pledge,
            "incomeId": number.to_bytes(32),
            "recordDate": 5,
            "entitled": entitled,
            "owed": owed,
        }
        proof = self.proof(self.typed("Income", message), (0, 2), 2, self.valuers)
        return self.f.recordIncome(words("Income", message), packed(proof))

    def state(self, agreement: bytes) -> dict[str, int]:
        names = ("exposure", "required", "credit", "valuedAt", "enforceFrom", "selling")
        return dict(zip(names, self.f.stateOf(agreement).call(), strict=True))

    def sale_call(self, pledge: bytes, order: Order, buyer: Key | None = None, previous: bytes = ZERO_ID) -> Any:
        signature = compact(sign(buyer or self.last, self.id_of(order)))
        return self.f.sell(pledge, order.words, signature, previous)

    def sale_order(self, quantity: int, nonce: int = 0, **changes: Any) -> Order:
        return self.order(seller=self.desk.address, buyer=self.last.address, quantity=quantity, nonce=nonce, **changes)

    def default(self, agreement: bytes, exposure: int = 2_000, prices: Any = None, **changes: Any) -> None:
        """Valued, declared, and past notice and cure."""
        self.value(agreement, exposure, prices, **changes)
        self.send(self.f.declareDefault(agreement), self.key_of(self.f.agreementOf(agreement).call()[7]))
        self.pass_time(1)

    # Acts

    def calldata(self, call: Any) -> bytes:
        return bytes.fromhex(self.desk.encode_abi(call.abi_element_identifier, args=call.args)[2:])

    def together(self, *acts: tuple[Key, Any]) -> bytes:
        """What each of these, a party and its call, is to sign so that it counts with the others alone."""
        each = (keccak(encode(["address", "bytes32"], [k.address, keccak(self.calldata(call))])) for k, call in acts)
        return keccak(b"".join(each))

    def act(
        self,
        party: Key,
        call: Any,
        nonce: int = 0,
        by: int | None = None,
        signed: bool = True,
        together: bytes = ZERO_ID,
    ) -> Any:
        """The struct Act, signed by its party."""
        message = {
            "party": party.address,
            "call": self.calldata(call),
            "nonce": nonce,
            "by": self.deadline if by is None else by,
            "together": together,
        }
        signature = compact(sign(party, self.typed("Act", message))) if signed else b""
        return (*words("Act", message), signature)

    # Settlements and time

    def settled(self, seller: Key, buyer: Key, quantity: int, nonce: int = 0, settle: bool = True) -> Order:
        order = self.order(seller=seller.address, buyer=buyer.address, quantity=quantity, nonce=nonce)
        digest = self.id_of(order)
        signatures = (compact(sign(one, digest)) for one in (seller, buyer))
        self.send(self.dvp.functions.lock(order.words, *signatures), self.outsider)
        if settle:
            self.send(self.prove("settle", order, PAID), self.outsider)
        return order

    def pass_time(self, seconds: int) -> None:
        self.tester.time_travel(self.now() + seconds)
        self.tester.mine_block()

    def succeed(self, wallet: Key, heir: Key) -> None:
        """The registry names `heir` in the place of `wallet`."""
        lei = self.registry.functions.participantOf(wallet.address).call()[0]
        self.send(self.registry.functions.register(heir.address, lei, b"DE", 1, 2**40 - 1), self.registrar)
        call = self.registry.functions.succeed(wallet.address, heir.address)
        data = bytes.fromhex(self.registry.encode_abi("succeed", args=[wallet.address, heir.address])[2:])
        self.send(self.registry.functions.propose(data), self.registrar)
        self.send(call, self.confirmer)
