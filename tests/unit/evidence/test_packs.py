"""Packs of real trades: what they prove, what they leave open, and of what no pack is made (I7)."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from evidence_day import Day

from lockstep.app.evidence import make_evidence
from lockstep.chain.blocks import header_of
from lockstep.domain.anchor import DayRoot
from lockstep.domain.errors import Contradiction, InvalidInput, Unavailable
from lockstep.domain.trade import TradeState
from lockstep.evidence import BrokenLink, Claim, Link, Trust, verify
from lockstep.evidence.canonical import dump, load
from lockstep.evidence.making import headers_part
from lockstep.evidence.pack import Moments, Pack
from lockstep.evidence.trust import TrustedRoot
from lockstep.flow.anchoring import Anchoring
from lockstep.testing.fakes import FakeAnchorBook, FakeAnchorLedger, FakeClock


def links(claims: tuple[Claim, ...]) -> set[Link]:
    return {one.link for one in claims}


def test_a_settled_trade_is_proven(day: Day) -> None:
    verdict = verify(day.first.pack, day.trust)
    assert verdict == day.first.verdict
    assert verdict.outcome == "SETTLED"
    assert links(verdict.proven) == {
        Link.CONSENT, Link.LOCK, Link.QUORUM, Link.CASH_OUTCOME, Link.END, Link.INSTRUCTION, Link.JOURNAL_MAIL,
    }  # fmt: skip
    assert links(verdict.open) == {Link.JOURNAL_ROOT}
    assert "not anchored" in verdict.open[0].text


def test_its_moments_are_those_of_both_ledgers(day: Day) -> None:
    """Read off the ledgers themselves: blocks by the node, the payment by the RTGS's own record."""
    pack = day.pack()
    trade = day.world.book.trade(pack.trade_id)
    events = {one.name: one for one in day.world.ledger.history(trade.settlement_id)}
    depth = day.world.market.network.finality_depth
    final = day.world.chain.node.block(events["Locked"].block + depth)
    orders = day.world.rtgs.facts().orders
    (payment,) = [one for one in orders if one.order.settlement_id == trade.settlement_id]
    assert datetime.fromisoformat(pack.moments.securities.entered) == events["Locked"].at
    assert datetime.fromisoformat(pack.moments.securities.final) == events["Settled"].at
    assert datetime.fromisoformat(pack.moments.securities.irrevocable).timestamp() == final.timestamp
    assert datetime.fromisoformat(pack.moments.cash.final) == payment.booked_at
    assert datetime.fromisoformat(pack.moments.cash.irrevocable) == payment.irrevocable_at
    assert datetime.fromisoformat(pack.moments.cash.entered) == payment.entered_at


def test_a_trade_that_was_given_back_is_proven_too(day: Day) -> None:
    verdict, pack = verify(day.poor.pack, day.poor.trust), day.pack("poor")
    assert (verdict.outcome, pack.outcome) == ("RELEASED", "NEVER")
    assert pack.moments.securities.final is None
    assert pack.moments.cash == Moments(entered=pack.moments.cash.entered, irrevocable=None, final=None)
    assert pack.moments.cash.entered is not None
    assert any("given back" in one.text for one in verdict.proven)


def test_the_journal_under_a_trusted_root(day: Day) -> None:
    pack = day.pack()
    known = TrustedRoot(size=pack.journal.size, root=pack.journal.root)
    verdict = verify(day.first.pack, replace(day.trust, roots=(known,)))
    assert not verdict.open
    assert Link.JOURNAL_ROOT in links(verdict.proven)
    other = TrustedRoot(size=pack.journal.size + 1, root=bytes(32))
    assert links(verify(day.first.pack, replace(day.trust, roots=(other,))).open) == {Link.JOURNAL_ROOT}


def test_the_journal_under_the_first_root_that_was_anchored(day: Day) -> None:
    clock, book = FakeClock(day.world.clock.now() + timedelta(days=2)), day.world.book
    ledger, sources = FakeAnchorLedger(clock.now()), replace(day.sources, anchors=book)
    assert make_evidence(sources, "DELI-1", [day.files]).pack == day.first.pack, "nothing is anchored yet"
    flow = Anchoring(clock=clock, book=book, ledger=ledger)
    for _ in range(5):
        flow.step()
        ledger.mine()
    made = make_evidence(sources, "DELI-1", [day.files])
    pack = load(Pack, made.pack, field="pack")
    root = next(one for _, one in ledger.written if one.size >= pack.journal.entries[-1].number)
    known = TrustedRoot(size=root.size, root=bytes.fromhex(root.root))
    assert (pack.journal.size, pack.journal.root) == (known.size, known.root)
    assert made.trust.roots == (known,)
    assert not made.verdict.open
    assert Link.JOURNAL_ROOT in links(made.verdict.proven)
    false = replace(known, root=bytes(32))
    with pytest.raises(BrokenLink) as caught:
        verify(made.pack, replace(made.trust, roots=(false,)))
    assert caught.value.link is Link.JOURNAL_ROOT


def test_a_journal_that_does_not_lead_to_the_root_anchored_gives_no_pack(day: Day) -> None:
    class Altered(FakeAnchorBook):
        def day_root_over(self, number: int) -> DayRoot | None:
            return DayRoot(journal="11" * 32, day=date(2026, 1, 1), size=number, root="22" * 32)

    sources = replace(day.sources, anchors=Altered(day.world.book))
    with pytest.raises(Contradiction, match="not to the one anchored"):
        make_evidence(sources, "DELI-1", [day.files])


def test_the_journal_part_is_of_the_whole_journal(day: Day) -> None:
    """Its size is how many entries there were at the end of the trade's last day."""
    pack, rows = day.pack(), day.world.book.journal()
    last = datetime.fromisoformat(pack.journal.entries[-1].at).date()
    assert pack.journal.size == sum(1 for one in rows if one.entry.at.date() <= last)
    mine = {pack.trade_id, pack.settlement_id}
    said = [one.number for one in rows if one.entry.subject in mine]
    assert [one.number for one in pack.journal.entries if one.subject in mine] == said
    assert sum(one.kind == "instructed" for one in pack.journal.entries) == 2


def test_without_the_original_files_the_instructions_stay_open(day: Day) -> None:
    made = make_evidence(day.sources, "DELI-1")
    assert Link.INSTRUCTION in links(made.verdict.open)
    one = next(path for path in day.files.iterdir() if path.name.endswith("deli.xml"))
    assert Link.INSTRUCTION in links(make_evidence(day.sources, "DELI-1", [one]).verdict.open)


def test_a_block_that_is_trusted_vouches_for_those_before_it(day: Day) -> None:
    """With all headers up to one that is known, as a checkpoint, no other hash is needed."""
    pack, node = day.pack(), day.world.chain.node
    checkpoint = node.head().number
    blocks = {number: header_of(node, number) for number in range(pack.chain.lock.block, checkpoint + 1)}
    assert len(blocks) > len(pack.chain.headers)
    longer = day.sealed(replace(pack, chain=replace(pack.chain, headers=headers_part(blocks))))
    trust = replace(day.trust, blocks=(bytes.fromhex(node.block(checkpoint).hash),))
    assert verify(dump(longer), trust).proven == day.first.verdict.proven
    gap = tuple(one for place, one in enumerate(longer.chain.headers) if place != len(blocks) - 2)
    broken = day.sealed(replace(longer, chain=replace(longer.chain, headers=gap)))
    with pytest.raises(BrokenLink) as refused:
        verify(dump(broken), trust)
    assert refused.value.link is Link.HEADER


def test_what_is_no_trade_with_an_end_on_the_chain_has_no_pack(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="one trade"):
        make_evidence(day.sources, "DELI-99")
    open_trade = replace(day.world.book.trade(day.pack().trade_id), state=TradeState.PAID)
    monkeypatch.setattr("lockstep.app.evidence.find_trade", lambda *_: open_trade)
    with pytest.raises(InvalidInput, match="SETTLED or RELEASED"):
        make_evidence(day.sources, "DELI-1")


def test_nothing_is_made_while_the_end_is_not_final(day: Day) -> None:
    deeper = replace(day.world.market.network, finality_depth=10_000)
    market = replace(day.world.market, network=deeper)
    with pytest.raises(Unavailable, match="not final"):
        make_evidence(replace(day.sources, market=market), "DELI-1")


def test_a_file_is_judged_in_a_process_without_a_network(day: Day, tmp_path: Path) -> None:
    """And without web3, SQL or an installation; the answer is that of the process that made it."""
    pack, trust = tmp_path / "pack.json", tmp_path / "trust.json"
    pack.write_bytes(day.first.pack)
    trust.write_bytes(day.trust.write())
    program = f"""
import socket, sys
def refuse(*_): raise AssertionError("a socket was opened")
socket.socket = refuse
sys.argv = ["lockstep", "verify", {str(pack)!r}, "--trust", {str(trust)!r}, "--json"]
from lockstep.cli import main
try:
    main()
finally:
    found = sorted({{"web3", "sqlalchemy", "eth_tester", "eth", "trie"}} & sys.modules.keys())
    assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"holds": true' in done.stdout
    pack.write_bytes(day.first.pack.replace(b'"outcome":"PAID"', b'"outcome":"NEVER"'))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert '"link": "attestation"' in done.stdout


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("form", {"form": "lockstep-trust-0"}),
        ("seals", {"seals": ("0x" + "ab" * 20,)}),
        ("blocks", {"blocks": (b"short",)}),
        ("roots", {"roots": (TrustedRoot(size=1, root=bytes(32)), TrustedRoot(size=1, root=bytes(32)))}),
        ("parties/lei", {"parties": "twice"}),
        ("securities/isin", {"securities": "twice"}),
        ("epochs/number", {"epochs": "twice"}),
        ("epochs/agents", {"epochs": "descending"}),
        ("epochs/quorum", {"epochs": "quorum"}),
        ("finality_depth", {"network": "depth"}),
    ],
)
def test_a_trust_file_means_one_thing_or_is_refused(day: Day, field: str, change: dict[str, object]) -> None:
    (name, value) = next(iter(change.items()))
    trusted = getattr(day.trust, name)
    made = {
        "twice": lambda: (*trusted, trusted[0]),
        "descending": lambda: (replace(trusted[0], agents=trusted[0].agents[::-1]),),
        "quorum": lambda: (replace(trusted[0], quorum=5),),
        "depth": lambda: replace(trusted, finality_depth=-1),
    }
    changed = replace(day.trust, **{name: made[value]() if isinstance(value, str) and value in made else value})
    with pytest.raises(InvalidInput, match=f"trust/.*{field}"):
        Trust.read(dump(changed))


def test_a_trust_file_is_read_as_people_write_json(day: Day) -> None:

    text = json.dumps(json.loads(day.trust.write()), indent=2)
    assert Trust.read(text.encode()) == day.trust
    with pytest.raises(InvalidInput, match="there twice"):
        Trust.read(text.replace("{", '{"form": "lockstep-trust-1",', 1).encode())
    with pytest.raises(InvalidInput, match="missing"):
        Trust.read(text.replace('"form"', '"from"').encode())
