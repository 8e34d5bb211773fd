"""The kernels of parsing, compiled or twin: spans of messages, lines of text, and columns out of spans."""

from __future__ import annotations

from settlement.errors import TerminalError
from settlement.kernels.choice import NOT_BUILT, patient_threads, use_compiled

if use_compiled():
    try:
        with patient_threads():
            from settlement.kernels._parse_cards import masks, tokens
            from settlement.kernels._parse_delimited import delimited_fields
            from settlement.kernels._parse_digits import luhn, numbers
            from settlement.kernels._parse_elements import element_spans
            from settlement.kernels._parse_fixed import fixed_fields, whole_lines
            from settlement.kernels._parse_groups import grouped_records
            from settlement.kernels._parse_places import byte_places
            from settlement.kernels._parse_position_texts import position_texts
            from settlement.kernels._parse_positions import position_numbers
            from settlement.kernels._parse_runs import digit_runs
            from settlement.kernels._parse_span_numbers import span_numbers
            from settlement.kernels._parse_span_texts import span_texts
        from settlement.kernels._parse_frames import frames
        from settlement.kernels._parse_lines import line_fields
        from settlement.kernels._parse_text import gather
        from settlement.kernels._parse_views import decimals, few, holding, times
    except ImportError:
        raise TerminalError(NOT_BUILT) from None
else:
    from settlement.kernels.cards_twin import masks, tokens
    from settlement.kernels.delimited_twin import delimited_fields
    from settlement.kernels.fixed_twin import fixed_fields, whole_lines
    from settlement.kernels.ipm_twin import element_spans, frames
    from settlement.kernels.lines_twin import line_fields
    from settlement.kernels.positions_twin import byte_places, grouped_records, position_numbers, position_texts
    from settlement.kernels.runs_twin import digit_runs
    from settlement.kernels.span_columns_twin import span_numbers, span_texts
    from settlement.kernels.spans_twin import gather, luhn, numbers
    from settlement.kernels.views_twin import decimals, few, holding, times

__all__ = [
    "byte_places",
    "compiled",
    "decimals",
    "delimited_fields",
    "digit_runs",
    "element_spans",
    "few",
    "fixed_fields",
    "frames",
    "gather",
    "grouped_records",
    "holding",
    "line_fields",
    "luhn",
    "masks",
    "numbers",
    "position_numbers",
    "position_texts",
    "span_numbers",
    "span_texts",
    "times",
    "tokens",
    "whole_lines",
]


def compiled() -> bool:
    """Whether the functions of this module are the compiled ones."""
    return type(gather).__name__ == "cython_function_or_method"
