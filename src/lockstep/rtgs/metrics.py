"""Figures for Prometheus, without names: no label says who a party, an account or a payment is.

States and queues are read off the books at each scrape. Messages, refusals, durations and failures of the
database are counted since this process opened the books, whichever door they came through.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client import Counter as PrometheusCounter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from lockstep.domain.errors import Conflict, InvalidInput, Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.money import minor_units
from lockstep.domain.payment import PaymentState
from lockstep.iso20022 import MESSAGE_TYPES
from lockstep.rtgs import timetable
from lockstep.rtgs.core import Outcome, Rtgs
from lockstep.rtgs.orders import Priority
from lockstep.rtgs.rejecting import INVALID
from lockstep.rtgs.tables import payments, postings

MOST_RULES = 64
"""Different refusals that are told apart; what comes after them is counted as OTHER."""

OTHER = "other"

_KNOWN_TYPES = frozenset(definition[:8] for definition in MESSAGE_TYPES.values())
_DEFINITION = re.compile(rb"<(?:\w+:)?MsgDefIdr>\s*([a-z]{4}\.[0-9]{3})")
_BUCKETS = tuple(scale * step / 100_000 for scale in (10, 100, 1_000, 10_000, 100_000) for step in (1, 2, 5))
"""Seconds, from a tenth of a millisecond to five seconds."""


class Arrival(NamedTuple):
    """A message that is at a door."""

    kind: str
    running: AbstractContextManager[Any]
    """Its time at the door, begun; without a stack of contexts, which takes as long as all else of an arrival."""


class Meter:
    """Takes messages in the RTGS's place, and counts them. `exposition` is what Prometheus reads."""

    def __init__(self, rtgs: Rtgs) -> None:
        self._rtgs, self._rules = rtgs, set[str]()
        self._registry = CollectorRegistry()
        name = "lockstep_rtgs_"
        self._taken = PrometheusCounter(
            f"{name}messages_in", "Messages taken, by type.", ["type"], registry=self._registry
        )
        self._refused = PrometheusCounter(
            f"{name}messages_refused", "Messages refused, by type and rule.", ["type", "rule"], registry=self._registry
        )
        self._seconds = Histogram(
            f"{name}message_seconds",
            "Time from a message's arrival at a door until it is durable, or refused.",
            ["type"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_Books(rtgs))
        self._of_kind = cache(lambda kind: (self._seconds.labels(kind), self._taken.labels(kind)))

    def handle(self, data: bytes, sender: Bic) -> list[bytes]:
        """As `Rtgs.handle`."""
        (outcome,) = self.handle_all([(data, sender)], [self.arrived(data)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def arrived(self, data: bytes) -> Arrival:
        """Notes that a message is at the door; its time ends when `handle_all` has taken it."""
        kind = _type_of(data)
        running: AbstractContextManager[Any] = self._of_kind(kind)[0].time()
        running.__enter__()
        return Arrival(kind, running)

    def handle_all(self, mail: Sequence[tuple[bytes, Bic]], arrivals: Sequence[Arrival]) -> list[Outcome]:
        """As `Rtgs.handle_all`; `arrivals` is what `arrived` gave for each."""
        found = self._rtgs.handle_all(mail)
        for (kind, running), outcome in zip(arrivals, found, strict=True):
            running.__exit__(None, None, None)
            if isinstance(outcome, Refused):
                self._count_refusal(kind, outcome.name)
            elif isinstance(outcome, InvalidInput | Conflict):
                self._count_refusal(kind, INVALID)
            elif isinstance(outcome, list):
                self._of_kind(kind)[1].inc()
        return found

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)

    def _count_refusal(self, kind: str, rule: str) -> None:
        if rule not in self._rules and len(self._rules) >= MOST_RULES:
            rule = OTHER
        self._rules.add(rule)
        self._refused.labels(kind, rule).inc()


class _Books(Collector):
    """What is read at each scrape. Where the database fails, only that it does is told."""

    def __init__(self, rtgs: Rtgs) -> None:
        self._rtgs = rtgs

    def describe(self) -> list[Metric]:
        """Nothing: a registry that asks would have to read the books."""
        return []

    def collect(self) -> Iterator[Metric]:
        sent, _ = self._rtgs.operator.since_opened()
        out = CounterMetricFamily("lockstep_rtgs_messages_out", "Messages put into mailboxes.", labels=["type"])
        for definition, count in sorted(sent.items()):
            out.add_metric([definition[:8]], count)
        yield out
        try:
            found = self._rtgs.operator.look(_read)
        except SQLAlchemyError:
            found = []
        up = GaugeMetricFamily("lockstep_rtgs_database_up", "1 while the books can be read.")
        up.add_metric([], 1 if found else 0)
        _, failures = self._rtgs.operator.since_opened()
        failed = CounterMetricFamily("lockstep_rtgs_database_errors", "Failures of the database.")
        failed.add_metric([], failures)
        yield from (up, failed, *found)


def _read(connection: Connection) -> list[Metric]:
    return [*_payments(connection), _postings(connection), *_day(connection)]


def _payments(connection: Connection) -> Iterator[Metric]:
    states = GaugeMetricFamily("lockstep_rtgs_payments", "Payments by state.", labels=["state"])
    counted = select(payments.c.state, func.count()).group_by(payments.c.state)
    counts = {str(state): int(count) for state, count in connection.execute(counted)}
    for state in PaymentState:
        states.add_metric([state.name], counts.get(state.name, 0))
    yield states
    labels = ["currency", "priority"]
    length = GaugeMetricFamily("lockstep_rtgs_queue_payments", "Payments that wait.", labels=labels)
    value = GaugeMetricFamily(
        "lockstep_rtgs_queue_value", "What waits, in the currency's own unit (not minor units).", labels=labels
    )
    of_queue = payments.c.currency, payments.c.priority
    waiting = (
        select(*of_queue, func.count(), func.sum(payments.c.amount))
        .where(payments.c.state == PaymentState.PENDING.name)
        .group_by(*of_queue)
    )
    queues = {(row[0], Priority(row[1])): (int(row[2]), int(row[3])) for row in connection.execute(waiting)}
    for currency in sorted(connection.scalars(select(payments.c.currency).distinct())):
        for priority in Priority:
            count, amount = queues.get((currency, priority), (0, 0))
            length.add_metric([currency, priority.name], count)
            value.add_metric([currency, priority.name], amount / 10 ** minor_units(currency))
    yield length
    yield value


def _postings(connection: Connection) -> Metric:
    booked = CounterMetricFamily("lockstep_rtgs_postings", "Postings ever made: their newest number.")
    booked.add_metric([], connection.scalar(select(func.max(postings.c.number))) or 0)
    return booked


def _day(connection: Connection) -> Iterator[Metric]:
    table, now = timetable.timetable(connection), timetable.phase(connection)
    named = [one.name for one in table.phases] if table else []
    phase = GaugeMetricFamily(
        "lockstep_rtgs_business_day_phase", "1 for the phase that the business day is in.", labels=["phase"]
    )
    for name in dict.fromkeys([timetable.CLOSED, timetable.OPEN, *named, now]):
        phase.add_metric([name], 1 if name == now else 0)
    yield phase


def _type_of(data: bytes) -> str:
    found = _DEFINITION.search(data[:4096])
    named = found.group(1).decode() if found else OTHER
    return named if named in _KNOWN_TYPES else OTHER
