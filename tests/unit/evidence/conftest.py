"""One day for all tests of evidence: it takes a few seconds."""

from collections.abc import Iterator

import pytest
from evidence_day import Day, played


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with played(tmp_path_factory.mktemp("evidence")) as made:
        yield made
