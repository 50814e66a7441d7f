"""``sinks report``: page, workbook and quick-looks of a run, from its folder alone."""

from pathlib import Path

import click

from aoi.findings import InputError, finding
from aoi.texts import text
from sinks.cli import show_findings
from sinks.commands.shared import open_page, output_options
from sinks.provenance import locked
from sinks.report.stage import findings_of_report, make_report, report_path


@click.command(help=text("help.report"))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--open", "opened", is_flag=True, help=text("option.open"))
@output_options
def command(out: Path, opened: bool, quiet: bool, as_json: bool) -> None:
    """What people look at."""
    if not out.is_dir():
        raise InputError(finding("E-RUN-05", out.name))
    with locked(out):
        made = make_report(out)
    show_findings(findings_of_report(out), as_json)
    if not quiet and not as_json:
        click.echo(text("report.done" if made else "report.kept", path=report_path(out).as_posix()))
    if opened:
        open_page(report_path(out))
