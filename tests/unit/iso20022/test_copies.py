"""One message to many receivers: what is made of one's bytes is what each would be if it were written alone."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iso20022.strategies import BODIES, messages
from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.payment import BookingNotice
from lockstep.iso20022 import MESSAGE_TYPES, codec, read, unjudged, write, write_all


def golden(name: str) -> Any:
    return read((Path(__file__).resolve().parents[2] / "golden" / f"{name}.written.xml").read_bytes())


OTHERS = [Bic("AGNTDEFFA01"), Bic("AGNTDEFFA02"), Bic("BANKFRPP"), Bic("LSTPDEFFXXX")]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{MESSAGE_TYPES[body]}-{body.__name__}")
@settings(max_examples=15, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_each_is_as_if_written_alone(body: type, data: st.DataObject) -> None:
    message = data.draw(messages(body))
    named = data.draw(st.sampled_from(["LS0A1B2C{}", "{}", "M-{}", message.message_id + "{}"]))
    copies = [
        replace(message, receiver=receiver, message_id=named.format(number)[-35:])
        for number, receiver in enumerate([message.receiver, *OTHERS, message.sender])
    ]
    assert write_all(copies) == [write(one) for one in copies]
    assert unjudged(message) == write(message)


def test_what_differs_besides_is_written_by_itself() -> None:
    one = replace(golden("camt.007.001.08"), message_id="M1", possible_duplicate=False)
    different = [
        replace(one, message_id="M2", receiver=OTHERS[0], created=one.created + timedelta(seconds=1)),
        replace(one, message_id="M3", possible_duplicate=True),
        replace(one, message_id="M4", body=replace(one.body, uetr="0d5fdb3c-5a5c-4f0e-8f0f-2f3c5b6a7d80")),
        replace(one, message_id="M5", business_service="lockstep"),
        replace(one, message_id="M6", sender=OTHERS[1]),
        one,
    ]
    assert write_all(different) == [write(message) for message in different]


def test_an_id_or_receiver_that_is_none_is_refused_as_ever() -> None:
    one = replace(golden("camt.007.001.08"), message_id="M1")
    for bad in (
        replace(one, message_id="M<"),
        replace(one, receiver=Bic("NOPEQQ00")),
        replace(one, message_id="M" * 36),
    ):
        for together in ([one, bad], [bad, one], [one, bad, replace(one, message_id="M2")]):
            with pytest.raises(InvalidMessage):
                write_all(together)


def test_an_owner_named_in_the_body_is_told_by_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its BIC stands in the notice twice, and only the header's is exchanged."""
    notice = golden("camt.054.001.08")
    owner = notice.body.account.owner
    to = [
        replace(notice, receiver=receiver, message_id=f"M{number}") for number, receiver in enumerate([owner, *OTHERS])
    ]
    expected, judged = [write(message) for message in to], []

    def counting(message: Message[BookingNotice]) -> bytes:
        judged.append(message)
        return write(message)

    monkeypatch.setattr(codec, "write", counting)
    assert write_all(to) == expected
    assert len(judged) == 1
