"""Files and the detached signatures that come beside them, in whatever order and on whatever nights.

A file whose feed must be signed, and whose name tells no OpenPGP message, waits until a signature of its name comes. On
that night it is taken up again as if it lay in the night's folder. A signature that comes first waits for its file.
Whether a signature is right is seen when the file is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from settlement.model.arrival import signature_digests, signed_name, told_signatures
from settlement.model.clearing import Fate, Why
from settlement.model.stage import Delivery, StageInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """What is known of signatures tonight.

    Attributes
    ----------
    of:
        Digests of the signatures of a file, by its name: those of tonight, else one that waited for it.
    taken_up:
        Files that waited for a signature which came tonight.
    waited:
        Name and digest of every file that has waited: it was whole then.
    used:
        Name and digest of each signature that came with a file of an earlier night.
    """

    of: Mapping[str, tuple[str, ...]]
    taken_up: tuple[Delivery, ...]
    waited: frozenset[tuple[str, str]]
    used: frozenset[tuple[str, str]]

    def text(self, name: str) -> str | None:
        """The digests as table ``delivery`` writes them."""
        return told_signatures(self.of.get(name, ()))

    def fate(self, delivery: Delivery, names: frozenset[str]) -> tuple[str, str | None]:
        """The fate of a signature, ``names`` being those of tonight's files."""
        name = signed_name(delivery.name) or ""
        if name in names:
            return Fate.SIGNATURE.value, None
        if (name, delivery.sha256) in self.used:
            return Fate.DUPLICATE.value, Why.IDENTICAL_RESEND.value
        return Fate.SIGNATURE.value, Why.WAITS_FOR_FILE.value


def read_signatures(inputs: StageInput) -> Signatures:
    """Tonight's signatures and files, beside those of earlier nights that wait for each other."""
    tonight: dict[str, tuple[str, ...]] = {}
    for delivery in inputs.deliveries:
        name = signed_name(delivery.name) if delivery.signature else None
        if name is not None:
            tonight[name] = (*tonight.get(name, ()), delivery.sha256)
    earlier = _earlier(inputs)
    names = {delivery.name for delivery in inputs.deliveries}
    waited = {
        name: (str(row["sha256"]),)
        for name, row in earlier.items()
        if row["why"] == Why.WAITS_FOR_FILE and name in names - set(tonight)
    }
    taken_up = [
        Delivery(
            file=f"{inputs.business_date}/{name}",
            name=name,
            sha256=row["sha256"],
            size_bytes=row["size_bytes"],
            regular=True,
        )
        for name, row in sorted(earlier.items())
        if row["why"] == Why.WAITS_FOR_SIGNATURE and name in set(tonight) - names
    ]
    before = inputs.history["delivery"]
    waiting = before.filter(pl.col("why") == Why.WAITS_FOR_SIGNATURE.value).select("name", "sha256").collect()
    used = before.filter(pl.col("signatures").is_not_null()).select("name", "signatures").collect()
    return Signatures(
        of=tonight | waited,
        taken_up=tuple(taken_up),
        waited=frozenset((str(name), str(sha256)) for name, sha256 in waiting.rows()),
        used=frozenset((str(name), one) for name, told in used.rows() for one in signature_digests(told)),
    )


def _earlier(inputs: StageInput) -> dict[str, dict[str, Any]]:
    """By the name of a file, what came last of it or for it on earlier nights: the file, or a signature that waits."""
    told = (
        inputs.history["delivery"]
        .filter(
            pl.col("fate").is_in(["registered", Fate.DUPLICATE.value])
            | pl.col("why").is_in([Why.WAITS_FOR_FILE.value, Why.WAITS_FOR_SIGNATURE.value])
        )
        .select("business_date", "file", "name", "sha256", "size_bytes", "why")
        .sort("business_date", "file")
        .collect()
    )
    return {
        (signed_name(row["name"]) or "") if row["why"] == Why.WAITS_FOR_FILE else row["name"]: row
        for row in told.iter_rows(named=True)
    }
