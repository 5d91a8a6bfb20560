"""Alembic's door: within `store.schema` in the transaction that it is given; by Alembic's own command to a new one.

By command: `alembic -c FILE upgrade head`, where FILE names this folder as `script_location` and the `sqlalchemy.url`.
"""

from alembic import context
from sqlalchemy import Connection, create_engine

from lockstep.store.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        raise SystemExit("sqlalchemy.url is not set")
    with create_engine(url, hide_parameters=True).begin() as opened:
        _run(opened)
