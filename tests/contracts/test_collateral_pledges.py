"""Agreements, pledges, release and re-use: what each act does, and each way in which it is refused."""

import pytest
from eth_tester.exceptions import TransactionFailed

from .collateral import TITLE, ZERO_ID, Desk, words
from .hands import low
from .harness import DAY, ZERO, Key, Standing, compact, sign

# Agreements


def test_an_agreement_is_what_both_signed(desk: Desk) -> None:
    """(I11)"""
    terms = desk.terms()
    receipt = desk.send(desk.open_call(terms), desk.outsider)
    id_ = desk.typed("Agreement", terms)
    assert desk.f.agreementIdOf(words("Agreement", terms)).call() == id_
    ((name, event),) = desk.events(receipt)
    assert (name, event["agreementId"]) == ("Agreed", id_)
    assert desk.f.agreementOf(id_).call() == words("Agreement", terms)
    assert desk.refusal(desk.open_call(terms)) == ("AgreementExists", id_)


@pytest.mark.parametrize("side", ["giver", "taker"])
def test_both_must_have_signed(desk: Desk, side: str) -> None:
    terms = desk.terms()
    forged = compact(sign(desk.outsider, desk.typed("Agreement", terms)))
    expected = ("InvalidSignature", desk.typed("Agreement", terms), terms[side].lower())
    assert desk.refusal(desk.open_call(terms, **{side: forged})) == expected


def test_terms_that_cannot_be(desk: Desk) -> None:
    def refused(**changes: object) -> tuple[object, ...]:
        terms = desk.terms(**changes)
        found = desk.refusal(desk.open_call(terms))
        assert found[1] == desk.typed("Agreement", terms)
        return (found[0], *found[2:])

    assert refused(taker=desk.seller.address) == ("SameParty", low(desk.seller))
    assert refused(reuseCap=1_000_001) == ("ShareTooHigh", 1_000_001, 1_000_000)
    assert refused(saleFloor=1_000_002) == ("ShareTooHigh", 1_000_002, 1_000_000)
    assert refused(maxDepth=9) == ("DepthTooGreat", 9, 8)
    past, limit = desk.now() - 10, desk.now() + 3_660 * DAY
    name, until, found = refused(until=past)
    assert (name, until) == ("BadTerm", past)
    assert limit <= found <= limit + 2
    assert refused(until=limit + 100)[0] == "BadTerm"


def test_amended_by_both_once(desk: Desk) -> None:
    id_ = desk.open()
    next_ = desk.terms(reuseCap=0, salt=7)
    call = desk.amend_call(id_, next_, desk.seller, desk.buyer)
    desk.send(call, desk.outsider)
    assert desk.f.agreementOf(id_).call() == words("Agreement", next_)
    used = desk.typed("Amendment", {"agreementId": id_, "next": next_, "by": desk.deadline})
    assert desk.refusal(call) == ("AlreadyUsed", used)

    for changes in (
        {"giver": desk.other.address},
        {"taker": desk.other.address},
        {"mode": TITLE},
        {"currency": b"USD"},
    ):
        other = desk.terms(**changes)
        assert desk.refusal(desk.amend_call(id_, other, desk.seller, desk.buyer)) == ("NotAmendable", id_)
    alone = desk.terms(salt=8)
    digest = desk.typed("Amendment", {"agreementId": id_, "next": alone, "by": desk.deadline})
    call = desk.amend_call(id_, alone, desk.seller, desk.seller)
    assert desk.refusal(call) == ("InvalidSignature", digest, low(desk.buyer))
    unknown = b"\x01" * 32
    assert desk.refusal(desk.amend_call(unknown, alone, desk.seller, desk.buyer)) == ("UnknownAgreement", unknown)


def test_an_amendment_has_a_last_second(desk: Desk) -> None:
    id_, past = desk.open(), desk.now() - 1
    call = desk.amend_call(id_, desk.terms(salt=1), desk.seller, desk.buyer, by=past)
    assert desk.refusal(call) == ("AmendmentExpired", id_, past)


def test_an_amendment_changes_no_pledge_that_was_made(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    before = desk.at(pledge)
    desk.send(desk.amend_call(id_, desk.terms(reuseCap=0, maxDepth=0, salt=1), desk.seller, desk.buyer), desk.outsider)
    assert desk.at(pledge) == before
    assert desk.at(desk.pledge(id_, salt=1))["reuseCap"] == 0


# Pledge and release


def test_pledged_units_stay_the_givers(desk: Desk) -> None:
    id_ = desk.open()
    receipt = desk.send(desk.f.pledge(id_, desk.token.address, 1_000, ZERO_ID), desk.seller)
    pledge = desk.pledge_id(id_)
    assert desk.f.pledgeIdOf(id_, ZERO_ID, desk.token.address, ZERO_ID).call() == pledge
    assert desk.holding(desk.seller.address) == (10_000, 9_000)
    assert desk.lane(desk.seller.address) == 1_000
    expected = {
        "pledgeId": pledge,
        "agreementId": id_,
        "parent": ZERO_ID,
        "token": desk.token.address,
        "quantity": 1_000,
        "depth": 0,
        "until": desk.deadline,
    }
    earmarked = {"holder": desk.seller.address, "earmarker": desk.desk.address, "quantity": 1_000}
    assert desk.events(receipt) == [("Pledged", expected), ("Earmarked", earmarked)]
    assert desk.amounts(pledge) == (1_000, 0, 0)
    assert desk.f.tokensOf(id_).call() == [desk.token.address]
    assert desk.f.positionOf(id_, desk.token.address).call() == [1_000, 0, 0, 0]


def test_pledges_that_are_refused(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)

    def of(quantity: int, salt: int = 1, token: str | None = None, agreement: bytes = id_) -> object:
        return desk.f.pledge(agreement, token or desk.token.address, quantity, salt.to_bytes(32))

    assert desk.refusal(of(1), desk.buyer) == ("NotActing", low(desk.buyer), low(desk.seller))
    assert desk.refusal(of(1, 0), desk.seller) == ("PledgeExists", pledge)
    assert desk.refusal(of(0), desk.seller)[0] == "NoQuantity"
    assert desk.refusal(of(9_001), desk.seller) == ("InsufficientFreeUnits", low(desk.seller), 9_000, 9_001)
    assert desk.refusal(of(1, token=desk.outsider.address), desk.seller) == ("NoToken", id_, low(desk.outsider))
    assert desk.refusal(of(1, agreement=b"\x01" * 32), desk.seller) == ("UnknownAgreement", b"\x01" * 32)
    desk.set_standing(desk.buyer.address, Standing.SUSPENDED)
    assert desk.refusal(of(1), desk.seller)[0] == "NotEligible"


def test_no_unit_is_pledged_in_two_systems(desk: Desk) -> None:
    """(I3) What DvP has locked cannot be pledged, what is pledged cannot be locked."""
    id_ = desk.open()
    desk.lock(desk.order(quantity=6_000))
    call = desk.f.pledge(id_, desk.token.address, 4_001, ZERO_ID)
    assert desk.refusal(call, desk.seller) == ("InsufficientFreeUnits", low(desk.seller), 4_000, 4_001)
    desk.pledge(id_, 4_000)
    order = desk.order(quantity=1, nonce=1)
    assert desk.refusal(desk.lock_call(order)) == ("InsufficientFreeUnits", low(desk.seller), 0, 1)
    transfer = desk.token.functions.transfer(desk.buyer.address, 1)
    assert desk.refusal(transfer, desk.seller) == ("ERC20InsufficientBalance", low(desk.seller), 0, 1)


def test_the_taker_gives_up_in_parts(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    call = desk.f.release(pledge, 400)
    assert desk.refusal(call, desk.seller) == ("NotActing", low(desk.seller), low(desk.buyer))
    receipt = desk.send(call, desk.buyer)
    assert desk.events(receipt)[0] == ("Released", {"pledgeId": pledge, "quantity": 400})
    assert (desk.amounts(pledge), desk.lane(desk.seller.address)) == ((600, 0, 0), 600)
    assert desk.refusal(desk.f.release(pledge, 601), desk.buyer) == ("InsufficientPledge", pledge, 600, 601)
    assert desk.refusal(desk.f.release(pledge, 0), desk.buyer) == ("NoQuantity", pledge)
    assert desk.refusal(desk.f.release(ZERO_ID, 1), desk.buyer) == ("UnknownPledge", ZERO_ID)
    desk.send(desk.f.release(pledge, 600), desk.buyer)
    assert desk.f.tokensOf(id_).call() == []
    assert desk.holding(desk.seller.address) == (10_000, 10_000)


def test_nothing_stops_a_release(desk: Desk) -> None:
    """Neither pause nor freeze nor suspension of either."""
    pledge = desk.pledge(desk.open())
    desk.send(desk.token.functions.setPaused(True), desk.officer)
    desk.send(desk.token.functions.setAccountFrozen(desk.seller.address, True), desk.officer)
    for one in (desk.seller, desk.buyer):
        desk.set_standing(one.address, Standing.SUSPENDED)
    desk.send(desk.f.release(pledge, 1_000), desk.buyer)
    assert desk.lane(desk.seller.address) == 0


def test_at_most_32_securities(desk: Desk) -> None:
    id_ = desk.open()
    made = [desk.pledge(id_, 1, salt, token) for salt, token in enumerate([desk.token, desk.second])]
    mock = [desk.deploy("MockToken") for _ in range(31)]
    for salt, token in enumerate(mock[:30]):
        desk.pledge(id_, 1, salt, token)
    call = desk.f.pledge(id_, mock[30].address, 1, ZERO_ID)
    assert desk.refusal(call, desk.seller) == ("TooManyTokens", id_, 32)
    desk.send(desk.f.release(made[0], 1), desk.buyer)
    desk.send(call, desk.seller)
    assert desk.f.tokensOf(id_).call()[0] == mock[29].address
    desk.send(desk.f.release(made[1], 1), desk.buyer)
    assert len(desk.f.tokensOf(id_).call()) == 31


# Heirs


def test_the_heir_acts_and_the_lost_wallet_does_not(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    heir = desk.keys[7]
    desk.succeed(desk.buyer, heir)
    call = desk.f.release(pledge, 1)
    assert desk.refusal(call, desk.buyer) == ("NotActing", low(desk.buyer), low(heir))
    desk.send(call, heir)
    call = desk.f.pledge(id_, desk.token.address, 5, (1).to_bytes(32))
    desk.send(call, desk.seller)
    terms = desk.terms(salt=5)
    signed = ("InvalidSignature", desk.typed("Agreement", terms), low(heir))
    assert desk.refusal(desk.open_call(terms)) == signed
    desk.send(desk.open_call(terms, taker=compact(sign(heir, desk.typed("Agreement", terms)))), desk.outsider)


def test_what_is_released_of_a_lost_wallet_goes_to_its_heir(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    heir = desk.keys[7]
    desk.succeed(desk.seller, heir)
    desk.send(desk.token.functions.recover(desk.seller.address), desk.outsider)
    assert desk.holding(heir.address) == (9_000, 9_000)
    desk.send(desk.f.release(pledge, 1_000), desk.buyer)
    assert desk.holding(heir.address) == (10_000, 10_000)
    desk.send(desk.f.pledge(id_, desk.token.address, 5, (1).to_bytes(32)), heir)
    assert desk.lane(heir.address) == 5


# Re-use


def test_units_pledged_on_stay_where_they_are(desk: Desk) -> None:
    root, child, leaf = desk.chain()
    assert desk.lane(desk.seller.address) == 1_000
    assert [desk.amounts(one) for one in (root, child, leaf)] == [(1_000, 500, 0), (500, 200, 0), (200, 0, 0)]
    assert [desk.at(one)["depth"] for one in (root, child, leaf)] == [0, 1, 2]
    assert [desk.at(one)["parent"] for one in (root, child, leaf)] == [ZERO_ID, root, child]
    assert [desk.at(one)["maxDepth"] for one in (root, child, leaf)] == [3, 3, 3]
    assert desk.at(leaf)["holder"] == ZERO


def test_the_cap_is_rounded_down_and_kept_by_release(desk: Desk) -> None:
    first = desk.open(reuseCap=333_333)
    second = desk.open(giver=desk.buyer.address, taker=desk.other.address)
    root = desk.pledge(first, 10)
    call = desk.f.repledge(root, second, 4, ZERO_ID)
    assert desk.refusal(call, desk.buyer) == ("ReuseExceeded", root, 4, 3)
    child = desk.repledge(root, second, 3)
    again = desk.f.repledge(root, second, 1, (1).to_bytes(32))
    assert desk.refusal(again, desk.buyer) == ("ReuseExceeded", root, 4, 3)
    assert desk.refusal(desk.f.release(root, 1), desk.buyer) == ("ReuseExceeded", root, 3, 2)
    desk.send(desk.f.release(child, 1), desk.other)
    desk.send(desk.f.release(root, 1), desk.buyer)
    assert desk.amounts(root) == (9, 2, 0)


def test_without_a_right_of_use(desk: Desk) -> None:
    first = desk.open(reuseCap=0)
    second = desk.open(giver=desk.buyer.address, taker=desk.other.address)
    root = desk.pledge(first)
    assert desk.refusal(desk.f.repledge(root, second, 1, ZERO_ID), desk.buyer) == ("ReuseExceeded", root, 1, 0)


def test_depth_is_the_least_of_all_above(desk: Desk) -> None:
    first = desk.open(maxDepth=1)
    second = desk.open(giver=desk.buyer.address, taker=desk.other.address, maxDepth=8)
    third = desk.open(giver=desk.other.address, taker=desk.last.address)
    child = desk.repledge(desk.pledge(first), second, 10)
    assert desk.at(child)["maxDepth"] == 1
    assert desk.refusal(desk.f.repledge(child, third, 1, ZERO_ID), desk.other) == ("DepthExceeded", child, 2, 1)

    wide = desk.open(salt=1, maxDepth=8)
    narrow = desk.open(giver=desk.buyer.address, taker=desk.other.address, maxDepth=0)
    child = desk.repledge(desk.pledge(wide, salt=1), narrow, 10, salt=1)
    assert desk.at(child)["maxDepth"] == 1


def test_the_term_is_the_least_of_all_above(desk: Desk) -> None:
    first = desk.open(until=desk.now() + 500)
    second = desk.open(giver=desk.buyer.address, taker=desk.other.address)
    root = desk.pledge(first)
    child = desk.repledge(root, second, 10)
    until = desk.at(root)["until"]
    assert desk.at(child)["until"] == until
    desk.pass_time(600)
    call = desk.f.repledge(root, second, 1, (1).to_bytes(32))
    name, id_, now, found = desk.refusal(call, desk.buyer)
    assert (name, id_, found) == ("TermEnded", root, until)
    assert now > until


def test_repledges_that_are_refused(desk: Desk) -> None:
    first = desk.open()
    second = desk.open(giver=desk.buyer.address, taker=desk.other.address)
    root = desk.pledge(first)
    call = desk.f.repledge(root, second, 1, ZERO_ID)
    assert desk.refusal(call, desk.seller) == ("NotActing", low(desk.seller), low(desk.buyer))
    strangers = desk.open(giver=desk.last.address, taker=desk.other.address)
    other = desk.f.repledge(root, strangers, 1, ZERO_ID)
    assert desk.refusal(other, desk.buyer) == ("NotActing", low(desk.buyer), low(desk.last))
    title = desk.open(giver=desk.buyer.address, taker=desk.other.address, mode=TITLE)
    assert desk.refusal(desk.f.repledge(root, title, 1, ZERO_ID), desk.buyer) == ("WrongMode", title, TITLE)
    assert desk.refusal(desk.f.repledge(ZERO_ID, second, 1, ZERO_ID), desk.buyer) == ("UnknownPledge", ZERO_ID)
    assert desk.refusal(desk.f.repledge(root, ZERO_ID, 1, ZERO_ID), desk.buyer) == ("UnknownAgreement", ZERO_ID)
    assert desk.refusal(desk.f.repledge(root, second, 0, ZERO_ID), desk.buyer)[0] == "NoQuantity"
    desk.set_standing(desk.other.address, Standing.SUSPENDED)
    child = desk.pledge_id(second, root)
    assert desk.refusal(call, desk.buyer) == ("TakerNotEligible", child, low(desk.other))


def test_title_is_no_parent(desk: Desk) -> None:
    first = desk.open(mode=TITLE)
    second = desk.open(giver=desk.buyer.address, taker=desk.other.address)
    given = desk.pledge(first)
    assert desk.refusal(desk.f.repledge(given, second, 1, ZERO_ID), desk.buyer) == ("ReuseExceeded", given, 1, 0)


def test_recalled_units_are_not_pledged_on_again(desk: Desk) -> None:
    root, child, leaf = desk.chain()
    call = desk.f.recall(root, 600, desk.deadline)
    assert desk.refusal(call, desk.buyer) == ("NotActing", low(desk.buyer), low(desk.seller))
    receipt = desk.send(call, desk.seller)
    assert desk.events(receipt) == [("Recalled", {"pledgeId": root, "quantity": 600, "by": desk.deadline})]
    more = desk.f.repledge(root, desk.links[1], 1, (1).to_bytes(32))
    assert desk.refusal(more, desk.buyer) == ("ReuseExceeded", root, 501, 400)
    desk.send(desk.f.release(leaf, 200), desk.last)
    desk.send(desk.f.release(child, 500), desk.other)
    desk.send(desk.f.release(root, 600), desk.buyer)
    assert (desk.amounts(root), desk.at(root)["recalled"]) == ((400, 0, 0), 0)
    desk.send(desk.f.recall(root, 10**6, desk.deadline), desk.seller)
    assert desk.refusal(more, desk.buyer) == ("ReuseExceeded", root, 1, 0)


def test_unwound_from_the_leaf_in_one_run(desk: Desk) -> None:
    """Leaves first, all or none, by signatures."""
    root, child, leaf = desk.chain()
    acts = [
        desk.act(desk.last, desk.f.release(leaf, 200)),
        desk.act(desk.other, desk.f.release(child, 500)),
        desk.act(desk.buyer, desk.f.release(root, 1_000)),
    ]
    assert desk.refusal(desk.f.run(acts[::-1])) == ("ReuseExceeded", root, 500, 0)
    desk.send(desk.f.run(acts), desk.outsider)
    assert [desk.amounts(one)[0] for one in (root, child, leaf)] == [0, 0, 0]
    assert desk.holding(desk.seller.address) == (10_000, 10_000)


# Acts by signature


def test_an_act_counts_once_until_its_last_second_and_for_its_party(desk: Desk) -> None:
    pledge = desk.pledge(desk.open())
    act = desk.act(desk.buyer, desk.f.release(pledge, 1), nonce=300)
    forged = (*act[:5], desk.act(desk.outsider, desk.f.release(pledge, 1), nonce=300)[5])
    assert desk.refusal(desk.f.run([forged])) == ("ActNotSigned", low(desk.buyer), 300)
    other = (act[0], desk.act(desk.buyer, desk.f.release(pledge, 2))[1], *act[2:])
    assert desk.refusal(desk.f.run([other])) == ("ActNotSigned", low(desk.buyer), 300)
    late = desk.act(desk.buyer, desk.f.release(pledge, 1), by=desk.now() - 1)
    assert desk.refusal(desk.f.run([late])) == ("ActExpired", low(desk.buyer), 0, desk.now() - 1)
    receipt = desk.send(desk.f.run([act]), desk.outsider)
    assert desk.events(receipt)[0] == ("NonceUsed", {"party": desk.buyer.address, "nonce": 300})
    assert desk.refusal(desk.f.run([act])) == ("ActUsed", low(desk.buyer), 300)
    assert [desk.f.isNonceUsed(desk.buyer.address, one).call() for one in (299, 300, 301, 44)] == [0, 1, 0, 0]


def test_a_burnt_number_runs_nothing(desk: Desk) -> None:
    pledge = desk.pledge(desk.open())
    act = desk.act(desk.buyer, desk.f.release(pledge, 1), nonce=9)
    desk.send(desk.f.burnNonce(9), desk.buyer)
    assert desk.refusal(desk.f.run([act])) == ("ActUsed", low(desk.buyer), 9)
    assert desk.refusal(desk.f.burnNonce(9), desk.buyer) == ("ActUsed", low(desk.buyer), 9)


def test_the_callers_own_acts_need_no_signature_and_nobody_elses_go_without(desk: Desk) -> None:
    pledge = desk.pledge(desk.open())
    act = desk.act(desk.buyer, desk.f.release(pledge, 1), signed=False)
    assert desk.refusal(desk.f.run([act]), desk.seller) == ("ActNotSigned", low(desk.buyer), 0)
    desk.send(desk.f.run([act]), desk.buyer)
    nested = desk.act(desk.seller, desk.f.run([act]))
    assert desk.refusal(desk.f.run([nested])) == ("ActNotSigned", low(desk.buyer), 0)
    within = desk.act(desk.buyer, desk.f.run([act]), nonce=1)
    desk.send(desk.f.run([within]), desk.outsider)
    assert desk.amounts(pledge)[0] == 998


def test_consent_makes_a_substitution_of_two_acts(desk: Desk) -> None:
    """Neither signature counts without the other's act: nobody can take one and leave the other."""
    id_ = desk.open(substitution=False)
    pledge = desk.pledge(id_)
    pledging = desk.f.pledge(id_, desk.second.address, 900, ZERO_ID)
    releasing = desk.f.release(pledge, 1_000)
    together = desk.together((desk.seller, pledging), (desk.buyer, releasing))
    new_in = desk.act(desk.seller, pledging, together=together)
    out = desk.act(desk.buyer, releasing, together=together)
    assert desk.f.togetherOf([new_in, out]).call() == together

    alone = desk.together((desk.buyer, releasing))
    assert desk.refusal(desk.f.run([out])) == ("ActNotTogether", low(desk.buyer), 0, together, alone)
    alone = desk.together((desk.seller, pledging))
    assert desk.refusal(desk.f.run([new_in])) == ("ActNotTogether", low(desk.seller), 0, together, alone)
    less = desk.act(desk.seller, desk.f.pledge(id_, desk.second.address, 1, ZERO_ID), signed=False)
    assert desk.refusal(desk.f.run([less, out]), desk.seller)[0] == "ActNotTogether"
    turned = desk.f.run([out, new_in])
    assert desk.refusal(turned)[0] == "ActNotTogether"
    stripped = (*out[:4], ZERO_ID, out[5])
    assert desk.refusal(desk.f.run([stripped])) == ("ActNotSigned", low(desk.buyer), 0)

    desk.send(desk.f.run([new_in, out]), desk.outsider)
    assert (desk.lane(desk.seller.address), desk.lane(desk.seller.address, desk.second)) == (0, 900)


def test_a_signature_of_another_chain_counts_nowhere(desk: Desk) -> None:
    pledge = desk.pledge(desk.open())
    call = desk.f.release(pledge, 1)
    data = bytes.fromhex(desk.desk.encode_abi("release", args=call.args)[2:])
    message = {
        "party": desk.buyer.address,
        "call": data,
        "nonce": 0,
        "by": desk.deadline,
        "together": ZERO_ID,
    }
    wrong = compact(sign(desk.buyer, desk.typed("Act", message, desk.chain_id + 1)))
    assert desk.refusal(desk.f.run([(*words("Act", message), wrong)])) == ("ActNotSigned", low(desk.buyer), 0)


def test_wallet_contracts_sign_too(desk: Desk) -> None:
    wallet = desk.deploy("MockWallet", desk.buyer.address, 0)
    desk.register(wallet.address)
    terms = desk.terms(taker=wallet.address)
    digest = desk.typed("Agreement", terms)
    desk.send(desk.open_call(terms, taker=sign(desk.buyer, digest)), desk.outsider)
    pledge = desk.pledge(digest)
    act = desk.act(Key(desk.buyer.secret, wallet.address), desk.f.release(pledge, 3), signed=False)
    message = {"party": wallet.address, "call": act[1], "nonce": 0, "by": act[3], "together": ZERO_ID}
    signed = (*act[:5], sign(desk.buyer, desk.typed("Act", message)))
    desk.send(desk.f.run([signed]), desk.outsider)
    assert desk.amounts(pledge)[0] == 997


def test_the_domain_is_shown(desk: Desk) -> None:
    found = desk.f.eip712Domain().call()
    assert found == [b"\x0f", "Lockstep Collateral", "1", desk.chain_id, desk.desk.address, ZERO_ID, []]
    assert desk.f.dvp().call() == desk.dvp.address
    assert desk.f.registry().call() == desk.registry.address


# Hostile tokens


def test_a_token_that_comes_back_finds_its_pledge_made_and_no_other_touched(desk: Desk) -> None:
    id_ = desk.open()
    good = desk.pledge(id_)
    mock = desk.deploy("MockToken")
    again = desk.desk.encode_abi("pledge", args=[id_, mock.address, 1, ZERO_ID])
    desk.send(mock.functions.prepare(again, False), desk.outsider)
    desk.pledge(id_, 5, token=mock)
    assert mock.functions.reentryDone().call() is False
    desk.send(mock.functions.prepare(b"", True), desk.outsider)
    bad = desk.pledge_id(id_, token=mock)
    assert desk.refusal(desk.f.release(bad, 5), desk.buyer) == ("Refused",)
    desk.send(desk.f.release(good, 1_000), desk.buyer)
    assert desk.lane(desk.seller.address) == 0


def test_no_units_without_the_lane(desk: Desk) -> None:
    """A second register is nothing to a token that has the first in its lane."""
    desk.desk = desk.deploy("CollateralRegister", desk.dvp.address, desk.registry.address)
    desk.f = desk.desk.functions
    id_ = desk.open()
    call = desk.f.pledge(id_, desk.token.address, 1, ZERO_ID)
    assert desk.refusal(call, desk.seller) == ("NotEarmarker", desk.desk.address.lower())


def test_the_code_apart_does_nothing_by_itself(desk: Desk) -> None:
    id_ = desk.open()
    pledge = desk.pledge(id_)
    apart = desk.w3.eth.contract(desk.f.enforcementCode().call(), abi=desk.desk.abi)
    assert desk.refusal(apart.functions.appropriate(pledge, 1), desk.buyer) == ("UnknownPledge", pledge)
    assert desk.refusal(apart.functions.declareDefault(id_), desk.buyer) == ("UnknownAgreement", id_)
    with pytest.raises(TransactionFailed):
        apart.functions.release(pledge, 1).call({"from": desk.buyer.address})
