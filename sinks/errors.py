"""Errors of a run and their exit codes."""

import errno

from aoi.findings import InputError

EXIT_FINDINGS = 2
EXIT_UNFINISHED = 3
DISK_FAILURES = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS") if hasattr(errno, name))
"""What a system says when a disk is full, broken or taken away."""


class Unfinished(InputError):
    """A run that stopped for want of a worker or of disk space, but kept its partial tables: the same command goes on (exit 3)."""


__all__ = ["DISK_FAILURES", "EXIT_FINDINGS", "EXIT_UNFINISHED", "InputError", "Unfinished"]
