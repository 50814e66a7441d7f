"""The command line: verbs are loaded when they are called, so that help answers at once."""

import importlib
import json
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from aoi.findings import Finding, InputError
from aoi.texts import choose_language, text
from sinks import __version__
from sinks.errors import EXIT_FINDINGS, EXIT_UNFINISHED, Unfinished

VERBS = {
    "demo": "sinks.commands.demo",
    "check": "sinks.commands.check",
    "fetch": "sinks.commands.fetch",
    "align": "sinks.commands.align",
    "template": "sinks.commands.template",
    "run": "sinks.commands.run",
    "tabulate": "sinks.commands.tabulate",
    "account": "sinks.commands.account",
    "offsets": "sinks.commands.offsets",
    "ledger": "sinks.commands.ledger",
    "package": "sinks.commands.package",
    "verify": "sinks.commands.verify",
    "report": "sinks.commands.report",
    "explain": "sinks.commands.explain",
    "map": "sinks.commands.map",
    "accuracy": "sinks.commands.accuracy",
    "sample": "sinks.commands.sample",
    "plots": "sinks.commands.plots",
    "growth": "sinks.commands.growth",
    "retrieve": "sinks.commands.retrieve",
    "quantify": "sinks.commands.quantify",
    "methodology": "sinks.commands.methodology",
    "list": "sinks.commands.list",
    "doctor": "sinks.commands.doctor",
}


class Verbs(click.Group):
    """A group whose commands are imported by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a user meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(VERBS[cmd_name]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with a line each, without importing any."""
        with formatter.section(text("help.verbs")):
            formatter.write_dl([(verb, text(f"help.{verb}")) for verb in VERBS])


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sinks")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="zh | en")
def cli(lang: str | None) -> None:
    """生态系统碳汇遥感清单 / Ecosystem carbon-sink remote-sensing inventory."""
    choose_language(lang)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code: 0, 2 (findings), 3 (goes on later), 1 (a bug)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    choose_language(_asked_language(arguments))
    try:
        with _stoppable():
            code = cli.main(args=arguments, prog_name="sinks", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_FINDINGS)
    except (click.Abort, KeyboardInterrupt):
        click.echo(text("run.interrupted"), err=True)
        sys.exit(EXIT_UNFINISHED)
    except InputError as error:
        show_findings(error.findings, "--json" in arguments)
        sys.exit(EXIT_UNFINISHED if isinstance(error, Unfinished) else EXIT_FINDINGS)
    if isinstance(code, int) and code:  # a verb that left with an exit code of its own
        sys.exit(code)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Whoever ends the process politely (a scheduler, a system that shuts down) stops a run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _asked_language(arguments: Sequence[str]) -> str | None:
    for place, word in enumerate(arguments):
        if word == "--lang" and place + 1 < len(arguments):
            return arguments[place + 1]
        if word.startswith("--lang="):
            return word.partition("=")[2]
    return None


def show_findings(findings: Sequence[Finding], as_json: bool = False) -> None:
    """Findings for people on standard error, or for machines on standard output."""
    if as_json:
        click.echo(json.dumps({"findings": [one.as_dict() for one in findings]}, ensure_ascii=False, indent=1))
        return
    for one in findings:
        click.echo(printable(one.line()), err=True)


def printable(line: str) -> str:
    """A line without what would steer a terminal or turn its direction: texts of files are told as they are, and no more."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


if __name__ == "__main__":
    main()
