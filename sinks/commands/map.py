"""``sinks map``: carbon, or its change, as a cloud-optimized GeoTIFF."""

from pathlib import Path

import click

from aoi.texts import text
from sinks.cli import show_findings
from sinks.commands.shared import engine_of, engine_options, output_options, progress, run_file, stop_on_owners
from sinks.ecosystems.catalogue import INVENTORIED
from sinks.pipeline import make_map
from sinks.provenance import locked
from sinks.report.maps import CellType, map_title, request_of
from sinks.setup import set_up
from sinks.tables import POOLS


@click.command(help=text("help.map"))
@run_file
@click.option("--pool", type=click.Choice(POOLS), help=text("option.pool"))
@click.option("--ecosystem", type=click.Choice(INVENTORIED), help=text("option.ecosystem"))
@click.option("--year", type=int, required=True, help=text("option.year"))
@click.option("--change", is_flag=True, help=text("option.change"))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help=text("option.output"))
@click.option("--type", "cell_type", type=click.Choice(["int16", "float32"]), default="int16", show_default=True, help=text("option.cell_type"))
@engine_options
@output_options
def command(
    run_file: Path, roots: tuple[str, ...], pool: str | None, ecosystem: str | None, year: int, change: bool, output: Path, cell_type: CellType,
    threads: int | None, workers: int | None, scheduler: str | None, window: int, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """A map whose sum over a zone is the table's number."""
    stop_on_owners()
    setup = set_up(run_file, roots)
    request = request_of(setup, pool, ecosystem, year, change)
    with locked(setup.out), progress(text("progress.map"), quiet or as_json) as show:
        make_map(setup, request, cell_type, output, engine_of(threads, workers, scheduler, window), show)
    show_findings(setup.findings, as_json)
    if not quiet and not as_json:
        click.echo(text("map.done", title=map_title(request, None), unit=request.unit, path=output.name))
