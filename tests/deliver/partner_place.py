"""What tests of deliveries share: a home with a settled night of made files, a partner's gpg, a real SFTP server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import asyncssh
import polars as pl
import pytest

from settlement import books, openpgp_out, store
from settlement.books import StageRun
from settlement.home import create_home
from settlement.model.tables import TABLES
from settlement.stages import STAGES
from settlement.store import Home

NIGHT, NEXT = date(2025, 12, 30), date(2025, 12, 31)
A, B = "HARBOR-RETAIL", "HARBOR-LOYALTY"
on_sqlite = pytest.mark.parametrize("on_each_database", ["sqlite"], indirect=True)
"""For what no database has a part in."""


def settled_home(root: Path) -> Home:
    """A home whose night is committed, with three files for A and one for B."""
    create_home(root, None)
    home = store.open_home(root)
    add_night(home, NIGHT, {A: ("one", "two", "three"), B: ("one",)})
    return home


def add_night(home: Home, night: date, names: dict[str, tuple[str, ...]]) -> None:
    """Publish files of partners and commit the night's stages."""
    rows = []
    for partner, files in names.items():
        for name in files:
            path = home.published("out", night) / partner / f"C2_{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"H,1,{partner},{name},{night}\nD,1,10.00\n".encode() * 50)
            row = dict.fromkeys(TABLES["settlement_file"].schema, "") | {
                "path": f"{partner}/C2_{name}.csv",
                "beneficiary": partner,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "lines": 50,
                "total_minor": 50_000,
                "currency": "USD",
                "sequence": 1,
            }
            rows.append(row)
    part = home.partition("settlement_file", night) / "part-00000.parquet"
    part.parent.mkdir(parents=True)
    pl.DataFrame(rows, schema=TABLES["settlement_file"].schema).sort("path").write_parquet(part)
    engine = books.connect(home)
    for stage in STAGES:
        run = StageRun(business_date=night, stage=stage.name, inputs_digest="0" * 64, outputs_digest="0" * 64)
        books.commit_stage(engine, run, [])


@dataclass(frozen=True, kw_only=True)
class Gpg:
    """A partner's own gpg: a fresh keyring with one key pair."""

    folder: Path

    def call(self, *words: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        begin = ["gpg", "--homedir", str(self.folder), "--batch", "--yes", "--trust-model", "always"]
        return subprocess.run(
            [*begin, "--pinentry-mode", "loopback", "--passphrase", "", *words],
            input=content,
            capture_output=True,
            check=False,
        )

    def ok(self, *words: str, content: bytes = b"") -> bytes:
        done = self.call(*words, content=content)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout

    def certificate(self, who: str) -> str:
        return self.ok("--armor", "--export", f"={who}").decode()

    def opened(self, message: bytes, signer: str) -> bytes:
        """What a partner reads of a message: decrypted, and signed by the certificate with this fingerprint."""
        done = self.call("--status-fd", "2", "--decrypt", content=message)
        said = done.stderr.decode("utf-8", "replace")
        assert done.returncode == 0, said
        assert "GOODSIG" in said
        assert any(line.split()[-1] == signer for line in said.splitlines() if "VALIDSIG" in line), said
        return done.stdout

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.folder), "--kill", "all"], check=False, env=dict(os.environ))


def declare(home: Home, *texts: str) -> None:
    """Write config/delivery.toml."""
    (home.config / store.DELIVERY).write_text("\n".join(texts), encoding="utf-8")


def declaration(partner: str, certificate: str, place: str) -> str:
    """One partner's declaration."""
    return f'[[delivery]]\npartner = "{partner}"\nsigning_key = "s1"\ncertificate = """{certificate}"""\n{place}\n'


def outbox_at(folder: Path, acknowledged: Path | None = None) -> str:
    """An outbox as a declaration has it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = f'[delivery.outbox]\nfolder = "{folder}"\n'
    if acknowledged is not None:
        acknowledged.mkdir(parents=True, exist_ok=True)
        text += f'[delivery.acknowledgement]\nfolder = "{acknowledged}"\npattern = "ACK_*.csv"\n'
    return text


def our_fingerprint() -> str:
    """The fingerprint of our signing key, which a partner has been told."""
    return openpgp_out.public_certificate("s1")[1]


@dataclass(kw_only=True)
class Faults:
    """What goes wrong on the server: by operation, how many times still, and what then happens."""

    drop: dict[str, int] = field(default_factory=dict)
    refuse: dict[str, Exception] = field(default_factory=dict)
    drop_after: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    without_sync: bool = False


class _Files(asyncssh.SFTPServer):
    """Serves one folder, and fails as it is told."""

    def __init__(self, channel: asyncssh.SSHServerChannel, folder: Path, faults: Faults) -> None:
        super().__init__(channel, chroot=bytes(folder))
        self._faults = faults
        self._connection = channel.get_connection()

    def _before(self, name: str) -> None:
        self._faults.log.append(name)
        if self._faults.drop.get(name, 0):
            self._faults.drop[name] -= 1
            self._connection.abort()
            raise asyncssh.SFTPConnectionLost("gone")
        if name in self._faults.refuse:
            raise self._faults.refuse[name]

    def _after(self, name: str) -> None:
        if self._faults.drop_after.get(name, 0):
            self._faults.drop_after[name] -= 1
            self._connection.abort()

    def open(self, path, pflags, attrs):
        self._before("open_to_write" if pflags & asyncssh.FXF_WRITE else "open_to_read")
        return super().open(path, pflags, attrs)

    def write(self, file_obj, offset, data):
        if "write" in self._faults.drop or "write" in self._faults.refuse:
            super().write(file_obj, offset, data[: len(data) // 2])
        self._before("write")
        return super().write(file_obj, offset, data)

    def fsync(self, file_obj):
        self._before("fsync")
        if self._faults.without_sync:
            raise asyncssh.SFTPOpUnsupported("no")
        return super().fsync(file_obj)

    def close(self, file_obj):
        self._before("close")
        return super().close(file_obj)

    def stat(self, path):
        self._before("stat")
        return super().stat(path)

    def rename(self, oldpath, newpath):
        self._before("rename")
        super().rename(oldpath, newpath)
        self._after("rename")


class SftpServer:
    """A real SFTP server on loopback, in a thread of its own, that serves one folder to one key."""

    def __init__(self, folder: Path, client_key: asyncssh.SSHKey) -> None:
        self.folder = folder
        self.faults = Faults()
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self._client = asyncssh.import_authorized_keys(client_key.export_public_key().decode())
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.port = 0
        self.start()

    def start(self, key: asyncssh.SSHKey | None = None) -> None:
        """Listen, on the same port as before, with this host key."""

        async def listening() -> asyncssh.SSHAcceptor:
            return await asyncssh.listen(
                "127.0.0.1",
                self.port,
                server_host_keys=[key or self.key],
                authorized_client_keys=self._client,
                sftp_factory=lambda channel: _Files(channel, self.folder, self.faults),
            )

        self._server = self._run(listening())
        self.port = self._server.get_port()

    def stop(self) -> None:
        async def closed() -> None:
            self._server.close()
            await self._server.wait_closed()

        self._run(closed())

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def declared(self) -> str:
        """The server as a declaration has it."""
        (self.folder / "in").mkdir(parents=True, exist_ok=True)
        pinned = self.key.export_public_key().decode().split()
        return (
            f'[delivery.sftp]\nhost = "127.0.0.1"\nport = {self.port}\nuser = "settlement"\nfolder = "/in"\n'
            f'host_key = "{pinned[0]} {pinned[1]}"\nkey = "d1"\n'
        )
