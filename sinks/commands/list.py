"""``sinks list``: what is there."""

import click

from aoi.codes import league_names
from aoi.findings import finding_ids
from aoi.texts import current_language, text
from sinks.factors.table import FactorTable
from sinks.legends.legend import land_classes, products
from sinks.presets import presets

KINDS = ("leagues", "ecosystems", "legends", "presets", "factors", "findings")


@click.command(help=text("help.list"))
@click.argument("kind", type=click.Choice(KINDS))
def command(kind: str) -> None:
    """Leagues, ecosystems, legends, presets of products, factors or findings."""
    lines = {
        "leagues": _leagues, "ecosystems": _ecosystems, "legends": _legends, "presets": _presets, "factors": _factors, "findings": _findings,
    }  # fmt: skip
    for line in lines[kind]():
        click.echo(line)


def _leagues() -> list[str]:
    return [f"{code}  {zh}  {en}" for code, (zh, en) in sorted(league_names().items())]


def _ecosystems() -> list[str]:
    return [f"{row.ecosystem:10} {row.land_class:18} {getattr(row, f'name_{current_language()}')}" for row in land_classes().itertuples()]


def _legends() -> list[str]:
    return [
        f"{row.id:16} {row.version:10} {row.year_from}-{row.year_to}  change_ok={str(bool(row.change_ok)).lower():5} "
        f"{getattr(row, f'title_{current_language()}')}"
        for row in products().itertuples()
    ]


def _presets() -> list[str]:
    """A line per product, and one per fact with its evidence."""
    out = []
    for preset in presets().values():
        out.append(f"{preset.id}  {preset.word(f'title_{current_language()}')}")
        out += [f"    {key} = {fact.value}  [{fact.tag}] {fact.source}" for key, fact in preset.facts.items() if not key.startswith("title_")]
    return out


def _factors() -> list[str]:
    table = FactorTable.shipped()
    return [
        f"{table.id[row]} = {table.value[row]:g} {table.unit[row]}  [{table.tag[row]}] {table.citation(row)}; {table.locator[row]}"
        for row in range(len(table))
    ]


def _findings() -> list[str]:
    return [f"{id}  {text(id)}" for id in finding_ids()]
