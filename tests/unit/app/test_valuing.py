"""Valuers by their files: what they sign, when a quorum of them reaches the register, and what they refuse."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockstep.agent import ValuationDirectory
from lockstep.app.valuing import Valuer, read_exposures, read_prices
from lockstep.domain.collateral.register import Position
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.flow.valuing import block_at, present_valuations, sign_valuation
from lockstep.testing.fakes import BOND, key
from margin_world import MARKET, TERMS, VALUERS, MarginWorld

TOKEN = MARKET.securities[BOND].token


class Office:
    """Three valuers with the same files."""

    def __init__(self, root: Path) -> None:
        self.root, self.world = root, MarginWorld(root)
        self.board = ValuationDirectory(root / "board")
        self.valuers = [
            Valuer(
                key=one,
                market=MARKET,
                ledger=self.world.ledger,
                board=self.board,
                prices=root / "prices.json",
                exposures=root / "exposures.json",
            )
            for one in VALUERS
        ]
        self.as_of = self.later()

    def later(self, seconds: int = 60) -> datetime:
        """A second from now, which a final block is later than."""
        self.world.clock.advance(seconds)
        self.world.chain.mine()
        at = self.world.clock.now()
        self.world.clock.advance(seconds)
        self.world.chain.mine(3)
        return at

    def write(self, exposure: str = "150000", **changes: Any) -> None:
        prices = {"isin": BOND, "currency": "EUR", "price": changes.pop("price", "1000000")}
        self._put("prices", "lockstep-prices/1", [prices])
        stated: dict[str, Any] = {
            "agreement_id": self.world.agreement,
            "currency": "EUR",
            "exposure": exposure,
            "valuers": [one.address for one in VALUERS],
            "quorum": 2,
            "haircuts": {BOND: 20_000},
            "terms": {"minimum_transfer": "10000", "multiple": "1000"},
        }
        self._put("exposures", "lockstep-exposures/1", [{**stated, **changes}])

    def _put(self, name: str, form: str, rows: list[Any]) -> None:
        as_of = self.as_of.astimezone(UTC).isoformat()
        (self.root / f"{name}.json").write_text(json.dumps({"format": form, "as_of": as_of, name: rows}))

    def state(self) -> tuple[int, int]:
        state = self.world.ledger.state(self.world.agreement)
        return state.exposure, state.required


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.world.close()


def test_two_of_three_are_presented_once(office: Office) -> None:
    office.write()
    before = office.state()
    office.valuers[0].look()
    assert not present_valuations(office.world.ledger, office.board)
    assert office.state() == before
    office.valuers[2].look()
    assert present_valuations(office.world.ledger, office.board)
    assert office.state() == (150_000, 150_000)
    head = office.world.chain.head
    assert not present_valuations(office.world.ledger, office.board)
    assert office.world.chain.head == head


def test_a_node_that_objects_is_asked_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.write()
    for one in office.valuers:
        one.look()

    def objects(*_: object) -> None:
        raise Refused("NodeObjects", {"objection": "the node is overloaded"})

    with monkeypatch.context() as patch:
        patch.setattr(office.world.ledger, "value", objects)
        assert not present_valuations(office.world.ledger, office.board)
    assert present_valuations(office.world.ledger, office.board)
    assert office.state() == (150_000, 150_000)


def test_what_lies_there_is_not_called_again(office: Office) -> None:
    # 102,041 units at 1.00, less 2 %: 100,000.18, counted as 100,000; 45,000 are short, called as 45,000.
    lying = Position(token=TOKEN, held=102_041, price=1, haircut=0, priced_at=1)
    office.world.ledger.lying[office.world.agreement] = [lying]
    office.write("145000")
    told = office.valuers[0].look()
    assert told == {office.world.agreement: "signed: exposure 145000, required 145000"}
    office.as_of = office.later()
    office.write("105000")  # 5,000 short is below the minimum transfer amount: not required either
    assert office.valuers[0].look() == {office.world.agreement: "signed: exposure 105000, required 100000"}


def test_the_same_files_at_another_time_are_the_same_signature(office: Office) -> None:
    office.write()
    office.valuers[0].look()
    office.world.chain.mine(5)
    office.world.clock.advance(30)
    office.valuers[0].look()
    office.valuers[1].look()
    first, second = office.board.valuations(office.world.agreement, 0, 2**40, lambda _: True)
    assert first.valuation == second.valuation


def _copies(office: Office) -> tuple[Path, dict[str, Any]]:
    """The agreement's folder, and what one valuer left there."""
    folder = office.root / "board" / "valuations" / office.world.agreement
    path = next(folder.glob(f"*/{office.valuers[0].key.address}.json"))
    content: dict[str, Any] = json.loads(path.read_text())
    return folder, content


def test_unsigned_words_of_later_seconds_hide_none(office: Office) -> None:
    office.write()
    for one in office.valuers[:2]:
        one.look()
    folder, content = _copies(office)
    for second in range(int(content["as_of"]) + 1, int(content["as_of"]) + 31):
        (folder / str(second)).mkdir()
        for each in VALUERS:
            forged = {**content, "as_of": second, "valuer": each.address}
            (folder / str(second) / f"{each.address}.json").write_text(json.dumps(forged))
    assert present_valuations(office.world.ledger, office.board)
    assert office.state() == (150_000, 150_000)


def test_one_valuer_alone_hides_no_others_word(office: Office) -> None:
    office.write()
    for one in office.valuers[:2]:
        one.look()
    (honest, _) = office.board.valuations(office.world.agreement, 0, 2**40, lambda _: True)
    for ahead in range(1, 41):
        lie = replace(honest.valuation, as_of=honest.valuation.as_of + ahead, exposure=1)
        office.board.publish_valuation(sign_valuation(office.world.ledger, lie, honest.valuers, VALUERS[2]))
    assert present_valuations(office.world.ledger, office.board)
    assert office.state() == (150_000, 150_000)


def test_files_beside_a_word_hide_it_not(office: Office) -> None:
    office.write()
    for one in office.valuers[:2]:
        one.look()
    folder, content = _copies(office)
    second = folder / str(content["as_of"])
    (price,) = content["prices"]
    for number in range(150):  # before the valuers' by their names: junk, and their own words otherwise spelt
        (second / f"0{number:03}.json").write_text("{}")
        token = "0x" + "".join(c.upper() if number >> i & 1 else c for i, c in enumerate(price[0][2:].lower()))
        again = {**content, "prices": [[token, *price[1:]]]}
        (second / f"0a{number:03}.json").write_text(json.dumps(again))
    loop = folder / str(int(content["as_of"]) + 1)
    loop.symlink_to(loop.name)
    assert present_valuations(office.world.ledger, office.board)
    assert office.state() == (150_000, 150_000)


def test_other_figures_for_the_same_second_are_refused(office: Office) -> None:
    office.write()
    office.valuers[0].look()
    office.write("150001")
    (told,) = office.valuers[0].look().values()
    assert "exists already with other content" in told
    office.valuers[1].look()
    assert not present_valuations(office.world.ledger, office.board)


def test_figures_that_are_too_old_are_not_signed(office: Office) -> None:
    office.write()
    office.world.clock.advance(TERMS.max_age_seconds + 200)
    office.world.chain.mine(3)
    (told,) = office.valuers[0].look().values()
    assert told.startswith("StaleValuation(")
    assert office.board.agreements() == []


def test_figures_of_a_second_that_is_not_final_wait(office: Office) -> None:
    office.as_of = office.world.clock.now()
    office.write()
    (told,) = office.valuers[0].look().values()
    assert told.startswith("TooEarly(")


def test_signed_figures_that_grew_old_are_not_presented(office: Office) -> None:
    office.write()
    before = office.state()
    for one in office.valuers:
        one.look()
    office.world.clock.advance(TERMS.max_age_seconds + 200)
    office.world.chain.mine()
    assert not present_valuations(office.world.ledger, office.board)
    assert office.state() == before


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"quorum": 1}, "the agreement's valuers and quorum"),
        ({"valuers": [key("stranger").address], "quorum": 1}, "the agreement's valuers and quorum"),
        ({"currency": "USD"}, "EUR, the agreement's"),
        ({"agreement_id": "00" * 32}, "UnknownAgreement"),
    ],
)
def test_another_agreement_than_the_chain_s_is_not_valued(office: Office, changes: dict[str, Any], rule: str) -> None:
    office.write(**changes)
    (told,) = office.valuers[0].look().values()
    assert rule in told
    assert office.board.agreements() == []


def test_a_stranger_s_word_is_refused(office: Office) -> None:
    office.write()
    office.valuers[0].key = key("stranger")
    (told,) = office.valuers[0].look().values()
    assert told.startswith("NotAValuer(")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"exposure": "1.5"}, "exposures/0/exposure"),
        ({"haircuts": {BOND: 1_000_001}}, f"exposures/0/haircuts/{BOND}"),
        ({"haircuts": {"US0378331005": 0}}, "exposures/0/haircuts"),
        ({"terms": {"treshold": "0"}}, "exposures/0/terms"),
        ({"agreement_id": "5A" * 32}, "exposures/0/agreement_id"),
    ],
)
def test_what_is_wrong_in_exposures_is_named(office: Office, changes: dict[str, Any], field: str) -> None:
    office.write(**changes)
    with pytest.raises(InvalidInput) as caught:
        read_exposures(office.root / "exposures.json", MARKET)
    assert caught.value.field == field


@pytest.mark.parametrize("price", [1_000_000, "-1", "1e6", "", str(2**63)])
def test_what_is_wrong_in_prices_is_named(office: Office, price: Any) -> None:
    office.write(price=price)
    with pytest.raises(InvalidInput) as caught:
        read_prices(office.root / "prices.json", MARKET)
    assert (caught.value.field, caught.value.value) == ("prices/0/price", str(price))


def test_the_block_of_a_second(office: Office) -> None:
    ledger = office.world.ledger
    for block in range(1, ledger.final_block()):
        assert block_at(ledger, ledger.time_of(block)) == block
        assert block_at(ledger, ledger.time_of(block + 1) - 1) == block
