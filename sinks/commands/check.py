"""``sinks check``: all findings at once, before anything is computed."""

from pathlib import Path

import click

from aoi.findings import InputError, errors
from aoi.texts import text
from sinks.annual_checks import check_years_inputs
from sinks.assessment.stage import check_assessment
from sinks.checking import check_inputs, layout_findings
from sinks.cli import show_findings
from sinks.commands.shared import check_owners, fetch_first, network_option, output_options, progress, run_file
from sinks.setup import set_up


@click.command(help=text("help.check"))
@run_file
@click.option("--deep", is_flag=True, help=text("option.deep"))
@network_option
@output_options
def command(run_file: Path, roots: tuple[str, ...], deep: bool, allow_network: bool, quiet: bool, as_json: bool) -> None:
    """Headers and one overview of everything; with --deep every block and every hash."""
    found = [*check_owners(), *fetch_first(run_file, roots, allow_network, quiet or as_json)]
    setup = set_up(run_file, roots)
    found += [*setup.findings, *layout_findings(setup), *check_assessment(setup)]
    with progress(text("progress.check"), quiet or as_json) as show:
        found += [*check_inputs(setup, deep=deep, progress=show), *check_years_inputs(setup, deep=deep)]
    if errors(found):
        raise InputError(found)
    show_findings(found, as_json)
    if not as_json and not quiet:
        cells = f"{setup.grid.width} x {setup.grid.height}"
        click.echo(text("check.passed", layers=len(setup.stack.layers), zones=sum(map(len, setup.zone_sets)), cells=cells))
