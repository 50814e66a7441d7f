"""Errors of a run and their exit codes."""

from aoi.findings import InputError

EXIT_FINDINGS = 2
EXIT_UNFINISHED = 3


class Unfinished(InputError):
    """A run that stopped for want of a worker or of disk space, but kept its partial tables: the same command goes on (exit 3)."""


__all__ = ["EXIT_FINDINGS", "EXIT_UNFINISHED", "InputError", "Unfinished"]
