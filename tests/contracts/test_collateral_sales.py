"""Enforcement by sale through DvP, and income."""

from typing import Any

from .collateral import TITLE, ZERO_ID, Desk
from .hands import low
from .harness import NEVER, PAID, Standing


def on_sale(desk: Desk, quantity: int = 400, exposure: int = 500) -> tuple[bytes, bytes, Any]:
    """The agreement, its pledge, and an order that sells some of it: locked."""
    id_ = desk.open()
    pledge = desk.pledge(id_)
    desk.default(id_, exposure, required=5_000)
    order = desk.sale_order(quantity)
    desk.send(desk.sale_call(pledge, order), desk.buyer)
    return id_, pledge, order


def test_sold_units_go_from_the_giver_through_the_register_into_a_lock(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    desk.default(id_, 500, required=5_000)
    order = desk.sale_order(400)
    settlement = desk.id_of(order)
    receipt = desk.send(desk.sale_call(pledge, order), desk.buyer)
    names = [name for name, _ in desk.events(receipt)]
    assert names == ["SaleStarted", "Transfer", "Locked", "Earmarked"]
    started = {"pledgeId": pledge, "settlementId": settlement, "quantity": 400, "price": 400}
    assert desk.events(receipt)[0][1] == started
    assert (desk.amounts(pledge), desk.at(pledge)["selling"]) == ((1_000, 0, 0), 400)
    assert desk.holding(desk.desk.address) == (400, 0)
    assert desk.lane(desk.seller.address) == 600
    assert desk.f.saleOf(settlement).call() == (pledge, 400, 400, 200, 0, True, True)
    # What is out for sale counts as about to be paid.
    assert desk.refusal(desk.f.appropriate(pledge, 101), desk.buyer) == ("ExceedsExposure", id_, 101, 100)
    assert desk.refusal(desk.f.release(pledge, 601), desk.buyer) == ("InsufficientPledge", pledge, 600, 601)


def test_settled_and_paid_the_proceeds_are_the_givers_credit(desk: Desk) -> None:
    id_, pledge, order = on_sale(desk)
    settlement = desk.id_of(order)
    end = desk.f.endSale(settlement)
    assert desk.refusal(end) == ("SaleNotEnded", settlement, 1)
    desk.send(desk.prove("settle", order, PAID), desk.outsider)
    receipt = desk.send(end, desk.outsider)
    assert desk.events(receipt) == [("SaleEnded", {"pledgeId": pledge, "settlementId": settlement, "settled": True})]
    assert (desk.amounts(pledge), desk.at(pledge)["selling"]) == ((600, 0, 0), 0)
    assert desk.holding(desk.last.address) == (400, 400)
    assert (desk.state(id_)["credit"], desk.state(id_)["selling"]) == (200, 200)
    assert desk.refusal(end) == ("UnknownSale", settlement)
    # It fetched more than is owed: the surplus is the taker's debt, and all the rest is excess.
    desk.send(desk.cash_call(id_, 510, int.from_bytes(settlement)), desk.outsider)
    assert (desk.state(id_)["credit"], desk.state(id_)["selling"]) == (510, 0)
    desk.send(desk.f.releaseExcess(pledge, 600), desk.seller)
    desk.send(desk.cash_call(id_, -10, 7), desk.outsider)


def test_however_little_it_fetched_the_floor_is_credited(desk: Desk) -> None:
    id_, pledge, order = on_sale(desk)
    settlement = desk.id_of(order)
    desk.send(desk.prove("settle", order, PAID), desk.outsider)
    cash = desk.cash_call(id_, 150, int.from_bytes(settlement))
    assert desk.refusal(cash) == ("SaleNotEnded", settlement, 3)
    desk.send(desk.f.endSale(settlement), desk.outsider)
    assert desk.refusal(desk.f.appropriate(pledge, 101), desk.buyer) == ("ExceedsExposure", id_, 101, 100)
    desk.send(cash, desk.outsider)
    assert (desk.state(id_)["credit"], desk.state(id_)["selling"]) == (200, 0)
    assert desk.refusal(desk.f.appropriate(pledge, 301), desk.buyer) == ("ExceedsExposure", id_, 301, 300)


def test_given_back_the_units_are_pledged_as_before(desk: Desk) -> None:
    id_, pledge, order = on_sale(desk)
    settlement = desk.id_of(order)
    desk.send(desk.prove("giveBack", order, NEVER), desk.outsider)
    assert desk.holding(desk.desk.address) == (400, 400)
    desk.set_standing(desk.seller.address, Standing.SUSPENDED)
    assert desk.refusal(desk.f.endSale(settlement))[0] == "NotEligible"
    desk.set_standing(desk.seller.address, Standing.ACTIVE)
    receipt = desk.send(desk.f.endSale(settlement), desk.outsider)
    ended = {"pledgeId": pledge, "settlementId": settlement, "settled": False}
    assert desk.events(receipt)[0] == ("SaleEnded", ended)
    assert (desk.amounts(pledge), desk.at(pledge)["selling"]) == ((1_000, 0, 0), 0)
    assert (desk.lane(desk.seller.address), desk.holding(desk.desk.address)) == (1_000, (0, 0))
    assert desk.state(id_)["selling"] == 0


def test_given_back_the_units_are_sold_again(desk: Desk) -> None:
    id_, pledge, order = on_sale(desk)
    first = desk.id_of(order)
    again = desk.sale_order(400, 1)
    call = desk.sale_call(pledge, again, previous=first)
    assert desk.refusal(call, desk.buyer) == ("SaleNotEnded", first, 1)
    desk.send(desk.prove("giveBack", order, NEVER), desk.outsider)
    other = desk.sale_call(pledge, desk.sale_order(399, 1), previous=first)
    assert desk.refusal(other, desk.buyer) == ("NotForSale", pledge, first)
    desk.send(call, desk.buyer)
    assert (desk.at(pledge)["selling"], desk.state(id_)["selling"]) == (400, 400)
    assert desk.refusal(desk.f.endSale(first)) == ("UnknownSale", first)
    desk.send(desk.prove("settle", again, PAID), desk.outsider)
    desk.send(desk.f.endSale(desk.id_of(again)), desk.outsider)
    assert desk.amounts(pledge) == (600, 0, 0)


def test_sales_that_are_refused(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)

    def refused(**changes: Any) -> tuple[Any, ...]:
        order = desk.sale_order(changes.pop("quantity", 400)).but(**changes)
        return desk.refusal(desk.sale_call(pledge, order), desk.buyer)

    assert refused() == ("NoDefault", id_)
    desk.default(id_, 500, required=5_000)
    order = desk.sale_order(400)
    call = desk.sale_call(pledge, order)
    assert desk.refusal(call, desk.seller) == ("NotActing", low(desk.seller), low(desk.buyer))
    assert refused(quantity=501) == ("ExceedsExposure", id_, 501, 500)
    assert refused(quantity=1_001) == ("InsufficientPledge", pledge, 1_000, 1_001)
    for changes in (
        {"seller": desk.seller.address},
        {"token": desk.second.address},
        {"minimum_lot": 1},
        {"quantity": 0},
    ):
        order = desk.sale_order(400).but(**changes)
        assert refused(**changes) == ("NotForSale", pledge, desk.id_of(order))
    assert refused(group=b"\x01" * 32)[0] == "GroupMismatch"
    unsigned = desk.f.sell(pledge, order.words, b"", ZERO_ID)
    assert desk.refusal(unsigned, desk.buyer)[0] in ("NotForSale", "InvalidSignature")
    unknown = desk.sale_call(pledge, desk.sale_order(400), previous=b"\x01" * 32)
    assert desk.refusal(unknown, desk.buyer) == ("UnknownSale", b"\x01" * 32)

    unsold = desk.open(saleFloor=0, salt=1)
    other = desk.pledge(unsold, 10, salt=1)
    desk.default(unsold)
    assert desk.refusal(desk.sale_call(other, desk.sale_order(1)), desk.buyer) == ("NotAgreed", unsold)


def test_the_register_signs_nothing_but_its_sales(desk: Desk) -> None:
    _, _, order = on_sale(desk)
    assert desk.f.isValidSignature(desk.id_of(order), b"").call() == bytes.fromhex("1626ba7e")
    assert desk.f.isValidSignature(b"\x01" * 32, b"").call() == b"\xff" * 4
    desk.send(desk.prove("giveBack", order, NEVER), desk.outsider)
    theft = desk.sale_order(400, 5)
    digest = desk.id_of(theft)
    call = desk.lock_call(theft, seller=b"", buyer=b"")
    assert desk.refusal(call) == ("InvalidSignature", digest, desk.desk.address.lower())
    name = desk.refusal(desk.lock_call(order, seller=b"", buyer=b""))[0]
    assert name == "NonceUsed"


def test_the_last_takers_sale_leaves_claims_above(desk: Desk) -> None:
    root, child, leaf = desk.chain()
    desk.default(desk.links[2])
    order = desk.sale_order(150).but(buyer=desk.buyer.address)
    desk.send(desk.sale_call(leaf, order, desk.buyer), desk.last)
    assert [desk.amounts(one) for one in (root, child, leaf)] == [(1_000, 500, 0), (500, 200, 0), (200, 0, 0)]
    assert desk.lane(desk.seller.address) == 850
    assert desk.refusal(desk.f.release(leaf, 51), desk.last) == ("InsufficientPledge", leaf, 50, 51)
    desk.send(desk.prove("settle", order, PAID), desk.outsider)
    desk.send(desk.f.endSale(desk.id_of(order)), desk.outsider)
    assert [desk.amounts(one) for one in (root, child, leaf)] == [(850, 350, 150), (350, 50, 150), (50, 0, 0)]
    assert desk.lane(desk.seller.address) == 850


def test_what_is_for_sale_is_not_pledged_on(desk: Desk) -> None:
    id_, pledge, _ = on_sale(desk)
    second = desk.open(giver=desk.buyer.address, taker=desk.other.address)
    call = desk.f.repledge(pledge, second, 481, ZERO_ID)
    assert desk.refusal(call, desk.buyer) == ("ReuseExceeded", pledge, 481, 480)
    desk.send(desk.f.repledge(pledge, second, 480, ZERO_ID), desk.buyer)
    assert desk.refusal(desk.sale_call(pledge, desk.sale_order(1, 1)), desk.buyer) == (
        "ReuseExceeded",
        pledge,
        480,
        479,
    )
    assert desk.state(id_)["selling"] == 400


# Income


def test_income_is_recorded_once_and_met_in_cash_or_by_word(desk: Desk) -> None:
    id_ = desk.open(mode=TITLE)
    pledge = desk.pledge(id_)
    call = desk.income_call(pledge, 0, 250)
    receipt = desk.send(call, desk.outsider)
    expected = {"pledgeId": pledge, "incomeId": (1).to_bytes(32), "recordDate": 5, "entitled": 0, "owed": 250}
    assert desk.events(receipt) == [("IncomeRecorded", expected)]
    assert desk.refusal(call)[0] == "AlreadyUsed"
    assert desk.f.incomeOwedOf(pledge).call() == 250
    said = desk.f.acknowledgeIncome(pledge, 50)
    assert desk.refusal(said, desk.buyer) == ("NotActing", low(desk.buyer), low(desk.seller))
    receipt = desk.send(said, desk.seller)
    assert desk.events(receipt) == [("IncomePaid", {"pledgeId": pledge, "amount": 50, "left": 200})]
    wrong = desk.cash_call(id_, 10, 3, pledge=pledge)
    assert desk.refusal(wrong) == ("InsufficientClaim", pledge, 200, 2**64 - 1)
    assert desk.refusal(desk.cash_call(id_, -201, 3, pledge=pledge)) == ("InsufficientClaim", pledge, 200, 201)
    desk.send(desk.cash_call(id_, -200, 3, pledge=pledge), desk.outsider)
    assert (desk.f.incomeOwedOf(pledge).call(), desk.state(id_)["credit"]) == (0, 0)
    other = desk.open()
    assert desk.refusal(desk.cash_call(other, -1, 4, pledge=pledge)) == ("UnknownPledge", pledge)
    assert desk.refusal(desk.income_call(b"\x01" * 32, 1, 1)) == ("UnknownPledge", b"\x01" * 32)


def test_income_needs_the_agreements_valuers(desk: Desk) -> None:
    pledge = desk.pledge(desk.open(valuers=desk.valuers_hash(quorum=3)))
    assert desk.refusal(desk.income_call(pledge, 1, 1))[0] == "ProofNotFromEpoch"


# Hostile tokens


def test_a_token_that_gives_nothing_back_harms_its_own_pledge_alone(desk: Desk) -> None:
    id_ = desk.open()
    mock = desk.deploy("MockToken")
    good = desk.pledge(id_)
    bad = desk.pledge(id_, 400, token=mock)
    desk.default(id_, 500, [(desk.token, 1_000_000, 0), (mock, 1_000_000, 0)], required=5_000)
    order = desk.sale_order(400).but(token=mock.address)
    desk.send(desk.sale_call(bad, order), desk.buyer)
    desk.send(desk.prove("giveBack", order, NEVER), desk.outsider)
    # It has no transfer.
    call = desk.f.endSale(desk.id_of(order))
    assert desk.attempt(call, desk.outsider)["status"] == 0
    desk.send(desk.f.release(good, 1_000), desk.buyer)
