"""A layout proposed from a sample, as TOML to review: each choice stands beside what speaks for it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from settlement.parse.propose.columns import Guess, guessed
from settlement.parse.propose.sample import Sample, sampled
from settlement.parse.propose.totals import Found, readded
from settlement.parse.propose.words import class_of, kind_of
from settlement.parse.references import without_cards

_MOST_TAGS: Final = 8
_TEXT_COLUMNS: Final = (
    *(("arn", "arn"), ("rrn", "rrn"), ("approval", "authorisation_code"), ("merchant", "merchant_number")),
    *(
        ("terminal", "terminal"),
        ("mcc", "mcc"),
        ("reference", "order_ref"),
        ("original", "original_ref"),
        ("batch", "batch"),
    ),
)
REVIEW: Final = "REVIEW"
"""Stands in the proposal where a person must decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposed layout: its TOML, what each column looks like, and how many places need a person."""

    toml: str
    guesses: tuple[Guess, ...]
    sample: Sample
    lines: int

    @property
    def reviews(self) -> int:
        """Places that a person must decide."""
        return self.toml.count(REVIEW) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """The data lines of a sample: the fields' names, the lines, the tag of each kind of other lines."""

    names: list[str]
    rows: list[list[str]]
    tags: tuple[str, ...] = ()
    heads: tuple[tuple[str, list[str]], ...] = ()
    trailers: tuple[tuple[str, list[str]], ...] = ()
    tag_field: str | None = None


def propose(name: str, content: bytes) -> Proposed:
    """A layout for the file, to be reviewed.

    Raises
    ------
    TerminalError
        With one sentence, where the file is none that a layout could describe.
    """
    sample = sampled(name, content)
    body = _body(sample)
    columns = {
        field: [row[place] if place < len(row) else "" for row in body.rows] for place, field in enumerate(body.names)
    }
    guesses = tuple(guessed(field, texts) for field, texts in columns.items())
    parts = [
        *_head(name, sample, body),
        *_lines(sample, body, guesses),
        *_trailer_lines(sample, body, columns, guesses),
    ]
    # Words and headings of a sample are shown: a card number that stands where none belongs must not be.
    shown = tuple(
        replace(guess, name=without_cards(guess.name), evidence=without_cards(guess.evidence)) for guess in guesses
    )
    toml = "\n".join(without_cards(part) for part in parts) + "\n"
    return Proposed(toml=toml, guesses=shown, sample=sample, lines=len(body.rows))


def _body(sample: Sample) -> _Body:
    if sample.heading is None:
        return _tagged([row for _, row in sample.rows])
    names = [name.strip() for name in sample.rows[sample.heading][1]]
    names = [name if names.count(name) == 1 else f"{name} {place}" for place, name in enumerate(names, start=1)]
    rows = [row for _, row in sample.rows[sample.heading + 1 :]]
    trailers: list[tuple[str, list[str]]] = []
    tag_field = None
    while rows and (place := _total_place(rows[-1])) is not None and place < len(names):
        trailers.append((rows[-1][place], rows.pop()))
        tag_field = names[place]
    return _Body(names=names, rows=rows, trailers=tuple(trailers), tag_field=tag_field)


def _total_place(row: Sequence[str]) -> int | None:
    """Where a row says that it is a total; None where it does not."""
    return next((place for place, cell in enumerate(row) if class_of(cell.strip()) == "TRAILER"), None)


def _tagged(rows: list[list[str]]) -> _Body:
    """Lines told apart by their first field, where few values stand there and the first line's is its own."""
    tags = Counter(row[0] for row in rows)
    if len(tags) > _MOST_TAGS or tags[rows[0][0]] > 1 or len(tags) == 1:
        width = max(len(row) for row in rows)
        return _Body(names=[f"field_{place}" for place in range(1, width + 1)], rows=rows)
    often = max(tags, key=lambda tag: (tags[tag], tag))
    width = max(len(row) for row in rows if row[0] == often)
    alike = {row[0] for row in rows[1:] if len(row) == width and (tags[row[0]] > 1 or not _words(row[1:]))}
    places = [place for place, row in enumerate(rows) if row[0] in alike | {often}]
    heads = tuple((row[0], row[1:]) for row in rows[: places[0]])
    trailers = tuple((row[0], row[1:]) for row in rows[places[-1] + 1 :])
    named = [row for _, row in heads if len(row) == width - 1 and _words(row)]
    names = named[0] if named else [f"field_{place}" for place in range(1, width)]
    return _Body(
        names=[name.strip() for name in names],
        rows=[rows[place][1:] for place in places],
        tags=tuple(dict.fromkeys(rows[place][0] for place in places)),
        heads=heads,
        trailers=trailers,
    )


def _words(row: Sequence[str]) -> bool:
    """Whether a row names the fields of others."""
    words = [cell.strip() for cell in row]
    return len(set(words)) == len(words) and all(re.fullmatch(r"[^\W\d]\w*", word) for word in words)


def _head(name: str, sample: Sample, body: _Body) -> Iterator[str]:
    date = re.search(r"20[0-9]{6}", name)
    pattern = name.replace(date[0], "{date}") if date else name
    pattern = re.sub(r"([_.-])[0-9]{1,6}(?=\.[A-Za-z]+$)", r"\1{sequence}", pattern)
    slug = re.sub(r"[^a-z]+", "_", re.sub(r"\{.*?\}|\.[A-Za-z]+$", "", pattern).lower()).strip("_") or "partner"
    yield f"# Proposed from {_commented(name)}, {len(body.rows)} data lines. A person decides what says {REVIEW}."
    yield "# Then try it: settle layout check THIS_FILE A_FILE. How this language works: docs/LAYOUTS.md."
    yield ""
    yield f'layout = "{slug}"'
    yield 'version = "1"'
    yield f'source = "a sample"  # {REVIEW}: where the sender describes the format'
    yield f'feed = "{slug}"'
    yield f'sender = "{slug.upper()}"  # {REVIEW}: who sends it'
    yield f"names = [{_quoted(pattern)}]" + ("" if date else f"  # {REVIEW}: no date in the name")
    yield f'format = "{sample.format}"'
    yield f'side = "merchant"  # {REVIEW}: or "bank"'
    yield ""
    yield "[spec]"
    for key, value, evidence in sample.spec:
        yield f"{key} = {_value(value)}  # {_commented(evidence)}"
    if sample.format == "fixed_width" and body.tags:
        yield f"kind = [1, {len(body.tags[0])}]  # the first place tells the lines apart"
    if sample.short:
        yield f"short_lines = true  # {sample.short} lines have fewer fields than the headings"
    if body.tags:
        yield f"first = [{', '.join(_quoted(tag) for tag, _ in body.heads)}]"
        yield f"last = [{', '.join(_quoted(tag) for tag, _ in body.trailers[-1:])}]"
        heads = _told_by_heads(body)
        if "date" in heads:
            told, guess = heads["date"]
            yield from ["", "[spec.file]", f"date = {_quoted(told)}", f"date_format = {_quoted(str(guess.form))}"]
    elif body.trailers and sample.format != "workbook":
        yield f"last = [{_quoted(body.trailers[0][0])}]"


def _lines(sample: Sample, body: _Body, guesses: tuple[Guess, ...]) -> Iterator[str]:
    kind_field = next((guess for guess in guesses if guess.role == "type"), None)
    named = sample.format in {"delimited", "json_lines", "parquet"} and sample.heading is not None
    fields = [body.tag_field] if body.tag_field else ([kind_field.name] if kind_field else [])
    if fields and sample.format == "workbook" and body.trailers:
        yield f"kind_fields = [{_quoted(fields[0])}]"
    elif fields and named and (kind_field or body.trailers):
        yield f"kind_field = {_quoted(fields[0])}"
    yield from _field_tables(sample, body, guesses)
    apart = named and kind_field is not None and fields == [kind_field.name]
    tags = (
        [word for word, _ in kind_field.values if class_of(word) is None or kind_of(word)]
        if apart and kind_field
        else []
    )
    yield from ["", "[[spec.lines]]"]
    if body.tags:
        yield f"tags = [{', '.join(map(_quoted, body.tags))}]"
    elif tags:
        yield f"tags = [{', '.join(map(_quoted, tags))}]"
    yield 'table = "clearing"'
    if sample.format == "delimited" and sample.heading is None:
        yield f"fields = [{', '.join(map(_quoted, body.names))}]"
    if sample.format == "fixed_width":
        yield from ["", "[spec.lines.fields]"]
        yield from (f"{field} = {sample.paths[field]}" for field in body.names if field in sample.paths)
    yield from ["", "[spec.lines.columns]", *_columns(guesses, kind_field, _told_by_heads(body))]
    others = (
        [word for word, _ in kind_field.values if class_of(word) and not kind_of(word)] if apart and kind_field else []
    )
    for word in others:
        yield from ["", "[[spec.lines]]", f"tags = [{_quoted(word)}]", f'class = "{class_of(word)}"  # its word']
        yield from ["", "[spec.lines.columns]", *_class_columns(guesses)] if class_of(word) != "TRAILER" else []


def _field_tables(sample: Sample, body: _Body, guesses: tuple[Guess, ...]) -> Iterator[str]:
    if sample.format == "workbook":
        yield from ["", "[spec.headings]", *(f"{_key(name)} = {_quoted(name)}" for name in body.names if name)]
    if sample.format == "json_lines":
        yield from ["", "[spec.fields]", *(f"{_key(name)} = {_quoted(path)}" for name, path in sample.paths.items())]
    written = [guess for guess in guesses if guess.written]
    if written:
        yield from ["", "[spec.written]"]
        yield from (f"{_key(guess.name)} = {guess.written}" for guess in written)


def _told_by_heads(body: _Body) -> dict[str, tuple[str, Guess]]:
    """What single lines above the data tell for all of them: the business date and the currency, by their field."""
    found: dict[str, tuple[str, Guess]] = {}
    for tag, row in body.heads if body.tags else ():
        for place, cell in enumerate(row, start=1):
            guess = guessed(f"field_{place}", [cell])
            if guess.role in {"date", "currency"}:
                found.setdefault(guess.role, (f"{tag}.{guess.name}", guess))
    return found


def _columns(
    guesses: tuple[Guess, ...], kind_field: Guess | None, heads: dict[str, tuple[str, Guess]]
) -> Iterator[str]:
    """The columns of a clearing record, and as comments what nothing was found for."""
    by_role = {guess.role: guess for guess in reversed(guesses)}
    yield from _kind_columns(kind_field)
    currency = by_role.get("currency")
    amount = by_role.get("amount") or by_role.get("other_amount") or by_role.get("net")
    header = f"{{ header = {_quoted(heads['currency'][0])} }}" if "currency" in heads else None
    unit = _quoted(currency.name) if currency else (header or '{ value = "EUR" }')
    if currency is None and header is None:
        yield f"# {REVIEW}: no column looks like a currency. Is all of it in euro?"
    source = header.replace(" }", ', type = "currency" }') if header else '{ value = "EUR" }'
    source = f'{{ from = {_quoted(currency.name)}, type = "currency" }}' if currency else source
    yield f"currency = {source}" + (f"  # {_commented(currency.evidence)}" if currency else "")
    if amount is None:
        yield f"# {REVIEW}: no column looks like an amount."
        yield '# amount_minor = { from = "?", type = "major", currency = ' + unit + " }"
    else:
        yield f"amount_minor = {_amount(amount, unit, kind_field)}  # {_commented(amount.evidence)}"
    yield f"transaction_currency = {source}"
    yield 'transaction_amount_minor = { sum = ["amount_minor"] }'
    extra = [
        (role, column) for role, column in (("tip", "tip_minor"), ("cashback", "cashback_minor")) if role in by_role
    ]
    for role, column in extra:
        yield f"{column} = {_amount(by_role[role], unit, None)}"
    yield f"total_minor = {{ sum = [{', '.join(_quoted(c) for c in ('amount_minor', *(c for _, c in extra)))}] }}"
    if "net" in by_role and by_role["net"] is not amount:
        yield f"net_minor = {_amount(by_role['net'], unit, None, signed=True)}"
        yield f"net_currency = {source}"
    yield from _date_columns(by_role)
    yield from _card_columns(by_role)
    for role, column in _TEXT_COLUMNS:
        if role in by_role:
            yield f"{column} = {{ from = {_quoted(by_role[role].name)} }}  # {_commented(by_role[role].evidence)}"


def _kind_columns(kind_field: Guess | None) -> Iterator[str]:
    if kind_field is None:
        yield f"# {REVIEW}: no column tells sales from refunds. Is every line a sale?"
        yield 'kind = { value = "purchase" }'
        yield "direction = { value = 1 }"
        return
    known = {word: kind for word, _ in kind_field.values if (kind := kind_of(word))}
    unknown = [word for word, _ in kind_field.values if word not in known and class_of(word) is None]
    if unknown:
        words = ", ".join(_quoted(word) for word in unknown)
        yield f"# {REVIEW}: what do these words mean? Their lines are rejected until they stand below: {words}"
    kinds = ", ".join(f"{_key(word)} = {_quoted(kind)}" for word, kind in known.items())
    signs = ", ".join(f"{_key(word)} = {1 if kind == 'purchase' else -1}" for word, kind in known.items())
    name = _quoted(kind_field.name)
    yield f'kind = {{ from = {name}, type = "code", map = {{ {kinds} }} }}  # {kind_field.evidence}'
    yield f'direction = {{ from = {name}, type = "code", map = {{ {signs} }} }}'


def _amount(guess: Guess, unit: str, kind_field: Guess | None, *, signed: bool = False) -> str:
    parts = [f"from = {_quoted(guess.name)}"]
    parts += ['type = "minor"'] if guess.minor else ['type = "major"', f"currency = {unit}"]
    back = [word for word, _ in kind_field.values if kind_of(word) not in {None, "purchase"}] if kind_field else []
    if back and kind_field and not re.search(r", 0 below zero", guess.evidence):
        parts.append(f"negate = {{ {_key(kind_field.name)} = [{', '.join(map(_quoted, back))}] }}")
    parts += ["signed = true"] if signed else []
    return f"{{ {', '.join(parts)} }}"


def _date_columns(by_role: dict[str, Guess]) -> Iterator[str]:
    if "offset_time" in by_role:
        yield f'local_time = {{ from = {_quoted(by_role["offset_time"].name)}, type = "offset_time" }}'
        yield 'transaction_date = { date_of = "local_time" }'
    elif "time" in by_role:
        guess = by_role["time"]
        yield (
            f'local_time = {{ from = {_quoted(guess.name)}, type = "local_time", format = {_quoted(str(guess.form))} }}'
            f"  # {_commented(guess.evidence)}"
        )
        yield 'transaction_date = { date_of = "local_time" }'
    elif "date" in by_role:
        guess = by_role["date"]
        yield (
            f'transaction_date = {{ from = {_quoted(guess.name)}, type = "date", format = {_quoted(str(guess.form))} }}'
            f"  # {_commented(guess.evidence)}"
        )


def _card_columns(by_role: dict[str, Guess]) -> Iterator[str]:
    if "card" in by_role:
        guess = by_role["card"]
        yield f'card_ref = {{ from = {_quoted(guess.name)}, type = "card_reference" }}  # {guess.evidence}'
        yield f'card_masked = {{ from = {_quoted(guess.name)}, type = "card_mask" }}'
    elif "masked_card" in by_role:
        guess = by_role["masked_card"]
        yield f'card_masked = {{ from = {_quoted(guess.name)}, type = "masked_card" }}  # {guess.evidence}'


def _class_columns(guesses: tuple[Guess, ...]) -> Iterator[str]:
    by_role = {guess.role: guess for guess in reversed(guesses)}
    amount = by_role.get("net") or by_role.get("amount")
    unit = _quoted(by_role["currency"].name) if "currency" in by_role else '{ value = "EUR" }'
    if amount:
        yield f"amount_minor = {_amount(amount, unit, None, signed=True)}"
    if "currency" in by_role:
        yield f'currency = {{ from = {unit}, type = "currency" }}'
    if "batch" in by_role:
        yield f"batch = {{ from = {_quoted(by_role['batch'].name)} }}"


def _trailer_lines(
    sample: Sample, body: _Body, columns: dict[str, list[str]], guesses: tuple[Guess, ...]
) -> Iterator[str]:
    tagged = bool(body.tags)
    for (tag, row), line_class in [(one, "HEADER") for one in body.heads] + [(one, "TRAILER") for one in body.trailers]:
        yield from ["", "[[spec.lines]]", f"tags = [{_quoted(tag)}]", "once = true", f'class = "{line_class}"']
        if tagged and sample.format == "delimited":
            yield f"fields = [{', '.join(_quoted(f'field_{place}') for place in range(1, len(row) + 1))}]"
        if tagged and sample.format == "fixed_width" and row:
            yield from ["", "[spec.lines.fields]"]
            yield from (f"field_{place} = {sample.paths[f'{tag}.field_{place}']}" for place in range(1, len(row) + 1))
    main = list(body.tags) or ["line"]
    kind_field = next((guess for guess in guesses if guess.role == "type"), None)
    apart = not tagged and kind_field is not None and body.tag_field == kind_field.name
    tags = [word for word, _ in kind_field.values] if apart and kind_field else main
    for tag, row in body.trailers:
        for found in readded(row, columns, guesses):
            field = f"field_{found.place + 1}" if tagged else body.names[found.place]
            yield from ["", *_control(f"{tag}.{field}", tags, found, guesses)]


def _control(declared: str, tags: list[str], found: Found, guesses: tuple[Guess, ...]) -> Iterator[str]:
    """A total that the sample's trailer bears out."""
    of = [f"lines = [{', '.join(map(_quoted, tags))}]"]
    if found.where:
        of.append(f"where = {{ {_key(found.where[0])} = [{', '.join(map(_quoted, found.where[1]))}] }}")
    of.append("count = true" if found.count else f"add = [{_quoted(str(found.add))}]")
    amount = next((guess for guess in guesses if guess.name == found.add), None)
    currency = next((guess for guess in guesses if guess.role == "currency"), None)
    major = amount is not None and not amount.minor
    if major:
        of.append(f"currency = {_quoted(currency.name)}" if currency else 'currency = { value = "EUR" }')
    yield "[[spec.controls]]  # the sample re-adds"
    yield f"name = {_quoted(declared)}"
    yield f"of = {{ {', '.join(of)} }}"
    yield f"declared = {_quoted(declared)}"
    if major and currency:
        told = next((value for value in re.findall("[A-Z]{3}", currency.evidence.partition(": ")[2])), "EUR")
        yield f'declared_currency = {{ value = "{told}" }}'
    elif major:
        yield 'declared_currency = { value = "EUR" }'


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _quoted(str(value))


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON escapes what TOML escapes, all but DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(text: str) -> str:
    return text if re.fullmatch("[A-Za-z0-9_-]+", text) else _quoted(text)


def _commented(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)
