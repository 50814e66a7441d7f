"""``sinks methodology``: what there is, what it declares, a new one, and the contract suite."""

from pathlib import Path

import click

from aoi.findings import Finding, InputError, errors, finding
from aoi.texts import current_language, text
from methodologies.authors import report, sheet, write_template
from methodologies.discovery import Loaded, candidates, discover, find, load, load_file
from sinks.cli import show_findings


@click.group(help=text("help.methodology"))
def command() -> None:
    """Modules of methodologies."""


@command.command(name="list", help=text("help.methodology.list"))
@click.option("--no-plugins", is_flag=True, help=text("option.no_plugins"))
def list_modules(no_plugins: bool) -> None:
    """Every module that keeps the contract, and why others do not."""
    found = discover(plugins=not no_plugins)
    language = current_language()
    for id, one in sorted(found.loaded.items()):
        module = one.methodology
        title = module.title if language == "zh" else module.title_en
        click.echo(f"{id:24} {text(f'doc.status.{module.status}', language)}  {title}  ({one.distribution} {one.version}, {one.sha256[:12]})")
    for where, findings in sorted(found.refused.items()):
        click.echo(text("report.not_loaded", language, where=where), err=True)
        show_findings(findings)


@command.command(help=text("help.methodology.show"))
@click.argument("id")
@click.option("--no-plugins", is_flag=True, help=text("option.no_plugins"))
def show(id: str, no_plugins: bool) -> None:
    """Conditions, parameters, pools, tables, status."""
    click.echo(sheet(find(id, plugins=not no_plugins), current_language()))


@command.command(help=text("help.methodology.new"))
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path), help=text("option.folder"))
@click.option("--title", help=text("option.title"))
@click.option("--title-en", help=text("option.title_en"))
def new(name: str, folder: Path | None, title: str | None, title_en: str | None) -> None:
    """Write a template that passes."""
    for path in write_template(name, folder or Path(name), title, title_en):
        click.echo(path.as_posix())


@command.command(help=text("help.methodology.check"))
@click.argument("target")
@click.option("--no-plugins", is_flag=True, help=text("option.no_plugins"))
def check(target: str, no_plugins: bool) -> None:
    """Run the contract suite on a file, an id, or every module of an installed package."""
    language = current_language()
    bad = False
    for where, loaded, findings in _checked(target, not no_plugins):
        click.echo(report(where, loaded, findings, language))
        bad |= loaded is None or bool(errors(findings))
    if bad:
        raise InputError(finding("E-METHOD-24", Path(target).name, target=Path(target).name))


def _checked(target: str, plugins: bool) -> list[tuple[str, Loaded | None, list[Finding]]]:
    if target.endswith(".py"):
        loaded, findings = load_file(Path(target))
        return [(Path(target).name, loaded, findings)]
    there, clashes = candidates(plugins)
    wanted = [one for one in there if target in (one.id, one.distribution)]
    if not wanted:
        mine = [one for one in clashes if target in str(one.values)]
        raise InputError(mine or [finding("E-METHOD-16", target, id=target, known=", ".join(one.id for one in there))])
    return [(one.where, *load(one)) for one in wanted]
