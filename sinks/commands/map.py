"""``sinks map``: carbon, or its change, as a cloud-optimized GeoTIFF."""

from pathlib import Path

import click

from aoi.texts import text
from sinks.cli import show_findings
from sinks.commands.shared import engine_of, engine_options, output_options, progress, run_file, stop_on_owners
from sinks.ecosystems.catalogue import INVENTORIED
from sinks.layers.disk import raster_written
from sinks.pipeline import densities_by_pool
from sinks.report.maps import MapFunction, map_title, request_of, write_map
from sinks.report.styles import write_style
from sinks.setup import mapped_ecosystems, set_up, value_units
from sinks.tables import POOLS


@click.command(help=text("help.map"))
@run_file
@click.option("--pool", type=click.Choice(POOLS), help=text("option.pool"))
@click.option("--ecosystem", type=click.Choice(INVENTORIED), help=text("option.ecosystem"))
@click.option("--year", type=int, required=True, help=text("option.year"))
@click.option("--change", is_flag=True, help=text("option.change"))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help=text("option.output"))
@engine_options
@output_options
def command(
    run_file: Path, roots: tuple[str, ...], pool: str | None, ecosystem: str | None, year: int, change: bool, output: Path,
    threads: int | None, workers: int | None, scheduler: str | None, window: int, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """A map whose sum over a zone is the table's number."""
    stop_on_owners()
    setup = set_up(run_file, roots)
    request = request_of(setup, pool, ecosystem, year, change)
    function = MapFunction(
        request=request, plan=setup.plan, reading=setup.reading(), layers=value_units(setup.config), mapped=mapped_ecosystems(setup.config),
        densities=densities_by_pool(setup.densities), factors=setup.factors,
    )  # fmt: skip
    with progress(text("progress.map"), quiet or as_json) as show, raster_written(output):
        write_map(setup, function, output, engine_of(threads, workers, scheduler, window), show)
    write_style(output, request)
    show_findings(setup.findings, as_json)
    if not quiet and not as_json:
        click.echo(text("map.done", title=map_title(request, None), unit=request.unit, path=output.name))
