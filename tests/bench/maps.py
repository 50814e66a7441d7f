"""The maps that the benchmark asks for, made in the pass of a run."""

from typing import Any

from bench.measure import Command, sinks
from bench.run_files import Run

Maps = list[dict[str, Any]]
"""The sections ``[[maps]]`` of a run file."""

TWO_MAPS: Maps = [{"pool": "aboveground_biomass", "year": 2023}, {"ecosystem": "forest", "year": 2023, "change": True}]
"""Aboveground carbon of the last date and the change of the forest."""
THREE_MAPS: Maps = [{"year": 2020}, {"year": 2023}, {"year": 2023, "change": True}]
"""Storage at both dates and its change, as InVEST Carbon makes them."""
FIRST_STORAGE = "maps/stock_all_pools_all_2020.tif"
"""The first of the three, in the run folder."""


def run_of(run: Run) -> Command:
    """A whole run, on two threads."""
    return Command((sinks("run", run.path, "--threads", 2, "--quiet"),), run.fresh())
