"""From a paid amount back to its clause, its quantities, its matches and the records of the files they came from."""

from settlement.explain.address import LineAddress, parse_line_address
from settlement.explain.booked import Booked, booked, booked_text
from settlement.explain.text import SHOWN, render_text
from settlement.explain.walk import Explanation, explain_line, line_addresses
from settlement.explain.why import UNTOLD, Correction

__all__ = [
    "SHOWN",
    "UNTOLD",
    "Booked",
    "Correction",
    "Explanation",
    "LineAddress",
    "booked",
    "booked_text",
    "explain_line",
    "line_addresses",
    "parse_line_address",
    "render_text",
]
