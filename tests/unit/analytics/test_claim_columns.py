"""Claims and accounts as columns: which rows there are, and which are refused."""

import pytest

from lockstep.analytics.claim_columns import Codes, attempt_columns, holding_columns, pledge_columns
from lockstep.analytics.inventory import ENDLESS, ROOT, inventory
from lockstep.domain.collateral.claims import Claims
from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, AgreementMode, PledgeId
from lockstep.domain.collateral.register_events import Agreed, Pledged, RegisterEvent, Released, Said
from lockstep.domain.collateral.sheet import Holding
from lockstep.domain.errors import InvalidInput

GIVER, TAKER, THIRD, TOKEN = "giver", "taker", "third", "token"
FIRST, SECOND = AgreementId("01" * 32), AgreementId("02" * 32)
ROOT_ID, CHILD_ID = PledgeId("aa" * 32), PledgeId("bb" * 32)


def agreed(identifier: AgreementId, giver: str, taker: str, depth: int) -> Agreed:
    terms = Agreement(
        giver=giver,
        taker=taker,
        mode=AgreementMode.SECURITY_INTEREST,
        currency="EUR",
        valuers="00" * 32,
        until=86_400,
        max_age_seconds=1,
        reuse_cap=500_000,
        max_depth=depth,
    )
    return Agreed(agreement_id=identifier, agreement=terms)


def pledged(pledge: PledgeId, agreement: AgreementId, parent: PledgeId, quantity: int) -> Pledged:
    depth = 0 if parent == NO_PLEDGE else 1
    return Pledged(
        pledge_id=pledge,
        agreement_id=agreement,
        parent=parent,
        token=TOKEN,
        quantity=quantity,
        depth=depth,
        until=86_400,
    )


def claims() -> Claims:
    told: list[tuple[int, Said]] = [
        (1, agreed(FIRST, GIVER, TAKER, 1)),
        (1, agreed(SECOND, TAKER, THIRD, 1)),
        (3, pledged(ROOT_ID, FIRST, NO_PLEDGE, 100)),
        (5, pledged(CHILD_ID, SECOND, ROOT_ID, 50)),
        (8, Released(pledge_id=CHILD_ID, quantity=50)),
        (9, Released(pledge_id=ROOT_ID, quantity=40)),
    ]
    return Claims(RegisterEvent(block=block, place=0, transaction="", said=one) for block, one in told)


def test_each_version_that_has_units_is_a_row_from_its_block_to_the_next() -> None:
    wallets, tokens = Codes(), Codes()
    table, pledges = pledge_columns(claims(), wallets, tokens, network=7)
    assert pledges.texts() == [ROOT_ID, CHILD_ID]
    assert wallets.texts() == [GIVER, TAKER, THIRD]
    rows = list(
        zip(
            *(getattr(table, name).tolist() for name in ("pledge", "parent", "quantity", "cap", "since", "until")),
            strict=True,
        )
    )
    assert rows == [
        (0, ROOT, 100, 500_000, 3, 5),
        (0, ROOT, 100, 500_000, 5, 8),
        (0, ROOT, 100, 500_000, 8, 9),
        (0, ROOT, 60, 500_000, 9, ENDLESS),
        (1, 0, 50, 0, 5, 8),
    ]
    assert set(table.network.tolist()) == {7}
    assert set(table.last_day.tolist()) == {719_164}  # 2 January 1970


def test_a_look_holds_until_the_next() -> None:
    wallets, tokens = Codes(), Codes()
    looks = [
        (3, [Holding(wallet=GIVER, token=TOKEN, owned=500, free=400, in_register=100)]),
        (9, [Holding(wallet=GIVER, token=TOKEN, owned=500, free=440, in_register=60)]),
    ]
    held = holding_columns(looks, wallets, tokens)
    pledges, _ = pledge_columns(claims(), wallets, tokens)
    tried = attempt_columns([(GIVER, TOKEN, 4), (GIVER, TOKEN, 9)], wallets, tokens)
    for block, free, attempts in ((3, 400, 0), (8, 400, 1), (9, 440, 2), (10**6, 440, 2)):
        table = inventory(held, pledges, block, tried)
        mine = table.participant.tolist().index(wallets.of(GIVER))
        assert (int(table.free[mine]), int(table.attempts[mine])) == (free, attempts)
        assert int(table.over_committed.sum()) == 0


def test_nothing_is_no_rows() -> None:
    wallets, tokens = Codes(), Codes()
    pledges, codes = pledge_columns(Claims(), wallets, tokens)
    held = holding_columns([], wallets, tokens)
    assert (len(pledges.pledge), len(held.owned), codes.texts()) == (0, 0, [])
    assert len(inventory(held, pledges, 5, attempt_columns([], wallets, tokens)).owned) == 0


def test_looks_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(InvalidInput, match="above 9, the one before"):
        holding_columns([(9, []), (9, [])], Codes(), Codes())
