"""Many messages in one file: a business file header (head.002.001.01) around messages as each stands alone.

```
<Xchg xmlns="urn:iso:std:iso:20022:tech:xsd:head.002.001.01">
  <PyldDesc>
    <PyldData><PyldIdr>…</PyldIdr><CreDtAndTm>…</CreDtAndTm></PyldData>
    <ApplSpcfcs><TtlNbOfDocs>2</TtlNbOfDocs></ApplSpcfcs>
    <PyldTp>ISO20022</PyldTp>
  </PyldDesc>
  <Pyld><BizMsg xmlns="urn:lockstep:bizmsg:1">…</BizMsg></Pyld>
  <Pyld><BizMsg xmlns="urn:lockstep:bizmsg:1">…</BizMsg></Pyld>
</Xchg>
```

A payload inherits nothing of the file: its bytes are what they are alone, its namespaces declared within. So a file is
cut at its payloads' tags, written so and not otherwise, and whether what is in one is a message `read` says of that one
alone. The file as such is refused whole, for what is around its payloads and for their number; then none was looked at.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.errors import InvalidMessage
from lockstep.iso20022.fields import parse_instant
from lockstep.iso20022.validation import local_name, parse, shown, validate
from lockstep.iso20022.writing import leaf, node, utc

__all__ = ["LARGEST_FILE", "MOST_IN_FILE", "MessageFile", "is_file", "pack", "unpack"]

LARGEST_FILE = 8 << 20
"""Bytes."""
MOST_IN_FILE = 1000
"""Messages."""

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:head.002.001.01"
_SCHEMA = "head.002.001.01.xsd"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_OPEN, _CLOSE, _END = b"<Pyld>", b"</Pyld>", b"</Xchg>"
_MESSAGE = b"<BizMsg"
_BLANK = b" \t\r\n"
_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)?<(?:[\w.\-]+:)?Xchg[\s>/]", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFile:
    """What a file holds; the messages in their order, each as bytes for `read`."""

    identity: str
    created: datetime
    messages: tuple[bytes, ...]


def is_file(data: bytes) -> bool:
    """Whether this means to be a file of many messages, and not one message."""
    return _ROOT.match(data, 0, 4096) is not None


def pack(messages: Sequence[bytes], created: datetime, identity: str | None = None) -> bytes:
    """Messages as `write` gave them in one file, named after its content unless told otherwise.

    Raises InvalidMessage for none, and for more than a file may hold.
    """
    _require_number(len(messages))
    bodies = [message.removeprefix(_DECLARATION).strip(_BLANK) for message in messages]
    if identity is None:
        identity = hashlib.sha256(b"".join(bodies)).hexdigest()[:32]
    data = node("PyldData", leaf("PyldIdr", identity), leaf("CreDtAndTm", utc(created)))
    specifics = node("ApplSpcfcs", leaf("TtlNbOfDocs", str(len(messages))))
    head = f'<Xchg xmlns="{_NAMESPACE}">{node("PyldDesc", data, specifics, leaf("PyldTp", "ISO20022"))}\n'.encode()
    packed = b"".join((_DECLARATION, head, *(b"%b%b%b\n" % (_OPEN, body, _CLOSE) for body in bodies), _END, b"\n"))
    _require_size(len(packed))
    return packed


def unpack(data: bytes) -> MessageFile:
    """The messages of a file, none of them judged. Raises InvalidMessage for the file as such, and nothing else."""
    _require_size(len(data))
    found = data.count(_OPEN)
    if found > MOST_IN_FILE:
        _require_number(found)
    head, *payloads = data.split(_OPEN)
    root = parse(head + _END if payloads else data)
    if root.tag != f"{{{_NAMESPACE}}}Xchg":
        name = shown(str(root.tag))
        raise InvalidMessage(local_name(name), name, f"the root is Xchg of {_NAMESPACE}")
    validate(root, _SCHEMA)
    values = {str(leaf.tag).rpartition("}")[2]: leaf.text or "" for leaf in root.iter() if len(leaf) == 0}
    said = values["TtlNbOfDocs"]
    messages = [_content(payload, place, place == found) for place, payload in enumerate(payloads, 1)]
    if str(found) != said:
        raise InvalidMessage("PyldDesc/ApplSpcfcs/TtlNbOfDocs", said, f"the number of Pyld that follow, {found}")
    created = parse_instant(values["CreDtAndTm"], "PyldDesc/PyldData/CreDtAndTm")
    return MessageFile(identity=values["PyldIdr"], created=created, messages=tuple(messages))


def _content(payload: bytes, place: int, last: bool) -> bytes:
    """What stands between one payload's tags, as a document of its own."""
    content, close, after = payload.partition(_CLOSE)
    after = after.strip(_BLANK)
    if not close or after != (_END if last else b""):
        text = shown((after if close else payload[-40:]).decode("utf-8", "replace"))
        expected = "</Xchg> and nothing else" if last else "the next <Pyld>"
        rule = f"</Pyld> ends it, then comes {expected}; both are written so, without attributes or prefixes"
        raise InvalidMessage(f"Pyld[{place}]", text, rule)
    content = content.strip(_BLANK)
    return b"%b%b\n" % (_DECLARATION, content) if content.startswith(_MESSAGE) else content


def _require_number(found: int) -> None:
    if not 1 <= found <= MOST_IN_FILE:
        raise InvalidMessage("Pyld", f"{found} messages", f"1 to {MOST_IN_FILE} messages in a file")


def _require_size(size: int) -> None:
    if size > LARGEST_FILE:
        raise InvalidMessage("XML", f"{size} bytes", f"a file of at most {LARGEST_FILE} bytes")
