"""Outcomes that nobody may act on: left on the board they move nothing, the contract and the agents
refuse them by name, and the honest quorum still settles (I7, I8, I9)."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockstep.agent import Agent, Register
from lockstep.app.auditing import audit
from lockstep.app.intake import submit_file
from lockstep.app.market_file import read_market
from lockstep.app.world import TICK, World
from lockstep.chain.ledger import EvmAssetLedger, call_data, packed, read
from lockstep.domain.errors import ContractRefused, Contradiction
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.order import AssetStatus, Attestation, OutcomeResult, Proof
from lockstep.domain.payment import Payment, PaymentReport, PaymentState
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow import stepping
from lockstep.ports import CashSystem
from lockstep.signing import Key, build_proof, outcome_digest, terms_hash
from lockstep.simulation.chain import SimulatedChain

from .story import Writer

PAID, NEVER = OutcomeResult.PAID, OutcomeResult.NEVER


@pytest.fixture
def world(small_market: Path, tmp_path: Path) -> Iterator[World]:
    made = World(read_market(small_market), tmp_path / "world", chain=SimulatedChain)
    yield made
    made.close()


def submitted(world: World, cash: str = "100000.00") -> None:
    for path in Writer(world.root / "messages").trade(1, cash):
        assert submit_file(world.reception, path).outcome == "instructed"


def the_trade(world: World) -> Trade:
    (trade,) = world.book.trades()
    return trade


def settlement_of(world: World) -> SettlementId:
    identifier = the_trade(world).settlement_id
    assert identifier is not None
    return identifier


def without_agents(world: World, passes: int) -> None:
    for _ in range(passes):
        world.rtgs.tick()
        world.engine.run_once()
        world.chain.mine()
        world.clock.advance(TICK)


def until(world: World, condition: Callable[[], bool]) -> None:
    for _ in range(40):
        if condition():
            return
        world.tick()
    raise AssertionError("not within 40 ticks")


def booked(world: World) -> bool:
    return any(one.state is PaymentState.BOOKED for one in world.rtgs.operator.payments())


def head(world: World) -> AssetStatus:
    trade = the_trade(world)
    assert trade.order is not None
    return world.ledger.view(settlement_of(world), trade.order).head


def in_order(world: World) -> None:
    trades = world.book.trades()
    left = [one for trade in trades if trade.settlement_id for one in world.board.attestations(trade.settlement_id)]
    claims = {str(one.settlement_id or one.trade_id): one.state for one in trades}
    found = audit(world.chain.node, world.market, world.rtgs.facts(), left, claims, world.book.journal(), ended=True)
    assert {name: said for name, said in found.items() if said} == {}


def signed(
    world: World,
    key: Key,
    *,
    result: OutcomeResult = PAID,
    settlement: str | None = None,
    epoch: int = 1,
    network: Network | None = None,
    name: str | None = None,
    told_epoch: int = 1,
) -> Attestation:
    """Left for the world's settlement under the name of `key`; what is signed may be something else."""
    subject = settlement_of(world)
    digest = outcome_digest(SettlementId(settlement or subject), result, epoch, network or world.market.network)
    return Attestation(
        settlement_id=subject, result=PAID, epoch=told_epoch, agent=name or key.address, signature=key.sign(digest)
    )


def drop(world: World, attestations: Sequence[Attestation], *, prefix: str = "forged-") -> list[Path]:
    """As files on the board, under whatever name."""
    folder = world.root / "attestations" / settlement_of(world)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, one in enumerate(attestations):
        path = folder / f"{prefix}{number if prefix else one.agent}.json"
        content = {
            "settlement_id": one.settlement_id,
            "result": one.result.name,
            "epoch": one.epoch,
            "agent": one.agent,
            "signature": one.signature.hex(),
        }
        path.write_text(json.dumps(content))
        paths.append(path)
    return paths


STRANGERS = tuple(Key(bytes([9]) * 31 + bytes([number])) for number in range(1, 5))


def forgeries(world: World) -> dict[str, list[Attestation]]:
    """Sets of attestations that claim *paid*; `agents` hold the real keys, so that only what is signed is wrong."""
    agents, network = world.roles.agents[:3], world.market.network
    other_contract = next(iter(world.market.securities.values())).token
    return {
        "strangers in the agents' names": [
            signed(world, stranger, name=agent.address) for stranger, agent in zip(STRANGERS, agents, strict=False)
        ],
        "strangers in their own names": [signed(world, stranger) for stranger in STRANGERS],
        "another settlement": [signed(world, agent, settlement="ab" * 32) for agent in agents],
        "another chain": [signed(world, agent, network=replace(network, chain_id=1)) for agent in agents],
        "another contract": [signed(world, agent, network=replace(network, dvp=other_contract)) for agent in agents],
        "another epoch, said so": [signed(world, agent, epoch=2, told_epoch=2) for agent in agents],
        "another epoch, not said": [signed(world, agent, epoch=2) for agent in agents],
        "never, said to be paid": [signed(world, agent, result=NEVER) for agent in agents],
        "altered": [
            replace(one, signature=bytes([one.signature[0] ^ 1]) + one.signature[1:])
            for one in (signed(world, agent) for agent in agents)
        ],
        "cut short": [replace(signed(world, agent), signature=b"\x01" * 64) for agent in agents],
        "below the quorum": [signed(world, agent) for agent in agents[:2]],
        "one agent in three names": [signed(world, agents[0], name=agent.address) for agent in agents],
        "one agent three times": [signed(world, agents[0])] * 3,
    }


def test_forgeries_on_the_board_move_nothing_and_the_quorum_settles(world: World) -> None:
    submitted(world)
    until(world, lambda: bool(world.book.trades()) and the_trade(world).settlement_id is not None)
    for name in forgeries(world):  # nothing is paid, hence nothing may be delivered, whatever is signed
        paths = drop(world, forgeries(world)[name])
        without_agents(world, 1)
        for path in paths:
            path.unlink()
        assert head(world) in (AssetStatus.NONE, AssetStatus.LOCKED), name
    until(world, lambda: booked(world))
    honest = world.board.attestations(settlement_of(world))
    assert len(honest) < 2
    for path in (world.root / "attestations" / settlement_of(world)).glob("*.json"):
        path.unlink()
    for name, left in forgeries(world).items():
        paths = drop(world, left)
        without_agents(world, 2)
        for path in paths:
            path.unlink()
        assert head(world) is AssetStatus.LOCKED, name
        assert the_trade(world).state is TradeState.PAID
    drop(world, [one for left in forgeries(world).values() for one in left])
    (world.root / "attestations" / settlement_of(world) / "no-json.json").write_text("{")
    world.run_until_quiet()
    assert the_trade(world).state is TradeState.SETTLED
    in_order(world)


def test_forgeries_under_the_agents_own_names_keep_nobody_out(world: World) -> None:
    """An agent that finds a stranger's file under its name puts its own there."""
    submitted(world)
    until(world, lambda: bool(world.book.trades()) and the_trade(world).settlement_id is not None)
    names = [key.address for key in world.roles.agents]
    forged = [signed(world, stranger, name=name) for stranger, name in zip(STRANGERS, names, strict=True)]
    drop(world, forged, prefix="")
    world.run_until_quiet()
    assert the_trade(world).state is TradeState.SETTLED
    in_order(world)


# --- the contract


def proof_of(world: World, attestations: Sequence[Attestation]) -> Proof:
    """The form that the contract takes, of signatures that `build_proof` would leave out."""
    epoch = world.ledger.epoch()
    by_name = {one.agent: one.signature for one in attestations}
    signers = [agent for agent in epoch.agents if agent in by_name]
    compact = [
        by_name[agent][:32] + bytes([by_name[agent][32] | (by_name[agent][64] - 27) << 7]) + by_name[agent][33:64]
        for agent in signers
    ]
    return Proof(
        quorum=epoch.quorum,
        signers=sum(1 << place for place, agent in enumerate(epoch.agents) if agent in signers),
        signatures=b"".join(compact),
        absent=tuple(agent for agent in epoch.agents if agent not in signers),
    )


def test_the_contract_refuses_them_by_name(world: World) -> None:
    submitted(world)
    until(world, lambda: bool(world.book.trades()) and the_trade(world).state is TradeState.LOCKED)
    trade, agents = the_trade(world), world.roles.agents
    assert trade.order is not None
    named = {
        "strangers in the agents' names": "ProofNotFromEpoch",
        "another settlement": "ProofNotFromEpoch",
        "another chain": "ProofNotFromEpoch",
        "another contract": "ProofNotFromEpoch",
        "another epoch, not said": "ProofNotFromEpoch",
        "never, said to be paid": "ProofNotFromEpoch",
        "one agent in three names": "ProofNotFromEpoch",
        "below the quorum": "QuorumNotReached",
    }
    for name, refusal in named.items():
        with pytest.raises(ContractRefused) as refused:
            world.ledger.settle(settlement_of(world), trade.order, proof_of(world, forgeries(world)[name]))
        assert (name, refused.value.name) == (name, refusal)
        assert _hex(refused.value.details["settlementId"]) == settlement_of(world)
    two = proof_of(world, forgeries(world)["below the quorum"])
    with pytest.raises(ContractRefused) as refused:
        world.ledger.settle(settlement_of(world), trade.order, replace(two, quorum=2))
    assert refused.value.name == "ProofNotFromEpoch"
    paid = proof_of(world, [signed(world, agent) for agent in agents[:3]])
    with pytest.raises(ContractRefused) as refused:
        world.ledger.give_back(settlement_of(world), trade.order, paid)
    assert refused.value.name == "ProofNotFromEpoch", "a proof of paid gives nothing back"
    epoch = replace(trade.order, movement=replace(trade.order.movement, epoch=2))
    with pytest.raises(ContractRefused) as refused:
        world.ledger.settle(settlement_of(world), epoch, paid)
    assert refused.value.name == "OrderMismatch"
    assert head(world) is AssetStatus.LOCKED


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value).removeprefix("0x")


@pytest.mark.parametrize(("ending", "cash"), [(PAID, "100000.00"), (NEVER, "9000000.00")], ids=["paid", "never"])
def test_a_second_outcome_finds_the_settlement_ended(world: World, ending: OutcomeResult, cash: str) -> None:
    """Even a whole quorum, with the agents' own keys, comes too late with the other outcome."""
    submitted(world, cash)
    world.run_until_quiet()
    world.close_day()
    world.run_until_quiet()
    trade, network = the_trade(world), world.market.network
    assert trade.order is not None
    assert trade.state is (TradeState.SETTLED if ending is PAID else TradeState.RELEASED)
    units = _units(world)
    other = NEVER if ending is PAID else PAID
    opposite = [replace(signed(world, key, result=other), result=other) for key in world.roles.agents]
    proof = build_proof(other, opposite, world.ledger.epoch(), network)
    assert proof is not None
    movement = trade.order.movement
    values = (movement.token, movement.seller, movement.buyer, movement.quantity, movement.epoch, movement.nonce)
    leg = (values, terms_hash(trade.order.terms))
    for function in ("giveBack",) if other is NEVER else ("settle", "recordPaid"):
        data = call_data("DvP", function, leg, packed(proof))
        with pytest.raises(ContractRefused) as refused:
            world.chain.node.call(network.dvp, data)
        assert refused.value.name in ("AlreadyEnded", "WrongStatus")
        assert refused.value.details["actual"] == (3 if ending is PAID else 4)
    for path in drop(world, opposite):
        assert path.exists()
    world.run_until_quiet()
    assert the_trade(world).state is trade.state
    assert _units(world) == units


def _units(world: World) -> list[int]:

    return [
        read(world.chain.node, "SecurityToken", security.token, "freeOf", member.wallet)[0]
        for security in world.market.securities.values()
        for member in world.market.participants.values()
    ]


# --- the agents


def refusals(register: Register) -> list[str]:
    return [detail for _, kind, _, detail in register.steps() if kind == "refused"]


ALTERED: dict[str, tuple[Callable[[Payment], Payment], str | None]] = {
    "a cent less": (lambda one: replace(one, amount=_less(one.amount)), "CashTermsDiffer"),
    "another salt": (lambda one: replace(one, salt="00" * 16), "CashTermsDiffer"),
    "a later time to pay": (lambda one: replace(one, pay_by=one.pay_by.replace(minute=30)), "PayByDiffers"),
    "a settlement that is not locked": (lambda one: replace(one, settlement_id=SettlementId("ab" * 32)), None),
}
"""What a payment differs in, and how agents refuse to release it. A lock that is not there yet may still come."""


def _less(amount: Money) -> Money:
    return Money(currency=amount.currency, amount=amount.amount - 1)


def test_agents_release_no_other_payment_than_what_is_locked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the operator's keys and its place in the RTGS a thief gets money set aside, and no further."""
    honest = stepping.payment_message
    cases = {f"{cents}.00": case for cents, case in enumerate(ALTERED.values(), start=1)}

    def message(trade: Trade, *arguments: Any) -> Message[Any]:
        made = honest(trade, *arguments)
        return replace(made, body=cases[trade.terms.cash.text()][0](made.body))

    monkeypatch.setattr(stepping, "payment_message", message)
    writer = Writer(world.root / "messages")
    for number, cash in enumerate(cases, start=1):
        for path in writer.trade(number, cash):
            assert submit_file(world.reception, path).outcome == "instructed"
    for _ in range(12):
        world.tick()
    assert [one.state for one in world.rtgs.operator.payments()] == [PaymentState.HELD] * 4
    assert not world.rtgs.facts().releases
    expected = {one.settlement_id: cases[one.terms.cash.text()][1] for one in world.book.trades()}
    for agent in world.agents:
        steps = [(settlement, detail) for _, _, settlement, detail in agent.register.steps()]
        refused = {settlement: detail for settlement, detail in steps if settlement in expected}
        assert len(refused) == len(steps) == 3
        for settlement, detail in refused.items():
            assert detail.partition("(")[0] == expected[settlement]
            assert str(settlement) in detail and "actual=" in detail and "expected=" in detail
        assert agent.register.all() == []
    assert {one.state for one in world.book.trades()} <= {TradeState.LOCKED, TradeState.EARMARKED}
    assert not [one for one in world.rtgs.facts().postings if one.reference.startswith("payment/")]


class Lying:
    """An agent's mail with one message more, which the RTGS never sent."""

    def __init__(self, honest: CashSystem, lie: Message[Any]) -> None:
        self._honest, self._lie = honest, lie

    def send(self, message: Message[Any]) -> None:
        self._honest.send(message)

    def receive(self, after: int, limit: int = 200) -> list[tuple[int, Any]]:
        mail = list(self._honest.receive(after, limit)) if after < 10_000 else []
        return mail or ([(10_000, self._lie)] if after < 10_000 else [])


def lie(world: World, state: PaymentState) -> Message[Any]:
    (payment,) = world.rtgs.operator.payments()
    body = PaymentReport(
        original_message_id=payment.message_id,
        uetr=payment.payment.uetr,
        state=state,
        decided_at=world.clock.now().replace(microsecond=0),
        payment=payment.payment,
        reason_code=payment.reason_code,
        reason=payment.reason,
    )
    return Message(
        sender=world.file.rtgs, receiver=world.file.service, message_id="LIE-1", created=body.decided_at, body=body
    )


@pytest.mark.parametrize(
    ("cash", "first", "second"),
    [("100000.00", PAID, PaymentState.CANCELLED), ("9000000.00", NEVER, PaymentState.BOOKED)],
    ids=["never after paid", "paid after never"],
)
def test_agents_stop_where_the_mail_contradicts_itself(
    world: World, cash: str, first: OutcomeResult, second: PaymentState
) -> None:
    submitted(world, cash)
    world.run_until_quiet()
    world.close_day()
    world.run_until_quiet()
    for agent in world.agents:
        assert [one.result for one in agent.register.all()] == [first]
        agent.cash = Lying(agent.cash, lie(world, second))
    world.run_until_quiet()
    for agent in world.agents:
        assert [one.result for one in agent.register.all()] == [first]
        doubts = [detail for _, kind, _, detail in agent.register.steps() if kind == "contradiction"]
        assert doubts == [f"settlement {settlement_of(world)}: {first.name} is signed, and the mail tells the opposite"]
    assert {one.result for one in world.board.attestations(settlement_of(world))} == {first}
    in_order(world)


def test_an_agent_that_signed_signs_no_other_outcome(world: World, tmp_path: Path) -> None:
    """Not for itself, not after a restart with mail that tells only the other story."""
    submitted(world)
    world.run_until_quiet()
    agent = world.agents[0]
    (paid,) = agent.register.all()
    opposite = replace(signed(world, agent.key, result=NEVER), result=NEVER)
    with pytest.raises(Contradiction, match="PAID is signed, NEVER never can be"):
        agent.register.record(opposite, ("forged",))
    assert agent.register.all() == [paid]
    restarted = Agent(
        bic=agent.bic,
        rtgs=agent.rtgs,
        key=agent.key,
        market=agent.market,
        assets=EvmAssetLedger(world.chain.node, world.market.network),
        cash=Lying(_Empty(), lie(world, PaymentState.REJECTED)),
        board=world.board,
        register=agent.register,
        clock=world.clock,
    )
    for _ in range(3):
        restarted.step()
    assert agent.register.all() == [paid]
    assert {one.result for one in world.board.attestations(settlement_of(world))} == {PAID}


class _Empty:
    def send(self, message: Message[Any]) -> None:
        raise AssertionError("nothing to send")

    def receive(self, after: int, limit: int = 200) -> list[tuple[int, Any]]:
        return []
