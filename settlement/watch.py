"""Watching for files: where each feed's files are put by others, whether they are whole, and their way into the inbox.

``programme.toml`` declares it::

    [watch]
    cut_off = 06:00:00                  # until then the night waits for its feeds ...
    zone = "America/New_York"
    days_after = 1                      # ... on the day after its business date
    look_seconds = 60

    [[watch.source]]
    feed = "visa_clearing"
    url = "sftp://settle@files.example.org/out"   # or file://, s3:// and whatever else fsspec knows
    host_key = "ssh-ed25519 AAAA..."              # of an SFTP server: no other is spoken to

A file is whole when two looks in a row see the same size and time, its name is none of an unfinished transfer, and its
marker, where its feed has one, lies beside it. Secrets come from outside: the client key of SFTP is the file named by
``SETTLEMENT_SFTP_KEY_FILE``; object stores read their own environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import fsspec
from pydantic import BaseModel, ConfigDict, Field, field_validator

from settlement import books, originals, store
from settlement.errors import RetryableError, TerminalError
from settlement.model.arrival import Arrival, read_arrival, signed_name, unfinished_names, unwrapped
from settlement.model.document import PROGRAMME, of_programme
from settlement.model.expected import expected_feeds, expected_on
from settlement.model.layout import Layout, fit_name, read_layouts
from settlement.store import Home

Look = Mapping[str, tuple[int, str]]
"""What one look saw: size and time of the last change by file name."""

_SFTP: Final = ("sftp", "ssh")
_TIMES: Final = ("mtime", "LastModified", "last_modified", "updated", "created", "ETag")
_SECONDS: Final = 30


class Source(BaseModel):
    """Where one feed's files are put."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: str
    url: str
    host_key: str | None = None


class Watch(BaseModel):
    """How the programme waits for its files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cut_off: time = time(6)
    zone: str = "UTC"
    days_after: Annotated[int, Field(ge=0)] = 1
    look_seconds: Annotated[int, Field(gt=0)] = 60
    source: tuple[Source, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{zone!r} is no time zone") from None
        return zone

    def until(self, night: date) -> datetime:
        """The moment from which on a night waits no more, in UTC."""
        local = datetime.combine(night + timedelta(days=self.days_after), self.cut_off, ZoneInfo(self.zone))
        return local.astimezone(UTC)

    def of(self, feed: str) -> Source:
        """The source of a feed; TerminalError where none is declared."""
        for source in self.source:
            if source.feed == feed:
                return source
        raise TerminalError(f"config/{PROGRAMME} declares no [[watch.source]] for {feed}: say where its files are put.")


class _Programme(BaseModel):
    model_config = ConfigDict(frozen=True)

    watch: Watch = Watch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """All that is needed to look for one feed's files of one night."""

    source: Source
    layouts: tuple[Layout, ...]
    arrival: Arrival
    night: date


def read_watch(documents: Mapping[str, str]) -> Watch:
    """What the programme declares. Raises TerminalError naming the field that is wrong."""
    return of_programme(documents, _Programme).watch


def feeds_on(documents: Mapping[str, str], night: date) -> tuple[str, ...]:
    """The feeds that have a source, but for those that are expected on other days alone."""
    declared, today = expected_feeds(documents), {entry.feed for entry in expected_on(documents, night)}
    feeds = dict.fromkeys(source.feed for source in read_watch(documents).source)
    return tuple(feed for feed in feeds if feed in today or feed not in declared)


def goes_on_without(documents: Mapping[str, str], feed: str, night: date) -> bool:
    """Whether the night goes on without a feed once the cut-off has passed."""
    return all(entry.feed != feed or entry.if_missing == "go_on" for entry in expected_on(documents, night))


def watched(home: Home, feed: str, night: date) -> Watched:
    """What to look for."""
    documents = store.read_documents(home)
    layouts = tuple(layout for layout in read_layouts(documents) if layout.feed == feed)
    return Watched(
        source=read_watch(documents).of(feed), layouts=layouts, arrival=read_arrival(documents)[0], night=night
    )


def look(what: Watched) -> Look:
    """One look at a source: everything that lies there. Raises RetryableError where it cannot be reached."""
    files, folder = _file_system(what.source)
    try:
        entries = files.ls(folder, detail=True)
    except FileNotFoundError:
        raise RetryableError(f"{_shown(what.source)} does not exist.") from None
    except Exception as error:  # noqa: BLE001 - each kind of store has its own exceptions
        raise RetryableError(f"{_shown(what.source)} cannot be reached: {type(error).__name__}.") from None
    return {
        str(entry["name"]).rstrip("/").rpartition("/")[2]: (int(entry.get("size") or 0), _time(entry))
        for entry in entries
        if entry["type"] == "file"
    }


def whole_files(what: Watched, before: Look | None, now: Look) -> tuple[str, ...]:
    """The feed's files of the night, with their markers, if all of them are whole; none where one is still to end."""
    mine = [name for name in sorted(now) if _fits(what, name)]
    if any(_fits(what, name) for other in now for name in unfinished_names(other)):
        return ()
    if before is None or any(before.get(name) != now[name] for name in mine):
        return ()
    marker = what.arrival.of(what.source.feed).marker
    if marker is None:
        return tuple(mine)
    markers = {name: marker.replace("{name}", name) for name in mine if signed_name(name) not in mine}
    return tuple(sorted({*mine, *markers.values()})) if set(markers.values()) <= set(now) else ()


def fetch(home: Home, what: Watched, names: tuple[str, ...]) -> tuple[str, ...]:
    """Copy files into the night's delivery folder, each whole or not at all; those that are there already stay.

    Raises TerminalError where the night is landed: then the files belong to the next one.
    """
    if books.committed(books.connect(home), what.night, "land") is not None:
        raise TerminalError(f"The night {what.night} is landed: {names[0]} belongs to the next delivery folder.")
    files, folder = _file_system(what.source)
    fetched = []
    for name in names:
        if name in {".", ".."} or "/" in name or "\\" in name or "\0" in name:
            raise TerminalError(f"{_shown(what.source)} holds a file named {name!r}: ask who put it there.")
        try:
            with files.open(f"{folder.rstrip('/')}/{name}", "rb") as reader:
                originals.deliver(home, what.night, name, reader)
        except OSError as error:
            raise RetryableError(f"{name} could not be fetched from {_shown(what.source)}: {error.strerror}.") from None
        fetched.append(name)
    return tuple(fetched)


def _fits(what: Watched, name: str) -> bool:
    """Whether a name is one of the feed's for the night; a name without a date is of any night."""
    own = unwrapped(signed_name(name) or name)[0]
    parts = [fit_name(layout, own) for layout in what.layouts]
    return any(found is not None and found.file_date in {None, what.night} for found in parts)


def _file_system(source: Source) -> tuple[Any, str]:
    """The store that a source names, and the folder in it."""
    parts = urlsplit(source.url)
    if parts.scheme in _SFTP:
        return _sftp(source), parts.path or "."
    try:
        files, folder = fsspec.core.url_to_fs(source.url, use_listings_cache=False, skip_instance_cache=True)
    except (ValueError, ImportError) as error:
        raise TerminalError(f"{_shown(source)} cannot be opened ({error}): install what it needs or mend it.") from None
    return files, str(folder)


def _sftp(source: Source) -> Any:
    """An SFTP server whose host key is pinned: without one it is not spoken to at all."""
    import asyncssh  # noqa: PLC0415 - slow to import, and only SFTP needs it

    parts = urlsplit(source.url)
    host, port = parts.hostname or "", parts.port or 22
    if source.host_key is None:
        raise TerminalError(
            f"config/{PROGRAMME}: the source of {source.feed} names no `host_key`: write down the server's public key."
        )
    if parts.password:
        raise TerminalError(
            f"config/{PROGRAMME}: the url of {source.feed} holds a password: use SETTLEMENT_SFTP_KEY_FILE."
        )
    pattern = host if port == 22 else f"[{host}]:{port}"  # noqa: PLR2004 - the port of SSH
    key = os.environ.get("SETTLEMENT_SFTP_KEY_FILE")
    try:
        return fsspec.filesystem(
            "sftp",
            host=host,
            port=port,
            username=parts.username,
            known_hosts=asyncssh.import_known_hosts(f"{pattern} {source.host_key}\n"),
            client_keys=[key] if key else [],
            connect_timeout=_SECONDS,
            skip_instance_cache=True,
        )
    except (OSError, asyncssh.Error) as error:
        raise RetryableError(f"{_shown(source)} cannot be reached: {type(error).__name__}.") from None


def _shown(source: Source) -> str:
    """A source's address without what may be secret in it."""
    parts = urlsplit(source.url)
    host = parts.hostname or ""
    return f"The source of {source.feed} ({parts.scheme or 'file'}://{host}{parts.path})"


def _time(entry: Mapping[str, Any]) -> str:
    return next((str(entry[name]) for name in _TIMES if entry.get(name) is not None), "")
