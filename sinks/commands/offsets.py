"""``sinks offsets``: the offset from the tables of a run; no raster is opened."""

import json
from pathlib import Path

import click
import pandas as pd

from aoi.findings import InputError, finding
from aoi.texts import current_language, text
from sinks.assessment.stage import WhatIf, findings_of, policy_of, settle_offsets, what_if, words_of
from sinks.assessment.words import league_name, policy_words, wan
from sinks.cli import show_findings
from sinks.commands.shared import output_options
from sinks.config import PolicySection, read_policy
from sinks.provenance import locked


@click.command(help=text("help.offsets"))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--policy", "policy_file", type=click.Path(path_type=Path), help=text("option.policy"))
@click.option("--assume-issued", "assume", multiple=True, metavar="MODULE", help=text("option.assume_issued"))
@output_options
def command(out: Path, policy_file: Path | None, assume: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """The tables of the offset, or two policies side by side."""
    if not out.is_dir():
        raise InputError(finding("E-RUN-05", out.name))
    silent = quiet or as_json
    if policy_file is None and not assume:
        with locked(out):
            computed = settle_offsets(out)
        if as_json:
            click.echo(json.dumps({"findings": findings_of(out)}, ensure_ascii=False, indent=1))
        if not silent:
            click.echo(words_of(out))
            click.echo(text("run.done" if computed else "run.nothing_new", folder=out.name))
        return
    other = WhatIf(policy=read_policy(policy_file, policy_file.name) if policy_file is not None else None, assume=assume)
    with locked(out):
        rows, found, policy = what_if(out, other)
    show_findings(found, as_json)
    if not silent:
        click.echo("\n".join(_side_by_side(rows, policy_of(out), policy, assume)))


def _side_by_side(rows: pd.DataFrame, this: PolicySection, other: PolicySection, assume: tuple[str, ...]) -> list[str]:
    """What differs between two policies, in words and in numbers."""
    language = current_language()
    years = sorted({int(year) for year in rows["year"]})
    both = zip(policy_words(this, years, language), policy_words(other, years, language), strict=True)
    lines = [text("offsets.differs", key=key, this=one, other=another) for (key, one), (_, another) in both if one != another]
    lines += [text("offsets.assumed", modules=", ".join(assume))] if assume else []
    lines += ["", text("offsets.compare"), text("offsets.compare_head")]
    for row in rows.to_dict("records"):
        pairs = [
            f"{wan(row[f'{name}_this_tCO2e'])} → {wan(row[f'{name}_other_tCO2e'])}"
            for name in ("removal_inventory", "ccer_excluded", "offset_trial")
        ]
        lines.append(" | ".join([league_name(row["league"], None, language), str(row["year"]), *pairs, wan(row["difference_tCO2e"])]))
    return lines
