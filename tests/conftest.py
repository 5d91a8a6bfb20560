"""What every folder of tests shares: the published ISO 20022 schemas, where they are, and where the time goes."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import browser
from stores import PostgresqlStore, postgresql

VARIABLE = "LOCKSTEP_ISO20022_XSD"
SLOWEST = 25
LONG = ("tests/simulation/", "tests/acceptance/", "tests/contracts/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/*.written.xml anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need the published schemas, or a browser, are deselected, not skipped, where there are none."""
    lacking = [] if os.environ.get(VARIABLE) else ["published_schemas"]
    lacking += [] if browser.find() else ["chromium"]
    out = [item for item in items if any(item.get_closest_marker(name) for name in lacking)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in set(out)]
    if hasattr(config, "workerinput"):  # of pytest-xdist
        items[:] = _side_by_side(items)


def _side_by_side(items: list[pytest.Item]) -> list[pytest.Item]:
    """File by file: first the long ones, of which some wait for processes while others compute, in turn; those with
    the fewest tests last, so that the workers end together."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    of_long = [[name for name in files if name.startswith(folder)] for folder in LONG]
    long = [name for turn in itertools.zip_longest(*of_long) for name in turn if name is not None]
    short = sorted(files.keys() - set(long), key=lambda name: (-len(files[name]), name))
    return [item for name in (*long, *short) for item in files[name]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    folders: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                file = report.nodeid.partition("::")[0]
                files[file] += report.duration
                folders[file.rpartition("/")[0]] += report.duration
    if len(files) > SLOWEST:
        terminalreporter.write_sep("-", f"seconds of the {SLOWEST} slowest files")
        for file, seconds in files.most_common(SLOWEST):
            terminalreporter.write_line(f"{seconds:8.1f}  {file}")
    terminalreporter.write_sep("-", "seconds per folder")
    for folder, seconds in sorted(folders.items()):
        terminalreporter.write_line(f"{seconds:8.1f}  {folder}")
    terminalreporter.write_line(f"{sum(folders.values()):8.1f}  in all, over the workers")
    if not os.environ.get(VARIABLE):
        terminalreporter.write_line(
            f"published_schemas: deselected, as {VARIABLE} names no folder of ISO 20022 schemas"
        )
    if not browser.find():
        terminalreporter.write_line(
            f"chromium: deselected, as no {' or '.join(browser.NAMES)} is on the PATH and {browser.VARIABLE} names none"
        )


@pytest.fixture(scope="session")
def published():
    """What the published schemas say of a message of ours: `published(data)` gives their complaints."""
    from lxml import etree

    folder, schemas = Path(os.environ[VARIABLE]), {}

    def complaints(data: bytes) -> list[str]:
        said = []
        for part in etree.fromstring(data):
            name = etree.QName(part).namespace.removeprefix("urn:iso:std:iso:20022:tech:xsd:")
            if name not in schemas:
                schemas[name] = etree.XMLSchema(file=str(folder / f"{name}.xsd"))
            if not schemas[name].validate(etree.fromstring(etree.tostring(part))):
                said += [f"{name}: {entry.message}" for entry in schemas[name].error_log]
        return said

    return complaints


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlStore]:
    with postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """URLs of new, empty databases for the service: the same tests on SQLite and on PostgreSQL."""
    if request.param == "postgresql":
        server: PostgresqlStore = request.getfixturevalue("postgresql_server")
        return server.fresh
    numbers = itertools.count(1)
    return lambda: f"sqlite:///{tmp_path}/service{next(numbers)}.db"
