"""``sinks account``: the accounting alone, from a run folder; no raster is opened."""

from pathlib import Path

import click

from aoi.findings import InputError, finding
from aoi.texts import text
from sinks.cli import show_findings
from sinks.commands.shared import output_options
from sinks.pipeline import account, keep_summary
from sinks.provenance import locked
from sinks.report.stage import is_stale


@click.command(help=text("help.account"))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@output_options
def command(out: Path, quiet: bool, as_json: bool) -> None:
    """Activity tables to results."""
    if not out.is_dir():
        raise InputError(finding("E-RUN-05", out.name))
    with locked(out):
        computed = account(out)
        summary = keep_summary(out, None)
    show_findings([], as_json)
    if not quiet and not as_json:
        click.echo(summary)
        click.echo(text("run.done" if computed else "run.nothing_new", folder=out.name))
        if is_stale(out):
            click.echo(text("report.stale", folder=out.name))
