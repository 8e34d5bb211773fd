"""The kernels of matching, compiled or twin: numbers for keys, sums, and numbers as texts."""

from __future__ import annotations

from settlement.errors import TerminalError
from settlement.kernels.choice import NOT_BUILT, use_compiled

if use_compiled():
    try:
        from settlement.kernels._match_number import number_keys
        from settlement.kernels._match_sums import group_sums
        from settlement.kernels._match_written import written_numbers
    except ImportError:
        raise TerminalError(NOT_BUILT) from None
else:
    from settlement.kernels.match_twin import group_sums, number_keys, written_numbers

__all__ = ["compiled", "group_sums", "number_keys", "written_numbers"]


def compiled() -> bool:
    """Whether the functions of this module are the compiled ones."""
    return type(number_keys).__name__ == "cython_function_or_method"
