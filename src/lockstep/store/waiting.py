"""What waits to be matched, by groups that could match: a pass reads those that changed, and those that are old."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine

from lockstep.ports import StoredInstruction, WaitingGroup
from lockstep.store import tables
from lockstep.store.bulk import Statement, Update
from lockstep.store.codec import load
from lockstep.store.prepared import transaction

__all__ = ["matched_through", "touch_all", "unmatched_groups"]

_TOUCHED = Statement(
    "SELECT match_key FROM instruction WHERE status = 'WAITING' AND touched > matched ORDER BY number LIMIT ?"
)
_OLD = Statement(
    "SELECT match_key FROM instruction WHERE status = 'WAITING' AND match_key < ? ORDER BY match_key LIMIT ?"
)
_GROUPS = Statement(
    "SELECT number, match_key, touched, owner, reference, body FROM instruction "
    "WHERE status = 'WAITING' AND match_key IN LIST ORDER BY number"
)
_LOCKED = Statement("SELECT number FROM instruction WHERE number IN NUMBERS [[ORDER BY number FOR UPDATE]]")
_MATCHED = Update(tables.instruction, "number", "matched")
_TOUCH_ALL = Statement("UPDATE instruction SET touched = touched + 1 WHERE status = 'WAITING'")


def unmatched_groups(engine: Engine, aged_before: date, limit: int) -> Sequence[WaitingGroup]:
    touched = _TOUCHED.alone(engine, limit)
    old = _OLD.alone(engine, aged_before.isoformat(), limit)
    keys = list(dict.fromkeys(key for (key,) in (*touched, *old)))
    if not keys:
        return []
    found: dict[str, list[tuple[int, int, StoredInstruction]]] = {key: [] for key in keys}
    for number, key, times, owner, reference, body in _GROUPS.alone(engine, keys):
        found[key].append((number, times, load(StoredInstruction, body, (owner, reference))))
    return [
        WaitingGroup(
            instructions=tuple(stored for _, _, stored in group),
            seen=tuple((number, times) for number, times, _ in group),
        )
        for group in found.values()
        if group
    ]


def matched_through(engine: Engine, groups: Sequence[WaitingGroup]) -> None:
    seen = sorted(one for group in groups for one in group.seen)
    if seen:
        with transaction(engine, at_once=False) as connection:
            _LOCKED.run(connection, [number for number, _ in seen])
            _MATCHED.run(connection, [(times, number) for number, times in seen])


def touch_all(engine: Engine) -> None:
    with transaction(engine, at_once=False) as connection:
        _TOUCH_ALL.run(connection)
