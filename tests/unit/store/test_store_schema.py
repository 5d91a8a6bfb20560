"""Versions of the tables: new, of the last release, half, and of a later one; and many who start at once."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, make_url, text

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Misconfigured
from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.instruction import CancellationRequest, Side
from lockstep.domain.journal import Entry
from lockstep.domain.message import Message
from lockstep.domain.payment import CashAccount, Payment, PaymentState
from lockstep.domain.trade import TradeState
from lockstep.flow.matching import match
from lockstep.ports import Change, SentTransaction, StoredInstruction
from lockstep.store import SqlBook, SqlLeases, SqlTransactionLog, open_database, schema, tables
from lockstep.testing.fakes import MORNING, SELLER, SERVICE, FakeClock, example_instruction, example_market
from stores import Store

BEFORE = json.loads((Path(__file__).parent / "first_version.json").read_text())
"""Statements that made the tables of the releases without a version, as SQLAlchemy's `create_all` wrote them then."""
SID = SettlementId("ab" * 32)


def stored(number: int, side: Side) -> StoredInstruction:
    return StoredInstruction(
        message_id=f"M-{side.value}-{number}",
        content_hash="0" * 64,
        instruction=example_instruction(side, f"{side.value}-{number}"),
        status="WAITING",
        received_at=MORNING,
    )


def view() -> CashView:
    accounts = [CashAccount(owner=Bic("BANKDEFF"), number=number) for number in "12"]
    payment = Payment(
        uetr=Uetr("u"),
        instruction_id="i",
        end_to_end_id="e",
        amount=example_instruction(Side.DELIVER, "D").cash,
        settlement_date=MORNING.date(),
        debtor=accounts[0],
        creditor=accounts[1],
        settlement_id=SID,
        salt="00" * 16,
        pay_by=MORNING,
    )
    return CashView(
        settlement_id=SID, state=PaymentState.BOOKED, payment=payment, booked_at=MORNING, noticed_at=MORNING
    )


def a_day(engine: Engine) -> None:
    """Something in every table."""
    book = SqlBook(engine)
    both = [stored(0, side) for side in Side]
    book.commit(Change(instructions=(*both, stored(1, Side.DELIVER)), seen=(("A", "1", "h"),)))
    (change,) = match(both, example_market(), b"salt key of the tests", MORNING)
    trade = replace(change.trades[0], settlement_id=SID, state=TradeState.LOCKED)
    wish = Message(
        sender=SELLER.bic,
        receiver=SERVICE,
        message_id="C-1",
        created=MORNING,
        body=CancellationRequest(reference=both[0].instruction.reference, side=Side.DELIVER, owner=SELLER),
    )
    book.commit(replace(change, trades=(trade,), cash=(view(),), cash_cursor=9, requests=(wish,)))
    book.commit(Change(delivered=(change.outgoing[0].message_id,), entries=(Entry(at=MORNING, kind="k", subject="s"),)))
    SqlTransactionLog(engine).put(SentTransaction(key="lock/a", nonce=3, raw=b"\x00raw", hash="0x1"))
    SqlLeases(engine, FakeClock(MORNING)).claim("service", "one", 15)


def everything(engine: Engine) -> list[Any]:
    book, log = SqlBook(engine), SqlTransactionLog(engine)
    (trade,) = book.trades()
    return [
        list(book.instructions()),
        list(book.waiting()),
        trade,
        list(book.open_trades()),
        list(book.cancellations(trade.trade_id)),
        book.cash_view(SID),
        book.cash_cursor(),
        book.seen("A", "1"),
        list(book.undelivered()),
        list(book.journal()),
        list(log.transactions("lock/a")),
        list(log.unmined()),
    ]


def old(url: str) -> Engine:
    """A database as the last release left it: its tables, and a day's rows in them."""
    engine = open_database(url)
    a_day(engine)
    shown = {name: _columns(statement) for name, statement in BEFORE[engine.dialect.name]["tables"].items()}
    with engine.begin() as connection:
        rows = {
            name: [row._asdict() for row in connection.execute(text(f"SELECT {', '.join(columns)} FROM {name}"))]
            for name, columns in shown.items()
        }
        for name in inspect(connection).get_table_names():
            connection.execute(text(f"DROP TABLE {name}"))
        for statement in (*BEFORE[engine.dialect.name]["tables"].values(), *BEFORE[engine.dialect.name]["indices"]):
            connection.execute(text(statement))
        for name, there in rows.items():
            if there:
                places = ", ".join(f":{column}" for column in shown[name])
                connection.execute(text(f"INSERT INTO {name} ({', '.join(shown[name])}) VALUES ({places})"), there)
            if engine.dialect.name == "postgresql" and "number" in shown[name]:
                sequence = f"SELECT setval('{name}_number_seq', coalesce(max(number), 1)) FROM {name}"
                connection.execute(text(sequence))
    engine.dispose()
    return create_engine(url)


def _columns(statement: str) -> list[str]:
    lines = [line.strip() for line in statement.splitlines()[1:]]
    return [line.split()[0].strip('"') for line in lines if line and line.split()[0].strip('"').islower()]


def test_what_the_last_release_left_is_kept_and_goes_on(fresh: Callable[[], str]) -> None:
    url = fresh()
    engine = open_database(url)
    a_day(engine)
    shown = everything(engine)
    engine.dispose()
    url = fresh()
    old(url).dispose()
    engine = open_database(url)
    assert everything(engine) == shown
    book = SqlBook(engine, clock=FakeClock(MORNING))
    assert [one.trade for one in book.claim("one", 5, 15)] == [shown[2]]
    book.wake([SID])
    (waits,) = book.unmatched_groups(MORNING.date())
    assert [one.instruction.reference for one in waits.instructions] == ["DELI-1"]
    accounts = [CashAccount(owner=Bic("BANKDEFF"), number=number) for number in "12"]
    for account in accounts:
        assert list(book.booked(account, MORNING, MORNING)) == [SID]
    assert list(book.booked(accounts[0], MORNING + timedelta(seconds=1), MORNING + timedelta(hours=1))) == []
    told = replace(stored(1, Side.DELIVER), status="CANCELLED")
    book.commit(
        Change(instructions=(told, stored(2, Side.DELIVER)), entries=(Entry(at=MORNING, kind="n", subject="s"),))
    )
    assert [row.number for row in book.journal()] == [1, 2, 3]
    assert SqlLeases(engine, FakeClock(MORNING)).claim("service", "other", 15) is None, "its lease is kept too"
    engine.dispose()


def test_brought_up_to_date_it_is_as_a_new_one(fresh: Callable[[], str]) -> None:
    """Columns, their types, keys and indices with their conditions: nothing differs."""
    new, migrated = open_database(fresh()), None
    url = fresh()
    old(url).dispose()
    migrated = open_database(url)
    assert _shape(migrated) == _shape(new)
    assert _storage(migrated) == _storage(new)
    for engine in (new, migrated):
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, tables.metadata) == []
        engine.dispose()


def _shape(engine: Engine) -> dict[str, Any]:
    found = inspect(engine)
    defaults = {"postgresql": "nextval"}.get(engine.dialect.name)
    return {
        name: (
            {
                column["name"]: (
                    str(column["type"]),
                    column["nullable"],
                    "number" if defaults and str(column["default"]).startswith(defaults) else column["default"],
                )
                for column in found.get_columns(name)
            },
            found.get_pk_constraint(name)["constrained_columns"],
            sorted(tuple(one["column_names"]) for one in found.get_unique_constraints(name)),
            sorted(
                (
                    str(one["name"]),
                    tuple(one["column_names"]),
                    one["unique"],
                    str(one.get("dialect_options", {}).get(f"{engine.dialect.name}_where")),
                )
                for one in found.get_indexes(name)
            ),
        )
        for name in found.get_table_names()
    }


def _storage(engine: Engine) -> list[Any]:
    if engine.dialect.name == "sqlite":
        return []
    with engine.connect() as connection:
        return list(
            connection.execute(text("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL ORDER BY 1"))
        )


def test_it_is_looked_at_once_and_alembic_is_not_needed_for_a_new_one(tmp_path: Path) -> None:
    program = (
        "import sys; from lockstep.store import open_database; "
        f"open_database('sqlite:///{tmp_path}/a.db'); open_database('sqlite:///{tmp_path}/a.db'); "
        "print('alembic' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_a_later_version_is_refused_by_name(fresh: Callable[[], str]) -> None:
    url = fresh()
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(
        Misconfigured,
        match=rf"^the service's database is of version 9999, and this is version {tables.LATEST_VERSION}: ",
    ):
        open_database(url)


def test_a_version_that_says_nothing_is_refused(fresh: Callable[[], str]) -> None:
    url = fresh()
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    engine.dispose()
    with pytest.raises(Misconfigured, match="alembic_version has 0 rows"):
        open_database(url)


def test_cut_off_in_between_nothing_has_happened(fresh: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    url = fresh()
    engine = old(url)
    before = _shape(engine)
    engine.dispose()

    class Cut(Exception):
        pass

    def cut(*_: Any) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, to, real=command.upgrade: (real(config, to), cut()))
        with pytest.raises(Cut):
            open_database(url)
    engine = create_engine(url)
    assert _shape(engine) == before
    engine.dispose()
    open_database(url).dispose()


def test_the_newest_version_is_the_tables() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [tables.LATEST_VERSION] and scripts.get_bases() == [schema.FIRST_VERSION]


def test_alembics_own_command_does_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url)
    command.upgrade(config, "head")
    by_command, new = create_engine(url), open_database(f"sqlite:///{tmp_path}/b.db")
    assert _shape(by_command) == _shape(new)
    for engine in (by_command, new):
        engine.dispose()
    open_database(url).dispose()


OPENER = "import sys; from lockstep.store import open_database; open_database(sys.argv[1]).dispose(); print('open')"


@pytest.mark.parametrize("found", ["empty", "old"])
def test_many_start_at_once(fresh: Callable[[], str], found: str) -> None:
    url = fresh()
    if found == "old":
        old(url).dispose()
    running = [
        subprocess.Popen([sys.executable, "-c", OPENER, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = [one.communicate(timeout=60) for one in running]
    assert told == [("open\n", "")] * 4
    engine = open_database(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [(tables.LATEST_VERSION,)]
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no url", "not a URL"),
        ("mysql://me:secret@host/db", "'mysql' breaks the rule: sqlite or postgresql"),
        ("postgresql+asyncpg://me:secret@host/db", "'postgresql+asyncpg' breaks the rule: sqlite or postgresql"),
        ("postgresql://me:secret@host:port/db", "not a URL"),
    ],
)
def test_what_is_no_url_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_database(url)
    assert said in str(caught.value)
    assert "secret" not in repr(caught.value) + repr(caught.value.__cause__)


def test_opening_one_that_is_up_to_date_waits_for_no_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    engine = open_database(url)
    with engine.begin():
        open_database(url).dispose()
    engine.dispose()


def test_a_server_that_says_stored_before_it_is_is_refused(postgresql_server: Store) -> None:
    url = postgresql_server.fresh()
    careless = make_url(url).update_query_dict({"options": "-c synchronous_commit=off"})
    with pytest.raises(Misconfigured, match=r"synchronous_commit: 'off' breaks the rule: on$"):
        open_database(careless.render_as_string(hide_password=False))
    open_database(url).dispose()


def test_a_server_that_is_too_old_is_refused(postgresql_server: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.store.database.OLDEST", 1_000_000)
    with pytest.raises(Misconfigured, match=r"PostgreSQL \d\d breaks the rule: 12 or later$"):
        open_database(postgresql_server.fresh())
