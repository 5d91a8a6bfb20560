"""Trades by the thousand: what a seed decides, and that every bank has enough of everything."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lockstep.app.market_file import read_market
from lockstep.domain.instruction import Side
from lockstep.iso20022 import peek, read
from lockstep.testing.bad_trades import KINDS, write_bad
from lockstep.testing.trade_files import POOR, SUSPENDED, UNMANDATED, FileMarket, file_name, reference_of

MARKET = FileMarket(trades=300, banks=5, securities=2, specials=(POOR, UNMANDATED, SUSPENDED))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    MARKET.write(first, range(1, 21))
    MARKET.write(again, range(1, 21))
    replace(MARKET, seed=2).write(other, range(1, 21))

    def content(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert content(first) == content(again)
    assert content(first).keys() == content(other).keys()
    assert not [name for name, data in content(first).items() if data == content(other)[name]]


def test_both_sides_agree_and_nobody_runs_short(tmp_path: Path) -> None:
    """Each bank could give everything it gives before it gets anything."""
    (tmp_path / "market.toml").write_text(MARKET.text())
    file = read_market(tmp_path / "market.toml")
    MARKET.write(tmp_path / "trades", range(1, MARKET.trades + 1))
    sold: Counter[tuple[str, str]] = Counter()
    paid: Counter[str] = Counter()
    for number in range(1, MARKET.trades + 1):
        deliver, receive = (read((tmp_path / "trades" / file_name(number, side)).read_bytes()).body for side in Side)
        assert replace(deliver, side=Side.RECEIVE, reference=reference_of(Side.RECEIVE, number)) == receive
        sold[deliver.deliverer.bic, deliver.isin] += deliver.quantity.units(0)
        paid[deliver.receiver.bic] += deliver.cash.amount
    held = {(one.participant, one.isin): one.units for one in file.holdings}
    money = {member.bic: sum(one.amount for one in member.cash) for member in file.members}
    assert len(sold) == 5 * 2 and len(paid) == 5, "everybody takes part in everything"
    assert not [key for key, units in sold.items() if units > held[key]]
    assert not [bic for bic, cents in paid.items() if cents > money[bic]]


def test_special_banks_are_what_they_are_for(tmp_path: Path) -> None:
    (tmp_path / "market.toml").write_text(MARKET.text())
    file = read_market(tmp_path / "market.toml")
    poor, unmandated, suspended = (MARKET.special(name).bic for name in (POOR, UNMANDATED, SUSPENDED))
    assert {one.bic for one in file.members if not any(money.amount for money in one.cash)} == {poor}
    assert poor not in {one.participant for one in file.holdings}
    assert {one.bic for one in file.members} - {one.debtor for one in file.mandates} == {unmandated}
    assert {one.bic for one in file.members if not one.active} == {suspended}


@pytest.mark.parametrize("kind", KINDS)
def test_each_bad_trade_says_how_it_ends(tmp_path: Path, kind: str) -> None:
    bad = KINDS[kind](MARKET, 7)
    assert (bad.kind, bad.number) == (kind, 7)
    assert bad.refused.keys() <= bad.files.keys()
    assert bool(bad.refused) or bool(bad.codes), "a reason in any case"
    assert bad.files == KINDS[kind](MARKET, 7).files
    for name, data in bad.files.items():
        if name not in bad.refused:
            assert read(data).message_id and peek(data) is not None


def test_the_kinds_take_turns(tmp_path: Path) -> None:
    made = write_bad(MARKET, tmp_path, range(1, 2 * len(KINDS) + 1))
    assert [one.kind for one in made] == [*KINDS, *KINDS]
    assert {path.name for path in tmp_path.iterdir()} == {name for one in made for name in one.files}
