"""A small market's day on an embedded chain, and the packs of two trades that settled and one that was given back."""

from collections.abc import Iterator
from functools import partial

import pytest
from evidence_day import Day

from lockstep.app.evidence import Sources, make_evidence
from lockstep.app.intake import submit_files
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.iso20022 import write
from lockstep.testing.trade_files import POOR, FileMarket


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    root = tmp_path_factory.mktemp("evidence")
    market = FileMarket(trades=9, banks=3, securities=2, specials=(POOR,))
    (root / "market.toml").write_text(market.text())
    files = root / "files"
    files.mkdir()
    for number in (1, 2):
        market.write(files, range(number, number + 1))
    for message in market.pair_with(POOR, 3):
        (files / f"poor-{message.body.side.value}.xml").write_bytes(write(message))
    world = World(read_market(root / "market.toml"), root / "world")
    try:
        submit_files(world.reception, sorted(files.iterdir()))
        world.run_until_quiet()
        world.close_day()
        world.run_until_quiet()
        sources = Sources(
            market=world.market,
            book=world.book,
            node=world.chain.node,
            assets=world.ledger,
            board=world.board,
            mail=partial(world.rtgs.mailbox, world.file.service),
            key=world.roles.operator,
        )
        first, second, poor = (make_evidence(sources, f"DELI-{number}", [files]) for number in (1, 2, 3))
        yield Day(world=world, sources=sources, files=files, first=first, second=second, poor=poor)
    finally:
        world.close()
