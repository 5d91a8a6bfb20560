"""Officer, confirmer and new agents on the whole system: real contracts and RTGS, the auditor over both (I7, I12)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attack_world import BOND, BUYER, SELLER, THIEF, Town

from lockstep.app.auditing import compose
from lockstep.app.officiating import Office
from lockstep.app.rotating import (
    Rotations,
    content,
    read_rotation,
    read_signature,
    write_rotation,
    write_signature,
)
from lockstep.chain import refusal_classes as refusals
from lockstep.chain.artifacts import event_topic
from lockstep.chain.audit import collect
from lockstep.chain.desk import Desk
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.order import AssetStatus, Rotation
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import TradeState
from lockstep.signing import Key
from lockstep.testing.fakes import FakeTransactionLog, key
from lockstep.testing.invariants import check

GRACE, CHALLENGE, DELAY = timedelta(days=5), timedelta(days=2), timedelta(days=45)


class City(Town):
    """A town whose roles have desks, and whose agents can be put out."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.logs: dict[str, FakeTransactionLog] = {}

    def office(self, name: str, on_commit: Callable[[str], None] = lambda _: None, signer: Key | None = None) -> Office:
        """The desk of a role, with what it remembers: a new one each time, as after a restart."""
        log = self.logs.setdefault(name, FakeTransactionLog())
        holder = signer or getattr(self.roles, name)
        desk = Desk(self.chain.node, holder, log, poll=self.chain.mine, on_commit=on_commit)
        return Office(market=self.market, node=self.chain.node, desk=desk)

    def put_out_the_agents(self) -> None:
        self.agents_then, self.agents = self.agents, ()

    def at_pay_by(self, after: timedelta) -> None:
        self.move_to(self.file.pay_by_instant + after)

    def fund(self, address: str) -> None:
        terms: Any = {"from": self.chain.faucet, "to": address, "value": 10**18, "gas": 21_000}
        self.chain.node.web3.eth.send_transaction(terms)

    def status(self) -> AssetStatus:
        trade = self.trade
        assert trade.order is not None and trade.settlement_id is not None
        return self.ledger.view(trade.settlement_id, trade.order).head

    def payment(self, *given: Any, **changes: Any) -> Any:
        if given or changes:
            return super().payment(*given, **changes)
        return next(one for one in self.rtgs.operator.payments())


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    made = City(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stuck(city: City) -> City:
    """A trade locked and its money held, and every agent gone for good."""
    city.instruct()
    agents = city.agents
    city.agents = ()
    city.tick_until(lambda: bool(city.book.trades()) and city.trade.state is TradeState.EARMARKED)
    city.agents_then = agents
    return city


def identifier(city: City) -> str:
    assert city.trade.settlement_id is not None
    return city.trade.settlement_id


def test_a_lock_without_agents_ends_by_two_roles(stuck: City) -> None:
    officer, confirmer = stuck.office("officer"), stuck.office("confirmer")
    shown = officer.show_long_stop(identifier(stuck))
    assert (shown["status"], shown["confirmable_after"], shown["units"]) == ("LOCKED", None, 100_000)
    stuck.at_pay_by(GRACE + timedelta(minutes=1))
    told = officer.propose_long_stop(identifier(stuck)[:12])
    assert told["settlement_id"] == identifier(stuck)
    assert (told["status"], told["proposable_after"]) == (
        "LOCKED",
        (stuck.file.pay_by_instant + GRACE).isoformat(),
    )
    stuck.move_to(stuck.clock.now() + CHALLENGE + timedelta(minutes=1))
    told = confirmer.confirm_long_stop(identifier(stuck))
    assert told["status"] == "GIVEN_BACK"
    stuck.run_until_quiet()
    assert stuck.trade.state is TradeState.RELEASED
    assert stuck.payment().state in (PaymentState.CANCELLED, PaymentState.REJECTED)
    assert stuck.spent(BUYER) == 0
    assert stuck.board.attestations(identifier(stuck)) == []
    assert stuck.violations() == {}, "two acts are a proof, and nothing is left open"


def test_a_payment_that_the_rtgs_still_holds_is_cancelled(stuck: City) -> None:
    """The RTGS stood still for a week and looked at no deadline: the service asks it to let the money go."""
    stuck.rtgs.tick = lambda: None
    stuck.at_pay_by(GRACE + timedelta(minutes=1))
    stuck.office("officer").propose_long_stop(identifier(stuck))
    stuck.move_to(stuck.clock.now() + CHALLENGE + timedelta(minutes=1))
    assert stuck.payment().state is PaymentState.HELD
    stuck.office("confirmer").confirm_long_stop(identifier(stuck))
    stuck.run_until_quiet()
    assert stuck.trade.state is TradeState.RELEASED
    assert "cancel cash" in stuck.trade.intents
    assert stuck.payment().state.is_never
    assert stuck.violations() == {}


def test_each_refusal_by_its_class(stuck: City) -> None:
    officer, confirmer, settlement = stuck.office("officer"), stuck.office("confirmer"), identifier(stuck)
    with pytest.raises(refusals.TooEarly) as early:
        officer.propose_long_stop(settlement)
    assert early.value.from_ == int((stuck.file.pay_by_instant + GRACE).timestamp())
    assert early.value.time < early.value.from_
    with pytest.raises(refusals.NotProposed) as unknown:
        confirmer.confirm_long_stop(settlement)
    assert (unknown.value.actual, unknown.value.expected) == ("0x" + settlement, "0x" + "00" * 32)
    stuck.at_pay_by(GRACE + timedelta(minutes=1))
    with pytest.raises(refusals.NotInRole) as role:
        confirmer.propose_long_stop(settlement)
    assert (role.value.caller, role.value.expected) == (stuck.roles.confirmer.address, stuck.roles.officer.address)
    officer.propose_long_stop(settlement)
    with pytest.raises(refusals.AlreadyProposed) as again:
        stuck.office("officer").propose_long_stop(settlement)
    assert again.value.settlementId == "0x" + settlement
    with pytest.raises(refusals.TooEarly):
        confirmer.confirm_long_stop(settlement)
    stuck.move_to(stuck.clock.now() + CHALLENGE + timedelta(minutes=1))
    with pytest.raises(refusals.NotInRole):
        officer.confirm_long_stop(settlement)
    confirmer.confirm_long_stop(settlement)
    with pytest.raises(refusals.AlreadyEnded) as ended:
        confirmer.confirm_long_stop(settlement)
    assert (ended.value.actual, ended.value.expected) == (AssetStatus.GIVEN_BACK, AssetStatus.LOCKED)


def test_a_settlement_that_is_none(stuck: City) -> None:
    """Nor is one guessed from a beginning that is short enough to be mistyped."""
    officer = stuck.office("officer")
    for text in ("", identifier(stuck)[:7], "not hexadecimal", identifier(stuck) + "00"):
        with pytest.raises(InvalidInput, match="8 to 64 hexadecimal digits"):
            officer.propose_long_stop(text)
    with pytest.raises(InvalidInput, match="the id of one settlement that was locked; 0 fit"):
        officer.propose_long_stop("ff" * 32)
    assert officer.show_long_stop("0x" + identifier(stuck)[:8])["settlement_id"] == identifier(stuck)


class Killed(BaseException):
    """The process dies here."""


def die(_: str) -> None:
    raise Killed


@pytest.mark.parametrize("step", ["before it leaves", "after it left"])
@pytest.mark.parametrize("act", ["propose", "confirm"])
def test_killed_at_a_desk(stuck: City, act: str, step: str) -> None:
    """Stored, not sent; or sent, and nobody saw it mined: called again, the same transaction counts once."""
    settlement = identifier(stuck)
    stuck.at_pay_by(GRACE + timedelta(minutes=1))
    if act == "confirm":
        stuck.office("officer").propose_long_stop(settlement)
        stuck.move_to(stuck.clock.now() + CHALLENGE + timedelta(minutes=1))
    role = "officer" if act == "propose" else "confirmer"

    def do(office: Office) -> Any:
        return office.propose_long_stop(settlement) if act == "propose" else office.confirm_long_stop(settlement)

    if step == "before it leaves":
        with pytest.raises(Killed):
            do(stuck.office(role, die))
    else:
        office = stuck.office(role)
        receipts, office.node.receipts = office.node.receipts, lambda _: (_ for _ in ()).throw(Killed)
        with pytest.raises(Killed):
            do(office)
        office.node.receipts = receipts
    told = do(stuck.office(role))
    sent = list(stuck.logs[role].stored.values())
    assert [one.status for one in sent] == ["mined"]
    assert told["transaction"] == sent[0].hash
    assert told["status"] == ("LOCKED" if act == "propose" else "GIVEN_BACK")
    assert bool(told["confirmable_after"])


def test_a_node_that_falls_silent_is_asked_again(stuck: City) -> None:
    stuck.at_pay_by(GRACE + timedelta(minutes=1))
    office = stuck.office("officer")
    broadcast, office.node.broadcast_all = office.node.broadcast_all, lambda raws: [Unavailable("silent")] * len(raws)
    with pytest.raises(Unavailable):
        office.propose_long_stop(identifier(stuck))
    office.node.broadcast_all = broadcast
    assert office.propose_long_stop(identifier(stuck))["confirmable_after"] is not None
    assert len(stuck.logs["officer"].stored) == 1


def test_a_proof_of_paid_comes_before_the_confirmation(stuck: City) -> None:
    """The agents are back within the challenge: what was paid is delivered, and the long stop comes to nothing."""
    trade = stuck.trade
    assert trade.settlement_id is not None
    for agent in stuck.agents_then:
        agent.step()
    assert stuck.booked()
    stuck.at_pay_by(GRACE + timedelta(minutes=1))
    stuck.office("officer").propose_long_stop(trade.settlement_id)
    stuck.agents = stuck.agents_then
    stuck.run_until_quiet()
    assert stuck.trade.state is TradeState.SETTLED
    stuck.move_to(stuck.clock.now() + CHALLENGE + timedelta(minutes=1))
    with pytest.raises(refusals.AlreadyEnded):
        stuck.office("confirmer").confirm_long_stop(trade.settlement_id)
    assert stuck.violations() == {}


# --- rotation


def joined(city: City, place: int, path: Path) -> tuple[Rotations, Any, Key]:
    """The next epoch in a file: one agent under a new key."""
    rotations, new = Rotations(city.office("officer")), key(f"agent {place} anew")
    old = city.roles.agents[place].address
    drafted = rotations.draft(swaps=[(old, new.address)])
    write_rotation(path, drafted)
    assert read_rotation(path) == drafted
    return rotations, drafted, new


def by_quorum(city: City, place: int, path: Path) -> Key:
    rotations, drafted, new = joined(city, place, path)
    others = [one for number, one in enumerate(city.roles.agents) if number != place]
    files = [write_signature(path, one.address, rotations.sign(drafted, one)) for one in others]
    told = rotations.start(read_rotation(path), [read_signature(one) for one in files])
    assert told["epoch"] == 2
    return new


def test_a_quorum_gives_the_chain_new_agents_in_the_middle_of_a_day(city: City, tmp_path: Path) -> None:
    """One trade is locked before, one after; the agent keeps its old key for the first and joins with the new."""
    city.instruct(1)
    city.agents, agents = (), city.agents
    city.tick_until(lambda: bool(city.book.trades()) and city.trade.state is TradeState.EARMARKED)
    new = by_quorum(city, 0, tmp_path / "next.json")
    city.chain.mine(2)
    city.agents = (replace(agents[0], key=new, other_keys=(agents[0].key,)), *agents[1:])
    city.instruct(2)
    city.end_of_day()
    assert [one.state for one in city.book.trades()] == [TradeState.SETTLED] * 2
    assert sorted(one.order.movement.epoch for one in city.book.trades()) == [1, 2]
    addresses = {one.agent for trade in city.book.trades() for one in city.board.attestations(trade.settlement_id)}
    assert {new.address, agents[0].key.address} <= addresses
    assert city.violations() == {}


def test_an_order_made_before_and_locked_after_is_made_anew(city: City, tmp_path: Path) -> None:
    city.instruct()
    city.engine.run_once()
    assert city.trade.order is not None and city.events(city.trade.settlement_id) == []
    by_quorum(city, 3, tmp_path / "next.json")
    city.agents = city.agents[:3]
    city.end_of_day()
    assert (city.trade.state, city.trade.order.movement.epoch) == (TradeState.SETTLED, 2)
    assert city.violations() == {}


def test_officer_and_confirmer_give_new_agents_without_the_old(city: City, tmp_path: Path) -> None:
    _, drafted, _ = joined(city, 1, tmp_path / "next.json")
    officer, confirmer = Rotations(city.office("officer")), Rotations(city.office("confirmer"))
    with pytest.raises(refusals.NotProposed):
        confirmer.confirm(drafted)
    with pytest.raises(refusals.NotInRole):
        confirmer.propose(drafted)
    told = officer.propose(drafted)
    (log,) = city.chain.node.logs(city.market.network.dvp, [event_topic("RotationProposed")], 0)
    from_ = datetime.fromtimestamp(int.from_bytes(bytes(log["data"])[32:64]), UTC)
    assert told["confirmable_after"] == from_.isoformat()
    with pytest.raises(refusals.TooEarly):
        confirmer.confirm(drafted)
    city.move_to(city.clock.now() + DELAY + timedelta(minutes=1))
    with pytest.raises(refusals.NotProposed):
        confirmer.confirm(replace(drafted, quorum=4))
    assert confirmer.confirm(drafted)["epoch"] == 2
    assert city.ledger.epoch().agents == drafted.agents
    with pytest.raises(InvalidInput, match="3: epoch 2 serves now"):
        confirmer.confirm(drafted)


def test_who_does_not_serve_does_not_sign(city: City, tmp_path: Path) -> None:
    rotations, drafted, new = joined(city, 0, tmp_path / "next.json")
    with pytest.raises(InvalidInput, match="an agent of epoch 1, which decides on the next"):
        rotations.sign(drafted, new)
    two = [rotations.sign(drafted, one) for one in city.roles.agents[:2]]
    with pytest.raises(InvalidInput, match="3 of epoch 1's agents, over this very file"):
        rotations.start(drafted, [*two, two[0], b"", b"\x01" * 65])
    other = rotations.sign(replace(drafted, faulty=0), city.roles.agents[2])
    with pytest.raises(InvalidInput, match="over this very file"):
        rotations.start(drafted, [*two, other])
    with pytest.raises(InvalidInput, match="2: epoch 1 serves now"):
        rotations.sign(replace(drafted, number=3), city.roles.agents[0])
    with pytest.raises(InvalidInput, match="an agent of epoch 1"):
        rotations.draft(leaving=[new.address])
    unsafe = rotations.draft(quorum=2)
    words = [rotations.sign(unsafe, one) for one in city.roles.agents]
    with pytest.raises(refusals.UnsafeQuorum):
        rotations.start(unsafe, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quorum": "3"}, "quorum: '3' breaks the rule: a whole number"),
        ({"quorum": True}, "quorum: 'True' breaks"),
        ({"faulty": 300}, "faulty: '300' breaks"),
        ({"epoch": -1}, "epoch: '-1' breaks"),
        ({"agents": "0x"}, "agents: '0x' breaks the rule: a list"),
        ({"agents": ["0x12"]}, "agent: '0x12' breaks the rule: an address"),
        ({"officer": 7}, "officer: '7' breaks the rule: an address"),
        ({"more": 1}, "exactly the fields"),
    ],
)
def test_a_file_that_is_no_epoch(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    agents = tuple(sorted((key(f"agent {number}").address for number in range(4)), key=lambda one: int(one, 16)))
    roles = {"officer": key("officer").address, "confirmer": key("confirmer").address}
    drafted = Rotation(number=2, agents=agents, quorum=3, faulty=1, **roles)
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({**content(drafted), **changes}))
    with pytest.raises(InvalidInput, match=words):
        read_rotation(bad)
    bad.write_text(json.dumps({**content(drafted), "agents": list(drafted.agents[::-1])}))
    with pytest.raises(InvalidInput, match="ascending by address"):
        read_rotation(bad)
    with pytest.raises(InvalidInput, match="a name that is not taken yet"):
        write_rotation(bad, drafted)


def test_a_mistyped_address_is_caught_by_its_case(city: City, tmp_path: Path) -> None:
    rotations, drafted, _ = joined(city, 0, tmp_path / "next.json")
    flipped = drafted.officer[:2] + drafted.officer[2:].swapcase()
    with pytest.raises(InvalidInput, match=r"upper and lower case fit \(EIP-55\)"):
        rotations.propose(replace(drafted, officer=flipped))


# --- one security


def test_why_a_transfer_would_be_refused(city: City) -> None:
    token, seller, buyer = city.market.security(BOND).token, *(city.member(one).wallet for one in (SELLER, BUYER))
    ask, officer, confirmer = city.ledger.why_not, city.office("officer"), city.office("confirmer")
    assert ask(token, seller, buyer, 100) is None
    short = ask(token, buyer, seller, 5)
    assert isinstance(short, refusals.ERC20InsufficientBalance)
    assert (short.sender, short.balance, short.needed) == (buyer, 0, 5)
    assert officer.freeze(BOND, SELLER)["frozen"] is True
    assert isinstance(ask(token, seller, buyer, 100), refusals.ERC7943CannotSend)
    assert isinstance(ask(token, buyer, seller, 0), refusals.ERC7943CannotReceive)
    told = officer.unfreeze(BOND, SELLER, confirm=False)
    assert (told["frozen"], told["done"]) == (True, False)
    assert isinstance(ask(token, seller, buyer, 100), refusals.ERC7943CannotSend), "one hand does not let go"
    told = confirmer.unfreeze(BOND, SELLER, confirm=True)
    assert (told["frozen"], told["done"]) == (False, True)
    officer.freeze_units(BOND, SELLER, "999999.99")
    frozen = ask(token, seller, buyer, 100)
    assert isinstance(frozen, refusals.ERC7943InsufficientUnfrozenBalance)
    assert (frozen.amount, frozen.unfrozen) == (100, 1)
    for left in ("500000.00", "0"):
        officer.unfreeze_units(BOND, SELLER, left, confirm=False)
        told = confirmer.unfreeze_units(BOND, SELLER, left, confirm=True)
        assert (told["frozen_units_then"], told["done"]) == (50_000_000 if left != "0" else 0, True)
    officer.pause(BOND)
    paused = ask(token, seller, buyer, 100)
    assert isinstance(paused, refusals.SecurityPaused)
    assert bytes.fromhex(paused.isin[2:]).decode() == BOND
    assert officer.unpause(BOND, confirm=False)["paused"] is True
    assert isinstance(ask(token, seller, buyer, 100), refusals.SecurityPaused)
    assert confirmer.unpause(BOND, confirm=True)["paused"] is False
    assert ask(token, seller, buyer, 100) is None
    stranger = ask(token, seller, key("nobody").address, 100)
    assert isinstance(stranger, refusals.NotEligible)


def test_what_one_hand_stopped_two_let_go(city: City) -> None:
    """Neither of the two alone, nor the confirmer in other words than the officer's."""
    officer, confirmer = city.office("officer"), city.office("confirmer")
    officer.pause(BOND)
    officer.freeze(BOND, SELLER)
    officer.freeze_units(BOND, BUYER, "10.00")
    lifts: tuple[Callable[[Office], Any], ...] = (
        lambda office: office.unpause(BOND, confirm=True),
        lambda office: office.unfreeze(BOND, SELLER, confirm=True),
        lambda office: office.unfreeze_units(BOND, BUYER, "9.99", confirm=True),
    )
    for lift in lifts:
        with pytest.raises(refusals.NotProposed) as unproposed:
            lift(confirmer)
        assert unproposed.value.proposer == city.roles.officer.address
        with pytest.raises(refusals.WrongRole) as alone:
            lift(officer)
        assert alone.value.expected == city.roles.confirmer.address
    with pytest.raises(refusals.WrongRole):
        officer.freeze_units(BOND, BUYER, "9.99")
    officer.unfreeze_units(BOND, BUYER, "9.99", confirm=False)
    with pytest.raises(refusals.NotProposed):
        confirmer.unfreeze_units(BOND, BUYER, "9.98", confirm=True)
    with pytest.raises(refusals.AlreadyProposed):
        officer.unfreeze_units(BOND, BUYER, "9.99", confirm=False)


def test_an_act_is_for_its_role(city: City) -> None:
    with pytest.raises(refusals.WrongRole) as caught:
        city.office("confirmer").pause(BOND)
    assert (caught.value.caller, caught.value.expected) == (
        city.roles.confirmer.address,
        city.roles.officer.address,
    )
    with pytest.raises(InvalidInput, match="a security of this market"):
        city.office("officer").pause("ZZ0000000000")
    for holder in ("NOSUCHBIC", "0x12"):
        with pytest.raises(InvalidInput, match="an address"):
            city.office("officer").freeze(BOND, holder)


def test_a_courts_order_takes_two_hands(city: City) -> None:
    officer, confirmer = city.office("officer"), city.office("confirmer")
    words = (BOND, SELLER, THIEF, "250.00")
    with pytest.raises(refusals.NotProposed):
        confirmer.forced_transfer(*words, confirm=True)
    assert officer.forced_transfer(*words, confirm=False)["done"] is False
    with pytest.raises(refusals.WrongRole):
        officer.forced_transfer(*words, confirm=True)
    with pytest.raises(refusals.NotProposed):
        confirmer.forced_transfer(BOND, SELLER, THIEF, "251.00", confirm=True)
    assert confirmer.forced_transfer(*words, confirm=True) | {"transaction": ""} == {
        "isin": BOND,
        "from": city.member(SELLER).wallet,
        "to": city.member(THIEF).wallet,
        "units": 25_000,
        "done": True,
        "transaction": "",
    }
    with pytest.raises(refusals.NotProposed):
        confirmer.forced_transfer(*words, confirm=True)
    assert city.violations(ended=False) == {}


def test_a_lost_wallet_is_recovered(city: City) -> None:
    registrar, confirmer = city.office("registrar"), city.office("registrar_confirmer")
    new = key("a new wallet").address
    with pytest.raises(refusals.NotConfirmer) as caught:
        city.office("confirmer").succeed(SELLER, new, confirm=True)
    assert caught.value.expected == city.roles.registrar_confirmer.address
    with pytest.raises(refusals.NotProposed):
        confirmer.succeed(SELLER, new, confirm=True)
    admission = (new, city.member(SELLER).lei.encode(), b"ZZ", 0, 2**40 - 1)
    registrar.desk.act("ParticipantRegistry", registrar._registry(), "register", *admission)
    registrar.succeed(SELLER, new, confirm=False)
    with pytest.raises(refusals.NotSucceeded):
        city.office("officer").recover(BOND, SELLER)
    confirmer.succeed(SELLER, new, confirm=True)
    city.office("officer").recover(BOND, SELLER)
    with pytest.raises(refusals.NothingToRecover) as nothing:
        city.office("officer").recover(BOND, SELLER)
    assert nothing.value.wallet == city.member(SELLER).wallet
    units = city.chain.node.web3.eth.contract(  # by web3's own hand
        address=city.market.security(BOND).token,
        abi=[
            {
                "type": "function",
                "name": "balanceOf",
                "stateMutability": "view",
                "inputs": [{"name": "account", "type": "address"}],
                "outputs": [{"name": "", "type": "uint256"}],
            }
        ],
    )
    assert units.functions.balanceOf(new).call() == 100_000_000


def test_units_for_a_wallet_lost_meanwhile_reach_its_heir(city: City) -> None:
    """(I8) The oracle reads recoveries and successions off the chain, and would miss the units without them."""
    registrar, confirmer = city.office("registrar"), city.office("registrar_confirmer")
    buyer, heir = city.member(BUYER), key("the buyer's heir").address
    for name in ("officer", "confirmer"):  # only a wallet that has something is recovered
        city.office(name).forced_transfer(BOND, SELLER, BUYER, "1.00", confirm=name == "confirmer")
    city.instruct()
    city.put_out_the_agents()
    city.tick_until(lambda: bool(city.book.trades()) and city.trade.state is TradeState.EARMARKED)
    admission = (heir, buyer.lei.encode(), b"ZZ", 0, 2**40 - 1)
    registrar.desk.act("ParticipantRegistry", registrar._registry(), "register", *admission)
    registrar.succeed(BUYER, heir, confirm=False)
    confirmer.succeed(BUYER, heir, confirm=True)
    city.office("officer").recover(BOND, BUYER)
    city.agents = city.agents_then
    city.tick_until(lambda: city.trade.state is TradeState.SETTLED)
    token = city.market.security(BOND).token
    found = collect(city.chain.node, city.market.network, [one.token for one in city.market.securities.values()])
    assert [(one.token, one.wallet) for one in found.recoveries] == [(token, buyer.wallet)]
    assert [(one.wallet, one.successor) for one in found.successions] == [(buyer.wallet, heir)]
    *_, last = found.transfers
    assert (last.source, last.target) == (city.member(SELLER).wallet, heir)
    assert city.violations(ended=True) == {}
    blind = replace(found, recoveries=())
    assert check(compose(blind, city.market, city.rtgs.facts(), [], {}, [], ended=True))["I8"] == [
        f"transaction {last.transaction} settled, and {last.units} of token {token} did not go from "
        f"{last.source} to {buyer.wallet}"
    ]


def test_the_same_act_twice_is_two_acts(city: City) -> None:
    """A desk does not take today's pause for yesterday's."""
    officer, confirmer, acts = city.office("officer"), city.office("confirmer"), []
    for _ in range(2):
        acts += [officer.pause(BOND), officer.unpause(BOND, confirm=False), confirmer.unpause(BOND, confirm=True)]
    assert len({act["transaction"] for act in acts}) == 6
    assert (len(city.logs["officer"].stored), len(city.logs["confirmer"].stored)) == (4, 2)


def test_what_changed_between_the_question_and_the_block(city: City) -> None:
    """The contract said yes, then no: the transaction reverts, its reason is told, and the act can be tried again."""
    confirmer = city.office("confirmer")
    ask, asked = confirmer.node.calls, []

    def yes_at_first(*given: Any, **named: Any) -> list[Any]:
        asked.append(given)
        return [b""] if len(asked) == 1 else ask(*given, **named)

    confirmer.node.calls = yes_at_first
    for _ in range(2):
        with pytest.raises(refusals.WrongRole):
            confirmer.pause(BOND)
    confirmer.node.calls = ask
    assert [one.status for one in city.logs["confirmer"].stored.values()] == ["reverted"]
    assert len(asked) == 3, "asked, asked why, and asked anew"


def test_a_desk_without_fees_says_so(city: City) -> None:
    with pytest.raises(Unavailable, match="cannot afford"):
        city.office("stranger", signer=key("poor")).recover(BOND, SELLER)
    assert city.logs["stranger"].stored == {}
