"""`lockstep demo`: the first day in one process, as `expected.toml` has it."""

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lockstep.app.market_file import read_market
from lockstep.domain.instruction import (
    AdviceStatus,
    CancellationAdvice,
    SettlementConfirmation,
    StatusAdvice,
)
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.iso20022 import read
from lockstep.rtgs import Rtgs

from .running import COMMAND, Forks, wait_until
from .story import EXPECTED, FIRST_DAY, Writer, market_of, message_of, seller_reference

REPOSITORY = FIRST_DAY.parents[1]
UNMATCHED = [one for one in EXPECTED["trades"] if one["state"] == "UNMATCHED"]
MATCHED = [one for one in EXPECTED["trades"] if one["state"] != "UNMATCHED"]
SETTLED = [one for one in MATCHED if one["state"] == "SETTLED"]


def demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=REPOSITORY,
        check=False,
    )


@dataclass
class Day:
    """What `lockstep demo --json --keep` left."""

    content: dict[str, Any]
    kept: Path

    def row(self, reference: str) -> dict[str, Any]:
        (found,) = (row for row in self.content["trades"] if row["reference"] == reference)
        return found

    def files(self, outcome: str) -> dict[str, dict[str, Any]]:
        of_it = (one for one in self.content["files"] if one["outcome"] == outcome)
        return {str(Path(one["file"]).relative_to(FIRST_DAY)): one for one in of_it}

    def mail(self) -> list[Message[Any]]:
        """Every message to a participant, oldest first. Reading one checks it against its schema."""
        messages = []
        for path in sorted((self.kept / "outbox").rglob("*.xml")):
            message = read(path.read_bytes())
            assert (path.parent.name, path.stem) == (message.receiver, message.message_id)
            messages.append(message)
        return sorted(messages, key=lambda message: message.created)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    kept = tmp_path_factory.mktemp("demo") / "kept"
    done = demo("--json", "--keep", str(kept))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return Day(json.loads(done.stdout), kept)


def test_every_trade_ends_where_it_should(day: Day) -> None:
    names = {one["deliverer_reference"] for one in EXPECTED["trades"]}
    others = {one["receiver_reference"] for one in UNMATCHED} - {""}
    assert Counter(row["reference"] for row in day.content["trades"]) == Counter(names | others)
    for one in EXPECTED["trades"]:
        row = day.row(one["deliverer_reference"])
        assert (row["state"], row["isin"], row["currency"]) == (one["state"], one["isin"], one["currency"])
        assert Decimal(row["quantity"]) == Decimal(one["quantity"])
        assert row["cash"] == one["cash"]
        if one["code"]:
            assert row["reason"].startswith(f"{one['code']}: ")
        else:
            assert row["reason"] is None


def test_the_documented_fields(day: Day) -> None:
    assert set(day.content) >= {"trades", "invariants", "seconds"}
    assert 0 < day.content["seconds"] < 180
    for one in EXPECTED["trades"]:
        row = day.row(one["deliverer_reference"])
        locked, settled = one["state"] in ("SETTLED", "RELEASED"), one["state"] == "SETTLED"
        for name in ("lock_tx", "settle_tx"):
            assert bool(row[name] and re.fullmatch("0x[0-9a-f]{64}", row[name])) is locked, (row, name)
        assert bool(row["uetr"]) is locked
        assert bool(row["gas"] and row["gas"] > 50_000) is locked
        if settled:
            assert list(row["times"]) == ["matched", "locked", "paid", "settled"]
            assert list(row["times"].values()) == sorted(row["times"].values())
        if one["state"] == "RELEASED":
            assert list(row["times"]) == ["matched", "locked", "never", "given_back"]
    uetrs = [row["uetr"] for row in day.content["trades"] if row["uetr"]]
    assert len(set(uetrs)) == len(uetrs)


def test_all_invariants_hold_on_both_ledgers(day: Day) -> None:
    assert day.content["invariants"] == {f"I{number}": True for number in range(1, 13)}
    assert day.content["violations"] == {}


def test_refused_and_repeated_files(day: Day) -> None:
    refused = day.files("refused")
    assert set(refused) == {one["file"] for one in EXPECTED["refused"]}
    for one in EXPECTED["refused"]:
        told = refused[one["file"]]
        assert told["field"] == one["field"]
        assert told["rule"].startswith(one["rule"])
        assert one.get("value") in (None, told["value"])
    assert set(day.files("duplicate")) == {one["file"] for one in EXPECTED["duplicates"]}
    assert set(day.files("cancellation asked")) == {one["file"] for one in EXPECTED["cancellations"]}


def test_final_cash_in_the_rtgs(day: Day) -> None:
    market = read_market(FIRST_DAY / "market.toml")
    rtgs = Rtgs(f"sqlite:///{day.kept / 'rtgs.db'}", _Never(), bic=market.rtgs)
    facts = rtgs.facts()
    rtgs.close()
    left = {
        (one.owner, one.currency): (Money(currency=one.currency, amount=one.posted).text(), one.earmarked)
        for one in facts.accounts
        if not one.technical
    }
    expected = {
        (one["participant"], currency): (one[currency], 0)
        for one in EXPECTED["final_cash"]
        for currency in ("EUR", "JPY")
    }
    assert left == expected
    assert facts.business_day is None


class _Never:
    def now(self) -> Any:
        raise AssertionError("facts need no clock")


def test_confirmations_one_for_each_side_of_what_settled(day: Day) -> None:
    confirmed = Counter(
        (one.receiver, one.body.instruction.reference, one.body.instruction.cash.text(), one.body.settlement_id)
        for one in day.mail()
        if isinstance(one.body, SettlementConfirmation)
    )
    expected = Counter(
        (one[side], one[f"{side}_reference"], one["cash"], day.row(one["deliverer_reference"])["settlement_id"])
        for one in SETTLED
        for side in ("deliverer", "receiver")
    )
    assert confirmed == expected


def test_answers_to_cancellations(day: Day) -> None:
    for one in EXPECTED["cancellations"]:
        request = message_of(one["file"])
        answers = [
            mail
            for mail in day.mail()
            if isinstance(mail.body, CancellationAdvice) and mail.body.request_id == request.message_id
        ]
        assert [mail.body.status.value for mail in answers] == one["answers"]
        assert {(mail.receiver, mail.body.reference) for mail in answers} == {(one["sender"], one["reference"])}
    asked = {message_of(one["file"]).message_id for one in EXPECTED["cancellations"]}
    assert asked == {mail.body.request_id for mail in day.mail() if isinstance(mail.body, CancellationAdvice)}


def test_advices_tell_each_party_its_own_story(day: Day) -> None:
    told: dict[tuple[str, str], list[StatusAdvice]] = {}
    rejected = []
    for mail in day.mail():
        if isinstance(mail.body, StatusAdvice) and mail.body.status is AdviceStatus.REJECTED:
            rejected.append((mail.receiver, mail.body.reference, (mail.body.reason or "").partition(":")[0]))
        elif isinstance(mail.body, StatusAdvice):
            told.setdefault((mail.receiver, mail.body.reference), []).append(mail.body)
    assert sorted(rejected) == sorted((one["sender"], one["reference"], one["field"]) for one in EXPECTED["refused"])
    expected = {
        (one[side], one[f"{side}_reference"]): one
        for one in EXPECTED["trades"]
        for side in ("deliverer", "receiver")
        if one[f"{side}_reference"]
    }
    written = [path.read_bytes() for path in (day.kept / "outbox").rglob("*.xml")]
    accepted = [read(data) for data in written if b"<AckdAccptd>" in data]
    assert set(told) == set(expected) == {(mail.receiver, mail.body.reference) for mail in accepted}
    for key, one in expected.items():
        advices = told[key]
        statuses = {advice.status for advice in advices}
        assert AdviceStatus.ACCEPTED not in statuses, "it is told beside the first matching status"
        assert (AdviceStatus.MATCHED in statuses) is (one["state"] != "UNMATCHED")
        assert (AdviceStatus.CANCELLED in statuses) is (one["state"] in ("RELEASED", "CANCELLED"))
        if one["state"] == "UNMATCHED":
            (unmatched,) = advices
            assert (unmatched.status, unmatched.reason_code) == (AdviceStatus.UNMATCHED, one["code"])
        if one["state"] in ("RELEASED", "CANCELLED"):
            (last,) = (advice for advice in advices if advice.status is AdviceStatus.CANCELLED)
            assert one["code"] in (last.reason_code, (last.reason or "").partition(":")[0])
        if one["state"] == "SETTLED" and one["number"] != 12:
            assert statuses == {AdviceStatus.MATCHED}
        trade_ids = {advice.trade_id for advice in advices if advice.trade_id}
        assert trade_ids <= {day.row(one["deliverer_reference"])["id"]}


@pytest.mark.parametrize(("number", "code"), [(10, "MONY"), (11, "MONY"), (12, "LACK")])
def test_who_waits_is_told_for_what(day: Day, number: int, code: str) -> None:
    one = next(one for one in EXPECTED["trades"] if one["number"] == number)
    for side in ("deliverer", "receiver"):
        codes = [
            mail.body.reason_code
            for mail in day.mail()
            if isinstance(mail.body, StatusAdvice)
            and mail.body.reference == one[f"{side}_reference"]
            and mail.body.status is AdviceStatus.PENDING
        ]
        assert codes[0] == code


@pytest.mark.published_schemas
def test_what_parties_get_is_valid_by_the_published_schemas(day: Day, published: Any) -> None:
    paths = sorted((day.kept / "outbox").rglob("*.xml"))
    assert paths
    assert {path.name: published(path.read_bytes()) for path in paths if published(path.read_bytes())} == {}


# --- for people


def test_what_a_person_sees(tmp_path: Path, forks: Forks) -> None:
    """A small day, so that its balances can be reckoned here."""
    (tmp_path / "market.toml").write_text(market_of(("FABLZZ2A", "UTOPZZ2A", "ATLSZZ2A"), ("ZZ00EXB20314",)))
    morning, noon = Writer(tmp_path / "1-morning"), Writer(tmp_path / "2-noon")
    morning.trade(1, "1000000.00", "500000.00")
    morning.trade(2, "5000000.00")
    morning.raw("broken.xml", b"<BizMsg")
    noon.cancellations(1)
    child = forks.start(["demo", str(tmp_path)], tmp_path / "output", {"COLUMNS": "220"})
    wait_until(lambda: child.poll() is not None, 60, "demo ends")
    shown = child.output.read_text()
    assert child.poll() == 0, shown
    for line in (
        rf"^ *\w{{8}} +{seller_reference(1)} .*ZZ00EXB20314 +500,000 +1,000,000.00 EUR +SETTLED",
        rf"^ *\w{{8}} +{seller_reference(2)} .*5,000,000.00 EUR +RELEASED",
        rf"{seller_reference(2)} .*MONY: ",
        rf"^Trade \w{{8}} \({seller_reference(1)}\): both legs. UETR [0-9a-f-]{{36}}",
        r"^ *\d\d:\d\d:\d\d .*Locked .*block \d+, final, [\d,]+ gas, 0x[0-9a-f]{8}",
        r"^ *\d\d:\d\d:\d\d .*pacs.002 payment booked",
        r"refused +1-morning/broken.xml",
        r"^ *participant .*ZZ00EXB20314",
        r"^ *Fable Bank +39,500,000",
        r"^ *Atlantis Custody +15,500,000",
        r"^ *Fable Bank .*26,000,000.00",
        r"^ *Atlantis Custody .*200,000.00",
        r"1 SETTLED, 1 RELEASED",
    ):
        assert re.search(line, shown, re.MULTILINE), f"{line}\n{shown}"
    for number in range(1, 13):
        assert re.search(rf"^ *I{number} .*✓", shown, re.MULTILINE), shown
    assert "✗" not in shown


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "market file: '{folder}/market.toml' breaks the rule: a file that can be read"),
        ("business_day = 2026-11-23\n", "market.toml: '\\w+' breaks the rule: a field that must be there"),
        ("business_day = ", "market.toml: .* breaks the rule: TOML"),
        ((FIRST_DAY / "market.toml").read_text(), "folder: '{folder}' breaks the rule: market.toml and at least one"),
        (
            (FIRST_DAY / "market.toml").read_text().replace("ZZZZ00FABLEBANK00171", "ZZZZ00FABLEBANK00172"),
            "participants/lei: 'ZZZZ00FABLEBANK00172' breaks the rule: check digits? should be 71",
        ),
    ],
    ids=["nothing", "incomplete", "not TOML", "no waves", "bad LEI"],
)
def test_a_folder_that_is_no_market(tmp_path: Path, content: str | None, says: str, forks: Forks) -> None:
    if content is not None:
        (tmp_path / "market.toml").write_text(content)
    output = tmp_path / "output"
    child = forks.start(["demo", str(tmp_path)], output, {})
    wait_until(lambda: child.poll() is not None, 60, "demo ends")
    assert child.poll() == 1
    lines = [line for line in output.read_text().splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert re.match("lockstep: " + says.format(folder=re.escape(str(tmp_path))), lines[0]), lines
