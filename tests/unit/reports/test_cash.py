"""The mirror against statements: what the two sides say alike, and each way in which they do not."""

from datetime import UTC, datetime

import pytest

from lockstep.domain.cash import CashView
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, Payment, PaymentState
from lockstep.domain.statement import Entry, Statement
from lockstep.reports.cash import cash, heard, whole
from lockstep.reports.model import Report, Tone
from lockstep.reports.records import Prefix

from .journals import Journal, at, market

ANNAS, BERTS = CashAccount(owner=Bic("ANNAZZ2A"), number="EUR-1"), CashAccount(owner=Bic("BERTZZ2A"), number="EUR-2")
START, END = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)
SALT = "5a" * 16


def settlement(number: int) -> SettlementId:
    return SettlementId(f"{number:064x}")


def uetr(number: int) -> Uetr:
    return Uetr(f"00000000-0000-4000-8000-{number:012x}")


def eur(amount: int) -> Money:
    return Money(currency="EUR", amount=amount)


def entry(number: int, amount: int, *, credit: bool, of: int | None = None, named: int | None = None) -> Entry:
    return Entry(
        posting=number,
        amount=eur(amount),
        credit=credit,
        booked_at=at(23, "10:00"),
        uetr=uetr(of if named is None else named) if of is not None else None,
        settlement_id=settlement(of) if of is not None else None,
        salt=SALT if of is not None else None,
    )


def statement(account: CashAccount, opening: int, *entries: Entry, page: int = 1, is_last: bool = True) -> Statement:
    closing = opening + sum(one.signed for one in entries)
    return Statement(
        statement_id=f"{account.number}/20261123",
        sequence=1,
        account=account,
        since=START,
        until=END,
        opening=eur(opening),
        closing=eur(closing),
        entries=entries,
        page=page,
        is_last=is_last,
    )


def view(number: int, amount: int, clock: str = "10:00") -> CashView:
    """Anna pays Bert."""
    payment = Payment(
        uetr=uetr(number),
        instruction_id=f"I{number}",
        end_to_end_id=f"E{number}",
        amount=eur(amount),
        settlement_date=START.date(),
        debtor=ANNAS,
        creditor=BERTS,
        settlement_id=settlement(number),
        salt=SALT,
        pay_by=at(23, "16:00"),
    )
    moment = at(23, clock)
    return CashView(
        settlement_id=settlement(number),
        state=PaymentState.BOOKED,
        payment=payment,
        decided_at=moment,
        booked_at=moment,
        noticed_at=moment,
    )


def reported(
    statements: list[Statement], views: list[CashView], *, heard_of: tuple[int, ...], until: int | None = None
) -> Report:
    journal = Journal()
    for number in heard_of:
        journal.add(at(23, "10:01"), "heard", settlement(number), {"message": "PaymentReport", "state": "ACSP"})
        journal.add(at(23, "10:02"), "heard", settlement(number), {"message": "PaymentReport", "state": "ACSC"})
    mirror = heard(Prefix(journal.rows, number=until, as_of=at(23, "18:00")))
    return cash(whole(statements), {one.settlement_id: one for one in views}, mirror, market())


def rows(report: Report, name: str) -> list[dict[str, object]]:
    table = report.table(name)
    return [dict(zip([one.name for one in table.columns], row, strict=True)) for row in table.rows]


def test_two_sides_that_agree() -> None:
    """Anna begins with 100.00, pays 30.00 and 5.00 to Bert, and gets 2.00 from elsewhere."""
    entries = entry(1, 3000, credit=False, of=1), entry(2, 500, credit=False, of=2), entry(3, 200, credit=True)
    report = reported([statement(ANNAS, 10_000, *entries)], [view(1, 3000), view(2, 500)], heard_of=(1, 2))
    (account,) = rows(report, "accounts")
    assert (account["name"], account["opening"], account["closing"]) == ("Anna", 10_000, 6_700)
    assert (account["settlements"], account["mirror"], account["others"], account["difference"]) == (
        -3500,
        -3500,
        200,
        0,
    )
    assert (account["verdict"], rows(report, "differences")) == ("agrees", [])
    assert (report.figures[0].value, report.figures[0].tone) == ("0", Tone.GOOD)


def test_the_other_account_is_credited() -> None:
    report = reported([statement(BERTS, 0, entry(1, 3000, credit=True, of=1))], [view(1, 3000)], heard_of=(1,))
    assert [(one["mirror"], one["verdict"]) for one in rows(report, "accounts")] == [(3000, "agrees")]


@pytest.mark.parametrize(
    ("stated", "views", "what", "figures"),
    [
        ([entry(1, 3000, credit=False, of=1)], [], "not in the mirror", (-3000, None)),
        ([], [view(1, 3000)], "not on the statement", (None, -3000)),
        ([entry(1, 3001, credit=False, of=1)], [view(1, 3000)], "other content", (-3001, -3000)),
        ([entry(1, 3000, credit=True, of=1)], [view(1, 3000)], "other content", (3000, -3000)),
        ([entry(1, 3000, credit=False, of=1, named=9)], [view(1, 3000)], "other content", (-3000, -3000)),
    ],
)
def test_each_way_to_differ_is_told(stated, views, what, figures) -> None:
    report = reported([statement(ANNAS, 10_000, *stated)], views, heard_of=(1,))
    (difference,) = rows(report, "differences")
    assert (difference["what"], difference["settlement_id"]) == (what, settlement(1))
    assert (difference["stated"], difference["mirrored"]) == figures
    (account,) = rows(report, "accounts")
    assert (account["verdict"], account["differences"]) == ("differs", 1)
    assert report.figures[0].tone is Tone.BAD


def test_what_the_journal_had_not_heard_by_then_is_not_in_the_mirror() -> None:
    given = [statement(ANNAS, 10_000, entry(1, 3000, credit=False, of=1))]
    early = reported(given, [view(1, 3000)], heard_of=(1,), until=1)  # set aside, and not booked
    assert [one["what"] for one in rows(early, "differences")] == ["not in the mirror"]
    assert not rows(reported(given, [view(1, 3000)], heard_of=(1,), until=2), "differences")


def test_a_booking_of_another_day_is_no_difference() -> None:
    other = view(2, 700)
    other = type(other)(
        **{name: getattr(other, name) for name in other.__dataclass_fields__} | {"booked_at": at(24, "09:00")}
    )
    report = reported([statement(ANNAS, 10_000)], [other], heard_of=(2,))
    assert not rows(report, "differences")


def test_pages_are_put_together() -> None:
    first = statement(ANNAS, 10_000, entry(1, 3000, credit=False, of=1), is_last=False)
    second = statement(ANNAS, 7_000, entry(2, 500, credit=False, of=2), page=2)
    (one,) = whole([second, first])
    assert (one.opening, one.closing, len(one.entries), one.is_last) == (eur(10_000), eur(6_500), 2, True)


@pytest.mark.parametrize(
    ("pages", "rule"),
    [
        ([statement(ANNAS, 1, is_last=False)], "each page from 1 to the last, once"),
        ([statement(ANNAS, 1, page=2)], "each page from 1 to the last, once"),
        ([statement(ANNAS, 1), statement(ANNAS, 1)], "each page from 1 to the last, once"),
        ([statement(ANNAS, 1, is_last=False), statement(ANNAS, 2, page=2)], "opens with"),
    ],
)
def test_a_statement_that_is_not_whole_is_refused(pages, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule) as raised:
        whole(pages)
    assert raised.value.field.startswith("statement EUR-1/20261123")


def test_two_statements_of_one_time_are_refused() -> None:
    one = statement(ANNAS, 1)
    again = type(one)(**{name: getattr(one, name) for name in one.__dataclass_fields__} | {"statement_id": "another"})
    with pytest.raises(InvalidInput, match="the other's end"):
        reported([one, again], [], heard_of=())


@pytest.mark.parametrize("again", [3000, 1])
def test_a_settlement_booked_twice_is_a_difference(again: int) -> None:
    """30.00 are debited twice, or one cent after them; the mirror has one payment of 30.00."""
    entries = entry(1, 3000, credit=False, of=1), entry(2, again, credit=False, of=1)
    report = reported([statement(ANNAS, 10_000, *entries)], [view(1, 3000)], heard_of=(1,))
    (difference,) = rows(report, "differences")
    assert (difference["what"], difference["stated"]) == ("more than once on the statement", -3000 - again)
    (account,) = rows(report, "accounts")
    assert (account["opening"], account["settlements"], account["closing"]) == (10_000, -3000 - again, 7_000 - again)
    assert (account["difference"], account["verdict"]) == (-again, "differs")


def test_a_settlement_booked_and_taken_back_is_a_difference() -> None:
    """In sum nothing, and two entries that the mirror does not have."""
    entries = (
        entry(1, 3000, credit=False, of=1),
        entry(2, 3000, credit=True, of=1),
        entry(3, 3000, credit=False, of=1),
    )
    report = reported([statement(ANNAS, 10_000, *entries)], [view(1, 3000)], heard_of=(1,))
    assert [one["what"] for one in rows(report, "differences")] == ["more than once on the statement"]
    assert report.figures[1].value == "3"
