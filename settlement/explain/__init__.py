"""From a paid amount back to its clause, its quantities, its matches and the records of the files they came from."""

from settlement.explain.address import LineAddress, parse_line_address
from settlement.explain.text import SHOWN, render_text
from settlement.explain.walk import Explanation, explain_line, line_addresses
from settlement.explain.why import UNTOLD, Correction

__all__ = [
    "SHOWN",
    "UNTOLD",
    "Correction",
    "Explanation",
    "LineAddress",
    "explain_line",
    "line_addresses",
    "parse_line_address",
    "render_text",
]
