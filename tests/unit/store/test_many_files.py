"""Many files at once: each whole and on disk before it has its name, and the names before anybody is told."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep import durable
from lockstep.durable import MANY, put_files

MOUNT = "36 35 {device} / {place} rw,relatime shared:1 - {kind} /dev/disk rw\n"


class Told:
    """What was done to the disk, in its order: contents written, files and folders put on disk, names given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, str]] = []
        self.fails_at: int | None = None
        """The how-manieth call for the whole file system fails."""
        self._whole = 0
        self._telling(monkeypatch, "write", lambda given: given[0])
        self._telling(monkeypatch, "fsync", lambda given: given[0])
        self._telling(monkeypatch, "replace", lambda given: given[1])

    def _telling(
        self, monkeypatch: pytest.MonkeyPatch, name: str, about: Callable[[tuple[object, ...]], object]
    ) -> None:
        real: Callable[..., object] = getattr(os, name)

        def call(*given: object) -> object:
            what = about(given)
            path = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else os.fspath(str(what))
            self.done.append((name, Path(path).name))
            return real(*given)

        monkeypatch.setattr(os, name, call)

    def whole(self, descriptor: int) -> int:
        """syncfs, as libc has it."""
        self._whole += 1
        self.done.append(("syncfs", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
        return -1 if self._whole == self.fails_at else 0

    def kinds(self) -> list[str]:
        """What was done, without repetitions."""
        return [name for place, (name, _) in enumerate(self.done) if place == 0 or self.done[place - 1][0] != name]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    one = Told(monkeypatch)
    monkeypatch.setattr(durable, "_syncfs", one.whole)
    return one


def some(root: Path, count: int) -> list[durable.File]:
    folders = [root / "A", root / "B"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return [(folders[number % 2], f"{number}.xml", b"%d" % number * 100) for number in range(count)]


def there(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def mounted(monkeypatch: pytest.MonkeyPatch, root: Path, kind: str, *, known: bool = True) -> None:
    """The kernel says that `root` lies on a file system of that kind, or says nothing of it."""
    device = os.stat(root).st_dev
    named = f"{os.major(device)}:{os.minor(device)}" if known else "99:99"
    table = root / "mountinfo"
    other = MOUNT.format(device="98:1", place="/else", kind="tmpfs")
    table.write_text(other + MOUNT.format(device=named, place="/here", kind=kind))
    monkeypatch.setattr(durable, "MOUNTS", str(table))


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_one_call_for_all_contents_and_one_for_all_names(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounted(monkeypatch, tmp_path, kind)
    files = some(tmp_path, MANY)
    told.done.clear()
    put_files(files)
    assert told.kinds() == ["write", "syncfs", "replace", "syncfs"]
    assert [name for kind, name in told.done if kind == "replace"] == [name for _, name, _ in files]
    assert {f"{folder.name}/{name}": data for folder, name, data in files}.items() <= there(tmp_path).items()
    assert len(there(tmp_path)) == MANY + 1, "no other file but the table of mounts"


@pytest.mark.parametrize("why", ["few", "another kind", "not known", "no table", "no such call", "two file systems"])
def test_otherwise_each_file_by_itself(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    mounted(monkeypatch, tmp_path, "fuse" if why == "another kind" else "ext4", known=why != "not known")
    files = some(tmp_path, MANY - 1 if why == "few" else MANY)
    if why == "no table":
        monkeypatch.setattr(durable, "MOUNTS", str(tmp_path / "nothing"))
    if why == "no such call":
        monkeypatch.setattr(durable, "_syncfs", None)
    if why == "two file systems":
        real = os.stat
        elsewhere = os.stat("/proc") if Path("/proc").is_dir() else None
        monkeypatch.setattr(os, "stat", lambda path, **more: elsewhere if path == files[0][0] else real(path, **more))
    told.done.clear()
    put_files(files)
    assert "syncfs" not in told.kinds()
    for folder, name, _ in files:
        own = [what for what, of in told.done if of == name or of.startswith(f".{name}.")]
        assert own == ["write", "fsync", "replace"]
        last = len(told.done) - 1 - told.done[::-1].index(("replace", name))
        assert ("fsync", folder.name) in told.done[last:]
    assert all((folder / name).read_bytes() == data for folder, name, data in files)


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_disk_that_fails_is_told(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    mounted(monkeypatch, tmp_path, "ext4")
    files = some(tmp_path, MANY)
    told.fails_at = fails_at
    monkeypatch.setattr("ctypes.get_errno", lambda: errno.EIO)
    with pytest.raises(OSError, match="Input/output error") as raised:
        put_files(files)
    assert raised.value.errno == errno.EIO
    named = [path for path in there(tmp_path) if path.endswith(".xml")]
    assert not named or fails_at == 2, "nothing has its name before its content is on disk"
    told.fails_at = None
    put_files(files)
    assert all((folder / name).read_bytes() == data for folder, name, data in files)


def test_the_same_file_twice_is_one(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(monkeypatch, tmp_path, "ext4")
    files = some(tmp_path, MANY)
    put_files([*files, *files])
    assert all((folder / name).read_bytes() == data for folder, name, data in files)


@pytest.mark.parametrize(
    ("system", "release", "known"),
    [
        ("linux", "5.8.0", True),
        ("linux", "6.18.44-fc", True),
        ("linux", "5.7.19", False),
        ("linux", "4.19.0-26", False),
        ("linux", "odd", False),
        ("darwin", "23.1.0", False),
    ],
)
def test_only_a_kernel_that_tells_what_failed(
    monkeypatch: pytest.MonkeyPatch, system: str, release: str, known: bool
) -> None:
    class Libc:
        syncfs = staticmethod(lambda _: 0)

    class Release:
        pass

    Release.release = release
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr(os, "uname", lambda: Release)
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: Libc)
    assert (durable._find_syncfs() is not None) is known


def test_this_system_does_it(tmp_path: Path) -> None:
    """With the real call, if this system has it: a bad descriptor is refused, a good one taken."""
    if durable._syncfs is None:
        pytest.skip("no syncfs here")
    with pytest.raises(OSError, match="Bad file descriptor"):
        durable._sync_whole(10_000_000)
    files = some(tmp_path, 100)
    put_files(files)
    assert len(there(tmp_path)) == 100
