"""The two ways a stage can fail, and nothing else.

Business outcomes (a reject, a finding, a break) are data and never raise. What raises is either
something a person must mend, or something that is worth trying again.
"""

from __future__ import annotations


class SettlementError(Exception):
    """A failure with one sentence for a person: what happened, where, and what to do."""


class TerminalError(SettlementError):
    """A person must act: retrying the same input gives the same failure (exit code 2)."""


class RetryableError(SettlementError):
    """A machine got in the way (a lock, a full disk, a lost connection): the same call may succeed."""
