"""Which kernels run: the compiled ones, or their pure-Python twins.

``SETTLEMENT_KERNELS`` is read once, when this module is imported: ``compiled`` (or nothing) takes the compiled
kernels, ``python`` the twins. Each kernel family has a module that asks here and offers ``compiled()``, so that
a test can prove which one ran.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from settlement.errors import TerminalError

NOT_BUILT: Final = "The compiled kernels are not built: run `make env`, or set SETTLEMENT_KERNELS=python to do without."
"""What every family says where its compiled kernels are missing."""

_CHOICE: Final = os.environ.get("SETTLEMENT_KERNELS", "") or "compiled"


def use_compiled() -> bool:
    """Whether the compiled kernels are to be used; TerminalError for a choice that does not exist."""
    if _CHOICE not in {"compiled", "python"}:
        raise TerminalError(f"SETTLEMENT_KERNELS is {_CHOICE!r}: set it to `compiled` or `python`, or unset it.")
    return _CHOICE == "compiled"


def cores() -> int:
    """Threads that a kernel can use at once: the cores this process may run on."""
    return len(os.sched_getaffinity(0))


@contextmanager
def patient_threads() -> Iterator[None]:
    """Where kernels with threads are loaded: threads that wait give their core away.

    OpenMP reads this once, when the first kernel loads it: threads that wait by spinning take the core from the thread
    they wait for, wherever the machine has other work.
    """
    told = os.environ.get("OMP_WAIT_POLICY")
    os.environ["OMP_WAIT_POLICY"] = told or "passive"
    try:
        yield
    finally:
        if told is None:
            del os.environ["OMP_WAIT_POLICY"]
