"""A repo's moves: each beside what refuses it. 3,000,000.00 EUR at 3.6 % on Actual/360 are 300.00 a day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from lockstep.domain.collateral.register import PledgeId
from lockstep.domain.errors import InvalidInput, LockstepError, Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.repo.fails import late_interest, mini_close_out
from lockstep.domain.repo.life import MOVES, LegKind, Repo, RepoState, TransferKind
from lockstep.domain.repo.moves import (
    agreed,
    closed_out,
    closing,
    finished,
    leg_died,
    leg_recorded,
    leg_settled,
    partly_returned,
    recounted,
    repriced,
    retried,
    returned_free,
    rolled,
    substituted,
    terminated,
    topped_up,
    transfer_died,
    transfer_done,
)
from lockstep.domain.repo.terms import Lot, repo_id
from repo_cases import AGREEMENT, BUND, FIRST, LAST, NOW, OBL, ORDER, OTHER, eur, opened, settle_all, terms

DAY = 30_000
"""Interest of a day, in cents."""


def day(number: int) -> date:
    return FIRST + timedelta(number)


def state(repo: Repo) -> str:
    return repo.state.value


def lots(repo: Repo) -> list[tuple[str, int, int]]:
    return [(one.isin, one.units, one.price) for one in repo.lots]


# Terms


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"repo_id": "lower"}, "repo_id"),
        ({"repo_id": "A.B"}, "repo_id"),
        ({"repo_id": "X" * 25}, "repo_id"),
        ({"repurchase_date": FIRST}, "repurchase_date"),
        ({"purchase_price": eur(299_999_999)}, "lots/price"),
        ({"rate": 1_000_001}, "rate"),
        ({"late_rate": -1_000_000}, "late_rate"),
        ({"lots": ()}, "lots"),
        ({"lots": (Lot(number=2, isin=BUND, units=1, price=300_000_000),)}, "lots/number"),
        ({"lots": (Lot(number=1, isin=BUND, units=0, price=300_000_000),)}, "lots/1"),
    ],
)
def test_terms_that_break_a_rule_are_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        terms(**changes)
    assert caught.value.field == field


def test_parties_are_two() -> None:
    with pytest.raises(InvalidInput, match="buyer/LEI"):
        terms(buyer=terms().seller)


# Opening


def test_each_lot_opens_by_a_leg_of_its_own() -> None:
    repo = agreed(terms(), NOW)
    assert state(repo) == "AGREED"
    assert [(one.reference, one.units, one.cash, one.settlement_date) for one in repo.legs] == [
        ("R1-O1.1", 1_000, eur(100_000_000), FIRST),
        ("R1-O2.1", 2_000, eur(200_000_000), FIRST),
    ]
    assert all(one.decided_at == NOW.replace(microsecond=0) for one in repo.legs)
    repo = leg_settled(repo, repo.legs[0].reference, ORDER, SettlementId("33" * 32), NOW)
    repo = leg_recorded(repo, repo.legs[0].reference, NOW, PledgeId("44" * 32))
    assert state(repo) == "AGREED"
    assert repo.lots[0].pledge_id == "44" * 32
    assert state(settle_all(repo)) == "OPEN"


def test_a_lot_that_did_not_settle_is_out_of_the_repo() -> None:
    repo = leg_died(agreed(terms(), NOW), agreed(terms(), NOW).legs[0].reference, "MONY: short of cash", NOW)
    repo = settle_all(repo)
    assert state(repo) == "OPEN"
    assert repo.principal == 200_000_000
    assert repo.repurchase_price(day(9)) == eur(200_000_000 + 9 * 20_000)


def test_none_settled_is_the_end() -> None:
    repo = agreed(terms(), NOW)
    for leg in repo.legs:
        repo = leg_died(repo, leg.reference, "LACK", NOW)
    assert state(repo) == "CANCELLED"
    assert repo.look_from is None


# While open


def test_interest_accrues_by_the_day_and_by_the_rate() -> None:
    repo = opened()
    assert repo.repurchase_price(FIRST) == eur(300_000_000)
    assert repo.repurchase_price(LAST) == eur(300_000_000 + 30 * DAY)
    repo = repriced(repo, 18_000, day(10), NOW)
    assert repo.price_differential(LAST) == 10 * DAY + 20 * DAY // 2
    repo = repriced(repo, 0, day(10), NOW)  # of two on a day the later counts
    assert repo.price_differential(LAST) == 10 * DAY
    with pytest.raises(InvalidInput, match="not before"):
        repriced(repo, 1, day(9), NOW)
    with pytest.raises(InvalidInput, match="repurchase date"):
        repriced(repo, 1, LAST, NOW)
    with pytest.raises(InvalidInput, match="rate"):
        repriced(repo, -1_000_000, day(11), NOW)


def test_a_top_up_begins_a_lot_without_a_price() -> None:
    repo = topped_up(opened(), OTHER, 50, NOW)
    assert not repo.is_quiet
    with pytest.raises(Refused) as caught:
        topped_up(repo, OTHER, 50, NOW)
    assert caught.value.name == "RepoNotReady"
    assert caught.value.details["under_way"] == "transfer 1"
    repo = transfer_done(repo, 1, NOW, PledgeId("55" * 32))
    assert lots(repo)[2] == (OTHER, 50, 0)
    assert repo.lots[2].pledge_id == "55" * 32
    back = transfer_done(returned_free(repo, 3, 50, NOW), 2, NOW)
    assert lots(back)[2] == (OTHER, 0, 0)
    with pytest.raises(InvalidInput, match="units"):
        returned_free(repo, 3, 51, NOW)
    with pytest.raises(InvalidInput, match="1 to 999"):
        returned_free(repo, 1, 1_000, NOW)  # what was paid for stays, at least a unit of it


def test_a_top_up_that_is_not_made_leaves_its_number_unused() -> None:
    repo = transfer_died(topped_up(opened(), OTHER, 50, NOW), 1, "burnt", NOW)
    assert repo.is_quiet
    repo = topped_up(repo, OTHER, 50, NOW)
    assert repo.transfers[1].lot_in == Lot(number=4, isin=OTHER, units=50, price=0)


def test_part_comes_back_for_its_part_of_price_and_interest() -> None:
    repo = partly_returned(opened(), 1, 250, day(10), NOW)
    leg = repo.legs[-1]
    assert (leg.reference, leg.kind, leg.principal) == ("R1-R1.1", LegKind.RETURN, 25_000_000)
    assert leg.cash == eur(25_000_000 + 25_000)  # a twelfth of ten days' interest
    repo = settle_all(repo)
    assert lots(repo)[0] == (BUND, 750, 75_000_000)
    assert repo.principal == 275_000_000
    assert repo.repurchase_price(day(10)) == eur(275_000_000 + 275_000)
    assert repo.repurchase_price(LAST) == eur(275_000_000 + 275_000 + 20 * 27_500)
    with pytest.raises(InvalidInput, match="units"):
        partly_returned(repo, 1, 751, day(11), NOW)
    with pytest.raises(InvalidInput, match="on"):
        partly_returned(repo, 1, 1, day(9), NOW)


def test_a_return_that_did_not_settle_changes_nothing() -> None:
    before = opened()
    repo = partly_returned(before, 1, 250, day(10), NOW)
    repo = leg_died(repo, repo.legs[-1].reference, "LACK", NOW)
    assert (repo.lots, repo.periods, repo.interest_paid) == (before.lots, before.periods, 0)
    assert state(repo) == "OPEN"


def test_a_substitution_keeps_the_price_whole() -> None:
    repo = substituted(opened(), 2, 500, OTHER, 700, NOW)
    assert repo.transfers[0].kind is TransferKind.SUBSTITUTE
    repo = transfer_done(repo, 1, NOW, PledgeId("66" * 32))
    assert lots(repo) == [(BUND, 1_000, 100_000_000), (OBL, 1_500, 150_000_000), (OTHER, 700, 50_000_000)]
    with pytest.raises(InvalidInput, match="another security"):
        substituted(repo, 2, 500, OBL, 700, NOW)
    with pytest.raises(InvalidInput, match="units"):
        substituted(repo, 2, 1_501, OTHER, 700, NOW)
    with pytest.raises(InvalidInput, match="lot"):
        substituted(repo, 4, 1, OTHER, 700, NOW)


# The end


def test_it_closes_for_the_repurchase_price_lot_by_lot() -> None:
    repo = transfer_done(topped_up(opened(), OTHER, 50, NOW), 1, NOW, PledgeId("55" * 32))
    with pytest.raises(InvalidInput, match="repurchase date"):
        closing(repo, LAST - timedelta(1), NOW)
    repo = closing(repo, LAST, NOW)
    assert state(repo) == "CLOSING"
    legs = repo.legs[2:]
    assert [(one.reference, one.cash.amount) for one in legs] == [("R1-C1.1", 100_300_000), ("R1-C2.1", 200_600_000)]
    repo = settle_all(repo)
    assert state(repo) == "CLOSING"  # margin securities come back last
    (back,) = repo.pending_transfers
    assert (back.kind, back.lot_out, back.units_out) == (TransferKind.RETURN, 3, 50)
    again = finished(transfer_died(repo, back.number, "burnt", NOW), NOW)
    assert [one.lot_out for one in again.pending_transfers] == [3]
    repo = transfer_done(repo, back.number, NOW)
    assert state(repo) == "CLOSED"
    assert all(one.units == 0 == one.price for one in repo.lots)


def test_it_is_terminated_early_and_on_demand() -> None:
    early = terminated(opened(), day(5), NOW)
    assert closing(early, day(5), NOW).legs[-1].cash == eur(200_000_000 + 5 * 20_000)
    with pytest.raises(InvalidInput, match="on"):
        terminated(opened(), LAST + timedelta(1), NOW)
    demand = opened(repurchase_date=None)
    with pytest.raises(InvalidInput, match="None"):
        closing(demand, LAST, NOW)
    assert terminated(demand, LAST + timedelta(99), NOW).repurchase_date == LAST + timedelta(99)


def test_it_is_rolled_into_another() -> None:
    following = terms(repo_id=repo_id("R2"), purchase_date=day(7), repurchase_date=LAST)
    repo = rolled(opened(), following, NOW)
    assert repo.repurchase_date == day(7)
    with pytest.raises(Refused, match="RepoNotReady"):
        terminated(repo, day(3), NOW)
    repo = settle_all(closing(repo, day(7), NOW))
    assert (state(repo), repo.look_from) == ("CLOSED", date.min)
    assert replace(repo, succeeded=True).look_from is None
    for wrong in (
        terms(purchase_date=day(7)),
        replace(following, agreement_id="b2" * 32),
        replace(following, seller=following.buyer, buyer=following.seller),
    ):
        with pytest.raises(InvalidInput):
            rolled(opened(), wrong, NOW)
    assert following.agreement_id == AGREEMENT


# Fails


def failed() -> Repo:
    """Lot 1 came back, lot 2 did not."""
    repo = closing(opened(), LAST, NOW)
    first, second = repo.legs[2:]
    repo = leg_settled(repo, first.reference, ORDER, SettlementId("33" * 32), NOW)
    repo = leg_recorded(repo, first.reference, NOW)
    return leg_died(repo, second.reference, "LACK: short of securities", NOW)


def test_a_failed_close_is_tried_again_for_the_same_price_on_a_later_day() -> None:
    repo = failed()
    assert state(repo) == "FAILED"
    assert repo.failed_cash == eur(200_600_000)
    assert retried(repo, LAST, NOW) == repo
    repo = retried(repo, LAST + timedelta(2), NOW)
    assert (repo.legs[-1].reference, repo.legs[-1].cash) == ("R1-C2.2", eur(200_600_000))
    assert retried(repo, LAST + timedelta(3), NOW) == repo
    repo = settle_all(repo)
    assert state(repo) == "CLOSED"


def test_late_interest_is_at_the_higher_rate_for_each_day() -> None:
    owed = late_interest(failed(), LAST + timedelta(3))
    assert (owed.rate, owed.on) == (36_000, eur(200_600_000))
    assert owed.amount == eur(60_180)  # 2,006,000.00 * 3.6 % * 3 / 360
    assert owed.per_day == eur(20_060)
    assert late_interest(failed(), LAST).amount == eur(0)
    closed = settle_all(retried(failed(), LAST + timedelta(2), NOW))
    for on in (2, 9):  # what was paid late grows no more
        owed = late_interest(closed, LAST + timedelta(on))
        assert (owed.amount, owed.until, owed.per_day) == (eur(40_120), LAST + timedelta(2), eur(0))
    repo = failed()
    higher = replace(repo, terms=replace(repo.terms, late_rate=72_000))
    assert late_interest(higher, LAST + timedelta(3)).amount == eur(120_360)
    in_time = settle_all(closing(opened(), LAST, NOW))
    for repo in (opened(), closing(opened(), LAST, NOW), in_time, opened(repurchase_date=None)):
        assert late_interest(repo, LAST) is None


def test_mini_close_out_sets_value_against_price() -> None:
    """Notice two days late: the price of that day is 2,006,000.00 and two days of 3.6 % on 2,000,000.00: 400.00."""
    dear = mini_close_out(failed(), {OBL: 201_000_000}, LAST + timedelta(2), expenses=1_000)
    assert dear.repurchase_price == eur(200_640_000)
    assert (dear.payer, dear.net) == ("buyer", eur(361_000))
    cheap = mini_close_out(failed(), {OBL: 200_000_000}, LAST + timedelta(2))
    assert (cheap.payer, cheap.net) == ("seller", eur(640_000))
    even = mini_close_out(failed(), {OBL: 200_640_000}, LAST + timedelta(2))
    assert (even.payer, even.net) == ("nobody", eur(0))
    for wrong in ({}, {OBL: -1}, {OBL: 1, BUND: 1}):
        with pytest.raises(InvalidInput, match="values"):
            mini_close_out(failed(), wrong, LAST)


def test_people_close_it_out_while_nothing_is_under_way() -> None:
    figures = mini_close_out(failed(), {OBL: 1}, LAST + timedelta(1))
    assert state(closed_out(failed(), figures, "notice by the seller", NOW)) == "CLOSED_OUT"
    with pytest.raises(Refused, match="RepoNotReady"):
        closed_out(retried(failed(), LAST + timedelta(1), NOW), figures, "notice", NOW)
    with pytest.raises(InvalidInput, match="reason"):
        closed_out(failed(), figures, "", NOW)


def test_moves_refuse_what_is_not_open() -> None:
    ended = settle_all(closing(opened(), LAST, NOW))
    assert state(ended) == "CLOSED"
    for repo in (agreed(terms(), NOW), ended, failed()):
        for move in (
            lambda one: repriced(one, 1, day(1), NOW),
            lambda one: topped_up(one, OTHER, 1, NOW),
            lambda one: returned_free(one, 1, 1, NOW),
            lambda one: partly_returned(one, 1, 1, day(1), NOW),
            lambda one: substituted(one, 1, 1, OTHER, 1, NOW),
            lambda one: terminated(one, day(1), NOW),
            lambda one: closing(one, LAST, NOW),
        ):
            with pytest.raises(Refused, match="RepoNotReady"):
                move(repo)


def test_a_recount_takes_over_what_is_owed() -> None:
    repo = recounted(opened(), {1: 400}, NOW)
    assert [(one.units, one.price) for one in repo.lots] == [(400, 100_000_000), (2_000, 200_000_000)]
    assert recounted(repo, {1: 400, 2: 2_000}, NOW) == repo
    assert settle_all(closing(repo, LAST, NOW)).state is RepoState.CLOSED
    margin = transfer_done(topped_up(opened(), OTHER, 5, NOW), 1, NOW)
    assert recounted(margin, {3: 0}, NOW).lots[2].units == 0
    late = retried(recounted(failed(), {2: 7}, NOW), LAST + timedelta(1), NOW)
    assert (late.legs[-1].units, late.legs[-1].cash) == (7, eur(200_600_000))
    for wrong in ({1: 0}, {1: 1_001}, {1: -1}):
        with pytest.raises(InvalidInput, match="lot 1/owed"):
            recounted(opened(), wrong, NOW)
    with pytest.raises(Refused, match="RepoNotReady"):
        recounted(topped_up(opened(), OTHER, 5, NOW), {1: 1}, NOW)


def test_an_end_is_final() -> None:
    for one in RepoState:
        assert one.is_end == (one.value in {"CLOSED", "CANCELLED", "CLOSED_OUT"})
        assert all(not MOVES[after] or not after.is_end for after in MOVES[one])
    with pytest.raises(LockstepError):
        leg_died(settle_all(closing(opened(), LAST, NOW)), agreed(terms(), NOW).legs[0].reference, "", NOW)
