"""Files put on an SFTP server whose host key is pinned, whole or not at all, and files read from one.

A file is written under another name, synced where the server can, and renamed. The rename of SFTP refuses a name that
stands there, so nothing is ever written over. A try that was cut off after the rename is found by the next one, which
reads the file back and compares digests.

Our SSH keys come from outside and have ids: the key ``d1`` is the file named by ``SETTLEMENT_SSH_KEY_D1_FILE``, else
``settlement/ssh_key_d1`` in the user's configuration folder.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

import asyncssh

from settlement.deliver.declared import Sftp
from settlement.deliver.place import MOST_BYTES, Arrival, require_same, unfinished
from settlement.errors import RetryableError, TerminalError
from settlement.keyfile import outside_file
from settlement.store import Home

_T = TypeVar("_T")
_CONNECT_SECONDS: Final = 30
_BYTES_A_SECOND: Final = 100_000
"""A transfer that is slower than this is given up."""
_SSH_PORT: Final = 22
_RSA: Final = "rsa-sha2-512,rsa-sha2-256"
"""The signatures of today by a key of the kind ``ssh-rsa``."""
_OTHER_KINDS: Final = "rsa-sha2-*,ssh-ed*,ecdsa-*"
_GONE: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_REFUSED: Final = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect)
_FULL: Final = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)


def put(home: Home, target: Sftp, name: str, content: bytes) -> Arrival:
    """Put a file into the folder under its name, which never shows less than the whole of it.

    Raises TerminalError where a person must act (another host key, our key refused, no such folder, no right to write,
    another file of that name), RetryableError where the server or the line failed.
    """
    return _run(_put(home, target, name, content), target, _CONNECT_SECONDS + len(content) // _BYTES_A_SECOND)


def files(home: Home, target: Sftp, folder: str, pattern: str) -> dict[str, bytes]:
    """The files of a folder that are named so, each with its first bytes, by name. Raises as ``put`` does."""
    return _run(_files(home, target, folder, pattern), target, 10 * _CONNECT_SECONDS)


def _run(work: Coroutine[Any, Any, _T], target: Sftp, seconds: int) -> _T:
    try:
        return asyncio.run(asyncio.wait_for(work, 2 * _CONNECT_SECONDS + seconds))
    except asyncssh.HostKeyNotVerifiable:
        raise TerminalError(
            f"The server of {target.place} does not show the host key that is pinned, and nothing was sent: ask the "
            "partner by another way whether it has a new one, and only then write that into config/delivery.toml."
        ) from None
    except asyncssh.PermissionDenied:
        raise TerminalError(
            f"The server of {target.place} does not take our SSH key {target.key!r}: ask the partner to let it in."
        ) from None
    except _GONE:
        raise TerminalError(
            f"{target.place} has no such folder: ask the partner, or mend config/delivery.toml."
        ) from None
    except _REFUSED:
        raise TerminalError(
            f"{target.place} refuses what is to be done there: ask the partner for the right."
        ) from None
    except _FULL:
        raise RetryableError(f"The disk of {target.place} is full: tell the partner.") from None
    except (asyncssh.Error, OSError, TimeoutError) as error:
        # What the server says is a stranger's text: the kind of the error says enough.
        raise RetryableError(f"{target.place} could not be spoken to: {type(error).__name__}.") from None


@asynccontextmanager
async def _connected(home: Home, target: Sftp) -> AsyncIterator[asyncssh.SFTPClient]:
    key = outside_file(home.root, f"ssh_key_{target.key}", "SSH key", "what it sends")
    try:
        client_key = asyncssh.read_private_key(key)
        pattern = target.host if target.port == _SSH_PORT else f"[{target.host}]:{target.port}"
        kind = target.host_key.split()[0]
        known = asyncssh.import_known_hosts(f"{pattern} {target.host_key}\n")
    except FileNotFoundError:
        raise TerminalError(
            f"There is no SSH key {target.key!r}: put it at {key} or name it in "
            f"SETTLEMENT_SSH_KEY_{target.key.upper()}_FILE."
        ) from None
    except (asyncssh.KeyImportError, ValueError):
        raise TerminalError(
            f"{key} or the `host_key` of {target.place} is no SSH key: put the right one there."
        ) from None
    async with (
        asyncssh.connect(
            target.host,
            target.port,
            username=target.user,
            known_hosts=known,
            # The pinned kind first and others behind it: another kind is then shown and refused as another key. Without
            # them the two sides agree on nothing, and whoever hangs up first tells whether it looks like a lost line.
            server_host_key_algs=f"{_RSA if kind == 'ssh-rsa' else kind},{_OTHER_KINDS}",
            client_keys=[client_key],
            agent_path=None,
            config=None,
            preferred_auth="publickey",
            connect_timeout=_CONNECT_SECONDS,
            login_timeout=_CONNECT_SECONDS,
            keepalive_interval=_CONNECT_SECONDS // 2,
        ) as connection,
        connection.start_sftp_client() as client,
    ):
        yield client


async def _put(home: Home, target: Sftp, name: str, content: bytes) -> Arrival:
    folder = target.folder.rstrip("/")
    final, arriving = f"{folder}/{name}", f"{folder}/{unfinished(name)}"
    async with _connected(home, target) as client:
        if await _stands(client, target, name, content):
            return Arrival.FOUND
        async with client.open(arriving, "wb") as writer:
            await writer.write(content)
            # An extension of OpenSSH: a server without it is trusted with what it has acknowledged.
            with suppress(asyncssh.SFTPOpUnsupported):
                await writer.fsync()
        if (await client.stat(arriving)).size != len(content):
            raise RetryableError(f"{target.place} kept less of {name} than was sent: tell the partner.")
        try:
            await client.rename(arriving, final)
        except asyncssh.SFTPFailure:
            # SFTP has one answer for a name that stands there and for all else.
            if not await _stands(client, target, name, content):
                raise
    return Arrival.PUT


async def _stands(client: asyncssh.SFTPClient, target: Sftp, name: str, content: bytes) -> bool:
    """Whether the file stands there whole; TerminalError where another one of its name does."""
    try:
        async with client.open(f"{target.folder.rstrip('/')}/{name}", "rb") as reader:
            # One byte more than it has: of a longer file the rest is not read.
            standing = await reader.read(len(content) + 1)
    except _GONE:
        return False
    require_same(target.place, name, _content(standing), content)
    return True


def _content(read: bytes | str) -> bytes:
    """What was read of a file that was opened for bytes."""
    return read if isinstance(read, bytes) else read.encode()


async def _files(home: Home, target: Sftp, folder: str, pattern: str) -> dict[str, bytes]:
    found = {}
    async with _connected(home, target) as client:
        for entry in await client.readdir(folder):
            name = entry.filename if isinstance(entry.filename, str) else entry.filename.decode("utf-8", "replace")
            regular = entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
            if regular and "/" not in name and fnmatch.fnmatchcase(name, pattern):
                async with client.open(f"{folder.rstrip('/')}/{name}", "rb") as reader:
                    found[name] = _content(await reader.read(MOST_BYTES + 1))
    return dict(sorted(found.items()))
