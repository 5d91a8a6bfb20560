"""Where a trade's mail begins among millions of messages: found by halving, and never too late."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lockstep.app.evidence import _created, _mail_before

START = datetime(2026, 11, 2, tzinfo=UTC)


class Mailbox:
    """A message an hour; some sequence numbers may be missing."""

    def __init__(self, count: int, missing: frozenset[int] = frozenset(), odd: int | None = None) -> None:
        self.made = {number: START + timedelta(hours=number) for number in range(1, count + 1) if number not in missing}
        self.odd, self.asked = odd, 0

    def __call__(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        self.asked += 1
        numbers = [one for one in self.made if one > after][:limit]
        return [
            (one, b"?" if one == self.odd else f"<CreDt>{self.made[one]:%FT%TZ}</CreDt>".encode()) for one in numbers
        ]


@pytest.mark.parametrize("missing", [frozenset(), frozenset(range(2, 400, 3)), frozenset(range(100, 300))])
@pytest.mark.parametrize("hour", [0, 1, 2, 150, 299, 300, 301, 399, 400, 500])
def test_all_before_it_was_made_earlier_and_nothing_of_that_time_is_left_out(
    hour: int, missing: frozenset[int]
) -> None:
    box = Mailbox(400, missing)
    since = START + timedelta(hours=hour)
    found = _mail_before(box, 400, since)
    assert all(made < since for number, made in box.made.items() if number <= found)
    assert all(made >= since for number, made in box.made.items() if number > found)
    assert box.asked <= 10


def test_a_message_that_does_not_say_when_is_no_ground_to_skip_any() -> None:
    assert _mail_before(Mailbox(400, odd=201), 400, START + timedelta(hours=300)) == 0
    assert _mail_before(Mailbox(0), 0, START) == 0


@pytest.mark.parametrize(
    "data", [b"", b"<CreDt>noon</CreDt>", b"<CreDt>2026-11-02T10:00:00</CreDt>", b"<CreDt>\xff</CreDt>"]
)
def test_what_is_no_instant_says_nothing(data: bytes) -> None:
    assert _created(data) is None
