"""What a mutant is: one small change of one source unit, and the text it makes."""

import hashlib
from dataclasses import dataclass

__all__ = ["Edit", "Mutant", "digest_of"]


def digest_of(text: str | bytes) -> str:
    """The first 16 hex digits of SHA-256: enough to tell versions of a file apart."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Bytes `start` to `end` - 1 of a source unit become `text`."""

    start: int
    end: int
    text: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One edit of one source unit."""

    file: str
    """Source unit, from the repository's root."""
    source: str
    """Digest of the unit as it was."""
    function: str
    """The function, modifier or constant that the edit is in."""
    edit: Edit
    first_line: int
    last_line: int
    """Lines that the edit touches, counted from 1, inclusive."""
    before: str
    after: str
    """These lines as they were and as they become, each run of white space one space."""

    @property
    def id(self) -> str:
        """file:offset:kind:replacement's digest; the same as long as the unit is."""
        return f"{self.file}:{self.edit.start}:{self.edit.kind}:{digest_of(f'{self.edit.end} {self.edit.text}')[:6]}"

    @staticmethod
    def of(file: str, content: bytes, function: str, edit: Edit) -> "Mutant":
        head = content.rfind(b"\n", 0, edit.start) + 1
        tail = content.find(b"\n", max(edit.end - 1, edit.start))
        tail = len(content) if tail < 0 else tail
        after = content[head : edit.start] + edit.text.encode() + content[edit.end : tail]
        return Mutant(
            file=file,
            source=digest_of(content),
            function=function,
            edit=edit,
            first_line=content.count(b"\n", 0, edit.start) + 1,
            last_line=content.count(b"\n", 0, tail) + 1,
            before=" ".join(content[head:tail].decode().split()),
            after=" ".join(after.decode().split()),
        )

    def applied(self, content: str) -> str:
        """The unit's text with the edit made. Offsets are the compiler's: bytes of UTF-8."""
        data = content.encode()
        assert digest_of(data) == self.source, f"{self.file} is not the version that {self.id} was made from"
        return (data[: self.edit.start] + self.edit.text.encode() + data[self.edit.end :]).decode()
