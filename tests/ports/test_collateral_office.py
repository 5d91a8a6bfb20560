"""Acts of collateral by the names that people use, on the compiled contracts: each once, and what refuses it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collateral_venue import (
    CONFIRMER,
    DEPTH,
    GIVER,
    OFFICER,
    SECOND,
    TAKER,
    THIRD,
    UNITS,
    VALUERS,
    YEAR,
    CollateralVenue,
)
from lockstep.app.collateral_files import (
    IncomeFile,
    read_acts,
    read_agreement,
    read_income,
    read_sale,
    sale_text,
    shown,
    write_file,
)
from lockstep.app.collateral_office import CollateralOffice, How
from lockstep.app.collateral_sales import offered
from lockstep.app.collateral_signing import look_at, sign_file
from lockstep.app.collateral_views import agreement_shown, agreements_listed, pledge_shown
from lockstep.domain.collateral.register import AgreementId, AgreementMode, Income, PledgeId
from lockstep.domain.errors import ContractRefused, InvalidInput, Misconfigured
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import OutcomeResult
from lockstep.signing import agreement_id, income_digest, read_call, settlement_id
from lockstep.testing.fakes import BOND, MORNING
from office_venue import SECOND_BOND, assets_of, office_of

HASH = "ab" * 32


@pytest.fixture(scope="module")
def opened() -> CollateralVenue:
    return CollateralVenue.open()


@pytest.fixture
def venue(opened: CollateralVenue) -> Iterator[CollateralVenue]:
    snapshot = opened.snapshot()
    opened.log.stored.clear()
    opened.attempts.clear()
    opened.renew()
    yield opened
    opened.revert(snapshot)


@pytest.fixture
def office(venue: CollateralVenue, tmp_path: Path) -> CollateralOffice:
    return office_of(venue, tmp_path)


def agreement_file(folder: Path, venue: CollateralVenue, **changes: object) -> Path:
    content = {
        "format": "lockstep-agreement/1",
        "giver": "GIVRDEFF",
        "taker": "TAKRDEFF",
        "currency": "EUR",
        "valuers": [one.address for one in VALUERS],
        "quorum": 2,
        "until": shown(int(MORNING.timestamp()) + YEAR),
        "maxAgeSeconds": 3600,
        "reuseCap": "80",
        "maxDepth": 3,
        "appropriation": True,
        "substitution": True,
        "saleFloor": "50",
        **changes,
    }
    path = folder / "agreement.json"
    path.write_text(json.dumps(content))
    return path


def sent(venue: CollateralVenue) -> int:
    return len(venue.log.stored)


# Agreements and pledges


def test_an_agreement_is_opened_once_by_its_file(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path
) -> None:
    file = read_agreement(agreement_file(tmp_path, venue), office.market)
    assert file.terms == venue.terms()  # the same terms by other hands
    told = office.open(file)
    assert venue.ledger.agreement(told["agreement"]) == file.terms
    before = sent(venue)
    again = office_of(venue, tmp_path).open(file)
    assert (again["outcome"], again["agreement"], sent(venue)) == ("done before", told["agreement"], before)
    elsewhere = office_of(venue, tmp_path, TAKER)
    other = read_agreement(agreement_file(tmp_path, venue, salt=1), office.market)
    with pytest.raises(Misconfigured, match=TAKER.address):
        elsewhere.open(other)
    (signature,) = venue.signed(agreement_id(other.terms, venue.register), TAKER)
    signed = agreement_file(tmp_path, venue, salt=1, signatures={"taker": signature.hex()})
    assert elsewhere.open(read_agreement(signed, office.market))["outcome"] == "done"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"format": "lockstep-agreement/2"}, "agreement/format"),
        ({"giver": "NOBODEFF"}, "agreement/giver"),
        ({"mode": "Title"}, "agreement/mode"),
        ({"until": "2027-01-01"}, "agreement/until"),
        ({"until": "2027-01-01T00:00:00+01:00"}, "agreement/until"),
        ({"reuseCap": "101"}, "agreement/reuse_cap"),
        ({"reuseCap": "-1"}, "agreement/reuseCap"),
        ({"quorum": 4}, "quorum"),
        ({"valuers": ["0x12"]}, "agreement/valuers"),
        ({"maxDepth": 9}, "agreement/maxDepth"),
        ({"substitution": "yes"}, "agreement/substitution"),
        ({"currency": "eur"}, "agreement/currency"),
        ({"taker": "GIVRDEFF"}, "agreement/taker"),
        ({"haircut": "2"}, "agreement/haircut"),
        ({"signatures": {"giver": "zz"}}, "signatures/giver"),
    ],
)
def test_an_agreement_that_is_wrong_is_refused_by_name(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_agreement(agreement_file(tmp_path, venue, **changes), office.market)
    assert caught.value.field == field


def test_the_same_command_again_changes_nothing(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path
) -> None:
    agreement = venue.agree()
    told = office.pledge(agreement[:10], BOND, "30")
    assert venue.ledger.pledge(told["pledge"]).quantity == 3_000
    assert (told["outcome"], told["final"]) == ("done", False)
    assert told["acts"][0]["does"] == f"pledges 30 {BOND} under {agreement}"
    before = sent(venue)
    for one in (office, office_of(venue, tmp_path), office_of(venue, tmp_path / "elsewhere")):
        again = one.pledge(agreement, BOND, "30.0")
        assert (again["pledge"], again["outcome"]) == (told["pledge"], "done before")
    assert sent(venue) == before
    another = office.pledge(agreement, BOND, "30", How(reference="2"))
    assert another["pledge"] != told["pledge"]
    more = office.top_up(told["pledge"][:8], "5")
    assert venue.ledger.pledge(more["pledge"]).quantity == 500
    assert venue.units(GIVER) == (UNITS, UNITS - 6_500)
    venue.chain.mine(DEPTH)
    assert office.pledge(agreement, BOND, "30")["final"] is True


def test_a_command_that_was_cut_off_goes_on_with_what_was_signed(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreement = venue.agree()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(venue.ledger, "run", killed, raising=False)
    with pytest.raises(KeyboardInterrupt):
        office.pledge(agreement, BOND, "1")
    (path,) = (tmp_path / "acts").glob("*.json")
    stored = path.read_text()
    again = office_of(venue, tmp_path, GIVER)  # what is signed needs no key any more
    assert again.pledge(agreement, BOND, "1")["outcome"] == "done"
    assert path.read_text() == stored


def test_a_signature_that_is_over_is_given_anew_under_the_same_number(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreement = venue.agree()
    monkeypatch.setattr(venue.ledger, "run", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt), raising=False)
    with pytest.raises(KeyboardInterrupt):
        office.pledge(agreement, BOND, "1", How(valid_seconds=60))
    (path,) = (tmp_path / "acts").glob("*.json")
    (late,) = read_acts(path, venue.register)
    venue.pass_time(600)  # the chain runs ahead of the clock by its blocks
    again = office_of(venue, tmp_path)
    assert again.pledge(agreement, BOND, "1", How(valid_seconds=60))["outcome"] == "done"
    (now,) = read_acts(path, venue.register)
    assert (now.nonce, now.call) == (late.nonce, late.call) and now.by > late.by
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.run([replace(late, by=late.by + 10**6)])
    assert caught.value.name in ("ActUsed", "ActNotSigned")


def test_names_that_fit_nothing_or_too_much_are_refused(venue: CollateralVenue, office: CollateralOffice) -> None:
    agreement = venue.agree()
    for field, act in (
        ("agreement", lambda: office.pledge("abcdefg", BOND, "1")),
        ("agreement", lambda: office.pledge(HASH, BOND, "1")),
        ("pledge", lambda: office.release(HASH, "1")),
        ("isin", lambda: office.pledge(agreement, "DE0001102622", "1")),
        ("quantity", lambda: office.pledge(agreement, BOND, "0")),
        ("quantity", lambda: office.pledge(agreement, BOND, "0.001")),
        ("quantity", lambda: office.pledge(agreement, BOND, "-1")),
    ):
        with pytest.raises(InvalidInput) as caught:
            act()
        assert caught.value.field == field
    with pytest.raises(ContractRefused) as refused:
        office.pledge(agreement, BOND, "100.01")
    assert (refused.value.name, refused.value.details["needed"]) == ("InsufficientFreeUnits", 10_001)
    assert "free" in refused.value.meaning.lower()
    assert [one.name for one in venue.attempts] == ["InsufficientFreeUnits"]


# Signed elsewhere


def test_acts_are_signed_elsewhere_and_submitted_from_their_file(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path
) -> None:
    agreement = venue.agree()
    old = venue.pledge(agreement, 1_000)
    path = tmp_path / "swap.json"
    told = office.substitute(old, "10", SECOND_BOND, "7", How(draft=path), consent=True)
    assert (told["outcome"], sent(venue)) == ("written", sent(venue))
    with pytest.raises(InvalidInput) as caught:
        office.desk.submit_file(path)
    assert (caught.value.field, caught.value.rule) == ("acts/1/signature", f"the signature of {GIVER.address}")
    with pytest.raises(InvalidInput, match="the key of one of"):
        sign_file(office, path, THIRD)
    assert [one["does"].split()[0] for one in sign_file(office, path, GIVER)["acts"]] == ["pledges", "releases"]
    sign_file(office, path, TAKER)
    assert office.told(office.desk.submit_file(path))["outcome"] == "done"
    assert venue.ledger.pledge(told["pledge"]).quantity == 700
    assert venue.ledger.pledge(old).quantity == 0
    assert office.desk.submit_file(path).outcome == "done before"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"chainId": 1}, "acts/register"),
        ({"acts": []}, "acts"),
        ({"format": "x"}, "acts/format"),
        ({"call": "00"}, "acts/1/call"),
        ({"party": "0x1"}, "acts/1/party"),
        ({"nonce": "-1"}, "acts/1/nonce"),
        ({"together": "12"}, "acts/1/together"),
    ],
)
def test_a_file_of_acts_that_is_wrong_is_refused_by_name(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path, change: dict[str, object], field: str
) -> None:
    agreement, path = venue.agree(), tmp_path / "acts.json"
    office.pledge(agreement, BOND, "1", How(draft=path))
    sign_file(office, path, GIVER)
    content = json.loads(path.read_text())
    (content if set(change) & set(content) else content["acts"][0]).update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidInput) as caught:
        office.desk.submit_file(path)
    assert caught.value.field == field


def test_an_altered_act_is_refused_by_the_register(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path
) -> None:
    agreement, path = venue.agree(), tmp_path / "acts.json"
    office.pledge(agreement, BOND, "1", How(draft=path))
    sign_file(office, path, GIVER)
    path.write_text(path.read_text().replace(f"{100:064x}", f"{200:064x}"))
    with pytest.raises(ContractRefused, match="ActNotSigned"):
        office.desk.submit_file(path)


# Re-use


def chain_of_three(venue: CollateralVenue, office: CollateralOffice) -> list[PledgeId]:
    agreements = [
        venue.agree(giver=above.address, taker=below.address)
        for above, below in ((GIVER, TAKER), (TAKER, SECOND), (SECOND, THIRD))
    ]
    root = office.pledge(agreements[0], BOND, "10")["pledge"]
    child = office.repledge(root, agreements[1], "8")["pledge"]
    return [root, child, office.repledge(child, agreements[2], "6")["pledge"]]


def test_a_recall_is_unwound_leaves_first_and_as_a_whole(venue: CollateralVenue, office: CollateralOffice) -> None:
    pledges = chain_of_three(venue, office)
    assert office.recall(pledges[0], "10", venue.now() + 60)["outcome"] == "done"
    with pytest.raises(ContractRefused, match="ReuseExceeded"):
        office.release(pledges[0], "10")
    told = office.unwind(pledges[0], "10")
    assert [one["party"] for one in told["acts"]] == ["THIRDEFF", "SECODEFF", "TAKRDEFF"]
    assert venue.units(GIVER) == (UNITS, UNITS)
    assert all(one.quantity == one.reused == 0 for one in venue.ledger.pledges(pledges).values())


def test_part_of_a_chain_gives_up_no_more_than_it_must(venue: CollateralVenue, office: CollateralOffice) -> None:
    root, child, leaf = chain_of_three(venue, office)
    office.unwind(root, "4")
    found = venue.ledger.pledges([root, child, leaf])
    # 600 left, of which 480 may be pledged on; of these 384.
    assert [found[one].quantity for one in (root, child, leaf)] == [600, 480, 384]


def test_one_refusal_leaves_the_whole_chain_as_it_was(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path
) -> None:
    root, child, leaf = chain_of_three(venue, office)
    path = tmp_path / "unwind.json"
    office.unwind(root, "10", How(draft=path))
    for one in (THIRD, SECOND, TAKER):
        sign_file(office, path, one)
    office.release(leaf, "1")
    with pytest.raises(ContractRefused, match="InsufficientPledge"):
        office.desk.submit_file(path)
    assert [one.quantity for one in venue.ledger.pledges([root, child, leaf]).values()] == [1_000, 800, 500]
    with pytest.raises(InvalidInput) as caught:
        office.unwind(root, "10.01")
    assert caught.value.field == "quantity"


# Values, enforcement


def test_excess_comes_back_and_a_substitute_goes_in_on_attested_values(
    venue: CollateralVenue, office: CollateralOffice
) -> None:
    agreement = venue.agree()
    pledge = office.pledge(agreement, BOND, "10")["pledge"]
    venue.value(agreement, 500, (venue.token, 1_000_000, 100_000), (venue.second, 2_000_000, 0))
    office.release_excess(pledge, "4.44")
    with pytest.raises(ContractRefused) as caught:
        office.release_excess(pledge, "0.01")
    assert caught.value.name == "NotCovered" and caught.value.meaning
    told = office.substitute(pledge, "5.56", SECOND_BOND, "2.51")
    assert told["replaces"] == pledge
    seen = agreement_shown(office.names, agreement)
    assert (seen["cover"], seen["required"], seen["missing"], seen["owed"]) == ("5.02", "5.00", "0.00", "5.00")
    assert [(one["isin"], one["quantity"]) for one in seen["securities"]] == [(SECOND_BOND, "2.51")]


def test_a_default_is_declared_enforced_and_ended(venue: CollateralVenue, office: CollateralOffice) -> None:
    agreement = venue.agree(notice_seconds=60, cure_seconds=60)
    pledge = office.pledge(agreement, BOND, "10")["pledge"]
    with pytest.raises(ContractRefused, match="StaleValuation"):
        office.declare_default(agreement)
    venue.value(agreement, 2_000)
    office.declare_default(agreement)
    assert agreement_shown(office.names, agreement)["default"]["enforceable"] is False
    with pytest.raises(ContractRefused, match="TooEarly"):
        office.appropriate(pledge, "3")
    venue.pass_time(600)
    office.appropriate(pledge, "3")
    assert venue.units(TAKER) == (300, 300)
    with pytest.raises(ContractRefused, match="NotCovered"):
        office.end_default(agreement, by="GIVRDEFF")
    office.end_default(agreement)
    assert agreements_listed(office.names, "TAKRDEFF")[0]["credit"] == "3.00"
    assert agreements_listed(office.names, "THIRDEFF") == []


@pytest.mark.parametrize("paid", [True, False])
def test_a_sale_is_offered_signed_locked_and_ended(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path, paid: bool
) -> None:
    agreement = venue.agree()
    pledge = office.pledge(agreement, BOND, "10")["pledge"]
    venue.value(agreement, 2_000)
    office.declare_default(agreement)
    venue.pass_time(2)
    sale = offered(office.names, assets_of(venue), venue.clock, pledge, "4", "SECODEFF", "3.90")
    path = tmp_path / "sale.json"
    write_file(path, sale_text(sale))
    assert look_at(office, path)["outcome"] == "looked at"
    with pytest.raises(InvalidInput, match="the key of one of"):
        sign_file(office, path, THIRD)
    assert sign_file(office, path, SECOND)["acts"][0]["does"] == f"buys 4 {BOND} for 3.90 EUR"
    told = office.sell(read_sale(path))
    settlement = SettlementId(told["settlement"])
    assert settlement == settlement_id(sale.order, venue.network)
    with pytest.raises(ContractRefused, match="SaleNotEnded"):
        office.end_sale(settlement)
    if not paid:
        venue.pass_time(sale.order.terms.pay_by - venue.now() + 1)
    venue.end(sale.order, OutcomeResult.PAID if paid else OutcomeResult.NEVER)
    assert office.end_sale(settlement)["outcome"] == "done"
    assert office.end_sale(settlement)["outcome"] == "done"
    assert venue.ledger.pledge(pledge).quantity == (600 if paid else 1_000)
    assert venue.units(SECOND)[0] == (400 if paid else 0)


def test_an_agreement_and_income_are_signed_in_their_files(
    venue: CollateralVenue, office: CollateralOffice, tmp_path: Path
) -> None:
    path = agreement_file(tmp_path, venue, salt=5)
    elsewhere = office_of(venue, tmp_path, GIVER, TAKER)
    for one in (GIVER, TAKER):
        assert sign_file(elsewhere, path, one)["outcome"] == "written"
    with pytest.raises(InvalidInput, match="the key of one of"):
        sign_file(elsewhere, path, THIRD)
    agreement = elsewhere.open(read_agreement(path, office.market))["agreement"]
    pledge = office.pledge(agreement, BOND, "10")["pledge"]
    content = {
        "format": "lockstep-income/1",
        "pledge": pledge,
        "income": HASH,
        "recordDate": shown(venue.now()),
        "entitled": 0,
        "owed": "30",
        "valuers": [one.address for one in VALUERS],
        "quorum": 2,
    }
    income = tmp_path / "income.json"
    income.write_text(json.dumps(content))
    assert look_at(office, income)["acts"][0]["does"] == (
        f"says that TAKRDEFF owes 0.30 EUR of income on pledge {pledge}"
    )
    for signer in (VALUERS[0], VALUERS[0], VALUERS[2]):
        sign_file(office, income, signer)
    file = read_income(income)
    assert len(file.signatures) == 2
    assert office.record_income(file)["outcome"] == "done"
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(InvalidInput) as caught:
        look_at(office, other)
    assert caught.value.field == "format"


def test_title_is_returned_and_owed_units_are_set_off(venue: CollateralVenue, office: CollateralOffice) -> None:
    agreement = venue.agree(mode=AgreementMode.TITLE_TRANSFER, reuse_cap=0, max_depth=0)
    title = office.pledge(agreement, BOND, "10")["pledge"]
    assert venue.units(TAKER) == (1_000, 1_000)
    office.return_units(title, "4")
    assert (venue.units(TAKER)[0], venue.ledger.pledge(title).owed) == (600, 600)
    venue.value(agreement, 2_000)
    office.declare_default(agreement)
    venue.pass_time(2)
    office.set_off(title, "6")
    assert venue.ledger.state(agreement).credit == 600
    assert pledge_shown(office.names, title)["live"] is False


# Income, the long stop


def test_income_is_recorded_on_the_valuers_word_and_acknowledged(
    venue: CollateralVenue, office: CollateralOffice
) -> None:
    agreement = venue.agree()
    pledge = office.pledge(agreement, BOND, "10")["pledge"]
    income = Income(pledge_id=pledge, income_id=HASH, record_date=venue.now(), entitled=40, owed=30)
    (elsewhere,) = venue.signed(income_digest(income, venue.register), VALUERS[2])
    file = IncomeFile(income=income, valuers=venue.valuers, signatures=(elsewhere,))
    with pytest.raises(InvalidInput) as caught:
        office.record_income(file)
    assert caught.value.field == "income/signatures"
    assert office.record_income(file, [VALUERS[0], GIVER])["outcome"] == "done"
    assert office.record_income(file, [VALUERS[1]])["outcome"] == "done before"
    assert agreement_shown(office.names, agreement)["incomeOwed"] == {pledge: "0.30"}
    office.acknowledge_income(pledge, "0.20")
    shown_ = pledge_shown(office.names, pledge)
    assert shown_["incomeOwed"] == "0.10"
    assert [one["event"] for one in shown_["history"]] == ["Pledged", "IncomeRecorded", "IncomePaid"]
    with pytest.raises(ContractRefused, match="InsufficientClaim"):
        office.acknowledge_income(pledge, "0.11")
    wrong = replace(file, valuers=replace(venue.valuers, quorum=1))
    with pytest.raises(InvalidInput) as caught:
        office.record_income(wrong)
    assert caught.value.field == "income/valuers"


def test_what_nobody_ends_is_ended_by_two_hands(tmp_path: Path) -> None:
    venue = CollateralVenue.open()  # a year passes here
    agreement = venue.agree()
    office = office_of(venue, tmp_path)
    pledge = office.pledge(agreement, BOND, "10")["pledge"]
    hands = replace_keys(office, tmp_path, venue)
    with pytest.raises(ContractRefused, match="TooEarly"):
        hands.long_stop(pledge, OFFICER, confirm=False)
    venue.pass_time(int(timedelta(days=371).total_seconds()))
    told = hands.long_stop(pledge, OFFICER, confirm=False)
    assert told["confirmableAfter"] is not None
    with pytest.raises(ContractRefused, match="NotInRole"):
        hands.long_stop(pledge, OFFICER, confirm=True)
    venue.pass_time(int(timedelta(days=3).total_seconds()))
    hands.long_stop(pledge, CONFIRMER, confirm=True)
    assert venue.units(GIVER) == (UNITS, UNITS)


def replace_keys(office: CollateralOffice, folder: Path, venue: CollateralVenue) -> CollateralOffice:
    """The office with the keys of officer and confirmer instead of wallets."""
    by_address = {one.address: one for one in (OFFICER, CONFIRMER)}
    made = office_of(venue, folder)
    return replace(made, desk=replace(made.desk, keys=by_address.__getitem__))


def test_every_act_is_read_back_as_it_was_written(venue: CollateralVenue, office: CollateralOffice) -> None:
    agreement = AgreementId(venue.agree())
    path = office.desk.folder / "one.json"
    office.pledge(agreement, BOND, "1", How(draft=path))
    (act,) = read_acts(path, venue.register)
    assert read_call(act.call).agreement_id == agreement
    with pytest.raises(InvalidInput):
        read_call(act.call + bytes(32))
