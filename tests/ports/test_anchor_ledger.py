"""One suite for every `ports.AnchorLedger`: the fake, and the contract on an embedded chain."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lockstep.chain.anchoring import EvmAnchorLedger
from lockstep.chain.deployment import ZERO, Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.sender import Sender
from lockstep.domain.anchor import DayRoot
from lockstep.domain.errors import ContractRefused, Refused
from lockstep.domain.journal import Entry
from lockstep.flow.anchoring import GRACE, Anchoring
from lockstep.ports import AnchorLedger, Change
from lockstep.testing.fakes import FakeAnchorBook, FakeAnchorLedger, FakeBook, FakeClock, FakeTransactionLog, key

NOW = datetime(2026, 11, 9, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FRIDAY, SATURDAY, TODAY = (NOW - 3 * DAY).date(), (NOW - 2 * DAY).date(), NOW.date()
FIRST = DayRoot(journal="11" * 32, day=FRIDAY, size=7, root="aa" * 32)
NEXT = DayRoot(journal="11" * 32, day=SATURDAY, size=9, root="bb" * 32)
DEPTH = 2


@dataclass
class Venue:
    ledger: AnchorLedger
    clock: FakeClock
    mine: Callable[[int], None]
    sent: Callable[[], int]
    """How many transactions left."""


def in_memory() -> Venue:
    ledger, clock = FakeAnchorLedger(NOW, DEPTH), FakeClock(NOW)
    return Venue(ledger, clock, ledger.mine, lambda: len(ledger.sent))


def on_chain() -> Venue:
    clock, operator, registrar, log = FakeClock(NOW), key("operator"), key("registrar"), FakeTransactionLog()
    chain = EmbeddedChain(clock)
    desk = Deployer(chain.node, registrar, poll=chain.mine)
    for one in (registrar.address, operator.address, ZERO):  # eth-tester has who looks pay for gas
        desk.fund(chain.faucet, one)
    registry = desk.deploy("ParticipantRegistry", registrar.address, key("confirmer").address)
    address = desk.deploy("JournalAnchor", registry, operator.address)
    desk.flush()
    chain.mine(DEPTH)
    ledger = EvmAnchorLedger(chain.node, address, DEPTH, Sender(chain.node, operator, log, lambda _: None))
    return Venue(ledger, clock, chain.mine, lambda: chain.node.transaction_count(operator.address))


@pytest.fixture(params=[in_memory, on_chain])
def venue(request: pytest.FixtureRequest) -> Venue:
    made: Venue = request.param()
    return made


def test_what_was_anchored_stands_and_is_final_some_blocks_later(venue: Venue) -> None:
    ledger = venue.ledger
    assert ledger.anchor_of(FIRST.journal, FIRST.day) is None
    assert ledger.last_day(FIRST.journal) is None
    ledger.anchor(FIRST)
    assert ledger.anchor_of(FIRST.journal, FIRST.day) == FIRST
    assert ledger.anchor_of(FIRST.journal, SATURDAY) is None
    assert ledger.anchor_of("22" * 32, FIRST.day) is None
    assert ledger.last_day(FIRST.journal) == FRIDAY
    assert ledger.anchor_of(FIRST.journal, FIRST.day, ledger.final_block()) is None
    assert ledger.last_day(FIRST.journal, ledger.final_block()) is None
    venue.mine(DEPTH)
    assert ledger.anchor_of(FIRST.journal, FIRST.day, ledger.final_block()) == FIRST
    ledger.anchor(NEXT)
    assert (ledger.anchor_of(FIRST.journal, FRIDAY), ledger.last_day(FIRST.journal)) == (FIRST, SATURDAY)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"day": FRIDAY}, "DayNotLater"),
        ({"day": FRIDAY - DAY}, "DayNotLater"),
        ({"day": TODAY}, "DayNotOver"),
        ({"size": 6}, "SizeShrank"),
        ({"size": 7}, "RootDiffers"),
    ],
)
def test_what_it_refuses_changes_nothing(venue: Venue, changes: dict[str, Any], name: str) -> None:
    venue.ledger.anchor(FIRST)
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.anchor(replace(NEXT, **changes))
    assert caught.value.name == name
    assert venue.ledger.last_day(FIRST.journal) == FRIDAY
    assert venue.sent() == 1


def test_time_is_that_of_blocks(venue: Venue) -> None:
    assert abs(venue.ledger.time_of() - NOW.timestamp()) < 60


def test_the_flow_anchors_a_weeks_days_once(venue: Venue) -> None:
    journal = FakeBook()
    book = FakeAnchorBook(journal)
    for days in (5, 4, 4, 1):
        journal.commit(Change(entries=(Entry(at=NOW - days * DAY, kind="k", subject="s"),)))
    assert NOW.replace(hour=0) < NOW - GRACE
    flow = Anchoring(clock=venue.clock, book=book, ledger=venue.ledger)
    for _ in range(8):
        flow.step()
        venue.mine(1)
    assert not flow.step()
    assert [one.size for one in book.day_roots()] == [1, 3, 4]
    assert set(book.states.values()) == {"ANCHORED"}
    assert [venue.ledger.anchor_of(one.journal, one.day) for one in book.day_roots()] == list(book.day_roots())
    assert venue.sent() == 3


def test_without_a_sender_it_can_only_look() -> None:
    venue = on_chain()
    assert isinstance(venue.ledger, EvmAnchorLedger)
    blind = EvmAnchorLedger(venue.ledger._node, venue.ledger.address, DEPTH)
    with pytest.raises(Refused, match="ReadOnly"):
        blind.anchor(FIRST)
    assert blind.last_day(FIRST.journal) is None


def test_who_may_anchor_is_told_beforehand() -> None:
    in_memory_ledger, chain_venue = FakeAnchorLedger(NOW, DEPTH), on_chain()
    ledger = chain_venue.ledger
    assert isinstance(ledger, EvmAnchorLedger)
    assert in_memory_ledger.may_anchor() and ledger.may_anchor()
    in_memory_ledger.allowed = False
    with pytest.raises(ContractRefused, match="NotAnchorer"):
        in_memory_ledger.anchor(FIRST)
    stranger = Sender(ledger._node, key("stranger"), FakeTransactionLog(), lambda _: None)
    other = EvmAnchorLedger(ledger._node, ledger.address, DEPTH, stranger)
    assert not other.may_anchor() and not EvmAnchorLedger(ledger._node, ledger.address, DEPTH).may_anchor()
    assert ledger.is_anchorer(key("operator").address) and not ledger.is_anchorer(key("stranger").address)


def test_the_journals_that_have_roots_are_told_with_their_last_days() -> None:
    ledger = on_chain().ledger
    assert isinstance(ledger, EvmAnchorLedger)
    assert ledger.journals() == {}
    for one in (FIRST, NEXT, replace(FIRST, journal="22" * 32)):
        ledger.anchor(one)
    assert ledger.journals() == {"11" * 32: SATURDAY, "22" * 32: FRIDAY}
