"""``sinks run``: everything, going on where it stopped."""

from pathlib import Path

import click

from aoi.findings import stop_on_errors
from aoi.texts import text
from sinks.assessment.sources import missing_sources
from sinks.assessment.stage import assess
from sinks.checking import layout_findings
from sinks.cli import show_findings
from sinks.commands.shared import engine_of, engine_options, fetch_first, network_option, output_options, progress, run_file, stop_on_owners
from sinks.pipeline import account, draw_maps, findings_of_run, keep_summary, look, plan_of, snapshot, tabulate
from sinks.provenance import locked, log
from sinks.report.outlines import keep_outlines
from sinks.report.stage import make_report, report_path
from sinks.setup import set_up


@click.command(help=text("help.run"))
@run_file
@click.option("--dry-run", is_flag=True, help=text("option.dry_run"))
@network_option
@engine_options
@output_options
def command(
    run_file: Path, roots: tuple[str, ...], dry_run: bool, allow_network: bool, threads: int | None, workers: int | None, scheduler: str | None,
    window: int, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Check, tabulate, account and summarise."""
    stop_on_owners()
    fetched = fetch_first(run_file, roots, allow_network and not dry_run, quiet or as_json)
    setup = set_up(run_file, roots)
    if dry_run:
        click.echo(plan_of(setup))
        show_findings(layout_findings(setup))
        return
    engine = engine_of(threads, workers, scheduler, window)
    silent = quiet or as_json
    with locked(setup.out):
        log(setup.out, "started", title=setup.config.run.title)
        stop_on_errors(missing_sources(setup.config, setup.folders))
        look(setup)
        with progress(text("progress.tabulate"), silent) as show:
            computed = tabulate(setup, engine, show)
        snapshot(setup)
        accounted = account(setup.out)
        drawn = draw_maps(setup)
        found = findings_of_run(setup)
        summary = keep_summary(setup.out, found)
        settled = assess(setup, setup.out)
        keep_outlines(setup)
        reported = make_report(setup.out)
        log(setup.out, "finished", tabulated=computed, accounted=accounted, settled=settled, reported=reported)
    show_findings([*fetched, *found], as_json)
    if not silent:
        click.echo(summary)
        if drawn:
            click.echo(text("run.maps", names=", ".join(f"maps/{name}.tif" for name in drawn)))
        click.echo(text("run.done" if computed or accounted or settled or drawn else "run.nothing_new", folder=setup.config.run.output))
        click.echo(text("report.done" if reported else "report.kept", path=report_path(setup.out).as_posix()))
