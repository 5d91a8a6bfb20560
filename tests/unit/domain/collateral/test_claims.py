"""Claims: events that cannot follow each other are refused; terms and pledges as of any block; the sheet's sums."""

from dataclasses import replace

import pytest

from lockstep.domain.collateral import register_events as said
from lockstep.domain.collateral.claims import NOBODY, Claims
from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, AgreementMode, PledgeId
from lockstep.domain.collateral.register_events import RegisterEvent, Said
from lockstep.domain.collateral.sheet import Holding, Line, sheet
from lockstep.domain.errors import Contradiction
from lockstep.domain.identifiers import SettlementId
from lockstep.testing.fakes import key

A, B, C = (key(name).address for name in "abc")
TOKEN = key("token").address
FIRST, SECOND = AgreementId("01" * 32), AgreementId("02" * 32)
ROOT, CHILD = PledgeId("aa" * 32), PledgeId("bb" * 32)
SALE = SettlementId("cc" * 32)


def terms(giver: str, taker: str, **changes: object) -> Agreement:
    usual = {
        "giver": giver,
        "taker": taker,
        "mode": AgreementMode.SECURITY_INTEREST,
        "currency": "EUR",
        "valuers": "00" * 32,
        "until": 1_000,
        "max_age_seconds": 60,
        "reuse_cap": 500_000,
        "max_depth": 2,
    }
    return Agreement(**(usual | changes))


def history(*blocks: tuple[int, Said]) -> list[RegisterEvent]:
    return [
        RegisterEvent(block=block, place=place, transaction="0x", said=content)
        for place, (block, content) in enumerate(blocks)
    ]


def pledged(pledge: PledgeId, agreement: AgreementId, quantity: int, parent: PledgeId = NO_PLEDGE) -> said.Pledged:
    return said.Pledged(
        pledge_id=pledge,
        agreement_id=agreement,
        parent=parent,
        token=TOKEN,
        quantity=quantity,
        depth=0 if parent == NO_PLEDGE else 1,
        until=1_000 if parent == NO_PLEDGE else 900,
    )


OPENED = (
    (1, said.Agreed(agreement_id=FIRST, agreement=terms(A, B))),
    (1, said.Agreed(agreement_id=SECOND, agreement=terms(B, C))),
)
CHAIN = (*OPENED, (2, pledged(ROOT, FIRST, 100)), (4, pledged(CHILD, SECOND, 40, ROOT)))


def test_each_block_has_its_own_pledges() -> None:
    claims = Claims(
        history(*CHAIN, (4, said.Released(pledge_id=CHILD, quantity=10)), (7, said.NonceUsed(party=A, nonce=1)))
    )
    assert claims.pledges(1) == {}
    assert claims.pledges(2)[ROOT].reused == claims.pledges(3)[ROOT].reused == 0
    assert [one.quantity for one in claims.pledges(4).values()] == [100, 30]
    assert claims.pledges(4) == claims.pledges() == claims.pledges(99)
    child = claims.pledges()[CHILD]
    assert (child.depth, child.max_depth, child.holder, child.until, child.parent) == (1, 2, NOBODY, 900, ROOT)
    (only,) = claims.live(3)
    assert (only.pledge_id, only.agreement.giver, only.agreement.taker) == (ROOT, A, B)
    lives = dict(claims.versions())
    assert [(one.since, one.pledge.reused) for one in lives[ROOT]] == [(2, 0), (4, 30)]


def test_terms_are_those_of_the_block() -> None:
    amended = terms(A, B, reuse_cap=0)
    claims = Claims(history(*CHAIN, (6, said.Agreed(agreement_id=FIRST, agreement=amended))))
    assert claims.agreement(FIRST, 5).reuse_cap == 500_000
    assert claims.agreement(FIRST) == claims.agreement(FIRST, 6) == amended
    assert claims.pledges()[ROOT].reuse_cap == 500_000  # a pledge keeps what it was made with
    with pytest.raises(KeyError):
        claims.agreement(FIRST, 0)
    with pytest.raises(KeyError):
        claims.agreement(AgreementId("ff" * 32))


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (said.Released(pledge_id=CHILD, quantity=1), "Released in block 9 is about 'bbbb"),
        (said.Released(pledge_id=ROOT, quantity=101), "would have quantity -1 in block 9"),
        (said.Returned(pledge_id=ROOT, quantity=1, settlement_id=SALE), "would have owed -1"),
        (said.SaleEnded(pledge_id=ROOT, settlement_id=SALE, settled=True), "SaleEnded in block 9 is about 'cccc"),
        (pledged(CHILD, AgreementId("ff" * 32), 1), "Pledged in block 9 is about 'ffff"),
        (pledged(ROOT, FIRST, 1), "made a second time, in block 9"),
    ],
)
def test_what_cannot_have_followed_is_a_contradiction(event: Said, text: str) -> None:
    claims = Claims(history(*OPENED, (2, pledged(ROOT, FIRST, 100))))
    with pytest.raises(Contradiction, match=text):
        claims.take(history((9, event)))


def test_events_come_in_the_chains_order() -> None:
    claims = Claims(history(*CHAIN))
    with pytest.raises(Contradiction, match="block 3 comes after one of block 4"):
        claims.take(history((3, said.NonceUsed(party=A, nonce=1))))


# The sheet


def holding(wallet: str, owned: int, in_register: int = 0, **changes: int) -> Holding:
    free = owned - in_register
    return Holding(wallet=wallet, token=TOKEN, owned=owned, free=free, in_register=in_register, **changes)


def by_wallet(lines: list[Line]) -> dict[str, Line]:
    assert lines == sorted(lines, key=lambda one: (one.wallet, one.token))
    return {one.wallet: one for one in lines}


def test_a_sheet_of_a_chain_of_re_use() -> None:
    live = Claims(history(*CHAIN)).live()
    held = [holding(A, 300, 100), holding(C, 5)]
    lines = by_wallet(sheet(held, live, 500, [(A, TOKEN), (A, TOKEN), (B, TOKEN)]))
    mine, its, last = lines[A], lines[B], lines[C]
    assert (mine.owned, mine.free, mine.earmarked, mine.pledged, mine.attempts) == (300, 200, 100, 100, 2)
    assert (its.owned, its.received, its.reused, its.reusable, its.attempts) == (0, 100, 40, 10, 1)
    assert (last.received, last.reusable, last.over_committed) == (40, 20, 0)
    late = by_wallet(sheet(held, live, 1_001))
    assert (late[B].reusable, late[C].reusable) == (0, 0)


def test_nobody_without_anything_has_a_line() -> None:
    assert sheet([holding(A, 0)], [], 0) == []


@pytest.mark.parametrize(("in_register", "over"), [(100, 0), (99, 1), (0, 100)])
def test_a_ledger_that_lies_is_told_by_how_much(in_register: int, over: int) -> None:
    lines = by_wallet(sheet([holding(A, 300, in_register)], Claims(history(*CHAIN)).live(), 500))
    assert lines[A].over_committed == over


def test_more_earmarked_than_owned_and_more_given_on_than_the_cap() -> None:
    live = Claims(history(*OPENED, (2, pledged(ROOT, FIRST, 100)), (4, pledged(CHILD, SECOND, 51, ROOT)))).live()
    lines = by_wallet(sheet([holding(A, 90, 100, elsewhere=3)], live, 500))
    assert (lines[A].over_committed, lines[B].over_committed) == (13, 1)


def test_units_for_sale_are_pledged_and_no_longer_in_the_lane() -> None:
    sale = said.SaleStarted(pledge_id=ROOT, settlement_id=SALE, quantity=30, price=1)
    claims = Claims(history(*OPENED, (2, pledged(ROOT, FIRST, 100)), (5, sale)))
    line = by_wallet(sheet([holding(A, 70, 70)], claims.live(), 500))[A]
    assert (line.pledged, line.selling, line.over_committed) == (100, 30, 0)
    claims.take(history((6, said.SaleEnded(pledge_id=ROOT, settlement_id=SALE, settled=True))))
    line = by_wallet(sheet([holding(A, 70, 70)], claims.live(), 500))[A]
    assert (line.pledged, line.selling) == (70, 0)


def test_title_is_due_in_and_due_out() -> None:
    agreed = said.Agreed(agreement_id=FIRST, agreement=terms(A, B, mode=AgreementMode.TITLE_TRANSFER))
    moved = said.TitleTransferred(pledge_id=ROOT, agreement_id=FIRST, token=TOKEN, quantity=60, settlement_id=SALE)
    back = said.Returned(pledge_id=ROOT, quantity=20, settlement_id=SALE)
    claims = Claims(history((1, agreed), (2, moved), (3, back)))
    lines = by_wallet(sheet([holding(B, 60)], claims.live(), 500))
    assert (lines[A].due_in, lines[A].pledged, lines[B].due_out, lines[B].owned) == (40, 0, 40, 60)
    claims.take(history((4, replace(back, quantity=40))))
    assert claims.live() == []


def test_an_heir_has_both_accounts() -> None:
    live = Claims(history(*CHAIN)).live()
    held = [holding(A, 100, 100, in_settlement=0, frozen=1), replace(holding(C, 50), account_frozen=True)]
    lines = by_wallet(sheet(held, live, 500, [(A, TOKEN)], {A: C}))
    one = lines[C]
    assert (one.owned, one.free, one.earmarked, one.pledged, one.frozen) == (150, 50, 100, 100, 1)
    assert (one.received, one.attempts, one.account_frozen, one.over_committed) == (40, 1, True, 0)
    assert A not in lines
