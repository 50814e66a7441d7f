"""How maps are asked for: in the pass of a run, once there is such a way, else by `sinks map` after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.measure import Command, sinks
from bench.run_files import Run

Request = tuple[str, ...]
"""Options of ``sinks map`` but the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """Some maps of a run.

    Parameters
    ----------
    later : mapping
        File name -> options of ``sinks map``, for a run that makes none itself.
    sections : mapping
        What asks for the same maps in the run file.
    arguments : tuple of str
        What asks for them on the command line of ``sinks run``.
    written : tuple of str
        Where the run puts them, from the folder of the run file; in the order of ``later``.
    """

    later: Mapping[str, Request]
    sections: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    @property
    def in_pass(self) -> bool:
        """Does the run make them in its pass?"""
        return bool(self.sections or self.arguments)

    @property
    def files(self) -> Sequence[str]:
        """Where the maps are, from the folder of the run file."""
        return self.written if self.in_pass else tuple(self.later)


TWO_MAPS = Maps(
    later={
        "aboveground.tif": ("--pool", "aboveground_biomass", "--year", "2023"),
        "forest_change.tif": ("--ecosystem", "forest", "--year", "2023", "--change"),
    },
)
"""Aboveground carbon of the last date and the change of the forest."""
THREE_MAPS = Maps(
    later={
        "storage_first.tif": ("--year", "2020"), "storage_last.tif": ("--year", "2023"), "change.tif": ("--year", "2023", "--change"),
    },
)  # fmt: skip
"""Storage at both dates and its change, as InVEST Carbon makes them."""


def run_with(maps: Maps, run: Run) -> Command:
    """A whole run with its maps, on two threads."""
    whole = sinks("run", run.path, "--threads", 2, "--quiet", *maps.arguments)
    return Command((whole,) if maps.in_pass else (whole, *_later(maps, run)), run.fresh())


def maps_alone(maps: Maps, run: Run) -> Command:
    """The maps without the tables, where they can be had without; else the run that makes them."""
    return run_with(maps, run) if maps.in_pass else Command(tuple(_later(maps, run)), run.fresh())


def _later(maps: Maps, run: Run) -> list[tuple[str, ...]]:
    return [sinks("map", run.path, *request, "-o", run.folder / name, "--threads", 2, "--quiet") for name, request in maps.later.items()]
