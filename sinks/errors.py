"""Errors of a run and their exit codes."""

from aoi.findings import InputError

EXIT_FINDINGS = 2
EXIT_UNFINISHED = 3


class Unfinished(Exception):
    """A run that stopped but kept its partial tables: the same command goes on (exit 3)."""


__all__ = ["EXIT_FINDINGS", "EXIT_UNFINISHED", "InputError", "Unfinished"]
