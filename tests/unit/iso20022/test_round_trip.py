"""Whatever is written is read back the same, and the published schemas take it."""

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iso20022.strategies import BODIES, messages
from lockstep.iso20022 import MESSAGE_TYPES, Body, peek, read, write


def test_every_body_has_a_message_and_a_strategy() -> None:
    assert set(MESSAGE_TYPES) == set(get_args(Body)) == set(BODIES)
    twice = sorted(name for name in set(MESSAGE_TYPES.values()) if list(MESSAGE_TYPES.values()).count(name) > 1)
    assert [name[:8] for name in twice] == ["camt.007", "camt.029", "camt.054", "camt.056", "pacs.002", "pacs.009"]
    assert len(set(MESSAGE_TYPES.values())) == len(MESSAGE_TYPES) - len(twice) - 1, "camt.056 has three uses"


@pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{MESSAGE_TYPES[body]}-{body.__name__}")
@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_read_is_the_inverse_of_write(body: type, data: st.DataObject) -> None:
    message = data.draw(messages(body))
    written = write(message)
    assert read(written) == message
    assert write(read(written)) == written
    header = peek(written)
    assert header is not None
    assert (header.sender, header.receiver, header.message_id) == (
        message.sender,
        message.receiver,
        message.message_id,
    )


@pytest.mark.published_schemas
@pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{MESSAGE_TYPES[body]}-{body.__name__}")
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_published_schemas_take_what_is_written(body: type, published, data: st.DataObject) -> None:
    assert published(write(data.draw(messages(body)))) == []
