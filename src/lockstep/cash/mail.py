"""Mail as bytes into mail as values, for every adapter alike."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import cast, get_args

from lockstep.domain.errors import InvalidInput, InvalidMessage, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.iso20022 import pack, read, write
from lockstep.ports import CashBody, Unreadable

MOST_AT_ONCE = 500
"""Messages that go in one file."""
MOST_BYTES = 4 << 20
"""Their bytes."""

_ABOUT_CASH = frozenset(get_args(CashBody))

Results = list[LockstepError | None]
"""Of each message, in the order given: why it was not taken; None, it was."""
Mail = list[tuple[int, Message[CashBody] | Unreadable]]


class Outgoing:
    """Messages on their way, in files, with what has become of each. One that cannot be written ends with that."""

    def __init__(self, messages: Sequence[Message[CashBody]]) -> None:
        self._messages = messages
        self.results: Results = [None] * len(messages)

    def send(
        self,
        as_file: Callable[[Sequence[str], bytes], Sequence[LockstepError | None] | None],
        alone: Callable[[str, bytes], LockstepError | None],
    ) -> Results:
        """Sends them in files. A file that is refused as such goes message by message.

        `as_file` takes a file with the ids of its messages, in its order; it says what became of each, None if it was
        not taken as a file, and raises Unavailable. `alone` takes one message and its id.
        """
        silence: Unavailable | None = None
        for places, written, created in self.files():
            ids = [self._messages[place].message_id for place in places]
            results: Sequence[LockstepError | None] | None = None
            if silence is None and len(written) > 1:
                try:
                    results = as_file(ids, pack(written, created))
                except Unavailable as error:
                    silence = error
            if silence is not None:  # nor is anybody asked again who gave no answer just now
                results = [silence] * len(written)
            elif results is None:
                results = [alone(message_id, data) for message_id, data in zip(ids, written, strict=True)]
            self.end(places, results)
        return self.results

    def files(self) -> Iterator[tuple[list[int], list[bytes], datetime]]:
        """Of each file the messages' places and bytes, and when the last of them was made."""
        places: list[int] = []
        written: list[bytes] = []
        size = 0
        for place, message in enumerate(self._messages):
            try:
                data = write(message)
            except InvalidInput as error:
                self.results[place] = error
                continue
            if places and (len(places) == MOST_AT_ONCE or size + len(data) > MOST_BYTES):
                yield places, written, self._newest(places)
                places, written, size = [], [], 0
            places.append(place)
            written.append(data)
            size += len(data)
        if places:
            yield places, written, self._newest(places)

    def end(self, places: Sequence[int], results: Sequence[LockstepError | None]) -> None:
        """What has become of these."""
        for place, result in zip(places, results, strict=True):
            self.results[place] = result

    def _newest(self, places: Sequence[int]) -> datetime:
        return max(self._messages[place].created for place in places)


def require_answers_to(sent: Sequence[str], answered: Sequence[object]) -> None:
    """Whether these are the answers to these messages, in their order, by the ids that both name.

    Raises Unavailable where an id is another, missing or there twice: no answer says anything then.
    """
    if len(answered) != len(sent):
        raise Unavailable(f"{len(answered)} answers to {len(sent)} messages: nothing is known of any")
    for place, (ours, theirs) in enumerate(zip(sent, answered, strict=True), 1):
        if ours != theirs:
            raise Unavailable(f"answer {place} is to {theirs!r}, not to {ours!r}: nothing is known of any message")


def read_mail(items: Iterable[tuple[int, bytes]], receiver: Bic) -> Mail:
    """Reads what can be read. The rest becomes Unreadable in its place, so that it blocks nothing.

    Unreadable is also a message about anything but cash, and one addressed to somebody else.
    """
    return [(sequence, _read(data, receiver)) for sequence, data in items]


def _read(data: bytes, receiver: Bic) -> Message[CashBody] | Unreadable:
    try:
        message = read(data)
        if type(message.body) not in _ABOUT_CASH:
            raise InvalidMessage("AppHdr/MsgDefIdr", type(message.body).__name__, "a message about cash")
        if message.receiver != receiver:
            raise InvalidMessage("AppHdr/To", message.receiver, f"this party, {receiver}")
    except InvalidInput as error:
        return Unreadable(data=data, error=error)
    return cast(Message[CashBody], message)


def refusal_of(data: bytes) -> LockstepError:
    """The error that an admi.002 stands for: Refused by its name, or InvalidMessage."""
    try:
        message = read(data)
    except InvalidInput as error:
        return Unavailable(f"the answer cannot be read: {error}")
    rejection = message.body
    if not isinstance(rejection, Rejection):
        return Unavailable(f"the answer is {type(rejection).__name__}, no rejection")
    try:
        details = {str(name): str(value) for name, value in json.loads(rejection.additional or "{}").items()}
    except (ValueError, AttributeError):
        details = {}
    if rejection.code == "InvalidMessage":
        named = (details.get(name, "") for name in ("field", "value", "rule"))
        return InvalidMessage(*named)
    return Refused(rejection.code, details)
