"""When the RTGS is open, and for what: phases with cut-offs per kind of payment, weekends and holidays.

A timetable is data. Without one the operator opens and closes days, and an open day takes everything.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import reference
from lockstep.rtgs.orders import Kind
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.tables import days, holidays, settings

OPEN, CLOSED = "OPEN", "CLOSED"
"""The phases of a day without a timetable; every day ends CLOSED."""

EVERYTHING = frozenset(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """From `starts` (local time of the timetable's zone) until the next one, `takes` is accepted."""

    name: str
    starts: time
    takes: frozenset[Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The phases of every business day, in order; at `closes` it ends. `weekend`: 0 is Monday."""

    zone: str
    phases: tuple[Phase, ...]
    closes: time
    weekend: frozenset[int] = frozenset({5, 6})

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise InvalidInput("zone", self.zone, "a time zone, as Europe/Frankfurt") from None
        starts = [phase.starts for phase in self.phases] + [self.closes]
        if not self.phases or starts != sorted(set(starts)):
            raise InvalidInput("phases", ", ".join(map(str, starts)), "one or more, each after the one before")
        names = [phase.name for phase in self.phases]
        for name in names:
            if reference(name, field="phases/name") == CLOSED or names.count(name) > 1:
                raise InvalidInput("phases/name", name, "used once, and not CLOSED")
        if not self.weekend <= set(range(7)):
            raise InvalidInput("weekend", sorted(self.weekend), "days from 0, Monday, to 6")

    def local(self, instant: datetime) -> datetime:
        """A UTC instant as the timetable's clock shows it."""
        return instant.astimezone(ZoneInfo(self.zone))

    def phase_at(self, instant: datetime) -> Phase | None:
        """The phase that a business day is in, or None before the first and from `closes` on."""
        clock = self.local(instant).time()
        begun = [phase for phase in self.phases if phase.starts <= clock]
        return begun[-1] if begun and clock < self.closes else None

    def cut_off(self, kind: Kind, day: date) -> datetime | None:
        """When this kind is taken no longer on a day, in UTC; None if it never is."""
        ends = [phase.starts for phase in self.phases[1:]] + [self.closes]
        last = [end for phase, end in zip(self.phases, ends, strict=True) if kind in phase.takes]
        return datetime.combine(day, last[-1], ZoneInfo(self.zone)).astimezone(UTC) if last else None

    def to_json(self) -> str:
        phases = [
            {
                "name": phase.name,
                "starts": phase.starts.isoformat(),
                "takes": sorted(kind.value for kind in phase.takes),
            }
            for phase in self.phases
        ]
        content = {"zone": self.zone, "phases": phases, "closes": self.closes.isoformat()}
        return json.dumps(content | {"weekend": sorted(self.weekend)})

    @classmethod
    def from_json(cls, text: str) -> "Timetable":
        """Raises InvalidInput."""
        try:
            content = json.loads(text)
            return cls(
                zone=str(content["zone"]),
                phases=tuple(
                    Phase(
                        name=str(phase["name"]),
                        starts=time.fromisoformat(phase["starts"]),
                        takes=frozenset(map(Kind, phase["takes"])),
                    )
                    for phase in content["phases"]
                ),
                closes=time.fromisoformat(content["closes"]),
                weekend=frozenset(content.get("weekend", (5, 6))),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("timetable", text[:200], f"zone, phases and closes ({error})") from None


DAYTIME = Timetable(
    zone="Europe/Berlin",
    phases=(
        Phase(name="CUSTOMER-AND-INTERBANK", starts=time(2, 30), takes=EVERYTHING),
        Phase(name="INTERBANK", starts=time(17, 0), takes=EVERYTHING - {Kind.CUSTOMER}),
    ),
    closes=time(18, 0),
)
"""A day after T2's: customer payments are taken until 17:00, payments between banks until 18:00."""


_TIMETABLE = Prepared(select(settings.c.timetable))
_PHASE = Prepared(select(days.c.phase).where(days.c.closed_at.is_(None)))


def timetable(connection: Connection) -> Timetable | None:
    """The timetable in force, if there is one."""
    stored = _TIMETABLE.scalar(connection)
    return None if stored is None else Timetable.from_json(stored)


def phase(connection: Connection) -> str:
    """The phase of the day that is open; CLOSED if none is."""
    return _PHASE.scalar(connection) or CLOSED


def taken_in(connection: Connection, name: str) -> frozenset[Kind]:
    """What is accepted in a phase."""
    if name in (OPEN, CLOSED):
        return EVERYTHING if name == OPEN else frozenset()
    found = timetable(connection)
    return next((one.takes for one in found.phases if one.name == name), frozenset()) if found else EVERYTHING


def is_business_day(connection: Connection, table: Timetable, day: date) -> bool:
    """Neither weekend nor holiday."""
    holiday = connection.scalar(select(holidays.c.date).where(holidays.c.date == day))
    return day.weekday() not in table.weekend and holiday is None


def set_holidays(connection: Connection, given: Iterable[tuple[date, str]]) -> None:
    """Replaces the calendar."""
    connection.execute(holidays.delete())
    rows = [{"date": day, "name": name} for day, name in dict(given).items()]
    if rows:
        connection.execute(holidays.insert(), rows)
