"""``sinks align``: every layer of a run on the run's grid, once, as files that read fast."""

from pathlib import Path

import click

from aoi.texts import text
from sinks.align import RUN_FILE, Preparation, align
from sinks.cli import show_findings
from sinks.commands.shared import engine_of, engine_options, output_options, progress, run_file, stop_on_owners
from sinks.layers.windows import Progress
from sinks.provenance import locked
from sinks.setup import set_up


@click.command(help=text("help.align"))
@run_file
@click.option("-o", "--output", type=click.Path(path_type=Path), help=text("option.aligned_folder"))
@click.option("--float", "as_float", is_flag=True, help=text("option.float"))
@engine_options
@output_options
def command(
    run_file: Path, roots: tuple[str, ...], output: Path | None, as_float: bool, threads: int | None, workers: int | None,
    scheduler: str | None, window: int, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Aligned files, a run file of them, and the record of what was done."""
    stop_on_owners()
    folder = output or run_file.parent / "aligned"
    setup = set_up(run_file, roots, out=folder)
    silent = quiet or as_json
    shown: list[Preparation] = []

    def title() -> str:
        return text("progress.align", **shown[0].title_values) if shown else text("progress.hash")

    with locked(folder), progress(title, silent) as show:

        def watch(work: Preparation) -> Progress | None:
            shown.append(work)
            return show

        done = align(setup, engine_of(threads, workers, scheduler, window), as_float, watch)
    show_findings(setup.findings, as_json)
    if not silent:
        for name in sorted(done.finished):
            click.echo(_line(name, done))
        click.echo(text("align.done", path=(folder / RUN_FILE).as_posix(), n=len(done.targets)))


def _line(name: str, done: Preparation) -> str:
    """What a file is, on one line."""
    one = done.finished[name]
    rounding = f"{one['largest_rounding_error']:g}"
    return text("align.file", name=name, dtype=one["dtype"], how=one["how"], cells=one["cells_written"], scale=f"{one['scale']:g}", rounding=rounding)
