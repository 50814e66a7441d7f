"""``sinks fetch``: what a run reads of cloud catalogues, brought once; the run itself then needs no network."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from aoi.texts import text
from sinks.cli import show_findings
from sinks.commands.shared import network_option, output_options, progress, run_file
from sinks.fetching import Fetched, Job, fetch
from sinks.layers.windows import Progress

MB = 10**6


@click.command(help=text("help.fetch"))
@run_file
@network_option
@click.option("--dry-run", is_flag=True, help=text("option.dry_fetch"))
@click.option("--refresh", is_flag=True, help=text("option.refresh"))
@output_options
def command(run_file: Path, roots: tuple[str, ...], allow_network: bool, dry_run: bool, refresh: bool, quiet: bool, as_json: bool) -> None:
    """Items, plans and blocks into the cache; going on where it stopped."""
    silent = quiet or as_json
    with progress(text("progress.fetch"), silent) as show:

        def watch(_: Sequence[Job]) -> Progress | None:
            return show

        done = fetch(run_file, roots, allow_network=allow_network, dry_run=dry_run, refresh=refresh, watch=watch)
    found = [*done.notes, *done.findings]
    if as_json:
        told = {"findings": [one.as_dict() for one in found], "files": [_record(job) for job in done.jobs], "bytes_read": done.bytes_read}
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    show_findings(found)
    if not quiet:
        for line in _lines(done, dry_run):
            click.echo(line)


def _record(job: Job) -> dict[str, str | int]:
    """A file for machines: blocks that the run reads, those that were missing, and their bytes."""
    return {
        "name": job.stored.item.label, "blocks": len(job.numbers), "blocks_of_file": len(job.layout.sizes), "blocks_new": len(job.lacking),
        "bytes": job.bytes_wanted, "bytes_new": job.bytes_lacking,
    }  # fmt: skip


def _lines(done: Fetched, dry_run: bool) -> list[str]:
    """A line per file, and the sum."""
    if not done.jobs:
        return [text("fetch.complete")]
    lines = [
        text(
            "fetch.file",
            name=job.stored.item.label,
            blocks=len(job.numbers),
            all=len(job.layout.sizes),
            new=len(job.lacking),
            mb=f"{job.bytes_lacking / MB:.2f}",
        )
        for job in done.jobs
    ]
    wanted, new = sum(job.bytes_wanted for job in done.jobs), sum(job.bytes_lacking for job in done.jobs)
    key = "fetch.planned" if dry_run else "fetch.done"
    return [*lines, text(key, n=len(done.jobs), wanted=f"{wanted / MB:.2f}", new=f"{new / MB:.2f}", read=f"{done.bytes_read / MB:.2f}")]
