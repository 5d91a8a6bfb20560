"""ISO 20022 messages to and from domain values, by usage-guideline schemas of Lockstep's own.

`write` and `read` are the whole door; XML never leaves this package. Taken and given are
sese.020/023/024/025/027, pacs.002/009, camt.029/054/056, and camt.007 as a profile of our own (the
agents' release), each in one version under a head.001.001.02 business header.
"""

from lockstep.iso20022.codec import MESSAGE_TYPES, Body, peek, read, write
from lockstep.iso20022.fields import Header

__all__ = ["MESSAGE_TYPES", "Body", "Header", "peek", "read", "write"]
