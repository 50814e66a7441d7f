"""The program's own steady state, measured in its process: without start, imports and hashes of the inputs."""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.clock import Clock, say
from sinks.accounting.inventory import Result, evaluate
from sinks.checking import hash_inputs
from sinks.layers.windows import Engine
from sinks.pipeline import Inventory, account, keep_summary, look, read_inventory, settle_tables, snapshot, tabulate
from sinks.setup import set_up
from sinks.tables import POOLS

Floats = NDArray[np.float64]

CHUNK = 500
"""Draws that are evaluated at once."""


def main() -> None:
    """One measurement, chosen by its first argument."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("tabulate", "change", "draws"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--window", type=int, default=1)
    parser.add_argument("--draws", type=int, default=10_000)
    options = parser.parse_args()
    if options.what == "tabulate":
        say(pixel_pass(options.path, Engine(threads=options.threads, window_tiles=options.window)))
    elif options.what == "change":
        say(changed_factor(options.path))
    else:
        say(draws(options.path, options.draws))


def pixel_pass(run_file: Path, engine: Engine) -> dict[str, Any]:
    """The pass from rasters to activity tables; hashes of the inputs are known before."""
    setup = set_up(run_file)
    hash_inputs(setup)
    clock = Clock()
    computed = tabulate(setup, engine)
    figures = clock.figures(computed=computed)
    settle_tables(setup.out)
    return figures


def changed_factor(run_file: Path) -> dict[str, Any]:
    """All that ``sinks run`` does once a factor has another value: to new tables."""
    clock = Clock()
    setup = set_up(run_file)
    tabulating = Clock()
    look(setup)
    computed = tabulate(setup)
    read = tabulating.figures()["read_bytes"]
    snapshot(setup)
    accounting = Clock()
    accounted = account(setup.out)
    seconds = accounting.figures()["wall_s"]
    keep_summary(setup.out, None)
    return clock.figures(tabulated=computed, tabulate_read_bytes=read, accounted=accounted, account_s=seconds)


def draws(out: Path, count: int) -> dict[str, Any]:
    """Draws of all factors at once, to stocks by zone, date and pool and removals by zone, date and pool."""
    inventory = read_inventory(out)
    totals = _Totals(inventory)
    _stocks_and_removals(inventory, totals, _factors(inventory, 2, 0))
    clock = Clock()
    parts = [
        _stocks_and_removals(inventory, totals, _factors(inventory, min(CHUNK, count - first), first)) for first in range(0, count, CHUNK)
    ]
    results = np.concatenate(parts)
    return clock.figures(draws=len(results), results=results.shape[1], threads=os.cpu_count())


def _factors(inventory: Inventory, count: int, stream: int) -> Floats:
    """Factor values, each five per cent about its own."""
    central = inventory.factors.value
    drawn: Floats = central * (1 + 0.05 * np.random.default_rng([1, stream]).standard_normal((count, len(central))))
    return drawn


class _Totals:
    """Where the groups of the stocks and the entries of the removals are added up: by zone and date."""

    def __init__(self, inventory: Inventory) -> None:
        years = inventory.prepared.years.frame
        self.stocks = _sorted_groups(years[["zone", "year"]])
        entries = evaluate(inventory.prepared, inventory.factors.value[None, :]).entries.frame
        self.removals = _sorted_groups(entries[["zone", "year_from", "pool"]])


def _sorted_groups(keys: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order in which rows of equal keys stand together, and where each group begins."""
    place = keys.groupby(list(keys.columns)).ngroup().to_numpy()
    order = np.argsort(place, kind="stable")
    return order, np.flatnonzero(np.diff(place[order], prepend=-1))


def _stocks_and_removals(inventory: Inventory, totals: _Totals, values: Floats) -> Floats:
    result: Result = evaluate(inventory.prepared, values)
    order, starts = totals.stocks
    stocks = [np.add.reduceat(result.stocks[pool][:, order], starts, axis=1) for pool in POOLS]
    order, starts = totals.removals
    return np.concatenate([*stocks, np.add.reduceat(result.entries.change[:, order], starts, axis=1)], axis=1)


if __name__ == "__main__":
    main()
