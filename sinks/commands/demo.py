"""``sinks demo``: the whole of it on bundled inputs, checked against the known truth of its scenario."""

from pathlib import Path

import click

from aoi.texts import text
from sinks.assessment.stage import assess, brief_of
from sinks.commands.shared import engine_of, engine_options, open_page, output_options, progress, stop_on_owners
from sinks.demo.check import DemoCheck, check_demo
from sinks.demo.offset_check import check_offsets, refused
from sinks.demo.scenario import write_demo
from sinks.pipeline import account, draw_maps, findings_of_run, keep_summary, look, snapshot, tabulate
from sinks.provenance import locked
from sinks.report.outlines import keep_outlines
from sinks.report.stage import keep_checks, make_report, report_path
from sinks.setup import set_up

MOST_SHOWN = 20


@click.command(help=text("help.demo"))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), default=Path("sinks-demo"))
@click.option("--cells", type=click.IntRange(10_000, 2_000_000_000), help=text("option.cells"))
@click.option("--open", "opened", is_flag=True, help=text("option.open"))
@engine_options
@output_options
def command(
    folder: Path, cells: int | None, opened: bool, threads: int | None, workers: int | None, scheduler: str | None, window: int, quiet: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Write the demonstration project, run it, and hold the result against its truth."""
    stop_on_owners()
    run_file = write_demo(folder, cells=cells)
    setup = set_up(run_file)
    if not quiet:
        click.echo(text("demo.written", folder=folder.as_posix(), width=setup.grid.width, height=setup.grid.height))
    with locked(setup.out):
        look(setup)
        with progress(text("progress.tabulate"), quiet) as show:
            tabulate(setup, engine_of(threads, workers, scheduler, window), show)
        snapshot(setup)
        account(setup.out)
        draw_maps(setup)
        summary = keep_summary(setup.out, findings_of_run(setup))
        assess(setup, setup.out)
        keep_outlines(setup)
        checks = [*check_demo(folder, setup.out), *check_offsets(folder, setup.out)]
        keep_checks(setup.out, checks)
        make_report(setup.out)
    if not quiet:
        click.echo(summary)
        click.echo(brief_of(setup.out))
        for one in refused(folder, setup.out):
            click.echo(text("demo.refused", line=one.line()))
    _report(checks, folder)
    if opened:
        open_page(report_path(setup.out))


def _report(checks: list[DemoCheck], folder: Path) -> None:
    """Say whether the demonstration came out as it must; leave with an error when it did not."""
    failed = [check for check in checks if not check.ok]
    for check in failed[:MOST_SHOWN]:
        click.echo(check.message(), err=True)
    click.echo(text("demo.check.failed", n=len(checks), failed=len(failed)) if failed else text("demo.check.passed", n=len(checks)))
    click.echo(text("run.done", folder=(folder / "out").as_posix()))
    click.echo(text("report.done", path=report_path(folder / "out").as_posix()))
    if failed:
        raise click.exceptions.Exit(1)
