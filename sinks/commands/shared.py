"""Options and progress that verbs share."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from aoi.findings import Finding, InputError, finding
from aoi.texts import text
from sinks.fetching import fetch
from sinks.layers.windows import Engine, Progress

_PLAIN_SECONDS = 5.0


def run_file(function: Callable[..., Any]) -> Callable[..., Any]:
    """The argument RUN.toml and the option --root."""
    function = click.option("--root", "roots", multiple=True, help=text("option.root"))(function)
    return click.argument("run_file", metavar="RUN.toml", type=click.Path(path_type=Path))(function)


def engine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options on where the pass runs."""
    function = click.option("--threads", type=click.IntRange(1), help=text("option.threads"))(function)
    function = click.option("--workers", type=click.IntRange(1), help=text("option.workers"))(function)
    function = click.option("--scheduler", help=text("option.scheduler"))(function)
    return click.option("--window", type=click.IntRange(1, 8), default=1, show_default=True, help=text("option.window"))(function)


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options on what is printed."""
    function = click.option("--quiet", is_flag=True, help=text("option.quiet"))(function)
    return click.option("--json", "as_json", is_flag=True, help=text("option.json"))(function)


def network_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option without which nothing is asked of the network."""
    return click.option("--allow-network", is_flag=True, help=text("option.allow_network"))(function)


def fetch_first(run_file: Path, roots: tuple[str, ...], allow_network: bool, silent: bool) -> list[Finding]:
    """With ``--allow-network``, bring what the run lacks; returns what is to be told of it."""
    if not allow_network:
        return []
    with progress(text("progress.fetch"), silent) as show:
        return fetch(run_file, roots, allow_network=True, watch=lambda _: show).findings


def engine_of(threads: int | None, workers: int | None, scheduler: str | None, window: int) -> Engine:
    """The engine of the options."""
    return Engine(threads=threads, workers=workers, scheduler=scheduler, window_tiles=window)


@contextmanager
def progress(title: str | Callable[[], str], quiet: bool) -> Iterator[Progress | None]:
    """A progress callback: a bar on a terminal, plain lines elsewhere, none when quiet.

    Parameters
    ----------
    title : str or callable
        What is done; a callable is asked again whenever the progress is shown.
    """
    ask = title if callable(title) else (lambda: title)
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(ask) as bar:
            yield bar
    else:
        yield _plain(ask)


@contextmanager
def _bar(title: Callable[[], str]) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with RichProgress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title(), total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total, description=title())


def _plain(title: Callable[[], str]) -> Progress:
    started = time.monotonic()
    state = {"next": started + _PLAIN_SECONDS}

    def show(done: int, total: int) -> None:
        now = time.monotonic()
        if now >= state["next"] or done == total:
            state["next"] = now + _PLAIN_SECONDS
            left = (now - started) / done * (total - done) if done else 0.0
            click.echo(text("run.progress", title=title(), done=done, total=total, left=f"{left:.0f}"), err=True)

    return show


def open_page(path: Path) -> None:
    """Open a page in the browser of the user."""
    import webbrowser

    webbrowser.open(path.resolve().as_uri())


def check_owners() -> list[Finding]:
    """Import names of this distribution that another one has installed as well."""
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    found = []
    for name in ("aoi", "sinks", "methodologies"):
        distributions = sorted(set(owners.get(name, [])))
        if len(distributions) > 1:
            found.append(finding("E-RUN-06", name, name=name, owners=", ".join(distributions)))
    return found


def stop_on_owners() -> None:
    """Refuse to run when an import name has two owners."""
    found = check_owners()
    if found:
        raise InputError(found)
