"""Opening the database: SQLite in WAL with FULL synchronisation, PostgreSQL as its operator has it; a commit that
returned is on disk. A URL may hold a password: it is told in no error."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from lockstep.domain.errors import Misconfigured
from lockstep.durable import write_ahead
from lockstep.store import schema
from lockstep.store.prepared import AT_ONCE, driven, no_answer

__all__ = ["Database", "open_database"]

Database = Engine
"""An open one, for those who only hand it on."""

BUSY_TIMEOUT_MILLISECONDS = 15_000
OLDEST = 120_000
"""PostgreSQL 12, as its drivers number versions."""
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg"}


def open_database(url: str) -> Database:
    """An engine on the service's database; creates the tables where there are none, and brings older ones up to date.

    Every transaction on SQLite begins IMMEDIATE: two processes take turns instead of failing late. Raises
    Misconfigured for a URL that is none, for a server that does not wait for its disk or is older than PostgreSQL 12,
    and for a database that a newer version has written; Unavailable where a server does not answer.
    """
    where = _url(url)
    try:
        engine = create_engine(where, hide_parameters=True, **_options(where))
    except ImportError as error:
        raise Misconfigured(
            f"the service's database: {error.name} is not installed: pip install 'lockstep[postgresql]'"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "connect", _plan_anew)
    try:
        _judge_durability(engine)
        schema.bring_up_to_date(engine)
    except BaseException as error:
        engine.dispose()
        nothing = no_answer(error) if isinstance(error, DBAPIError) else None
        if nothing is None:
            raise
        raise nothing from error
    return engine


def _judge_durability(engine: Engine) -> None:
    """Raises Misconfigured for a server that says *stored* before it is."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as connection:
        for name in ("synchronous_commit", "full_page_writes"):
            if connection.exec_driver_sql(f"SHOW {name}").scalar() == "off":
                raise Misconfigured(f"the service's database: {name}: 'off' breaks the rule: on")


def _url(url: str) -> URL:
    try:
        where = make_url(url)
        driver = DRIVERS[where.drivername]
    except (ArgumentError, ValueError):  # neither error says what the URL was, as it may hold a password
        raise Misconfigured("the service's database: not a URL, as sqlite:///FILE or postgresql://…") from None
    except KeyError:
        raise Misconfigured(
            f"the service's database: {where.drivername!r} breaks the rule: sqlite or postgresql"
        ) from None
    return where.set(drivername=driver)


def _options(url: URL) -> dict[str, Any]:
    """On PostgreSQL whoever waited for a row must see what was committed meanwhile, whatever the server's default."""
    return {} if url.drivername == "sqlite" else {"isolation_level": "READ COMMITTED"}


def _plan_anew(connection: Any, _: object) -> None:
    """A server keeps the plan of a statement that is run again and again; one that was made while a table was small
    goes through all of it for ever after. Older servers cannot be told, nor run all statements of the store."""
    version = connection.info.server_version
    if version < OLDEST:
        raise Misconfigured(f"the service's database: PostgreSQL {version // 10_000} breaks the rule: 12 or later")
    connection.execute("SET plan_cache_mode = force_custom_plan")
    connection.commit()


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}")
    write_ahead(cursor)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16384",  # KiB; by default 2 MiB
        "wal_autocheckpoint=8000",  # pages of 4 KiB: those that are written again and again are moved once
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    at_once = connection.get_execution_options().get(AT_ONCE, True)
    for statement in (f"PRAGMA synchronous={'FULL' if at_once else 'NORMAL'}", "BEGIN IMMEDIATE"):
        driven(connection.dialect, connection.connection, statement)
