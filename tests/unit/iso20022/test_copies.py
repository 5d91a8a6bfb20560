"""One message to many receivers: what is made of one's bytes is what each would be if it were written alone."""

from dataclasses import replace
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
from lockstep.iso20022 import MESSAGE_TYPES, codec, read, unjudged, write, write_copies


def golden(name: str) -> Any:
    return read((Path(__file__).resolve().parents[2] / "golden" / f"{name}.written.xml").read_bytes())


OTHERS = [Bic("AGNTDEFFA01"), Bic("AGNTDEFFA02"), Bic("BANKFRPP"), Bic("LSTPDEFFXXX")]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{MESSAGE_TYPES[body]}-{body.__name__}")
@settings(max_examples=15, deadline=None, database=None, derandomize=True)
@given(data=st.data())
def test_each_is_as_if_written_alone(body: type, data: st.DataObject) -> None:
    message = data.draw(messages(body))
    named = data.draw(st.sampled_from(["LS0A1B2C{}", "{}", "M-{}", message.message_id + "{}"]))
    others = [(to, named.format(number)[-35:]) for number, to in enumerate([message.receiver, *OTHERS, message.sender])]
    for one in (message, replace(message, message_id="LS0A1B2C0")):
        expected = [replace(one, receiver=to, message_id=message_id) for to, message_id in others]
        assert write_copies(one, others) == [write(copy) for copy in (one, *expected)]
    assert unjudged(message) == write(message)


def test_a_receiver_or_id_that_is_another_text_of_it_is_no_copy_gone_wrong() -> None:
    """What is put in first must not be taken for what is to be put in next."""
    one = replace(golden("camt.007.001.08"), receiver=OTHERS[0], message_id="AGNTDEFFA02")
    others = [
        (OTHERS[1], "AGNTDEFFA01"),
        (OTHERS[0], "AGNTDEFFA03"),
        (OTHERS[1], "LSTPDEFFXXX"),
        (OTHERS[2], one.sender),
    ]
    expected = [replace(one, receiver=to, message_id=message_id) for to, message_id in others]
    assert write_copies(one, others) == [write(copy) for copy in (one, *expected)]


def test_an_id_or_receiver_that_is_none_is_refused_as_ever() -> None:
    one = replace(golden("camt.007.001.08"), message_id="M1")
    for to, message_id in ((OTHERS[0], "M<"), (Bic("NOPEQQ00"), "M3"), (OTHERS[0], "M" * 36), (OTHERS[0], "")):
        with pytest.raises(InvalidMessage):
            write_copies(one, [(OTHERS[0], "M2"), (to, message_id), (OTHERS[1], "M4")])
        with pytest.raises(InvalidMessage):
            write_copies(replace(one, receiver=to, message_id=message_id), [(OTHERS[0], "M2")])


def test_an_owner_named_in_the_body_is_told_by_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its BIC stands in the notice twice, and only the header's is exchanged."""
    notice = golden("camt.054.001.08")
    owner = notice.body.account.owner
    last, *to = [(receiver, f"M{number}") for number, receiver in enumerate([*OTHERS, owner])]
    pattern = replace(notice, receiver=last[0], message_id=last[1])
    copies = [replace(notice, receiver=receiver, message_id=message_id) for receiver, message_id in to]
    expected, judged = [write(message) for message in (pattern, *copies)], []

    def counting(message: Message[BookingNotice]) -> bytes:
        judged.append(message)
        return write(message)

    monkeypatch.setattr(codec, "write", counting)
    assert write_copies(pattern, to) == expected
    assert len(judged) == 1
