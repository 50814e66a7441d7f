"""``sinks quantify``: a project through its methodology."""

from pathlib import Path

import click

from aoi.texts import text
from methodologies.documents import write_documents
from methodologies.quantification import quantify
from methodologies.results import summary, write_results
from sinks.cli import show_findings
from sinks.commands.shared import stop_on_owners
from sinks.provenance import locked, log


@click.command(help=text("help.quantify"))
@click.argument("project_file", metavar="PROJECT.toml", type=click.Path(path_type=Path))
@click.option("--root", "roots", multiple=True, help=text("option.root"))
@click.option("--no-plugins", is_flag=True, help=text("option.no_plugins"))
@click.option("--no-documents", is_flag=True, help=text("option.no_documents"))
@click.option("--quiet", is_flag=True, help=text("option.quiet"))
@click.option("--json", "as_json", is_flag=True, help=text("option.json"))
def command(project_file: Path, roots: tuple[str, ...], no_plugins: bool, no_documents: bool, quiet: bool, as_json: bool) -> None:
    """Conditions, quantification, trace and documents."""
    stop_on_owners()
    result = quantify(project_file, roots, plugins=not no_plugins)
    out = (result.folder / result.project.project.output).resolve()
    with locked(out):
        write_results(result, out)
        if not no_documents:
            write_documents(result, out)
        log(out, "quantified", methodology=result.methodology.id, issued=result.issued)
    show_findings(result.findings, as_json)
    if not quiet and not as_json:
        click.echo(summary(result))
        click.echo(text("run.done", folder=result.project.project.output))
