"""What tests of deliveries share: a home with a settled night of made files, a partner's gpg, a real SFTP server."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path

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
