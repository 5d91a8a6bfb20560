"""The world in one process anchors its journal as the service does, and its packs are proven under those roots (I7)."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from lockstep.app.evidence import Sources, make_evidence
from lockstep.app.intake import submit_files
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.domain.errors import Contradiction
from lockstep.domain.journal import Entry
from lockstep.evidence import Link, Pack
from lockstep.evidence.canonical import load
from lockstep.ports import Change
from lockstep.testing.trade_files import FileMarket


class Counting:
    """Anchors that count which hashes of the journal are read."""

    def __init__(self, world: World) -> None:
        self.inner, self.read = world.book, 0

    def journal_hashes(self, after: int = 0):
        for one in self.inner.journal_hashes(after):
            self.read += 1
            yield one

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_days_are_anchored_and_a_pack_reads_those_of_its_trade(tmp_path: Path) -> None:
    market = FileMarket(trades=2, banks=3, securities=2)
    (tmp_path / "market.toml").write_text("anchor = true\n" + market.text())
    world = World(read_market(tmp_path / "market.toml"), tmp_path / "world")
    book = world.book

    try:
        yesterday = world.clock.now() - timedelta(days=1)
        book.commit(Change(entries=(Entry(at=yesterday, kind="k", subject="s"),) * 300))
        world.run_until_quiet()
        assert [one.size for one in book.day_roots()] == [len(book.journal())]
        before = book.day_roots()[0].size
        market.write(tmp_path / "files", range(1, 2))
        submit_files(world.reception, sorted((tmp_path / "files").iterdir()))
        world.run_until_quiet()
        anchors = Counting(world)
        sources = Sources(
            market=world.market,
            book=book,
            node=world.chain.node,
            assets=world.ledger,
            board=world.board,
            mail=partial(world.rtgs.mailbox, world.file.service),
            key=world.roles.operator,
            anchors=anchors,
        )
        made = make_evidence(sources, "DELI-1", [tmp_path / "files"])
        assert {one.link for one in made.verdict.open} == {Link.JOURNAL_ROOT}
        size = load(Pack, made.pack, field="pack").journal.size
        assert size == len(book.journal())
        assert anchors.read == size - before + 1, "the day's own, and the hash before its first"

        world.move_to(world.clock.now().replace(hour=0, minute=0) + timedelta(days=1, minutes=15))
        world.run_until_quiet()
        assert book.days_to_anchor(1) == []
        made = make_evidence(sources, "DELI-1", [tmp_path / "files"])
        assert made.verdict.open == ()
        network = world.market.network
        assert network.anchor is not None and world.anchoring is not None
        stands = world.anchoring.ledger.anchor_of(book.journal()[0].hash, book.day_roots()[1].day)
        assert stands is not None
        assert made.trust.roots[0].root.hex() == stands.root

        wrong = replace(book.day_roots()[1], root="ee" * 32)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(book), "day_root_over", lambda *_: wrong)
            with pytest.raises(Contradiction, match="not to the one anchored"):
                make_evidence(sources, "DELI-1", [tmp_path / "files"])
    finally:
        world.close()
