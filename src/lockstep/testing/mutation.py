"""Bad messages from good ones: seeded, repeatable, and of every kind that a sender has managed.

`Mutator(seed, messages)` breaks one of the messages at a time; `mutants(count)` gives so many, each
with the name of what was done to it. What comes out may still be a message that can be taken: who
uses it asks only that each is taken or refused by name, soon, and that nothing else happens.

Knows XML as text and no schema: nothing is shared with what it tries.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Mutant", "Mutator"]

_TAG = re.compile(rb"<(/?)([A-Za-z][\w.]*)([^<>]*?)(/?)>")
_LARGE = 25
"""One in so many may grow to the size given."""

TEXTS = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        "", " ", "0", "-1", "+5", "1e3", "NaN", "INF", "0x10", "1.123456", "0.00001", "99999999999999999999", "1" * 18,
        "00000000000000000000", "1,5", "1 000", "٣", "X" * 36, "x" * 141, "x" * 351, "//", "/", "DELI", "NORE", "true",
        "TRUE", "1", "2026-02-30", "2026-13-01", "2026-03-04", "2026-03-04Z", "10000-01-01", "0000-01-01",
        "2026-03-04T10:00:00", "2026-03-04T25:00:00Z", "2026-03-04T24:00:00Z", "2026-03-04T10:00:60Z",
        "2026-03-04T10:00:00.5Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "10:00:00", "10:00:00Z",
        "EUR", "eur", "XXX", "JPY", "ABCDEFGH", "RTGSQQBB", "rtgsbebb", "d74d1753-a260-467a-9f5c-40b82dec13e0",
        "D74D1753-A260-467A-9F5C-40B82DEC13E0", "d74d1753-a260-167a-9f5c-40b82dec13e0", "DE89370400440532013001",
        "9845ALDERBANK0000178", "é", "\u0085", "\u2028", "\u202e", "\ufeff", "\ufffe", "\ud800", "😀", "\n1\n", "\t",
        "&amp;", "&#0;", "&#x10FFFF;", "&#xD800;", "&#13;", "&unknown;", "<![CDATA[1]]>", "<![CDATA[<]]>", "]]>",
        "<!-- -->1", "1<!-- -->", "<?x y?>1", "<a/>", "'; DROP TABLE account; --", "../../etc/passwd", "${7*7}", "%s%n",
    )
)  # fmt: skip
CONTROLS = (
    b"\x00",
    b"\x01",
    b"\x08",
    b"\x0b",
    b"\x1b",
    b"\x7f",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
)
DOCTYPES = (
    b'<!DOCTYPE B [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>',
    b'<!DOCTYPE B [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    b'<!DOCTYPE B SYSTEM "http://127.0.0.1:9/x.dtd">',
    b'<!DOCTYPE B PUBLIC "-//B//EN" "http://127.0.0.1:9/x.dtd">',
    b'<!DOCTYPE B [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
    b'<!DOCTYPE B [<!ATTLIST BizMsg x CDATA "y">]>',
    b"<!doctype B>",
)
ATTRIBUTES = (
    b'Ccy="EUR"', b'Ccy=""', b'Ccy="eur"', b"Ccy='JPY'", b'Ccy="XXX"', b'ccy="EUR"', b'xmlns="urn:x"', b'xmlns=""',
    b'xmlns:p=" Ccy=\'JPY\' >"', b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"',
    b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string"', b'xml:lang="x"',
    b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x file:///x.xsd"',
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A message after something was done to it. `kind` names what, `seed` and `number` find it again."""

    seed: int
    number: int
    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Element:
    start: int
    inside: int
    end_inside: int
    end: int
    name: bytes


def _elements(data: bytes) -> list[_Element]:
    """Every element of a well-formed message, by where it stands."""
    found, open_tags = [], []
    for tag in _TAG.finditer(data):
        if tag[4]:
            found.append(_Element(tag.start(), tag.end(), tag.end(), tag.end(), tag[2]))
        elif not tag[1]:
            open_tags.append(tag)
        elif open_tags:
            first = open_tags.pop()
            found.append(_Element(first.start(), first.end(), tag.start(), tag.end(), first[2]))
    return found


class Mutator:
    """Breaks messages. The same seed, messages and number give the same mutant."""

    def __init__(self, seed: int, messages: Sequence[bytes], *, most_bytes: int = 1 << 21) -> None:
        self._seed, self._messages, self._most = seed, list(messages), most_bytes
        self._chance = random.Random(seed)
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self.text, self.text, self.text, self.remove, self.repeat, self.swap, self.rename, self.borrow, self.wrap,
            self.attribute, self.namespace, self.version, self.encoding, self.declaration, self.doctype, self.truncate,
            self.flip, self.insert_bytes, self.cut, self.splice, self.decorate, self.spread, self.grow, self.garbage,
        )  # fmt: skip

    def mutants(self, count: int) -> Iterator[Mutant]:
        """So many, each broken in one to three ways."""
        for number in range(count):
            self._chance.seed(self._seed * 1_000_003 + number)
            data = self._chance.choice(self._messages)
            done: list[str] = []
            for _ in range(self._chance.choice((1, 1, 1, 2, 3))):
                way = self._chance.choice(self._ways)
                data = way(data)
                done.append(way.__name__)
            yield Mutant(seed=self._seed, number=number, kind="+".join(done), data=data)

    def _one(self, data: bytes) -> _Element | None:
        found = _elements(data)
        return self._chance.choice(found) if found else None

    def _size(self) -> int:
        """Mostly small, at times up to the limit."""
        most = self._most if self._chance.randrange(_LARGE) == 0 else 2000
        return 1 << self._chance.randrange(most.bit_length())

    # Texts and attributes.

    def text(self, data: bytes) -> bytes:
        """Another text in a leaf."""
        leaves = [one for one in _elements(data) if b"<" not in data[one.inside : one.end_inside]]
        if not leaves:
            return data
        leaf = self._chance.choice(leaves)
        old = data[leaf.inside : leaf.end_inside]
        new = self._chance.choice((*TEXTS, old + old, old[:-1], old + b" ", b" " + old, old.lower(), old.swapcase()))
        return data[: leaf.inside] + new + data[leaf.end_inside :]

    def attribute(self, data: bytes) -> bytes:
        """One more attribute, or very many."""
        one = self._one(data)
        if one is None:
            return data
        new = self._chance.choice(ATTRIBUTES)
        if self._chance.randrange(10) == 0:
            new = b" ".join(b"a%d='1'" % number for number in range(min(self._size(), 60_000)))
        at = one.start + 1 + len(one.name)
        return data[:at] + b" " + new + data[at:]

    # Structure.

    def remove(self, data: bytes) -> bytes:
        """An element less."""
        one = self._one(data)
        return data if one is None else data[: one.start] + data[one.end :]

    def repeat(self, data: bytes) -> bytes:
        """An element once more, or very often."""
        one = self._one(data)
        if one is None:
            return data
        copy = data[one.start : one.end]
        times = 1 if self._chance.randrange(4) else min(self._size(), self._most // max(len(copy), 1))
        return data[: one.end] + copy * times + data[one.end :]

    def swap(self, data: bytes) -> bytes:
        """Two elements in each other's place."""
        spans = sorted(((one.start, one.end) for one in _elements(data)), key=lambda span: span[1] - span[0])[:40]
        self._chance.shuffle(spans)
        for first, second in pairwise(spans):
            (start, end), (after, last) = sorted((first, second))
            if end <= after:
                return data[:start] + data[after:last] + data[end:after] + data[start:end] + data[last:]
        return data

    def rename(self, data: bytes) -> bytes:
        """An element under another name."""
        one, other = self._one(data), self._one(data)
        if one is None or other is None:
            return data
        name = self._chance.choice((other.name, one.name + b"X", one.name.lower(), b"x:" + one.name))
        inside = data[one.inside : one.end_inside]
        return data[: one.start] + b"<" + name + b">" + inside + b"</" + name + b">" + data[one.end :]

    def borrow(self, data: bytes) -> bytes:
        """An element of another message."""
        other = self._chance.choice(self._messages)
        taken, place = self._one(other), self._one(data)
        if taken is None or place is None:
            return data
        return data[: place.start] + other[taken.start : taken.end] + data[place.start :]

    def wrap(self, data: bytes) -> bytes:
        """An element within itself, or very deep."""
        one = self._one(data)
        if one is None:
            return data
        depth = min(1 if self._chance.randrange(3) else self._size(), 100_000)
        around, name = data[one.start : one.end], one.name
        return data[: one.start] + (b"<%s>" % name) * depth + around + (b"</%s>" % name) * depth + data[one.end :]

    def spread(self, data: bytes) -> bytes:
        """White space where it means nothing, and where it does."""
        space = self._chance.choice((b" ", b"\n  ", b"\t", b"\r\n", b"\r"))
        return data.replace(b"><", b">" + space + b"<", self._chance.choice((-1, 1, 5)))

    def decorate(self, data: bytes) -> bytes:
        """Comments, instructions and CDATA, which carry the same message."""
        one = self._one(data)
        if one is None:
            return data
        new = self._chance.choice((b"<!-- > -->", b"<?x a > b < c?>", b"<![CDATA[]]>", b"<!---->"))
        if b"<" not in data[one.inside : one.end_inside] and self._chance.randrange(2):
            inside = b"<![CDATA[" + data[one.inside : one.end_inside] + b"]]>"
            return data[: one.inside] + inside + data[one.end_inside :]
        return data[: one.inside] + new + data[one.inside :]

    def namespace(self, data: bytes) -> bytes:
        """Another namespace, or the same by a prefix."""
        old = self._chance.choice((b"urn:iso:std:iso:20022:tech:xsd:", b"urn:lockstep:", b'xmlns="'))
        new = self._chance.choice((b"urn:iso:std:iso:20022:tech:xsd:x", b"urn:x:", b'xmlns:p="', b"URN:ISO:", b""))
        return data.replace(old, new, self._chance.choice((-1, 1)))

    def version(self, data: bytes) -> bytes:
        """Another version, or another message's name."""
        names = re.findall(rb"[a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}", data)
        if not names:
            return data
        other = re.findall(rb"[a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}", self._chance.choice(self._messages))
        new = self._chance.choice((*other, b"pacs.009.001.99", b"camt.001.001.01", b"x"))
        return data.replace(self._chance.choice(names), new, self._chance.choice((-1, 1)))

    # Bytes.

    def encoding(self, data: bytes) -> bytes:
        """In another encoding, with and without saying so."""
        text = data.decode("utf-8", "replace")
        name = self._chance.choice(
            ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7", "cp037")
        )
        if self._chance.randrange(2):
            text = text.replace("UTF-8", self._chance.choice((name.upper(), "UTF-16", "ISO-8859-1", "x" * 50, "")))
        return text.encode(name, "replace")

    def declaration(self, data: bytes) -> bytes:
        """Another XML declaration, or none, or one too many."""
        body = data.partition(b"?>")[2] or data
        new = (
            b"", b'<?xml version="1.1" encoding="UTF-8"?>', b"\n" + data[:40],
            b'<?xml version="1.0" encoding="UTF-8"?>' * 2, b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf", b"<?xml ?>",
            b"<?xml-stylesheet href='x'?>",
        )  # fmt: skip
        return self._chance.choice(new) + body

    def doctype(self, data: bytes) -> bytes:
        """A document type, often with an entity that is used."""
        head, said, body = data.partition(b"?>")
        new = head + said + self._chance.choice(DOCTYPES) + body
        one = self._one(body)
        return new if one is None else new.replace(body[one.inside : one.end_inside] or b"<", b"&c;", 1)

    def truncate(self, data: bytes) -> bytes:
        """Only its beginning, or only its end."""
        at = self._chance.randrange(len(data) + 1)
        return data[:at] if self._chance.randrange(3) else data[at:]

    def flip(self, data: bytes) -> bytes:
        """A few bytes changed."""
        broken = bytearray(data)
        for _ in range(min(self._chance.randint(1, 4), len(broken))):
            broken[self._chance.randrange(len(broken))] = self._chance.randrange(256)
        return bytes(broken)

    def insert_bytes(self, data: bytes) -> bytes:
        """Control characters and what is no UTF-8, anywhere."""
        at = self._chance.randrange(len(data) + 1)
        return data[:at] + self._chance.choice(CONTROLS) + data[at:]

    def cut(self, data: bytes) -> bytes:
        """A piece less."""
        at = self._chance.randrange(len(data) + 1)
        return data[:at] + data[at + self._chance.randint(1, 200) :]

    def splice(self, data: bytes) -> bytes:
        """The beginning of one and the end of another, or one after the other."""
        other = self._chance.choice(self._messages)
        if self._chance.randrange(3) == 0:
            return data + other
        return data[: self._chance.randrange(len(data) + 1)] + other[self._chance.randrange(len(other) + 1) :]

    def grow(self, data: bytes) -> bytes:
        """A text, a comment or the space around it grown, up to the limit."""
        one, size = self._one(data), self._size()
        filler = self._chance.choice((b"A", b" ", b"9", b"\xc3\xa9", b"&amp;", b"0.")) * size
        filler = filler[: self._most]
        way = self._chance.randrange(4)
        if one is None or way == 0:
            return data + b" " * size
        if way == 1:
            return data[: one.start] + b"<!--" + filler + b"-->" + data[one.start :]
        return data[: one.inside] + filler + data[one.inside :]

    def garbage(self, data: bytes) -> bytes:
        """Nothing of a message."""
        size = min(self._size(), 1 << 16)
        return self._chance.choice(
            (self._chance.randbytes(size), b"<" * size, b"<a>" * size, b"\x00" * size, b"{}", b"")
        )
