"""Values, cash, excess, substitution by value, default and enforcement, title, the long stop."""

from typing import Any

from .collateral import TITLE, ZERO_ID, Desk
from .hands import low
from .harness import DAY, Status, packed

# Values


def test_a_quorum_of_the_valuers_values(desk: Desk) -> None:
    id_ = desk.open()
    desk.pledge(id_)
    asof = desk.now()
    message = desk.valuation(id_, 700, [(desk.token, 1_500_000, 100_000)], required=800, as_of=asof)
    receipt = desk.send(desk.value_call(message), desk.outsider)
    prices = [{"token": desk.token.address, "price": 1_500_000, "haircut": 100_000}]
    ((name, event),) = desk.events(receipt)
    assert (name, dict(event) | {"prices": [dict(one) for one in event["prices"]]}) == (
        "Valued",
        {"agreementId": id_, "exposure": 700, "required": 800, "asOf": asof, "prices": prices},
    )
    assert desk.state(id_) == {"exposure": 700, "required": 800, "credit": 0, "valuedAt": asof} | {
        "enforceFrom": 0,
        "selling": 0,
    }
    assert desk.f.positionOf(id_, desk.token.address).call() == [1_000, 1_500_000, 100_000, asof]
    assert desk.f.coverOf(id_).call() == 1_350


def test_valuations_that_do_not_count(desk: Desk) -> None:
    id_ = desk.open()
    now = desk.now()

    def refused(digest: bytes | None = None, signers: Any = (0, 1), **changes: Any) -> tuple[Any, ...]:
        message = desk.valuation(changes.pop("agreement", id_), 1, changes.pop("prices", None), **changes)
        return desk.refusal(desk.value_call(message, signers, digest))

    assert refused(signers=(0,)) == ("QuorumNotReached", id_, 1, 2)
    assert refused(digest=b"\x07" * 32)[0] == "ProofNotFromEpoch"
    assert refused(agreement=b"\x01" * 32) == ("UnknownAgreement", b"\x01" * 32)
    name, found, asof, after, _ = refused(as_of=now + 1_000)
    assert (name, found, asof, after) == ("BadAsOf", id_, now + 1_000, 0)
    assert refused(as_of=now - 3_700) == ("StaleValuation", id_, now - 3_700, 3_600)
    much = refused(prices=[(desk.token, 1, 1_000_001)])
    assert much == ("HaircutTooHigh", id_, low_token(desk), 1_000_001, 1_000_000)
    desk.value(id_, 1, as_of=now)
    assert refused(as_of=now)[:4] == ("BadAsOf", id_, now, now)
    assert refused(as_of=now - 1)[:4] == ("BadAsOf", id_, now - 1, now)
    assert desk.refusal(desk.f.value((id_, 1, 1, now + 1, []), b"\x02"))[0] == "MalformedProof"


def low_token(desk: Desk) -> str:
    return desk.token.address.lower()


def test_what_the_latest_valuation_does_not_name_is_worth_nothing(desk: Desk) -> None:
    id_ = desk.open()
    desk.pledge(id_)
    desk.pledge(id_, 500, token=desk.second)
    desk.value(id_, 1, [(desk.token, 1_000_000, 0), (desk.second, 2_000_000, 0)])
    assert desk.f.coverOf(id_).call() == 2_000
    desk.pass_time(5)
    desk.value(id_, 1, [(desk.second, 2_000_000, 0)])
    assert desk.f.coverOf(id_).call() == 1_000


def test_cover_is_rounded_down_for_each_security(desk: Desk) -> None:
    id_ = desk.open()
    desk.pledge(id_, 3)
    desk.pledge(id_, 3, token=desk.second)
    desk.value(id_, 1, [(desk.token, 900_000, 333_333), (desk.second, 900_000, 333_333)])
    # 3 * 0.9 * 0.666667 = 1.8000009 of each.
    assert desk.f.coverOf(id_).call() == 2


# Excess


def test_the_giver_takes_what_is_not_needed(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    call = desk.f.releaseExcess(pledge, 300)
    assert desk.refusal(call, desk.seller) == ("StaleValuation", id_, 0, 3_600)
    desk.value(id_, 600, required=701)
    assert desk.refusal(call, desk.buyer) == ("NotActing", low(desk.buyer), low(desk.seller))
    assert desk.refusal(call, desk.seller) == ("NotCovered", id_, 701, 700)
    desk.send(desk.f.releaseExcess(pledge, 299), desk.seller)
    assert desk.lane(desk.seller.address) == 701
    assert desk.refusal(desk.f.releaseExcess(pledge, 1), desk.seller) == ("NotCovered", id_, 701, 700)
    desk.send(desk.cash_call(id_, 1), desk.outsider)
    desk.send(desk.f.releaseExcess(pledge, 1), desk.seller)
    valued = desk.state(id_)["valuedAt"]
    desk.pass_time(3_700)
    assert desk.refusal(desk.f.releaseExcess(pledge, 1), desk.seller) == ("StaleValuation", id_, valued, 3_600)


def test_a_valuation_counts_through_its_last_second(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    desk.value(id_, 0)
    valued = desk.state(id_)["valuedAt"]
    desk.tester.time_travel(valued + 3_600)
    desk.send(desk.f.releaseExcess(pledge, 1), desk.seller)
    assert desk.now() == valued + 3_600
    desk.pass_time(1)
    assert desk.refusal(desk.f.releaseExcess(pledge, 1), desk.seller) == ("StaleValuation", id_, valued, 3_600)


def test_what_was_pledged_on_is_no_excess(desk: Desk) -> None:
    root, child, _ = desk.chain()
    desk.value(desk.links[0], 0)
    assert desk.refusal(desk.f.releaseExcess(root, 376), desk.seller) == ("ReuseExceeded", root, 500, 499)
    desk.send(desk.f.releaseExcess(root, 375), desk.seller)
    desk.value(desk.links[1], 0)
    desk.send(desk.f.releaseExcess(child, 200), desk.buyer)
    assert desk.amounts(root) == (625, 300, 0)


# Substitution


def test_substituted_at_attested_value_without_the_taker(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)

    def to(quantity: int) -> Any:
        return desk.f.substitute(pledge, 1_000, desk.second.address, quantity, ZERO_ID)

    assert desk.refusal(to(500), desk.seller) == ("StaleValuation", id_, 0, 3_600)
    desk.value(id_, 1_000)
    assert desk.refusal(to(500), desk.seller) == ("NotValued", id_, desk.second.address.lower())
    desk.pass_time(5)
    desk.value(id_, 1_000, [(desk.token, 1_000_000, 0), (desk.second, 2_500_000, 200_000)])
    assert desk.refusal(to(499), desk.seller) == ("WorthLess", id_, 998, 1_000)
    assert desk.refusal(to(500), desk.buyer) == ("NotActing", low(desk.buyer), low(desk.seller))
    receipt = desk.send(to(500), desk.seller)
    # New in before old out.
    assert [name for name, _ in desk.events(receipt)] == ["Pledged", "Earmarked", "Released", "EarmarkReleased"]
    assert (desk.lane(desk.seller.address), desk.lane(desk.seller.address, desk.second)) == (0, 500)
    assert desk.f.tokensOf(id_).call() == [desk.second.address]


def test_substitution_where_it_is_not_agreed_or_a_default_is_declared(desk: Desk) -> None:
    id_ = desk.open(substitution=False)
    pledge = desk.pledge(id_)
    call = desk.f.substitute(pledge, 1, desk.second.address, 1, ZERO_ID)
    assert desk.refusal(call, desk.seller) == ("NotAgreed", id_)
    desk.send(desk.amend_call(id_, desk.terms(salt=1), desk.seller, desk.buyer), desk.outsider)
    desk.default(id_)
    assert desk.refusal(call, desk.seller) == ("InDefault", id_, desk.state(id_)["enforceFrom"])


def test_what_was_pledged_on_is_not_substituted(desk: Desk) -> None:
    root, *_ = desk.chain()
    desk.value(desk.links[0], 0, [(desk.token, 1_000_000, 0), (desk.second, 1_000_000, 0)])
    call = desk.f.substitute(root, 1_000, desk.second.address, 1_000, ZERO_ID)
    assert desk.refusal(call, desk.seller) == ("ReuseExceeded", root, 500, 0)


# Cash


def test_cash_is_proved_by_the_agents_once(desk: Desk) -> None:
    id_ = desk.open()
    call = desk.cash_call(id_, 500)
    receipt = desk.send(call, desk.outsider)
    expected = {"agreementId": id_, "callId": (1).to_bytes(32), "amount": 500, "credit": 500}
    assert desk.events(receipt) == [("CashRecorded", expected)]
    assert desk.refusal(call)[0] == "AlreadyUsed"
    assert desk.refusal(desk.cash_call(id_, 400))[0] == "AlreadyUsed"
    assert desk.refusal(desk.cash_call(id_, -501, 2)) == ("InsufficientCredit", id_, 500, 501)
    least = desk.cash_call(id_, -(2**63), 2)
    assert desk.refusal(least) == ("InsufficientCredit", id_, 500, 2**63)
    desk.send(desk.cash_call(id_, -200, 2), desk.outsider)
    assert desk.state(id_)["credit"] == 300
    assert desk.refusal(desk.cash_call(id_, 1, 3, epoch=2)) == ("NotPresentEpoch", id_, 2, 1)
    assert desk.refusal(desk.cash_call(b"\x01" * 32, 1)) == ("UnknownAgreement", b"\x01" * 32)
    forged = desk.f.recordCash((id_, (9).to_bytes(32), ZERO_ID, 7, 1), packed(desk.proof(b"\x05" * 32)))
    assert desk.refusal(forged)[0] == "ProofNotFromEpoch"


# Default


def test_a_default_needs_a_shortfall_that_was_attested(desk: Desk) -> None:
    id_ = desk.open(noticePeriod=100, curePeriod=50)
    desk.pledge(id_)
    call = desk.f.declareDefault(id_)
    assert desk.refusal(call, desk.seller) == ("NotActing", low(desk.seller), low(desk.buyer))
    assert desk.refusal(call, desk.buyer) == ("StaleValuation", id_, 0, 3_600)
    desk.value(id_, 900, required=1_000)
    assert desk.refusal(call, desk.buyer) == ("Covered", id_, 1_000, 1_000)
    desk.pass_time(5)
    desk.value(id_, 900, required=1_001)
    receipt = desk.send(call, desk.buyer)
    from_ = desk.now() + 150
    assert desk.events(receipt) == [("DefaultDeclared", {"agreementId": id_, "from": from_})]
    assert desk.refusal(call, desk.buyer) == ("InDefault", id_, from_)


def test_after_the_term_whatever_is_owed_is_due(desk: Desk) -> None:
    id_ = desk.open(until=desk.now() + 500)
    desk.pledge(id_)
    desk.value(id_, 10)
    assert desk.refusal(desk.f.declareDefault(id_), desk.buyer)[0] == "Covered"
    desk.pass_time(600)
    desk.send(desk.f.declareDefault(id_), desk.buyer)
    assert desk.refusal(desk.f.endDefault(id_), desk.seller) == ("NotCovered", id_, 10, 0)
    desk.send(desk.cash_call(id_, 10), desk.outsider)
    desk.send(desk.f.endDefault(id_), desk.seller)


def test_cured_by_cover_or_withdrawn_by_the_taker(desk: Desk) -> None:
    id_ = desk.open(noticePeriod=100)
    desk.pledge(id_)
    call = desk.f.endDefault(id_)
    assert desk.refusal(call) == ("NoDefault", id_)
    desk.value(id_, 1_200)
    desk.send(desk.f.declareDefault(id_), desk.buyer)
    assert desk.refusal(call, desk.seller) == ("NotCovered", id_, 1_200, 1_000)
    desk.pledge(id_, 200, 1)
    assert desk.refusal(desk.f.releaseExcess(desk.pledge_id(id_), 0), desk.seller)[0] == "InDefault"
    receipt = desk.send(call, desk.outsider)
    assert desk.events(receipt) == [("DefaultEnded", {"agreementId": id_, "by": desk.outsider.address})]
    desk.pass_time(5)
    desk.value(id_, 5_000)
    desk.send(desk.f.declareDefault(id_), desk.buyer)
    desk.send(call, desk.buyer)
    assert desk.state(id_)["enforceFrom"] == 0


# Appropriation


def test_units_are_taken_at_the_full_price_up_to_what_is_owed(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    call = desk.f.appropriate(pledge, 334)
    assert desk.refusal(call, desk.buyer) == ("NoDefault", id_)
    desk.default(id_, 501, [(desk.token, 1_500_000, 900_000)])
    assert desk.refusal(call, desk.seller) == ("NotActing", low(desk.seller), low(desk.buyer))
    assert desk.refusal(desk.f.appropriate(pledge, 335), desk.buyer) == ("ExceedsExposure", id_, 503, 501)
    receipt = desk.send(desk.f.appropriate(pledge, 333), desk.buyer)
    # 333 * 1.5 = 499.5, rounded up against the taker.
    assert desk.events(receipt)[0] == ("Appropriated", {"pledgeId": pledge, "quantity": 333, "value": 500})
    assert desk.holding(desk.buyer.address) == (333, 333)
    assert desk.state(id_)["credit"] == 500
    assert desk.refusal(desk.f.appropriate(pledge, 1), desk.buyer) == ("ExceedsExposure", id_, 2, 1)
    assert desk.refusal(desk.f.appropriate(pledge, 0), desk.buyer) == ("NoQuantity", pledge)


def test_the_surplus_goes_back_at_once(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    desk.default(id_, 400, required=5_000)
    early = desk.f.releaseExcess(pledge, 601)
    assert desk.refusal(early, desk.seller) == ("NotCovered", id_, 400, 399)
    desk.send(desk.f.appropriate(pledge, 400), desk.buyer)
    desk.send(desk.f.releaseExcess(pledge, 600), desk.seller)
    assert desk.holding(desk.seller.address) == (9_600, 9_600)
    assert desk.holding(desk.buyer.address) == (400, 400)


def test_notice_and_cure_come_first(desk: Desk) -> None:
    id_ = desk.open(noticePeriod=600, curePeriod=300)
    pledge = desk.pledge(id_)
    desk.value(id_, 2_000)
    desk.send(desk.f.declareDefault(id_), desk.buyer)
    from_ = desk.now() + 900
    name, now, found = desk.refusal(desk.f.appropriate(pledge, 1), desk.buyer)
    assert (name, found) == ("TooEarly", from_)
    assert now <= from_
    desk.tester.time_travel(from_)
    desk.tester.mine_block()
    desk.send(desk.f.appropriate(pledge, 1), desk.buyer)


def test_stale_or_missing_prices_enforce_nothing(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    other = desk.pledge(id_, 5, token=desk.second)
    desk.default(id_)
    assert desk.refusal(desk.f.appropriate(other, 1), desk.buyer) == ("NotValued", id_, desk.second.address.lower())
    valued = desk.state(id_)["valuedAt"]
    desk.pass_time(4_000)
    assert desk.refusal(desk.f.appropriate(pledge, 1), desk.buyer) == ("StaleValuation", id_, valued, 3_600)


def test_no_unit_is_taken_for_nothing(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    desk.default(id_, 500, [(desk.token, 0, 0)])
    assert desk.refusal(desk.f.appropriate(pledge, 1), desk.buyer) == ("NotValued", id_, low_token(desk))
    order = desk.sale_order(1)
    assert desk.refusal(desk.sale_call(pledge, order), desk.buyer) == ("NotValued", id_, low_token(desk))


def test_appropriation_where_it_is_not_agreed(desk: Desk) -> None:
    id_ = desk.open(appropriation=False)
    pledge = desk.pledge(id_)
    desk.default(id_)
    assert desk.refusal(desk.f.appropriate(pledge, 1), desk.buyer) == ("NotAgreed", id_)


def test_a_later_valuation_does_not_revive_what_was_taken(desk: Desk) -> None:
    """Valuers state the debt before all that the register credits."""
    id_ = desk.open()
    pledge = desk.pledge(id_)
    desk.default(id_, 400, required=2_000)
    desk.send(desk.f.appropriate(pledge, 400), desk.buyer)
    desk.pass_time(5)
    desk.value(id_, 400)
    assert desk.refusal(desk.f.appropriate(pledge, 1), desk.buyer) == ("ExceedsExposure", id_, 1, 0)


def test_only_what_is_not_pledged_on_is_taken(desk: Desk) -> None:
    root, *_ = desk.chain()
    desk.default(desk.links[0])
    assert desk.refusal(desk.f.appropriate(root, 376), desk.buyer) == ("ReuseExceeded", root, 500, 499)
    desk.send(desk.f.appropriate(root, 375), desk.buyer)
    assert desk.amounts(root) == (625, 500, 0)


def test_the_last_taker_takes_the_roots_units_and_all_above_have_claims(desk: Desk) -> None:
    root, child, leaf = desk.chain()
    desk.default(desk.links[2])
    receipt = desk.send(desk.f.appropriate(leaf, 150), desk.last)
    owed = [("EquivalentOwed", {"pledgeId": one, "quantity": 150}) for one in (child, root)]
    assert desk.events(receipt)[1:3] == owed
    assert [desk.amounts(one) for one in (root, child, leaf)] == [(850, 350, 150), (350, 50, 150), (50, 0, 0)]
    assert desk.holding(desk.last.address) == (150, 150)
    assert desk.lane(desk.seller.address) == 850
    # The claim is collateral still.
    held = [desk.f.positionOf(link, desk.token.address).call()[0] for link in desk.links]
    assert held == [1_000, 500, 50]


def test_a_claim_is_met_in_units_or_set_off(desk: Desk) -> None:
    root, _, leaf = desk.chain()
    desk.default(desk.links[2])
    desk.send(desk.f.appropriate(leaf, 150), desk.last)
    call = desk.f.returnUnits(root, 50)
    assert desk.refusal(call, desk.seller) == ("NotActing", low(desk.seller), low(desk.buyer))
    assert desk.refusal(call, desk.buyer) == ("InsufficientFreeUnits", low(desk.buyer), 0, 50)
    desk.send(desk.token.functions.issue(desk.buyer.address, 60), desk.issuer)
    receipt = desk.send(call, desk.buyer)
    returned = {"pledgeId": root, "quantity": 50, "settlementId": ZERO_ID}
    assert desk.events(receipt)[0] == ("Returned", returned)
    assert (desk.amounts(root), desk.holding(desk.seller.address)[0]) == ((850, 350, 100), 9_900)
    assert desk.refusal(desk.f.returnUnits(root, 101), desk.buyer) == ("InsufficientPledge", root, 100, 101)
    assert desk.refusal(desk.f.returnUnits(root, 0), desk.buyer) == ("NoQuantity", root)

    assert desk.refusal(desk.f.setOff(root, 100), desk.buyer) == ("NoDefault", desk.links[0])
    desk.default(desk.links[0])
    assert desk.refusal(desk.f.setOff(root, 100), desk.seller) == ("NotActing", low(desk.seller), low(desk.buyer))
    receipt = desk.send(desk.f.setOff(root, 100), desk.buyer)
    assert desk.events(receipt) == [("SetOff", {"pledgeId": root, "quantity": 100, "value": 100})]
    assert (desk.amounts(root), desk.state(desk.links[0])["credit"]) == ((850, 350, 0), 100)
    assert desk.f.positionOf(desk.links[0], desk.token.address).call()[0] == 850


# Title


def test_title_goes_over_and_as_many_are_owed(desk: Desk) -> None:
    id_ = desk.open(mode=TITLE)
    receipt = desk.send(desk.f.pledge(id_, desk.token.address, 1_000, ZERO_ID), desk.seller)
    pledge = desk.pledge_id(id_)
    given = {"pledgeId": pledge, "agreementId": id_, "token": desk.token.address, "quantity": 1_000}
    assert desk.events(receipt)[0] == ("TitleTransferred", given | {"settlementId": ZERO_ID})
    assert (desk.holding(desk.seller.address), desk.holding(desk.buyer.address)) == ((9_000, 9_000), (1_000, 1_000))
    assert (desk.amounts(pledge), desk.lane(desk.seller.address)) == ((0, 0, 1_000), 0)
    assert desk.refusal(desk.f.release(pledge, 1), desk.buyer) == ("InsufficientPledge", pledge, 0, 1)
    desk.value(id_, 0)
    assert desk.refusal(desk.f.releaseExcess(pledge, 1), desk.seller) == ("InsufficientPledge", pledge, 0, 1)
    desk.send(desk.f.returnUnits(pledge, 1_000), desk.buyer)
    assert desk.holding(desk.seller.address) == (10_000, 10_000)
    assert desk.f.tokensOf(id_).call() == []


def test_title_by_a_settled_order_and_back(desk: Desk) -> None:
    id_ = desk.open(mode=TITLE)
    order = desk.settled(desk.seller, desk.buyer, 700)
    settlement = desk.id_of(order)
    call = desk.f.recordTitle(id_, order.words)
    assert desk.refusal(call, desk.seller) == ("NotActing", low(desk.seller), low(desk.buyer))
    desk.send(call, desk.buyer)
    pledge = desk.pledge_id(id_, salt=int.from_bytes(settlement))
    assert desk.amounts(pledge) == (0, 0, 700)
    assert desk.refusal(call, desk.buyer) == ("AlreadyUsed", settlement)

    locked = desk.settled(desk.seller, desk.buyer, 5, nonce=2, settle=False)
    refused = ("NotThisSettlement", id_, desk.id_of(locked), Status.LOCKED)
    assert desk.refusal(desk.f.recordTitle(id_, locked.words), desk.buyer) == refused
    interest = desk.open()
    assert desk.refusal(desk.f.recordTitle(interest, order.words), desk.buyer) == ("WrongMode", interest, 0)

    back = desk.settled(desk.buyer, desk.seller, 300)
    wrong = desk.f.recordReturn(pledge, locked.words)
    assert desk.refusal(wrong, desk.seller)[0] == "NotThisSettlement"
    call = desk.f.recordReturn(pledge, back.words)
    assert desk.refusal(call, desk.buyer) == ("NotActing", low(desk.buyer), low(desk.seller))
    receipt = desk.send(call, desk.seller)
    returned = {"pledgeId": pledge, "quantity": 300, "settlementId": desk.id_of(back)}
    assert desk.events(receipt) == [("Returned", returned)]
    assert desk.refusal(call, desk.seller) == ("AlreadyUsed", desk.id_of(back))
    assert desk.amounts(pledge) == (0, 0, 400)


def test_a_settlement_of_others_or_of_another_security_is_no_return(desk: Desk) -> None:
    id_ = desk.open(mode=TITLE)
    pledge = desk.pledge(id_)
    other = desk.settled(desk.buyer, desk.other, 10)
    refused = ("NotThisSettlement", pledge, desk.id_of(other), Status.SETTLED)
    assert desk.refusal(desk.f.recordReturn(pledge, other.words), desk.seller) == refused
    desk.send(desk.second.functions.issue(desk.buyer.address, 10), desk.issuer)
    desk.token = desk.second
    back = desk.settled(desk.buyer, desk.seller, 10, nonce=3)
    refused = ("NotThisSettlement", pledge, desk.id_of(back), Status.SETTLED)
    assert desk.refusal(desk.f.recordReturn(pledge, back.words), desk.seller) == refused


def test_title_is_set_off_after_a_default(desk: Desk) -> None:
    id_ = desk.open(mode=TITLE, appropriation=False)
    pledge = desk.pledge(id_)
    desk.default(id_, 1_500)
    desk.send(desk.f.setOff(pledge, 1_000), desk.buyer)
    assert (desk.amounts(pledge), desk.state(id_)["credit"]) == ((0, 0, 0), 1_000)


# Long stop


def test_the_long_stop_frees_when_all_are_silent(desk: Desk) -> None:
    """(I12)"""
    id_ = desk.open(until=desk.now() + 500)
    pledge = desk.pledge(id_)
    propose, confirm = desk.f.proposeLongStop(pledge), desk.f.confirmLongStop(pledge)
    assert desk.refusal(propose) == ("NotInRole", low(desk.outsider), low(desk.officer))
    assert desk.refusal(confirm) == ("NotInRole", low(desk.outsider), low(desk.confirmer))
    until = desk.at(pledge)["until"]
    assert desk.refusal(propose, desk.officer)[::2] == ("TooEarly", until + 5 * DAY)
    assert desk.refusal(confirm, desk.confirmer) == ("NotProposed", pledge, ZERO_ID)
    desk.pass_time(6 * DAY)
    receipt = desk.send(propose, desk.officer)
    from_ = desk.now() + 2 * DAY
    assert desk.events(receipt) == [("LongStopProposed", {"pledgeId": pledge, "from": from_})]
    assert desk.f.longStopFrom(pledge).call() == from_
    assert desk.refusal(propose, desk.officer) == ("AlreadyProposed", pledge, from_)
    assert desk.refusal(confirm, desk.confirmer)[::2] == ("TooEarly", from_)
    desk.pass_time(2 * DAY + 1)
    desk.send(confirm, desk.confirmer)
    assert desk.holding(desk.seller.address) == (10_000, 10_000)


def test_an_attested_debt_defeats_the_long_stop(desk: Desk) -> None:
    id_ = desk.open(until=desk.now() + 500)
    pledge = desk.pledge(id_)
    desk.pass_time(6 * DAY)
    desk.send(desk.f.proposeLongStop(pledge), desk.officer)
    desk.pass_time(60)
    desk.value(id_, 500)
    desk.pass_time(2 * DAY + 1)
    confirm = desk.f.confirmLongStop(pledge)
    assert desk.refusal(confirm, desk.confirmer) == ("StillOwed", id_, 500, 0)
    # It was defeated: proposed again, it takes its time again.
    desk.send(desk.f.proposeLongStop(pledge), desk.officer)
    assert desk.refusal(confirm, desk.confirmer)[0] == "TooEarly"
    desk.pass_time(2 * DAY + 1)
    desk.send(confirm, desk.confirmer)


def test_a_valuation_without_a_debt_defeats_nothing(desk: Desk) -> None:
    """Else a taker who is owed nothing, and does not release, would have it for ever."""
    id_ = desk.open(until=desk.now() + 500)
    pledge = desk.pledge(id_)
    desk.pass_time(6 * DAY)
    desk.send(desk.cash_call(id_, 500), desk.outsider)
    desk.send(desk.f.proposeLongStop(pledge), desk.officer)
    desk.pass_time(60)
    desk.value(id_, 500)
    desk.pass_time(2 * DAY + 1)
    desk.send(desk.f.confirmLongStop(pledge), desk.confirmer)
    assert desk.holding(desk.seller.address) == (10_000, 10_000)


def test_the_long_stop_goes_from_the_leaf_to_the_root(desk: Desk) -> None:
    made = desk.chain(until=desk.now() + 500)
    desk.pass_time(6 * DAY)
    for one in made:
        desk.send(desk.f.proposeLongStop(one), desk.officer)
    desk.pass_time(2 * DAY + 1)
    assert desk.refusal(desk.f.confirmLongStop(made[0]), desk.confirmer) == ("ReuseExceeded", made[0], 500, 0)
    for one in reversed(made):
        desk.send(desk.f.confirmLongStop(one), desk.confirmer)
    assert desk.holding(desk.seller.address) == (10_000, 10_000)


def test_a_proposal_dies_with_its_epoch(desk: Desk) -> None:
    id_ = desk.open(until=desk.now() + 500)
    pledge = desk.pledge(id_)
    desk.pass_time(6 * DAY)
    desk.send(desk.f.proposeLongStop(pledge), desk.officer)
    next_ = desk.epoch()
    desk.send(desk.dvp.functions.rotate(next_, packed(desk.proof(desk.rotation(2, next_)))), desk.outsider)
    desk.pass_time(2 * DAY + 1)
    assert desk.f.longStopFrom(pledge).call() == 0
    assert desk.refusal(desk.f.confirmLongStop(pledge), desk.confirmer) == ("NotProposed", pledge, ZERO_ID)
