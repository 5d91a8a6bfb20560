"""The RTGS as a directory drop, as banks exchange files: a folder per party, its own by the system's rights.

```
<root>/<BIC>/in/        the party leaves NAME.xml here, whole: written under another name, then renamed
<root>/<BIC>/archive/   where it goes once what it caused is durable
<root>/<BIC>/error/     where it goes when it was refused, with NAME.admi.002.xml beside it, which says why;
                        a file of many messages, when one of them was, with NAME.answers.xml: see `door_files`
<root>/<BIC>/out/       the party's mail: 000000000001.xml, 000000000002.xml, … without gaps
```

Who may write into a party's folder speaks for it. Names that begin with a dot or end in `.part` are still
being written and left alone. A door that dies anywhere takes up where it was: a message taken twice has
its effect once, mail is written again under the same name, and nothing is removed before its trace is on disk.
"""

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lockstep.domain.errors import Conflict, InvalidInput, Misconfigured, Refused, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.iso20022 import LARGEST_FILE, MessageFile, is_file, unpack
from lockstep.rtgs.core import Rtgs
from lockstep.rtgs.door import LARGEST_MESSAGE
from lockstep.rtgs.door_files import as_messages
from lockstep.rtgs.metrics import Meter
from lockstep.rtgs.rejecting import rejection

FOLDERS = ("in", "archive", "error", "out")
_CURSOR = ".delivered"
_PAGE = 200


class DirectoryDoor:
    """The drop under `root` for `parties`. Call `sweep` again and again; one door a root at a time.

    Raises Misconfigured if another process keeps this root.
    """

    def __init__(self, rtgs: Rtgs, root: Path, parties: Sequence[Bic], meter: Meter | None = None) -> None:
        self._rtgs, self._root, self._parties = rtgs, root, tuple(parties)
        self._meter = meter or Meter(rtgs)
        for party in parties:
            for folder in FOLDERS:
                (root / party / folder).mkdir(parents=True, exist_ok=True)
        self._lock = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise Misconfigured(f"another RTGS door keeps {root}") from None

    def sweep(self) -> int:
        """Takes what lies in every `in`, then delivers all mail. Returns how many files were moved or written."""
        taken = sum(self._take(party, name) for party in self._parties for name in self._waiting(party))
        self._rtgs.tick()
        return taken + sum(self._deliver(party) for party in self._parties)

    def close(self) -> None:
        """Lets go of the root."""
        os.close(self._lock)

    def _waiting(self, party: Bic) -> list[str]:
        names = os.listdir(self._root / party / "in")
        return sorted(name for name in names if not name.startswith(".") and not name.endswith(".part"))

    def _take(self, party: Bic, name: str) -> bool:
        path = self._root / party / "in" / name
        try:
            data = _content(path)
        except FileNotFoundError:  # the party took it back
            return False
        except InvalidInput as error:
            self._refuse(party, path, b"", error)
            return True
        try:
            if is_file(data):
                return self._take_file(party, path, unpack(data))
            self._meter.handle(data, party)
        except Unavailable:  # by the plan of faults: it lies there until there is an answer
            return False
        except (InvalidInput, Refused, Conflict) as error:
            self._refuse(party, path, b"" if is_file(data) else data, error)
        else:
            _move(path, self._root / party / "archive")
        return True

    def _take_file(self, party: Bic, path: Path, file: MessageFile) -> bool:
        """Each message by itself. Raises Unavailable while there is no answer to one of them."""
        arrivals = [self._meter.arrived(data) for data in file.messages]
        found = self._meter.handle_all([(data, party) for data in file.messages], arrivals)
        silent = next((one for one in found if isinstance(one, Unavailable)), None)
        if silent is not None:
            raise silent
        if not any(isinstance(one, Exception) for one in found):
            _move(path, self._root / party / "archive")
            return True
        folder = self._root / party / "error"
        name = _free(folder, path.name)
        answers = as_messages(self._rtgs.bic, party, file, found, self._rtgs.now())
        _write(folder / f"{Path(name).stem}.answers.xml", answers)
        _rename(path, folder / name)
        return True

    def _refuse(self, party: Bic, path: Path, data: bytes, error: InvalidInput | Refused | Conflict) -> None:
        """The reason first: whoever finds the file in `error` finds its reason there."""
        folder = self._root / party / "error"
        name = _free(folder, path.name)
        reason = rejection(self._rtgs.bic, party, data, error, self._rtgs.now())
        _write(folder / f"{Path(name).stem}.admi.002.xml", reason)
        _rename(path, folder / name)

    def _deliver(self, party: Bic) -> int:
        folder = self._root / party
        try:
            after = int((folder / _CURSOR).read_text())
        except (FileNotFoundError, ValueError):
            after = 0
        begun = after
        while page := self._page(party, after):
            for sequence, data in page:
                _write(folder / "out" / mail_name(sequence), data)
            after = page[-1][0]
            _write(folder / _CURSOR, str(after).encode())
        return after - begun

    def _page(self, party: Bic, after: int) -> list[tuple[int, bytes]]:
        try:
            return self._rtgs.mailbox(party, after, _PAGE)
        except Unavailable:  # an outage, by the plan of faults
            return []


def mail_name(sequence: int) -> str:
    """The file name of a party's mail by its sequence number."""
    return f"{sequence:012d}.xml"


def _content(path: Path) -> bytes:
    """A regular file's bytes. Raises InvalidInput else: a pipe would wait for ever, a link leads elsewhere."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidInput("file", path.name, f"a regular file that can be read ({error.strerror})") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidInput("file", path.name, "a regular file")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    finally:
        os.close(descriptor)
    most = LARGEST_FILE if is_file(data) else LARGEST_MESSAGE
    if len(data) > most:
        raise InvalidInput("message", f"over {most} bytes", f"at most {most} bytes")
    return data


def _write(path: Path, data: bytes) -> None:
    """Puts a file there whole and durable, in place of one of that name."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _rename(part, path)


def _move(path: Path, folder: Path) -> None:
    _rename(path, folder / _free(folder, path.name))


def _rename(path: Path, target: Path) -> None:
    os.replace(path, target)
    with _folder(target.parent) as descriptor:
        os.fsync(descriptor)


def _free(folder: Path, name: str) -> str:
    """`name`, or NAME-2.xml, NAME-3.xml, … where that is taken."""
    stem, suffix = os.path.splitext(name)
    number, found = 1, name
    while os.path.lexists(folder / found):
        number += 1
        found = f"{stem}-{number}{suffix}"
    return found


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
