"""``sinks template``: empty inputs to fill in."""

from pathlib import Path

import click

from aoi.texts import text
from sinks.template import write_templates


@click.command(help=text("help.template"))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Workbooks, CSV files and a run file."""
    for name in write_templates(folder):
        click.echo(name)
    click.echo(text("form.done", folder=folder.name))
