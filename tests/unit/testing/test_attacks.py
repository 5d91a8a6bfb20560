"""Attacks on the whole system that once worked. Each is judged by the oracle after the day's end."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attack_world import BUYER, PRICE, SELLER, THIEF, Passing, Town, euro, market_file
from web3.utils.address import get_create_address

from lockstep.app.founding import found_rtgs
from lockstep.app.home import Home
from lockstep.app.market_file import read_market
from lockstep.chain.audit_typed import digest, typed
from lockstep.chain.deployment import Deployer
from lockstep.chain.ledger import read as read_view
from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import SettlementId, derive_message_id, derive_uetr
from lockstep.domain.instruction import CancellationAdvice, Side
from lockstep.domain.message import Message
from lockstep.domain.order import AssetStatus, AssetView
from lockstep.domain.payment import CashAccount
from lockstep.domain.trade import TradeState
from lockstep.domain.transfer import BankTransfer, Original, Recall
from lockstep.flow.stepping import CASH_ATTEMPTS_AT_MOST
from lockstep.iso20022 import read, write
from lockstep.signing import settlement_id
from lockstep.testing.fakes import key


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    town.close()


# --- 1: the operator's keys alone


@pytest.mark.parametrize("how", ["a token of code STOP", "two banks in league"])
def test_the_operators_keys_alone_debit_nobody(town: Town, how: str) -> None:
    """Two wallets agree on a payment from an account that is neither's: throw-away keys, or of real banks."""
    paid = town.payment(amount=euro(90_000_000))
    if how == "two banks in league":
        seller, buyer, changes, name = town.roles.wallets[SELLER], town.roles.wallets[THIEF], {}, "BuyerDiffers"
    else:
        seller, buyer, changes, name = key("thrown away"), key("too"), {"token": stop(town)}, "TokenUnknown"
    movement = {"seller": seller.address, "buyer": buyer.address, "quantity": 1, **changes}
    settlement = town.lock(town.order(cash_hash=town.cash_hash(paid), **movement), seller, buyer)
    town.say(replace(paid, settlement_id=settlement, uetr=derive_uetr(settlement, 9)))
    town.end_of_day()
    assert (town.spent(BUYER), town.spent(THIEF)) == (0, 0)
    assert [one.state.name for one in town.rtgs.operator.payments()] == ["REJECTED"]
    assert set(town.violations()) <= {"I12"}, "the throw-away lock stays its owners' affair"
    noted = [detail for _, kind, _, detail in town.agents[0].register.steps() if kind == "refused"]
    assert {detail.partition("(")[0] for detail in noted} == {name}


def stop(town: Town) -> str:
    """A token whose whole code is STOP: it agrees to everything."""
    desk = Deployer(town.chain.node, town.roles.operator, poll=town.chain.mine)
    nonce = desk._send(None, bytes.fromhex("6001600c60003960016000f300"), 200_000)
    desk.flush()
    return str(get_create_address(town.roles.operator.address, nonce))


# --- 2: the service's records are lost, the same instructions are handed in again


@pytest.mark.parametrize("when", ["paid", "settled"])
def test_records_lost_settle_and_pay_nothing_twice(town: Town, when: str) -> None:
    town.locked()
    if when == "paid":
        town.tick_until(town.booked)
    elif when == "settled":
        town.run_until_quiet()
    before = town.trade
    town.lose_the_database()
    town.instruct()
    town.end_of_day()
    assert (town.trade.trade_id, town.trade.settlement_id) == (before.trade_id, before.settlement_id)
    assert town.trade.state is TradeState.SETTLED and town.spent(BUYER) == PRICE
    assert [one.state.name for one in town.rtgs.operator.payments()] == ["BOOKED"]
    assert town.events(before.settlement_id) == ["Locked", "Settled"] and town.violations() == {}


def test_records_lost_give_nothing_back_twice(town: Town) -> None:
    town.locked()
    town.say(town.cancellation(str(town.trade.settlement_id)))
    town.run_until_quiet()
    assert town.trade.state is TradeState.RELEASED
    town.lose_the_database()
    town.instruct()
    town.end_of_day()
    assert town.trade.state is TradeState.RELEASED and town.spent(BUYER) == 0
    assert town.rtgs.operator.payments() == [] and town.violations() == {}


# --- 3: one trade, many orders


def test_orders_signed_twice_for_one_trade_are_paid_once(town: Town) -> None:
    """The wallets sign what the service asks; the agents release for the trade's first lock alone."""
    town.instruct()
    town.tick()
    trade, wallet = town.trade, town.engine.settler.wallet
    assert trade.order is not None
    locks: list[SettlementId] = []
    for nonce in (500, 501):
        order = replace(trade.order, movement=replace(trade.order.movement, nonce=nonce))
        signed = [wallet.sign(order, trade.terms, side) for side in (Side.DELIVER, Side.RECEIVE)]
        identifier = settlement_id(order, town.market.network)
        town.ledger.lock(identifier, order, *(one or b"" for one in signed))
        paid = town.payment(identifier, creditor=town.account(SELLER), salt=trade.terms.salt)
        town.say(paid)
        locks.append(identifier)
    town.put_out_the_service()
    town.run_until_quiet()
    assert town.spent(BUYER) == PRICE
    assert {one.payment.settlement_id: one.state.name for one in town.rtgs.operator.payments()} == {
        locks[0]: "BOOKED",
        locks[1]: "HELD",
    }
    other = replace(trade.order, terms=replace(trade.order.terms, part=7))
    with pytest.raises(Refused, match="OrderDiffers"):
        wallet.sign(other, trade.terms, Side.DELIVER)
    assert "I4" not in town.violations()


# --- 4: the service's node lies once


@pytest.mark.parametrize("when", ["before the cash", "while the cash is held"])
def test_one_false_look_pays_and_locks_nothing_twice(town: Town, when: str) -> None:
    lying = Lying(town, when)
    town.engine = replace(town.engine, settler=replace(town.engine.settler, assets=lying))
    town.instruct()
    agents = town.agents
    for _ in range(40):
        town.agents = () if lying.lies and when != "before the cash" else agents
        town.tick()
    assert not lying.lies, "it has lied"
    town.end_of_day()
    assert town.trade.state is TradeState.SETTLED and town.spent(BUYER) == PRICE
    assert len(town.chain.node.logs(town.market.network.dvp, [], 0)) == 3, "epoch, one lock, one end"
    assert town.violations() == {}


class Lying:
    """A ledger that says once: no such lock, and none can come any more."""

    def __init__(self, town: Town, when: str) -> None:
        self._town, self._when, self.lies = town, when, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._town.ledger, name)

    def view(self, settlement: SettlementId, order: Any) -> AssetView:
        seen, cash = self._town.ledger.view(settlement, order), self._town.book.cash_view(settlement)
        held = cash is not None and cash.state is not None and cash.state.name == "HELD"
        if self.lies and seen.final is AssetStatus.LOCKED and held is (self._when != "before the cash"):
            self.lies -= 1
            return AssetView(head=AssetStatus.NONE, final=AssetStatus.NONE, final_time=order.terms.lock_by + 1)
        return seen

    def views(self, orders: Any) -> Any:
        return {settlement: self.view(settlement, order) for settlement, order in orders.items()}


# --- 5: a hostile agent writes to the board


def test_names_occupied_on_the_board_hold_up_no_delivery(town: Town) -> None:
    trade = town.locked()
    for one in town.roles.agents[:2]:
        path = town.root / "attestations" / str(trade.settlement_id) / f"{one.address}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    town.end_of_day()
    assert town.trade.state is TradeState.SETTLED and town.violations() == {}


def test_files_overwritten_on_the_board_come_back_by_themselves(town: Town) -> None:
    """Spoiled at each of the service's looks; when that ends, no agent has to be started again."""
    hostile = {one.address for one in town.roles.agents[:2]}
    run_once = town.engine.run_once

    def spoil() -> bool:
        for path in (town.root / "attestations").rglob("*.json"):
            if path.stem in hostile:
                path.write_text("{}")
        return run_once()

    engine, town.engine = town.engine, Passing(spoil)
    town.instruct()
    town.tick_until(town.booked)
    for _ in range(8):
        town.tick()
    assert town.trade.state is TradeState.PAID
    town.engine = engine
    town.run_until_quiet()
    assert town.trade.state is TradeState.SETTLED and town.violations() == {}


# --- 6: the RTGS is started again


def test_a_restart_of_the_rtgs_restores_no_withdrawn_mandate(town: Town) -> None:
    until = town.file.business_day
    town.rtgs.operator.set_mandate(town.account(BUYER).number, euro(0), until, instructing=town.market.service)
    found_rtgs(town.rtgs, town.file, {})  # what its process does at every start
    town.instruct()
    town.end_of_day()
    assert town.spent(BUYER) == 0 and town.trade.state is TradeState.RELEASED and town.violations() == {}


# --- 9: the operator's stolen RTGS key


def test_two_refused_payments_leave_the_lock_its_exit(town: Town) -> None:
    """9a: two nevers of different content are one story."""
    settlement = str(town.locked().settlement_id)
    for cents in (1, 2):
        uetr = derive_uetr(SettlementId(settlement), 50 + cents)
        town.say(town.junk(settlement, amount=euro(cents), uetr=uetr))
    town.end_of_day()
    assert town.trade.state is TradeState.RELEASED and town.spent(BUYER) == 0 and town.violations() == {}


@pytest.mark.parametrize("wish", ["settles", "is cancelled"])
def test_ids_spent_on_junk_stop_no_settlement(town: Town, wish: str) -> None:
    """9b and 9c: the UETR and the message ids of a lock can be computed by whoever sees it."""
    settlement = town.locked().settlement_id
    assert settlement is not None
    service, other, third = town.market.service, SettlementId("ab" * 32), SettlementId("cd" * 32)
    spent = {what: derive_message_id(service, settlement, what) for what in ("pacs.009", "camt.056")}
    town.say(town.junk(other, uetr=derive_uetr(settlement, 1)), spent["pacs.009"])
    town.say(town.cancellation(third), spent["camt.056"])
    town.say(town.junk(third, uetr=derive_uetr(settlement, 2)))
    if wish == "is cancelled":
        town.ask_to_cancel("CXL-1")
    town.end_of_day()
    ended = TradeState.SETTLED if wish == "settles" else TradeState.RELEASED
    assert town.trade.state is ended and town.violations() == {}
    assert town.spent(BUYER) == (PRICE if wish == "settles" else 0)


# --- 13 and 15


def test_an_agent_outlives_a_node_that_is_syncing(town: Town) -> None:
    """It answers 0x to every call: the other agents go on, and so does this one when the node is there again."""
    town.locked()
    node: Any = town.agents[0].assets
    call, node._node.call = node._node.call, lambda *_args, **_more: b""
    for _ in range(4):
        town.tick()
    node._node.call = call
    town.end_of_day()
    assert town.trade.state is TradeState.SETTLED and town.violations() == {}
    assert len(town.board.attestations(town.trade.settlement_id)) == 4


def test_equal_message_ids_of_two_parties_are_both_answered(town: Town) -> None:
    town.instruct()
    town.tick()
    town.ask_to_cancel("CXL-1")
    town.end_of_day()
    told = {
        bic: [
            read(path.read_bytes()).body.status.name
            for path in sorted((town.root / "outbox" / bic).glob("*.xml"))
            if isinstance(read(path.read_bytes()).body, CancellationAdvice)
        ]
        for bic in (SELLER, BUYER)
    }
    assert sorted(told[SELLER]) == sorted(told[BUYER]) and "CANCELLED" in told[SELLER], told


def test_all_ids_spent_on_junk_leave_the_lock_its_exit(town: Town) -> None:
    settlement = town.locked().settlement_id
    assert settlement is not None
    for attempt in range(1, CASH_ATTEMPTS_AT_MOST + 1):
        junk = SettlementId(f"{attempt:064x}")
        for what in ("pacs.009", "camt.056"):
            spent = derive_message_id(town.market.service, settlement, what, attempt)
            town.say(town.cancellation(junk), spent)
    town.end_of_day()
    assert town.violations() == {}


@pytest.mark.parametrize("how", ["buries them", "pays under them"])
def test_a_bank_that_knows_the_salt_stops_no_settlement(town: Town, how: str) -> None:
    """The seller could else keep its units for nothing once their price has gone up."""
    trade, day = town.locked(), town.file.business_day
    subjects = [str(trade.settlement_id), f"{trade.settlement_id}/{trade.terms.salt}"]
    uetrs = [derive_uetr(one, attempt) for one in subjects for attempt in range(1, CASH_ATTEMPTS_AT_MOST + 1)]
    for number, uetr in enumerate(uetrs):
        paid = BankTransfer(
            uetr=uetr,
            instruction_id=f"I{number}",
            end_to_end_id="E",
            amount=euro(1),
            settlement_date=day,
            debtor=town.account(SELLER),
            creditor=CashAccount(owner=THIEF, number="NOSUCH"),  # refused, and free of charge
        )
        original = Original(message_id="M", definition="pacs.009.001.08")
        buried = Recall(
            case_id="C", uetr=uetr, original=original, original_amount=euro(1), original_settlement_date=day
        )
        message = Message(
            sender=SELLER,
            receiver=town.market.rtgs,
            message_id=f"S{number}",
            created=town.clock.now(),
            body=buried if how == "buries them" else paid,
        )
        town.rtgs.handle(write(message), SELLER)
    town.end_of_day()
    assert town.trade.state is TradeState.SETTLED
    assert town.trade.cash_attempt == (1 if how == "buries them" else 2)
    assert town.violations() == {}


def test_junk_cancellations_cost_the_agents_nothing_for_ever(town: Town) -> None:
    for number in range(20):
        town.say(town.cancellation(f"{number:064x}"))
    agent = town.agents[0]
    for _ in range(3):
        agent.step()
    asked: list[Any] = []
    agent.assets.history, history = lambda one: asked.append(one) or history(one), agent.assets.history
    agent.step()
    assert len(asked) < 5


def test_a_folder_in_the_place_of_an_attestation_kills_no_agent(town: Town) -> None:
    trade = town.locked()
    for one in town.roles.agents[:1]:
        (town.root / "attestations" / str(trade.settlement_id) / f"{one.address}.json").mkdir(parents=True)
    town.end_of_day()
    assert town.trade.state is TradeState.SETTLED


def test_secrets_of_an_installation_are_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """18: prices and salts, which the chain does not tell, are in these files."""
    monkeypatch.setattr("lockstep.app.home.write_keystore", lambda *_: None)  # slow on purpose, tested by itself
    monkeypatch.setattr(Home, "roles", lambda *_: None)
    before = os.umask(0o022)
    try:
        home = Home(tmp_path / "home")
        home.make_keys(read_market(market_file(tmp_path)))
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home" / "keys").iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert (tmp_path / "home" / "keys").stat().st_mode & 0o777 == 0o700
    assert len(home.salt_key()) == 32


# --- a cycle's id in a payment


@pytest.mark.parametrize("said", ["a payment", "a cancellation"])
def test_agents_leave_a_cycle_alone(town: Town, said: str) -> None:
    """Two banks in league lock a cycle and name its id in a payment from a third: nobody releases what he cannot judge,
    nor signs what became of it, and the trade of the day goes on."""
    cycle = net_locked(town)
    town.say(town.payment(cycle) if said == "a payment" else town.cancellation(cycle))
    trade = town.locked()
    town.end_of_day()
    assert (town.trade.state, town.events(trade.settlement_id)) == (TradeState.SETTLED, ["Locked", "Settled"])
    assert town.spent(BUYER) == PRICE and town.spent(THIEF) == 0
    assert town.ledger.history(cycle) == [] and cycle not in town.ledger.locked()
    assert [one for agent in town.agents for one in agent.register.steps() if one[2] == cycle] == []
    assert town.board.attestations(cycle) == []
    assert set(town.violations()) == {"I12"}, "the cycle stays its parties' affair"


def net_locked(town: Town) -> SettlementId:
    """One trade of one unit, seller to thief, locked as a cycle."""
    network, (security,) = town.market.network, town.market.securities.values()
    parties = sorted((town.roles.wallets[bic] for bic in (SELLER, THIEF)), key=lambda one: int(one.address, 16))
    seller, thief = (town.roles.wallets[bic] for bic in (SELLER, THIEF))
    pay_by, terms = int(town.file.pay_by_instant.timestamp()), b"\x01" * 32
    legs = bytes([parties.index(seller), parties.index(thief), 0]) + (1).to_bytes(8) + terms
    words = ([security.token], [one.address for one in parties], legs, b"\x02" * 32, 1, pay_by, pay_by)
    (cycle,) = read_view(town.chain.node, "DvP", network.dvp, "netSettlementId", words)
    leg = {
        "token": security.token,
        "seller": seller.address,
        "buyer": thief.address,
        "quantity": 1,
        "termsHash": terms,
    }
    limits = [{"token": security.token, "least": -1}]
    statement = typed(network, "NetStatement", {"cycleId": cycle, "legs": [leg], "limits": limits})
    desk = Deployer(town.chain.node, town.roles.operator, poll=town.chain.mine)
    signatures = [one.sign(digest(statement)) for one in parties]
    desk.call("DvP", network.dvp, "lockNet", words, [-1, -1], signatures)
    desk.flush()
    return SettlementId(cycle.hex())
