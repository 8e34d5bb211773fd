"""The report's charts as inline SVG: drawn offline, the same bytes for the same numbers, legible in light and dark.

Charts are declared with Altair and drawn by vl-convert, both imported inside the functions. Amounts go in as minor
units and are written as major units by the axis itself, so no float is made of money here. Inks of text and axes are
placeholders that the page's style sheet decides on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from settlement.model.money import exponent, is_currency

if TYPE_CHECKING:
    import altair as alt

WIDTH: Final = 420
_INK: Final = "#010203"
_LINE: Final = "#030201"
_PALETTE: Final = (
    *("#3b6fb6", "#5aa897", "#e0a03c", "#8a6fb0", "#c9605a", "#7d9bc1"),
    *("#9aa55b", "#b8839c", "#6d7a8c", "#d98b5f", "#4f9bb3"),
)
_AGE_COLOURS: Final = ("#9dc3b4", "#e6c678", "#e09d4f", "#cf6f4a", "#a8443f")


def matches_by_pass(rows: Sequence[tuple[str, str, int]]) -> str:
    """Bars of (pass, kind, matches), a colour for each kind; passes in order of their size."""
    import altair as alt  # noqa: PLC0415 (loaded by the report stage alone)

    order = _largest_first((name, matches) for name, _, matches in rows)
    kinds = _largest_first((kind, matches) for _, kind, matches in rows)
    ranked = [(name, kind, kinds.index(kind), matches) for name, kind, matches in rows]
    chart = (
        alt.Chart(_values(("pass", "kind", "rank", "matches"), ranked))
        .mark_bar(height=16)
        .encode(
            x=alt.X("matches:Q").title("matches").axis(format=",d", tickMinStep=1, tickCount=5),
            y=alt.Y("pass:N").title(None).sort(order),
            color=_colour("kind", kinds),
            order=alt.Order("rank:Q"),
        )
        .properties(width=WIDTH, height=alt.Step(26))
    )
    return _svg(chart)


def open_by_age(rows: Sequence[tuple[str, str, int]], buckets: Sequence[str]) -> str:
    """Columns of (night, age bucket, items) over the nights; of the usual five buckets the oldest is darkest."""
    import altair as alt  # noqa: PLC0415 (loaded by the report stage alone)

    ranked = [(night, bucket, buckets.index(bucket), items) for night, bucket, items in rows]
    chart = (
        alt.Chart(_values(("night", "age", "rank", "items"), ranked))
        .mark_bar(size=_bar_size({night for night, *_ in rows}))
        .encode(
            x=_nights(),
            y=alt.Y("items:Q").title("open items").axis(format=",d", tickMinStep=1, tickCount=5),
            color=_colour("age", buckets, _AGE_COLOURS),
            order=alt.Order("rank:Q"),
        )
        .properties(width=WIDTH, height=200)
    )
    return _svg(chart)


def payouts_by_contract(rows: Sequence[tuple[str, str, int]], currency: str) -> str:
    """Lines of (night, contract, minor units) over the nights: what each contract pays or would pay."""
    import altair as alt  # noqa: PLC0415 (loaded by the report stage alone)

    contracts = sorted({contract for _, contract, _ in rows})
    chart = (
        alt.Chart(_values(("night", "contract", "minor"), rows))
        .mark_bar(size=max(4, _bar_size({night for night, *_ in rows}) // max(1, len(contracts))))
        .encode(
            x=_nights(),
            xOffset=alt.XOffset("contract:N").sort(contracts),
            y=_amounts("minor", currency),
            color=_colour("contract", contracts),
        )
        .properties(width=WIDTH, height=200)
    )
    return _svg(chart)


def amounts_by_month(rows: Sequence[tuple[str, str, int]], currency: str) -> str:
    """Columns of (month, series, minor units), the series beside one another in the order in which they come."""
    import altair as alt  # noqa: PLC0415 (loaded where something is drawn)

    names = list(dict.fromkeys(name for _, name, _ in rows))
    months = len({month for month, *_ in rows})
    chart = (
        alt.Chart(_values(("month", "series", "minor"), rows))
        .mark_bar(size=max(2, min(44, WIDTH * 7 // (10 * max(1, months * len(names))))))
        .encode(
            x=alt.X("month:O").title(None).axis(labelAngle=0, labelOverlap=True),
            xOffset=alt.XOffset("series:N").sort(names),
            y=_amounts("minor", currency),
            color=_colour("series", names),
        )
        .properties(width=WIDTH, height=200)
    )
    return _svg(chart)


def _amounts(field: str, currency: str) -> alt.Y:
    """An axis of minor units that writes major units itself."""
    import altair as alt  # noqa: PLC0415

    divisor = 10 ** exponent(currency) if is_currency(currency) else 1
    return alt.Y(f"{field}:Q").title(currency).axis(labelExpr=f"format(datum.value / {divisor}, ',~f')", tickCount=5)


def _largest_first(counted: Iterable[tuple[str, int]]) -> list[str]:
    totals: dict[str, int] = {}
    for name, count in counted:
        totals[name] = totals.get(name, 0) + count
    return sorted(totals, key=lambda name: (-totals[name], name))


def _values(columns: Sequence[str], rows: Iterable[tuple[str | int, ...]]) -> alt.Data:
    import altair as alt  # noqa: PLC0415

    return alt.Data(values=[dict(zip(columns, row, strict=True)) for row in rows])


def _nights() -> alt.X:
    import altair as alt  # noqa: PLC0415

    return alt.X("night:O").title(None).axis(labelAngle=0, labelOverlap=True, labelExpr="slice(datum.label, 5)")


def _bar_size(nights: set[str]) -> int:
    return max(4, min(44, WIDTH * 6 // (10 * max(1, len(nights)))))


def _colour(field: str, domain: Sequence[str], colours: Sequence[str] = _PALETTE) -> alt.Color:
    import altair as alt  # noqa: PLC0415

    used = [colours[index % len(colours)] for index in range(len(domain))]
    legend = alt.Legend(title=None, orient="top", columns=5, symbolType="square", labelLimit=130)
    return alt.Color(f"{field}:N").scale(domain=list(domain), range=used).legend(legend)


def _svg(chart: alt.Chart) -> str:
    """The chart as an SVG element that takes its inks and its width from the page."""
    import vl_convert  # noqa: PLC0415 (84 MB of it)

    font = "sans-serif"
    words = {"labelFont": font, "titleFont": font, "labelColor": _INK, "titleColor": _INK, "labelFontSize": 12}
    themed = (
        chart.configure(background="transparent", padding=4, font=font)
        .configure_view(stroke=None)
        .configure_axis(
            **words, titleFontSize=12, titleFontWeight="normal", gridColor=_LINE, domainColor=_LINE, tickColor=_LINE
        )
        .configure_legend(**words, symbolSize=90)
    )
    drawn = str(vl_convert.vegalite_to_svg(themed.to_dict()))
    # Three decimals draw the same picture, and no coordinate looks like a card number.
    drawn = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\.[0-9]{3})[0-9]+", r"\1", tag[0]), drawn)
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn)
    drawn = re.sub(r'(<svg[^>]*?) class="marks" width="[^"]*" height="[^"]*"', r'\1 class="chart" role="img"', drawn)
    return drawn.replace(_INK, "currentColor").replace(_LINE, "var(--line)")
