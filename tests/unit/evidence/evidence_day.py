"""A small market's day, and the packs of two trades that settled and one that was given back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lockstep.app.evidence import Evidence, Sources, make_evidence
from lockstep.app.intake import submit_files
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.evidence import Pack, Trust
from lockstep.evidence.canonical import load
from lockstep.evidence.pack import seal
from lockstep.iso20022 import write
from lockstep.signing import Key
from lockstep.testing.trade_files import POOR, FileMarket


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What came of it. `first`, `second` settled, `poor` was given back at the close."""

    world: World
    sources: Sources
    files: Path
    first: Evidence
    second: Evidence
    poor: Evidence

    @property
    def key(self) -> Key:
        """Who seals: the operator."""
        return self.sources.key

    def pack(self, which: str = "first") -> Pack:
        evidence: Evidence = getattr(self, which)
        return load(Pack, evidence.pack, field="pack")

    def sealed(self, pack: Pack) -> Pack:
        """As a maker of packs who lies would: sealed again by the trusted key."""
        return seal(pack, self.key)

    @property
    def trust(self) -> Trust:
        return self.first.trust


@contextmanager
def played(root: Path) -> Iterator[Day]:
    """The day on an embedded chain, its files under `root`. The first trade and the one that was given back are locked
    by one transaction, the second alone before them."""
    market = FileMarket(trades=9, banks=3, securities=2, specials=(POOR,))
    (root / "market.toml").write_text(market.text())
    files = root / "files"
    files.mkdir()
    world = World(read_market(root / "market.toml"), root / "world")
    try:
        market.write(files, range(2, 3))
        submit_files(world.reception, sorted(files.iterdir()))
        world.run_until_quiet()
        market.write(files, range(1, 2))
        for message in market.pair_with(POOR, 3):
            (files / f"poor-{message.body.side.value}.xml").write_bytes(write(message))
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
            anchors=world.book,
        )
        first, second, poor = (make_evidence(sources, f"DELI-{number}", [files]) for number in (1, 2, 3))
        yield Day(world=world, sources=sources, files=files, first=first, second=second, poor=poor)
    finally:
        world.close()
