"""The walk from one payout line to its clause, what it is made of, and the records it rests on.

A term rests on contributions of records; a line of a beneficiary is made of other lines, which are named by their
addresses so that the walk can go on from there. Everything is read as known after the night that is asked about.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from settlement import store
from settlement.errors import TerminalError
from settlement.explain.address import ADJUSTMENT, LineAddress, address_of
from settlement.explain.evidence import Contribution, Subtotal, known, net_contributions, subtotals, with_evidence
from settlement.model.clearing import StatementState
from settlement.model.contract import ContractVersion
from settlement.model.contract_measures import openings
from settlement.model.contract_terms import CapTerm, MinimumTerm, Term, WholeTierTerm
from settlement.model.dates import PeriodKind, period_from, period_of
from settlement.model.versions import latest
from settlement.rate.contract_file import read_contracts
from settlement.rate.evaluate import in_force
from settlement.store import Home

_NAMED: Final = 12
"""How many addresses a message names at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One amount that a line is made of, in minor units of ``unit``; ``address`` where it is a line of its own."""

    text: str
    amount_minor: int
    unit: str
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What one payout line rests on, as known after the night ``as_of``.

    ``contributions`` are the largest ones, with their evidence; ``subtotals`` count all of them. ``parts`` add up to
    ``amount_minor`` where the line is made of other lines, and are told with ``rule``; for a term they are the opening
    positions that are added to the contributions.
    """

    address: LineAddress
    as_of: date
    amount_minor: int
    currency: str
    state: str
    quantities: tuple[str, ...]
    clause: str
    clause_text: str
    contract_source: str
    rule: str
    parts: tuple[Part, ...]
    subtotals: tuple[Subtotal, ...]
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """The line that is explained and where to look further."""

    home: Home
    night: date
    address: LineAddress
    row: Mapping[str, Any]
    tonight: pl.DataFrame
    version: ContractVersion | None

    def lines(self, expression: pl.Expr) -> Sequence[Mapping[str, Any]]:
        """Tonight's other lines of the same statement, in a stable order."""
        same = (pl.col("period") == self.row["period"]) & (pl.col("as_of") == self.row["as_of"])
        return self.tonight.filter(same & expression).sort("term", "beneficiary", "adjusts").rows(named=True)

    def stated(self) -> pl.DataFrame:
        """The contract's lines that are stated before this one, with the night that told them, oldest first.

        A restated term is stated once the statement that carries its adjustment has closed.
        """
        earlier = store.scan_history(self.home, "payout", self.night).filter(
            pl.col("contract") == self.address.contract
        )
        tonight = self.tonight.filter(pl.col("as_of") < self.row["as_of"])
        rows = pl.concat([earlier.collect(), tonight.with_columns(business_date=pl.lit(self.night, pl.Date))])
        closed = pl.col("state") == StatementState.CLOSED
        closings = rows.filter(closed & (pl.col("term") == "carry_out"))["as_of"].unique()
        restated = (pl.col("state") == StatementState.RESTATED) & pl.col("as_of").is_in(closings.implode())
        return rows.filter(closed | restated).sort("as_of", "period", "term", "beneficiary", "adjusts")


def explain_line(home: Home, as_of: date, address: LineAddress, *, limit: int | None = None) -> Explanation:
    """Explain one payout line of the night ``as_of``.

    Parameters
    ----------
    limit:
        Gather evidence for that many contributions, the largest first; None for all of them.

    Raises
    ------
    TerminalError
        Where the night has no such line; the message names lines that it has.
    """
    payout = store.read_table(home, "payout", as_of)
    row = _find(payout, as_of, address)
    address = address_of(row)
    versions = read_contracts(store.read_documents(home)).get(address.contract)
    scene = _Scene(
        home=home,
        night=as_of,
        address=address,
        row=row,
        tonight=payout.filter(pl.col("contract") == address.contract),
        version=in_force(versions, period_from(address.period)) if versions else None,
    )
    rule, parts = _composition(scene)
    contributions = net_contributions(_rated(scene))
    clauses = scene.version.contract.clauses if scene.version else {}
    return Explanation(
        address=address,
        as_of=row["as_of"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        state=row["state"],
        quantities=tuple(filter(None, row["quantities"].split(";"))),
        clause=row["clause"],
        clause_text=clauses.get(row["clause"], ""),
        contract_source=scene.version.source if scene.version else "",
        rule=rule,
        parts=parts,
        subtotals=subtotals(contributions),
        contributions=with_evidence(home, as_of, contributions if limit is None else contributions.head(limit)),
    )


def line_addresses(home: Home, as_of: date) -> tuple[str, ...]:
    """The addresses of all payout lines of a night, sorted."""
    return _addresses(store.read_table(home, "payout", as_of))


def _addresses(payout: pl.DataFrame) -> tuple[str, ...]:
    return tuple(sorted({address_of(row).text for row in payout.iter_rows(named=True)}))


def _find(payout: pl.DataFrame, as_of: date, address: LineAddress) -> Mapping[str, Any]:
    """The line's row; the latest where a night tells a restated line of several days."""
    wanted = (
        (pl.col("contract") == address.contract)
        & (pl.col("period") == address.period)
        & (pl.col("term") == address.term)
        & pl.col("beneficiary").eq_missing(pl.lit(address.beneficiary, pl.String()))
    )
    if address.adjusts is not None:
        wanted &= pl.col("adjusts") == address.adjusts
    found = payout.filter(wanted).sort("as_of", "adjusts").rows(named=True)
    names = _addresses(payout)
    if not names:
        raise TerminalError(f"The night {as_of} has no payout lines: ask for a night that is settled.")
    if not found:
        near = difflib.get_close_matches(address.text, names, n=3)
        if near:
            raise TerminalError(f"The night {as_of} has no payout line {address.text}: did you mean {', '.join(near)}?")
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise TerminalError(
            f"The night {as_of} has no payout line {address.text}; it has {', '.join(names[:_NAMED])}{more}."
        )
    several = sorted({address_of(row).text for row in found})
    if len(several) > 1:
        raise TerminalError(f"{address.text} is more than one line: write one of {', '.join(several)}.")
    return found[-1]


def _rated(scene: _Scene) -> pl.LazyFrame:
    """The contributions of a term, or of all terms of a closed period since it was stated; none for other lines."""
    address = scene.address
    rated = known(scene.home, "rated", scene.night).filter(pl.col("contract") == address.contract)
    if address.beneficiary is not None:
        return rated.limit(0)
    if address.adjusts is None:
        return rated.filter((pl.col("period") == address.period) & (pl.col("term") == address.term))
    stated = scene.stated().filter((pl.col("period") == address.adjusts) & pl.col("beneficiary").is_null())
    since = stated["business_date"].max() or date.min
    return rated.filter((pl.col("period") == address.adjusts) & (pl.col("business_date") > since))


def _composition(scene: _Scene) -> tuple[str, tuple[Part, ...]]:
    """The rule by which a line is made and the amounts it is made of."""
    term = scene.address.term
    if scene.address.beneficiary is None:
        return _adjustment(scene) if term == ADJUSTMENT else _of_other_terms(scene) or ("", _openings(scene))
    made: Mapping[str, Callable[[_Scene], tuple[str, tuple[Part, ...]]]] = {
        "share": _share,
        "share_converted": _converted,
        "carry_in": _carry_in,
        "recouped": _recouped,
        "payout": _balance,
        "carry_out": _balance,
    }
    return made[term](scene) if term in made else ("", ())


def _part(row: Mapping[str, Any], text: str = "") -> Part:
    address = address_of(row).text
    return Part(text=text or row["term"], amount_minor=row["amount_minor"], unit=row["currency"], address=address)


def _terms(scene: _Scene) -> tuple[Part, ...]:
    """Terms and adjustments of the statement, which add up to its total."""
    rows = scene.lines(pl.col("beneficiary").is_null() & (pl.col("state") != StatementState.RESTATED))
    return tuple(_part(row, f"adjustment of {row['adjusts']}" if row["adjusts"] else "") for row in rows)


def _share(scene: _Scene) -> tuple[str, tuple[Part, ...]]:
    weights = {b.id: b.weight or 0 for b in scene.version.contract.beneficiaries} if scene.version else {}
    weight = weights.get(scene.address.beneficiary or "")
    split = f"{weight} of {sum(weights.values())} parts" if weight else "a share"
    return f"{split} of the sum of these lines, split by largest remainder", _terms(scene)


def _of_other_terms(scene: _Scene) -> tuple[str, tuple[Part, ...]] | None:
    """The lines of the period that a cap or a guarantee rests on; None for other terms."""
    term = _term(scene)
    if not isinstance(term, CapTerm | MinimumTerm):
        return None
    own = pl.col("beneficiary").is_null() & pl.col("adjusts").is_null()
    rows = tuple(_part(row) for row in scene.lines(own & pl.col("term").is_in(term.of)))
    if isinstance(term, CapTerm):
        return f"of these lines what is above {term.most} is taken back", rows
    rule = f"as much as these lines and those of the year's earlier periods lack of {term.guarantee}"
    return rule, (*_positions(scene, [term.opening_earned or ""]), *rows)


def _term(scene: _Scene) -> Term | None:
    terms = scene.version.contract.terms if scene.version else ()
    return next((term for term in terms if term.id == scene.address.term), None)


def _converted(scene: _Scene) -> tuple[str, tuple[Part, ...]]:
    """The share that is converted, or the total of one beneficiary."""
    own = (pl.col("term") == "share") & (pl.col("beneficiary") == scene.address.beneficiary)
    rows = scene.lines(own)
    return "converted at the rate told among the quantities", tuple(_part(row) for row in rows) or _terms(scene)


def _recouped(scene: _Scene) -> tuple[str, tuple[Part, ...]]:
    """What was open of the advance: its opening position, less what closed statements have recouped."""
    own = (pl.col("term") == "recouped") & (pl.col("beneficiary") == scene.address.beneficiary)
    before = [_part(row) for row in scene.stated().filter(own).iter_rows(named=True)]
    beneficiaries = scene.version.contract.beneficiaries if scene.version else ()
    items = [one.opening_advance or "" for one in beneficiaries if one.id == scene.address.beneficiary]
    return "of the advance that these lines leave open, as much as the balance is above zero", (
        *_positions(scene, items),
        *before,
    )


def _balance(scene: _Scene) -> tuple[str, tuple[Part, ...]]:
    """What is carried in and earned, and what becomes of it."""
    own = {row["term"]: row for row in scene.lines(pl.col("beneficiary") == scene.address.beneficiary)}
    earned = own.get("share_converted", own.get("share"))
    parts = [_part(own["carry_in"])] if "carry_in" in own else []
    parts += [_part(earned)] if earned else _terms(scene)
    parts += [_part(own["recouped"])] if "recouped" in own else []
    threshold = f"{scene.version.contract.settlement.threshold}" if scene.version else "the threshold"
    rule = f"the sum of these lines is paid in full from {threshold} {scene.row['currency']} up, else carried out whole"
    return rule, tuple(parts)


def _carry_in(scene: _Scene) -> tuple[str, tuple[Part, ...]]:
    own = (pl.col("term") == "carry_out") & (pl.col("beneficiary") == scene.address.beneficiary)
    carried = scene.stated().filter(own).rows(named=True)
    if carried:
        return "what the last closed statement carries out", (_part(carried[-1]),)
    items = [
        beneficiary.opening_carry
        for beneficiary in (scene.version.contract.beneficiaries if scene.version else ())
        if beneficiary.id == scene.address.beneficiary and beneficiary.opening_carry
    ]
    return "the balance from before the first night", _positions(scene, items)


def _adjustment(scene: _Scene) -> tuple[str, tuple[Part, ...]]:
    """What each term of the closed period that changed comes to now, and what was last stated for it."""
    period = scene.address.adjusts or ""
    of_period = (pl.col("period") == period) & pl.col("beneficiary").is_null() & pl.col("adjusts").is_null()
    now = scene.tonight.filter(
        of_period & (pl.col("as_of") == scene.row["as_of"]) & (pl.col("state") == StatementState.RESTATED)
    )
    stated = {row["term"]: row for row in scene.stated().filter(of_period).iter_rows(named=True)}
    parts = []
    for row in now.sort("term").iter_rows(named=True):
        parts.append(_part(row, "as known now"))
        before = stated.get(row["term"])
        if before is not None:
            text = f"{address_of(row).text}, taken back as stated after {before['as_of']}"
            parts.append(Part(text=text, amount_minor=-before["amount_minor"], unit=before["currency"]))
    return f"what {period} comes to now, less what was stated for it", tuple(parts)


def _openings(scene: _Scene) -> tuple[Part, ...]:
    """The opening positions that are added to a term in the period, or the year, of the first night."""
    term = _term(scene)
    if scene.version is None or term is None or isinstance(term, CapTerm | MinimumTerm):
        return ()
    first = known(scene.home, "file", scene.night).select(pl.col("business_date").min()).collect().item()
    period = period_from(scene.address.period)
    items: list[str] = []
    if first in period:
        names = [*term.base, *term.driver] if isinstance(term, WholeTierTerm) else [term.measure]
        measures = [scene.version.contract.measures[name] for name in dict.fromkeys(names)]
        items += [opening.item for measure in measures for opening in openings(measure)]
    if isinstance(term, WholeTierTerm) and first in period_of(period.last, PeriodKind.YEAR):
        items += [item for item in (term.opening_volume, term.opening_paid) if item]
    return _positions(scene, items)


def _positions(scene: _Scene, items: Sequence[str]) -> tuple[Part, ...]:
    """Opening positions by name with the record that told them, of the version that was rated."""
    rows, files = (known(scene.home, table, scene.night) for table in ("opening_position", "file"))
    mine = rows.filter((pl.col("contract") == scene.address.contract) & pl.col("item").is_in(list(items)))
    held = {row["item"]: row for row in latest("opening_position", mine, files).collect().iter_rows(named=True)}
    return tuple(
        Part(
            text=f"{item}, {held[item]['file']} record {held[item]['record']}",
            amount_minor=held[item]["value"],
            unit=held[item]["unit"].removesuffix(" minor"),
        )
        for item in items
        if item in held
    )
