"""People and enemies on the whole system: each acts within its powers, and none of them breaks an invariant.

The world is the real one on an embedded chain, slow and without other faults; the simulator plays the same actors
on its own chain, among all the rest that goes wrong.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes

from lockstep.agent import MarginBoard, ValuationDirectory
from lockstep.app.auditing import audit
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.cash import DirectCashSystem
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import Bic, Reference
from lockstep.domain.instruction import Instruction, Party, Side
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import Trade, TradeState
from lockstep.iso20022 import read, write
from lockstep.simulation import (
    actors,
    actors_collateral,
    actors_collateral_thieves,
    actors_collateral_values,
    actors_enemies,
    actors_margin,
    actors_offices,
    actors_parties,
    actors_repo,
    actors_thieves,
)
from lockstep.simulation.actors import COLLATERAL, KINDS, Call, Hands, payers, play
from lockstep.simulation.actors_hands import key_of
from lockstep.simulation.collateral_hands import CARRIERS
from lockstep.testing.fakes import FakeRandomness, key

MARKET = (
    """
business_day = 2026-11-23
opens = 07:00:00
pay_by = 16:00:00
closes = 17:00:00
service = "LSTPZZ2A"
rtgs = "CBNKZZ2AXXX"
"""
    + "".join(
        f"""
[[participants]]
name = "{bic}"
lei = "{lei}"
bic = "{bic}"
status = "active"
accounts = {{ EUR = "EUR-{bic}" }}
cash = {{ EUR = "1000000.00" }}
[[mandates]]
debtor = "{bic}"
currency = "EUR"
maximum = "1000000.00"
until = 2026-12-31
[[holdings]]
participant = "{bic}"
isin = "ZZ00EXB20314"
quantity = "10000.00"
"""
        for bic, lei in (
            ("FABLZZ2A", "ZZZZ00FABLEBANK00171"),
            ("UTOPZZ2A", "ZZZZ00UTOPIATRUS0378"),
            ("MIRGZZ2AXXX", "ZZZZ00MIRAGESECU0222"),
        )
    )
    + """
[[securities]]
isin = "ZZ00EXB20314"
name = "Bond"
symbol = "BOND"
kind = "government bond"
quantity_type = "FaceAmt"
decimals = 2
currency = "EUR"
[tolerances]
"""
)


class Theatre(World):
    """A world whose messages and transactions can be overheard."""

    def __init__(self, root: Path) -> None:
        (root / "market.toml").write_text(MARKET)
        self.holding = False
        """What the service sends waits at the nodes, and can be overtaken."""
        self.waiting: list[Call] = []
        self._acting = False
        self.told: list[tuple[Bic, bytes]] = []
        self.handed_in: list[bytes] = []
        self.calls: list[Call] = []
        self.acts: list[str] = []
        super().__init__(
            read_market(root / "market.toml"), root / "home", finality_depth=2, randomness=FakeRandomness("theatre")
        )
        self.node = self.chain.node
        self.looking = EvmAssetLedger(self.node, self.market.network)
        for address in payers(self.roles):
            terms: Any = {"from": self.chain.faucet, "to": address, "value": 10**19, "gas": 21_000}
            self.node.web3.eth.send_transaction(terms)
        broadcast = self.node.broadcast_all

        def overheard(raw: bytes) -> str | Unavailable | None:
            fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
            to = str(to_checksum_address(bytes(fields["to"])))
            self.calls.append(Call(to=to, data=bytes(fields["data"]), raw=bytes(raw)))
            if self.holding and not self._acting:
                self.waiting.append(self.calls[-1])
                return None
            return broadcast([raw])[0]

        self.node.broadcast_all = lambda raws: [overheard(raw) for raw in raws]

    def _cash(self, party: Bic) -> DirectCashSystem:
        def handle(data: bytes, sender: Bic) -> object:
            self.told.append((sender, data))
            return self.rtgs.handle(data, sender)

        return DirectCashSystem(handle, self.rtgs.mailbox, party)

    # --- the stage

    @property
    def ledger(self) -> EvmAssetLedger:
        return self._ledger if not hasattr(self, "looking") else self.looking

    @ledger.setter
    def ledger(self, one: EvmAssetLedger) -> None:
        self._ledger = one

    @property
    def valuations(self) -> ValuationDirectory:
        return ValuationDirectory(self.root / "attestations")

    @property
    def cash_board(self) -> MarginBoard:
        return MarginBoard(self.root / "attestations")

    def register_events(self) -> list[Any]:
        return []

    def margin(self, ask: Callable[[Any], Any]) -> Any:
        return ask(self.margining)

    def repo(self, ask: Callable[[Any], Any]) -> Any:
        return ask(self.repoing)

    def remember(self, say: Callable[[], object]) -> None:
        raise AssertionError("nothing is lost here")

    def submit(self, data: bytes) -> str:
        message: Any = read(data)
        self.handed_in.append(data)
        return self.reception.submit(message, data)

    def tell_rtgs(self, data: bytes, sender: Bic) -> None:
        self.rtgs.handle(data, sender)

    def submitted(self) -> list[bytes]:
        return list(self.handed_in)

    def told_rtgs(self) -> list[tuple[Bic, bytes]]:
        return list(self.told)

    def records(self) -> list[Trade]:
        return list(self.book.trades())

    def transactions(self) -> list[Call]:
        return list(self.calls)

    def pending(self) -> list[Call]:
        return list(self.waiting)

    def let_through(self) -> None:
        """What waits comes to the chain."""
        self.holding = False
        while self.waiting:
            self.node.broadcast(self.waiting.pop(0).raw)

    # --- the run

    def instruct(self, number: int, seller: int, buyer: int, quantity: str, cents: int) -> None:
        members = [self.file.members[place] for place in (seller, buyer)]
        parties = [Party(lei=one.lei, bic=one.bic) for one in members]
        security = self.file.securities[0]
        for side, owner in ((Side.DELIVER, members[0]), (Side.RECEIVE, members[1])):
            body = Instruction(
                reference=Reference(f"{side.name[0]}-{number}"),
                side=side,
                deliverer=parties[0],
                receiver=parties[1],
                isin=security.isin,
                quantity=Quantity.parse(quantity),
                quantity_type=security.quantity_type,
                cash=Money(currency="EUR", amount=cents),
                trade_date=self.file.business_day,
                settlement_date=self.file.business_day,
            )
            now = self.clock.now()
            message = Message(
                sender=owner.bic, receiver=self.file.service, message_id=f"M-{body.reference}", created=now, body=body
            )
            self.submit(write(message))

    def tick_until(self, true: Callable[[], bool]) -> None:
        for _ in range(20):
            if true():
                return
            self.tick()
        raise AssertionError("it did not come about")

    def plays(self, kind: str, rng: random.Random) -> None:
        self._acting = True
        said = play(kind, self, rng)
        self._acting = False
        if said is not None:
            self.acts.append(f"{kind}: {said}")

    def violations(self, *, ended: bool) -> dict[str, list[str]]:
        trades = self.book.trades()
        left = [one for trade in trades if trade.settlement_id for one in self.board.attestations(trade.settlement_id)]
        found = audit(
            self.node,
            self.market,
            self.rtgs.facts(),
            left,
            {str(one.settlement_id or one.trade_id): one.state for one in trades},
            self.book.journal(),
            ended=ended,
            terms=[one.terms for one in trades],
        )
        return {name: said for name, said in found.items() if said}


# --- tests


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    made = Theatre(tmp_path)
    yield made
    made.close()


def instruct(theatre: Theatre) -> None:
    for number, (seller, buyer, quantity, cents) in enumerate(
        ((1, 0, "1000", 100_000), (0, 2, "2000", 200_000), (2, 1, "500", 500)), 1
    ):
        theatre.instruct(number, seller, buyer, quantity, cents)


def perform(theatre: Theatre, kinds: list[str], ticks: int, seed: str) -> None:
    rng = random.Random(seed)
    for _ in range(ticks):
        theatre.tick()
        for kind in kinds:
            theatre.plays(kind, rng)


def ends_well(theatre: Theatre) -> list[TradeState]:
    """Nobody acts any more, and the day ends."""
    theatre.run_until_quiet()
    theatre.close_day()
    theatre.run_until_quiet()
    assert theatre.violations(ended=True) == {}
    return [one.state for one in theatre.book.trades()]


@pytest.mark.parametrize(
    "kinds",
    [
        ["operator-stolen", "service-door-stolen"],
        ["agent-stolen", "replay"],
        ["officer-stolen", "front-run"],
        ["token-paused", "holding-frozen", "participant-suspended"],
        ["long-stop-early", "cancellation-race"],
    ],
    ids="+".join,
)
def test_no_actor_breaks_an_invariant(theatre: Theatre, kinds: list[str]) -> None:
    """I1 to I12, read off both ledgers by the oracle; and every trade ends."""
    instruct(theatre)
    perform(theatre, kinds, 9, "+".join(kinds))
    assert {one.partition(":")[0] for one in theatre.acts} == set(kinds)
    states = ends_well(theatre)
    assert len(states) >= 3 and all(one.is_end for one in states)


@pytest.mark.parametrize("kind", ["operator-stolen", "agent-stolen", "officer-stolen"])
def test_a_stolen_key_moves_nothing(theatre: Theatre, kind: str) -> None:
    """The protocol's table of stolen keys, with nobody to trade."""
    token = next(iter(theatre.market.securities.values())).token
    wallets = [one.wallet for one in theatre.market.participants.values()]
    hands = Hands(stage=theatre, keys=frozenset())
    before = [(hands.units(token, one, "balanceOf"), hands.units(token, one, "earmarkedTotalOf")) for one in wallets]
    perform(theatre, [kind] * 4, 6, kind)
    after = [(hands.units(token, one, "balanceOf"), hands.units(token, one, "earmarkedTotalOf")) for one in wallets]
    assert after == before and theatre.violations(ended=True) == {}


def test_a_lock_that_was_overtaken(theatre: Theatre) -> None:
    """Who sends the service's own call first has locked for it, and the trade settles."""
    theatre.instruct(1, 1, 0, "1000", 100_000)
    theatre.holding = True
    rng = random.Random(1)
    for _ in range(6):
        theatre.tick()
        if theatre.waiting:
            break
    said = actors_enemies.overtakes_what_waits(Hands(stage=theatre, keys=frozenset({"anybody"})), rng)
    assert said is None or theatre.waiting
    theatre.acts.clear()
    for _ in range(500):
        theatre.plays("front-run", rng)
        if any("overtakes" in one for one in theatre.acts):
            break
    theatre.let_through()
    assert ends_well(theatre) == [TradeState.SETTLED]
    anybody = key_of(theatre.roles, "anybody").address
    (lock,) = Hands(stage=theatre, keys=frozenset()).locks()
    locked = theatre.looking.history(lock.settlement)[0]
    assert theatre.node.web3.eth.get_transaction(locked.transaction)["from"] == anybody


def test_every_act_comes_to_something(theatre: Theatre) -> None:
    """With trades locked and payments held, each finds what to do it to, and says what came of it."""
    instruct(theatre)
    agents, theatre.agents = theatre.agents, ()
    theatre.tick_until(lambda: len(theatre.looking.locked()) == 3)
    theatre.agents = agents
    theatre.tick_until(lambda: any(len(theatre.board.attestations(one)) > 2 for one in theatre.looking.locked()))
    theatre.waiting = [theatre.calls[-1]]
    for kind, cast in sorted(KINDS.items(), key=lambda one: one[0] == "cancellation-race"):
        if kind in COLLATERAL:
            continue  # they need a register: see test_seeds_collateral.py
        for act in dict.fromkeys(cast.acts):
            for seed in range(30):
                hands = actors._hands(cast, theatre, random.Random(f"{kind}/{seed}"))
                said = act(hands, random.Random(seed))
                if said is not None:
                    break
            assert said, (kind, act.__name__)


def test_a_recovery_is_delivered_to_the_heir(theatre: Theatre) -> None:
    """Recovered between lock and settle, the buyer's units arrive at its heir, and nothing is left behind."""
    theatre.instruct(1, 1, 0, "1000", 100_000)
    hands = actors._hands(KINDS["wallet-recovered"], theatre, random.Random(0))
    theatre.tick_until(lambda: bool(hands.locks()))
    (lock,) = hands.locks()
    rng = random.Random(0)
    for _ in range(20):  # whose wallet is lost is drawn: until it is the buyer's, too
        actors_offices.recovers_a_wallet(hands, rng)
    theatre.run_until_quiet()
    assert [one.state for one in theatre.book.trades()] == [TradeState.SETTLED]
    movement = lock.order.movement
    heir = key_of(theatre.roles, f"heir of {next(one.bic for one in hands.members if one.wallet == movement.buyer)}")
    assert hands.units(movement.token, movement.buyer, "balanceOf") == 0
    assert hands.units(movement.token, heir.address, "balanceOf") == 1_000_000 + movement.quantity
    assert hands.units(movement.token, movement.seller, "earmarkedTotalOf") == 0


def test_the_same_stream_tells_the_same_story(tmp_path: Path) -> None:
    stories = []
    for name in ("first", "again"):
        (tmp_path / name).mkdir()
        theatre = Theatre(tmp_path / name)
        instruct(theatre)
        perform(theatre, ["operator-stolen", "agent-stolen", "replay", "grief"], 4, "story")
        stories.append(theatre.acts)
        theatre.close()
    assert stories[0] == stories[1] and len(stories[0]) > 10


def test_every_act_is_somebodys() -> None:
    given = {act.__name__ for cast in KINDS.values() for act in cast.acts}
    modules = (
        actors_collateral,
        actors_collateral_thieves,
        actors_collateral_values,
        actors_enemies,
        actors_margin,
        actors_offices,
        actors_parties,
        actors_repo,
        actors_thieves,
    )
    assert given == {name for module in modules for name in module.__all__}


def test_no_kind_reaches_a_threshold() -> None:
    """A thief has one key; two hands and quorums belong to those who act by right."""
    for kind, cast in KINDS.items():
        stolen = [name for name in cast.keys if name not in ("anybody", actors.MEMBERS, *CARRIERS)]
        if kind.endswith("-stolen"):
            assert len(stolen) <= 1, kind
    for kind in ("replay", "front-run", "batch-asked", "squat", "grief"):
        assert set(KINDS[kind].keys) <= {"anybody", actors.MEMBERS}, kind


def test_hands_hold_no_more_than_they_were_given(theatre: Theatre) -> None:
    hands = Hands(stage=theatre, keys=frozenset({"operator"}), doors=frozenset({Bic("FABLZZ2A")}))
    assert hands.key("operator").address == theatre.roles.operator.address
    token = next(iter(theatre.market.securities.values())).token
    with pytest.raises(PermissionError, match="officer is not among"):
        hands.send("officer", "SecurityToken", token, "setPaused", True)
    with pytest.raises(PermissionError, match="LSTPZZ2A is not among"):
        hands.tell_rtgs(Bic("LSTPZZ2A"), "M", None)
    with pytest.raises(PermissionError, match="UTOPZZ2A is not among"):
        hands.letter(Bic("UTOPZZ2A"), "M", None)
    assert hands.send("operator", "SecurityToken", token, "setPaused", True).startswith("setPaused refused: WrongRole")


def test_keys_by_name(theatre: Theatre) -> None:
    roles = theatre.roles
    assert key_of(roles, "agent-2").address == roles.agents[1].address
    assert key_of(roles, "wallet-FABLZZ2A").address == roles.wallets[Bic("FABLZZ2A")].address
    known = {one.address for one in (*roles.agents, *roles.wallets.values(), roles.operator, roles.officer)}
    assert key_of(roles, "anybody").address not in known | {key("anybody").address}
    assert len(set(payers(roles))) == 6, "the second key of the service too"


def test_a_kind_that_is_none(theatre: Theatre) -> None:
    with pytest.raises(KeyError):
        play("nobody", theatre, random.Random(0))
