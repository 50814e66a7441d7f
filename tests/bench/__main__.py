"""``python -m bench``: measures everything and prints one table."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.against_others import others, reading
from bench.own_growth import growth, workers
from bench.own_stages import stages
from bench.own_survey import survey
from bench.report import Row, as_text, machine, write
from bench.suite import Part, Suite, pixel_pass, say

PARTS: Mapping[str, Part] = {"1": others, "2": reading, "3": workers, "4": growth, "5": stages, "6": survey}
FULL_CELLS = 400_000_000


def main() -> None:
    """Measure the rows that are asked for."""
    options = _parser().parse_args()
    parts = options.only.split(",")
    if not set(parts) <= set(PARTS):
        sys.exit(f"--only: {options.only}; there are {', '.join(PARTS)}")
    suite = Suite(
        work=options.work or options.output / "landscapes", cells=FULL_CELLS if options.full else round(options.cells), repeats=options.repeats,
        seed=options.seed, grid=options.grid, clipped=not options.filled,
        invest_python=options.invest_python,
    )  # fmt: skip
    about = {
        "landscape": f"invented, {suite.cells / 1e6:.4g} million cells, seed {suite.seed}, {suite.grid}",
        "repeats": str(suite.repeats),
        **machine(),
    }
    _warm_up(suite)
    rows: list[Row] = []
    for part in parts:
        for row in PARTS[part](suite):
            rows.append(row)
            write(rows, about, options.output)
    print("\n".join(f"{name}: {value}" for name, value in about.items()) + "\n\n" + as_text(rows))
    say(f"written to {options.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--cells", type=float, default=9e6, help="cells of the largest landscape (9e6)")
    parser.add_argument("--full", action="store_true", help="25, 100 and 400 million cells")
    parser.add_argument("--repeats", type=int, default=3, help="how often each command runs; medians are reported (3)")
    parser.add_argument("--only", default=",".join(PARTS), help="rows, e.g. 1,2")
    parser.add_argument("--grid", choices=("albers", "geographic"), default="albers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--filled", action="store_true", help="layers fill the box; else they end with the zones")
    parser.add_argument("--invest-python", default=sys.executable, help="interpreter of an environment that has natcap.invest (this one)")
    parser.add_argument("--output", type=Path, default=Path("bench-out"), help="where the table is written (bench-out)")
    parser.add_argument("--work", type=Path, help="where landscapes are kept (OUTPUT/landscapes)")
    return parser


def _warm_up(suite: Suite) -> None:
    """One pass that is not counted: compiled code and files are then in their caches."""
    suite.taken({"warm-up": pixel_pass(suite.run("six"))}, "nothing yet: warming up", repeats=1)


if __name__ == "__main__":
    main()
