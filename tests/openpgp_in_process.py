"""OpenPGP files opened by the child's own code without the child, so that thousands of them are opened in a test."""

from __future__ import annotations

import os
from collections.abc import Mapping

from settlement import openpgp, openpgp_child
from settlement.model.arrival import Refused
from settlement.openpgp_process import write_all

os.environ["RUST_LIB_BACKTRACE"] = "0"
"""A traceback of the library's own for each refused message takes longer than all the rest."""


def in_this_process(content: memoryview, order: Mapping[str, object], most: int) -> memoryview | Refused:
    """Stands for ``openpgp._in_a_child``: the same order, the same answer, no limits on the process."""
    message, plain = os.memfd_create("message"), os.memfd_create("plain")
    try:
        write_all(message, content)
        word = openpgp_child.answer(dict(order), message, plain)
        return openpgp._answer(0, word.encode(), plain, most)
    finally:
        os.close(message)
        os.close(plain)
