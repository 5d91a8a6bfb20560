"""What the chain keeps, word by word, beside what the model says it must be; and the contracts' own answers.

The words are those that `docs/explanation/contracts.md` draws. Where a mapping lies is found by looking for a word
that the opening is known to have written, so no slot number stands here.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from eth_abi.abi import default_codec
from eth_hash.auto import keccak

from .evm import mapped
from .market import Call, Market
from .model_net import Net, position
from .model_token import TokenModel
from .world import NOBODY, Stage, World

__all__ = ["Account", "Layout", "Reading", "account_of", "lane_of"]

SLOTS = 48
UNITS = 2**60 - 1
PARTLY_FROZEN, FROZEN, RECOVERED = 1 << 240, 1 << 241, 1 << 242
Account = tuple[int, int, int, int, int]


class Layout:
    """Where the contracts of a world keep their mappings."""

    def __init__(self, world: World) -> None:
        self._world = world
        wallet, token, chain = world.wallets[0], world.token, world.chain
        key = int(wallet, 16)
        # Back to the opening, whatever ran before.
        chain.revert(world.mark)
        world.mark, mark = chain.snapshot(), chain.snapshot()
        self.accounts = self._find(token, key, lambda word: word == chain_balance(world, token, wallet))
        world.send("officer", "SecurityToken", token, "setFrozenTokens", wallet, 987_654_321)
        self.frozen = self._find(token, key, lambda word: word == 987_654_321)
        self.records = self._find(world.registry, key, lambda word: word >> 254 == 3 and word & 2**160 - 1 > 0)
        chain.revert(mark)
        # Empty until the first order: one is cancelled to see where.
        self.lanes = self._find_lanes(world)

    def _find(self, contract: str, key: int, fits: Callable[[int], bool]) -> int:
        found = [slot for slot in range(SLOTS) if fits(self._world.chain.storage(contract, mapped(key, slot)))]
        if len(found) != 1:
            raise RuntimeError(f"slots {found} of {contract} fit, not one")
        return found[0]

    def _find_lanes(self, world: World) -> int:
        mark = world.chain.snapshot()
        wallet = world.wallets[0]
        movement = (world.token, wallet, world.wallets[1], 1, 1, 0)
        terms = (bytes(32), 0, 0, bytes(32), bytes(32), world.chain.now, world.chain.now)
        world.send("wallet 0", "DvP", world.dvp, "cancelOrder", (movement, terms), b"")
        slot = self._find(world.dvp, int(wallet, 16) << 64, lambda word: word & 0xFF == 5)
        world.chain.revert(mark)
        return slot


def chain_balance(world: World, token: str, wallet: str) -> int:
    data = world.codec.encode("SecurityToken", "balanceOf", (wallet,))
    return int.from_bytes(world.chain.call(wallet, token, data, 10**6).data)


def account_of(word: int) -> Account:
    """Balance, three lanes, flags."""
    return (word & UNITS, word >> 60 & UNITS, word >> 120 & UNITS, word >> 180 & UNITS, word >> 240)


def lane_of(word: int, nonce: int) -> tuple[int, bytes]:
    """Status and prefix."""
    lane = word >> 128 * (nonce & 1) & 2**128 - 1
    return lane & 0xFF, (lane >> 8).to_bytes(15)


class Reading:
    """The chain of one world beside the model of one run."""

    def __init__(self, world: World, layout: Layout) -> None:
        self.world, self.chain, self.layout = world, world.chain, layout
        keys = (key.address for key in world.keys.values())
        self.people = list(dict.fromkeys((*world.wallets, *keys, NOBODY)))
        self._slots: dict[tuple[int, int], int] = {}
        self._tokens = [world.token, world.other_token, world.next_token]
        pairs = [(token, int(one, 16)) for token in self._tokens for one in self.people]
        self._places = [(token, self.at(key, layout.accounts)) for token, key in pairs]
        self._places += [(token, self.at(key, layout.frozen)) for token, key in pairs]
        self._places += [(world.registry, self.at(int(one, 16), layout.records)) for one in self.people]

    def at(self, key: int, slot: int) -> int:
        found = self._slots.get((key, slot))
        if found is None:
            found = self._slots[key, slot] = mapped(key, slot)
        return found

    def account(self, token: str, holder: str) -> int:
        return self.chain.storage(token, self.at(int(holder, 16), self.layout.accounts))

    def frozen(self, token: str, holder: str) -> int:
        return self.chain.storage(token, self.at(int(holder, 16), self.layout.frozen))

    def record(self, wallet: str) -> int:
        return self.chain.storage(self.world.registry, self.at(int(wallet, 16), self.layout.records))

    def lane(self, seller: str, nonce: int) -> tuple[int, bytes]:
        key = int(seller, 16) << 64 | nonce >> 1
        return lane_of(self.chain.storage(self.world.dvp, self.at(key, self.layout.lanes)), nonce)

    def left(self, cycle_id: bytes) -> set[int]:
        """Of a cycle that ends security by security, the places that are not ended."""
        word = self.ask("DvP", self.world.dvp, "leftOfNet", cycle_id)
        return {place for place in range(256) if word >> place & 1} if word else set()

    def ask(self, contract: str, target: str, function: str, *arguments: Any) -> Any:
        """A view's only answer, or the first of several; raises RuntimeError if it refuses."""
        answers = self.ask_all(contract, target, function, *arguments)
        return answers[0]

    def ask_all(self, contract: str, target: str, function: str, *arguments: Any) -> tuple[Any, ...]:
        data = self.world.codec.encode(contract, function, arguments)
        outcome = self.chain.call(self.world.address("operator"), target, data, 3_000_000)
        if not outcome.done:
            raise RuntimeError(f"{function}: {self.world.codec.refusal(outcome.data)}")
        return self.world.codec.answer(contract, function, outcome.data)

    # What the model says of the same

    def word_of(self, token: TokenModel, holder: str) -> int:
        lanes = token.earmarks.get
        return (
            token.balance.get(holder, 0)
            | lanes((holder, 0), 0) << 60
            | lanes((holder, 1), 0) << 120
            | lanes((holder, 2), 0) << 180
            | (PARTLY_FROZEN if token.frozen.get(holder) else 0)
            | (FROZEN if holder in token.stopped else 0)
            | (RECOVERED if holder in token.recovered else 0)
        )

    def words(self) -> list[int]:
        """Accounts of all tokens, then frozen amounts, then records, each of all people."""
        read = self.chain.evm.storage
        return [read(address, slot) for address, slot in self._places]

    def accounts(self, words: list[int], token: str) -> list[int]:
        start = self._tokens.index(token) * len(self.people)
        return words[start : start + len(self.people)]

    def expected(self, market: Market) -> list[int]:
        """What `words` should be."""
        tokens, people = [market.tokens[one] for one in self._tokens], self.people
        found = [self.word_of(token, holder) for token in tokens for holder in people]
        found += [token.frozen.get(holder, 0) for token in tokens for holder in people]
        return found + [record_word(market, wallet) for wallet in people]

    def differences(self, market: Market, words: list[int]) -> Iterator[str]:
        """Where words of the chain are not the model's."""
        expected = self.expected(market)
        if words == expected:
            return
        count = len(self.people)
        for i, (actual, wanted) in enumerate(zip(words, expected, strict=True)):
            if actual != wanted:
                kind = ("account", "account", "account", "frozen units", "frozen units", "frozen units", "record")
                where = f"{kind[i // count]} of {self.people[i % count]} in {self._places[i][0]}"
                yield f"{where}: chain {actual:#x}, model {wanted:#x}"

    def different_lanes(self, market: Market, lanes: Iterable[tuple[str, int]]) -> Iterator[str]:
        """Where lanes of the chain are not the model's."""
        known = market.dvp.lanes
        for lane in lanes:
            status, id_ = known.get(lane, (0, bytes(15)))
            actual = self.lane(*lane)
            if actual != (status, id_[:15]):
                yield f"lane {lane}: chain {actual}, model {(status, id_[:15])}"

    def different_cycles(self, market: Market, ids: Iterable[bytes]) -> Iterator[str]:
        """Where what is kept of cycles is not the model's."""
        for id_ in ids:
            status, net = market.dvp.cycles[id_]
            actual = self.ask_all("DvP", self.world.dvp, "statusOfNet", id_)
            if actual != (status, hash_of(net)[:31]):
                yield f"cycle {id_.hex()}: chain {actual}, model {status} and {net}"
            left, expected = self.left(id_), market.dvp.left.get(id_, set())
            if left != expected:
                yield f"cycle {id_.hex()}: chain has {left} left, model {expected}"

    def contradictions(self, stage: Stage) -> Iterator[str]:
        """Where the contracts' own answers are not the model's: one draw of what there is to ask."""
        market, dice = stage.market, stage.dice
        token = market.tokens[dice.choice(list(market.tokens))]
        a, b, units = dice.choice(self.people), dice.choice(self.people), dice.randrange(2_000)
        asked: list[tuple[str, str, str, tuple[Any, ...], Any]] = []

        def security(function: str, expected: Any, *arguments: Any) -> None:
            asked.append(("SecurityToken", token.address, function, arguments, expected))

        security("freeOf", token.free(a), a)
        security("balanceOf", token.balance[a], a)
        security("earmarkedOf", token.earmarks[a, 0], a, self.world.dvp)
        security("totalSupply", token.supply)
        security("authorised", token.authorised)
        security("allowance", token.allowance[a, b], a, b)
        security("nonces", token.nonces[a], a)
        security("getFrozenTokens", token.frozen[a], a)
        security("holderOf", token.roles[0], 0)
        security("successor", token.successor.address if token.successor else "0x" + "00" * 20)
        security("canTransfer", not token.untransferable(stage.now, a, b, units), a, b, units)
        for contract, target, function, arguments, expected in asked:
            actual = self.ask(contract, target, function, *arguments)
            if actual != expected:
                yield f"{function}{arguments} of {target}: chain {actual}, model {expected}"
        rules = (token.jurisdictions, token.classes, token.paused)
        if self.ask_all("SecurityToken", token.address, "rules") != rules:
            yield f"rules of {token.address}: model {rules}"
        refusal = self.world.codec.refusal(self.ask("SecurityToken", token.address, "whyNot", a, b, units))[0]
        names = token.untransferable(stage.now, a, b, units)
        if refusal not in (names or {""}):
            yield f"whyNot {a} {b} {units}: chain {refusal}, model {sorted(names)}"
        yield from self._of_registry(market, a, stage.now)
        yield from self._of_dvp(stage)

    def consequences(self, market: Market, call: Call) -> Iterator[str]:
        """What an accepted call touched beside the words, as the contracts tell it themselves."""
        asked: list[tuple[str, Any, tuple[Any, ...]]] = []
        given, first = call.arguments, call.arguments[0] if call.arguments else None
        if call.contract == "SecurityToken":
            token = market.tokens[call.target]
            asked = [("totalSupply", token.supply, ()), ("authorised", token.authorised, ())]
            owners = {"approve": call.sender, "transferFrom": first, "buyBack": first, "permit": first}
            if owner := owners.get(call.function):
                spender = {"approve": first, "permit": given[1]}.get(call.function, call.sender)
                asked.append(("allowance", token.allowance[owner, spender], (owner, spender)))
            if call.function == "setDocument":
                asked.append(("getDocument", token.documents[given[0]][0], (given[0],)))
        elif call.function == "proposeNetLongStop":
            asked = [("longStopFrom", market.dvp.long_stop_from(given[0]), (given[0],))]
        elif call.function in ("lockPart", "proposeLongStop"):
            id_ = market.dvp.digests.order(*given[0])
            asked = [
                ("lockedInParts", market.dvp.in_parts.get(id_, 0), (id_,)),
                ("longStopFrom", market.dvp.long_stop_from(id_), (id_,)),
            ]
        for function, expected, arguments in asked:
            actual = self.ask(call.contract, call.target, function, *arguments)
            if actual != expected:
                yield f"{function}{arguments}: chain {actual}, model {expected}"

    def _of_registry(self, market: Market, wallet: str, now: int) -> Iterator[str]:
        model, registry = market.registry, self.world.registry
        expected = {
            "isEligible": (model.may_act(wallet, now), wallet),
            "heirOf": (model.heir(wallet), wallet),
            "registrar": (model.registrar,),
            "confirmer": (model.confirmer,),
            "proposedRegistrar": (model.proposed,),
        }
        for function, (value, *arguments) in expected.items():
            actual = self.ask("ParticipantRegistry", registry, function, *arguments)
            if actual != value:
                yield f"{function}{arguments}: chain {actual}, model {value}"

    def _of_dvp(self, stage: Stage) -> Iterator[str]:
        model, dvp = stage.market.dvp, self.world.dvp
        epoch = model.epochs[model.current]
        expected: dict[str, tuple[Any, ...]] = {
            "currentEpoch": (model.current,),
            "officer": (epoch.officer,),
            "confirmer": (epoch.confirmer,),
        }
        if stage.cycles:
            cycle = stage.dice.choice(stage.cycles)
            expected["netSettlementId"] = (cycle.id, cycle.gross)
        if stage.orders:
            order = stage.dice.choice(stage.orders)
            lane = (order.movement.seller, order.movement.nonce)
            status, kept = model.lanes.get(lane, (0, bytes(32)))
            expected["settlementId"] = (order.id, order.words)
            expected["statusOf"] = (status, *lane)
            expected["statusOfSettlement"] = (status if kept == order.id else 0, order.id, *lane)
            expected["outcomeDigest"] = (model.said.outcome(order.id, 2, 1), order.id, 2, 1)
            expected["longStopFrom"] = (model.long_stop_from(order.id), order.id)
            expected["lockedInParts"] = (model.in_parts.get(order.id, 0), order.id)
        for function, (value, *arguments) in expected.items():
            actual = self.ask("DvP", dvp, function, *arguments)
            if actual != value:
                yield f"{function}: chain {actual}, model {value}"


@cache
def hash_of(net: Net) -> bytes:
    """keccak256 over the ABI encoding of the struct."""
    words = (*net[:2], [(token, [position(*one) for one in positions]) for token, positions in net[2]])
    return bytes(keccak(default_codec.encode(["(uint32,uint40,(address,uint256[])[])"], [words])))


def record_word(market: Market, wallet: str) -> int:
    """A registry's record as its one word."""
    record = market.registry.records.get(wallet)
    if record is None:
        return 0
    number = market.registry.numbers[record.jurisdiction]
    return (
        int.from_bytes(record.lei)
        | number << 160
        | (192 + record.investor_class) << 168
        | record.expires << 214
        | (4 - record.status) % 4 << 254
    )
