"""Margin calls and their messages in every `ports.MarginBook`: what was said comes back as it was said."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from golden.expected_collateral import EXPECTED_COLLATERAL
from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.errors import Conflict
from lockstep.domain.margin_call import MarginCall, agree
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.ports import Change, MarginBook
from lockstep.store import SqlBook, codec, open_database
from lockstep.testing.fakes import MORNING, FakeBook

REQUEST = EXPECTED_COLLATERAL["colr.003.001.05"]
RESPONSE = EXPECTED_COLLATERAL["colr.004.001.05"]
AGREEMENT = AgreementId(REQUEST.body.agreement.agreement_id)
CALL = MarginCall(
    call_id=REQUEST.body.call_id,
    caller=REQUEST.sender,
    called=REQUEST.receiver,
    amount=REQUEST.body.amount,
    issued_at=MORNING,
    deliver_by=MORNING + timedelta(hours=8),
)
CASE = MarginCase(agreement_id=AGREEMENT, call=CALL, request=REQUEST.body)
Opened = Callable[[], MarginBook]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """The same records each time; on a database as another process finds them."""
    if request.param == "memory":
        kept = FakeBook()
        yield lambda: kept
        return
    fresh = request.param == "postgresql"
    url = request.getfixturevalue("postgresql_server").fresh() if fresh else f"sqlite:///{tmp_path}/service.db"
    engine = open_database(url)

    def anew() -> MarginBook:
        codec._kept.cache_clear()  # nothing is known but the texts
        return SqlBook(engine)

    yield anew
    engine.dispose()


def test_a_call_comes_back_with_what_both_said(opened: Opened) -> None:
    opened().commit(Change(margin=(CASE,)))
    stored = replace(CASE, version=1)
    assert opened().margin_case(*CASE.key) == stored
    answered = replace(stored, call=agree(CALL, MORNING), response=RESPONSE.body)
    opened().commit(Change(margin=(answered,)))
    assert list(opened().margin_cases()) == [replace(answered, version=2)]
    with pytest.raises(Conflict) as caught:
        opened().commit(Change(margin=(answered,)))
    assert caught.value.field == "margin call version"


def test_what_is_passed_on_comes_back(opened: Opened) -> None:
    body = Rejection(
        related_message_id="M-1", code="InvalidMessage", rejected_at=MORNING, location="Agrmt/AgrmtId", description="no"
    )
    rejection = Message(sender=REQUEST.sender, receiver=REQUEST.receiver, message_id="R-1", created=MORNING, body=body)
    said = [REQUEST, RESPONSE, rejection]
    opened().commit(Change(outgoing=tuple(said)))
    assert list(opened().undelivered()) == said
