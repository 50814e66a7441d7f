"""``sinks tabulate``: the pixel pass alone."""

from pathlib import Path

import click

from aoi.texts import text
from sinks.cli import show_findings
from sinks.commands.shared import engine_of, engine_options, output_options, progress, run_file, stop_on_owners
from sinks.pipeline import settle_tables, snapshot, tabulate
from sinks.provenance import locked
from sinks.setup import set_up


@click.command(help=text("help.tabulate"))
@run_file
@engine_options
@output_options
def command(
    run_file: Path, roots: tuple[str, ...], threads: int | None, workers: int | None, scheduler: str | None, window: int,
    quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Rasters to activity tables."""
    stop_on_owners()
    setup = set_up(run_file, roots)
    with locked(setup.out), progress(text("progress.tabulate"), quiet or as_json) as show:
        computed = tabulate(setup, engine_of(threads, workers, scheduler, window), show)
        snapshot(setup)
        settle_tables(setup.out)
    show_findings(setup.findings, as_json)
    if not quiet and not as_json:
        click.echo(text("run.done" if computed else "run.nothing_new", folder=setup.config.run.output))
