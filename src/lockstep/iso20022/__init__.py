"""ISO 20022 messages to and from domain values, by usage-guideline schemas of Lockstep's own.

`write` and `read` are the whole door, `pack` and `unpack` for many messages in one file; XML never leaves
this package. Each message type is taken and given in one version (`MESSAGE_TYPES`) under a
head.001.001.02 business header; what a schema cannot say is checked too. `docs/reference/messages.md`
has the profile of each.
"""

from lockstep.iso20022.codec import MESSAGE_TYPES, Body, peek, read, require_value_date, unjudged, write, write_copies
from lockstep.iso20022.fields import Header
from lockstep.iso20022.files import LARGEST_FILE, MOST_IN_FILE, MessageFile, is_file, pack, unpack

__all__ = [
    "LARGEST_FILE",
    "MESSAGE_TYPES",
    "MOST_IN_FILE",
    "Body",
    "Header",
    "MessageFile",
    "is_file",
    "pack",
    "peek",
    "read",
    "require_value_date",
    "unjudged",
    "unpack",
    "write",
    "write_copies",
]
