"""What is delivered, and the originals: every landed content once, by its digest, read-only.

HOME/inbox/<delivery date>/     files as partners and networks deliver them
HOME/originals/<aa>/<sha256>    their contents; what was changed there is never used
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final

from settlement.errors import TerminalError
from settlement.kernels.choice import cores
from settlement.model.arrival import signed_name
from settlement.model.stage import Delivery
from settlement.store import Home, KeptFile

_BLOCK: Final = 1 << 20
_HEAD: Final = 4096


def delivery_dates(home: Home) -> list[date]:
    """The delivery folders of the inbox, in order; what is not named YYYY-MM-DD is no delivery."""
    found = []
    for path in home.inbox.iterdir() if home.inbox.is_dir() else ():
        try:
            night = date.fromisoformat(path.name)
        except ValueError:
            continue
        # Other ways to write a date (20101229, 2010-W52-3) name another folder than the night's.
        if path.name == night.isoformat() and path.is_dir():
            found.append(night)
    return sorted(found)


def require_delivery(home: Home, business_date: date) -> None:
    """Raise TerminalError, saying where to deliver, where the night's delivery folder is missing or empty."""
    folder = home.inbox / str(business_date)
    if not folder.is_dir():
        raise TerminalError(
            f"There are no files for {business_date}: {folder} does not exist. Deliver the night's files there."
        )
    if not any(folder.iterdir()):
        raise TerminalError(f"There are no files for {business_date}: {folder} is empty. Deliver the files there.")


def land_originals(home: Home, business_date: date) -> tuple[Delivery, ...]:
    """Copy every file of the delivery folder to the originals and return what came, sorted by name.

    The digest is taken in the same pass as the copy; a file whose size, time or place changed meanwhile is not steady.
    Links are not followed and folders are not entered: they come back as not regular.
    Raises TerminalError where the delivery folder is missing or empty.
    """
    require_delivery(home, business_date)
    entries = sorted(os.scandir(home.inbox / str(business_date)), key=lambda entry: entry.name)
    # A digest is what takes the time, and one file's is taken by one thread.
    with ThreadPoolExecutor(max_workers=cores(), thread_name_prefix="land") as threads:
        return tuple(threads.map(lambda entry: _landed(home, business_date, entry), entries))


def _landed(home: Home, business_date: date, entry: os.DirEntry[str]) -> Delivery:
    if entry.is_file(follow_symlinks=False):
        before = _look(Path(entry.path))
        sha256, size = _keep_original(home, Path(entry.path))
        regular, steady = True, _look(Path(entry.path)) == before and size == before[0]
    else:
        sha256, size, regular, steady = hashlib.sha256(b"").hexdigest(), 0, False, True
    name = _shown_name(entry.name)
    return Delivery(
        file=f"{business_date}/{name}",
        name=name,
        sha256=sha256,
        size_bytes=size,
        regular=regular,
        steady=steady,
        signature=regular and _is_signature(home, name, sha256),
    )


def _is_signature(home: Home, name: str, sha256: str) -> bool:
    """Whether a landed file is a detached signature: by its name, or by its head where messages are named so too."""
    if signed_name(name) is None:
        return False
    if name.lower().endswith(".sig"):
        return True
    with (home.originals / sha256[:2] / sha256).open("rb") as reader:
        return reader.read(_HEAD).lstrip().startswith(b"-----BEGIN PGP SIGNATURE-----")


def arrived_names(home: Home, business_date: date) -> frozenset[str]:
    """The names of all that lies in a delivery folder, as table ``delivery`` writes them; none where it is gone."""
    folder = home.inbox / str(business_date)
    return frozenset(_shown_name(path.name) for path in folder.iterdir()) if folder.is_dir() else frozenset()


def _shown_name(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 are written out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def deliver(home: Home, business_date: date, name: str, content: BinaryIO) -> None:
    """Put a file into a delivery folder, whole or not at all; one of that name that stands there stays."""
    folder = home.inbox / str(business_date)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / name).exists():
        return
    # Outside the delivery folder until it is whole: a landing that looks in meanwhile must not see a part of it.
    arriving = home.inbox / f".arriving-{os.getpid()}-{threading.get_ident()}"
    with arriving.open("wb") as writer:
        shutil.copyfileobj(content, writer, _BLOCK)
        writer.flush()
        os.fsync(writer.fileno())
    arriving.chmod(0o440)
    arriving.replace(folder / name)


def _look(path: Path) -> tuple[int, int, int]:
    """Size, time of the last change and place of a file; whoever still writes to it changes one of them."""
    found = path.stat(follow_symlinks=False)
    return found.st_size, found.st_mtime_ns, found.st_ino


def _keep_original(home: Home, source: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    home.originals.mkdir(parents=True, exist_ok=True)
    arriving = home.originals / f".arriving-{os.getpid()}-{threading.get_ident()}"
    with source.open("rb") as reader, arriving.open("wb") as writer:
        while block := reader.read(_BLOCK):
            digest.update(block)
            size += len(block)
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    sha256 = digest.hexdigest()
    kept = home.originals / sha256[:2] / sha256
    if kept.exists():
        arriving.unlink()
    else:
        kept.parent.mkdir(exist_ok=True)
        arriving.chmod(0o440)
        arriving.replace(kept)
    return sha256, size


def keep_content(home: Home, content: memoryview) -> None:
    """Keep bytes among the originals under their digest."""
    sha256 = hashlib.sha256(content).hexdigest()
    kept = home.originals / sha256[:2] / sha256
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(content)


def kept(home: Home, digests: Sequence[str]) -> tuple[KeptFile, ...]:
    """Originals as files of the home, by the digests that they were landed under."""
    found = []
    for sha256 in digests:
        path = home.originals / sha256[:2] / sha256
        name = path.relative_to(home.root).as_posix()
        found.append(KeptFile(path=name, sha256=sha256, size_bytes=path.stat().st_size))
    return tuple(found)


def read_original(home: Home, sha256: str) -> memoryview:
    """The bytes of an original, mapped and not copied; TerminalError where it is gone or was changed."""
    with reading_originals(home) as opened:
        return opened(sha256)


@contextmanager
def reading_originals(home: Home, read_since: int = 0) -> Iterator[Callable[[str], memoryview]]:
    """What opens originals whose digests are taken while they are read, by a thread beside the reader.

    What was made of an original holds only behind the end: there TerminalError is raised where one was changed, also if
    the reader has failed on it. One that is gone raises TerminalError when it is opened.

    Parameters
    ----------
    read_since
        A moment, in nanoseconds of the file system, since which all originals that are opened were read here before.
        One that nobody has touched since then is not digested again.
    """
    taken: dict[str, Future[str]] = {}
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="digest") as beside:

        def opened(sha256: str) -> memoryview:
            content, touched = _mapped_original(home, sha256)
            if touched >= read_since:
                taken[sha256] = beside.submit(lambda: hashlib.sha256(content).hexdigest())
            return content

        try:
            yield opened
        finally:
            changed = next((sha256 for sha256, found in taken.items() if found.result() != sha256), None)
            if changed is not None:
                raise TerminalError(f"The original {changed} in {home.originals} was changed: restore it from backup.")


def landed_at(home: Home, night: date) -> int:
    """When a night's table ``delivery`` was written, in nanoseconds: its originals lay there, none was read yet."""
    return min(path.stat().st_mtime_ns for path in home.partition("delivery", night).iterdir())


def _mapped_original(home: Home, sha256: str) -> tuple[memoryview, int]:
    """An original, and when it was last touched: the system's own time, which each writing and renaming moves on."""
    path = home.originals / sha256[:2] / sha256
    try:
        with path.open("rb") as reader:
            found = os.fstat(reader.fileno())
            content = mmap.mmap(reader.fileno(), 0, access=mmap.ACCESS_READ) if found.st_size else b""
            return memoryview(content), found.st_ctime_ns
    except FileNotFoundError:
        raise TerminalError(
            f"The original {sha256} is missing from {home.originals}: restore it from backup."
        ) from None
