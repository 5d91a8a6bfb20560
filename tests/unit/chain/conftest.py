"""One deployed network for the folder; every test gets it back as it was."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The deployed network is the one on which the ports' suite runs.
sys.path.insert(0, str(Path(__file__).parents[2] / "ports"))

from ledger_venues import ChainVenue

from lockstep.testing.fakes import MORNING, FakeTransactionLog


@pytest.fixture(scope="session")
def deployed_venue() -> ChainVenue:
    return ChainVenue.open()


@pytest.fixture
def venue(deployed_venue: ChainVenue) -> Iterator[ChainVenue]:
    snapshot = deployed_venue.chain.tester.take_snapshot()
    deployed_venue.log = FakeTransactionLog()
    deployed_venue.renew()
    yield deployed_venue
    deployed_venue.chain.tester.revert_to_snapshot(snapshot)
    deployed_venue.clock.__init__(MORNING)
