"""``sinks verify``: a package checked without trusting its sender."""

import json
from pathlib import Path

import click

from aoi.findings import InputError
from aoi.texts import text
from sinks.assessment.signer import read_public_key
from sinks.assessment.verify import verify
from sinks.errors import EXIT_FINDINGS


@click.command(help=text("help.verify"))
@click.argument("bundle", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--key", required=True, type=click.Path(path_type=Path), help=text("option.public_key"))
@click.option("--json", "as_json", is_flag=True, help=text("option.json"))
def command(bundle: Path, key: Path, as_json: bool) -> None:
    """Size, names, signature, hashes, tables, rules; exit 2 with findings."""
    checked, found = verify(bundle, read_public_key(key))
    if as_json:
        result = {"bundle": checked.digest, "result": "refused" if found else "valid", "findings": [one.as_dict() for one in found]}
        click.echo(json.dumps(result, ensure_ascii=False, indent=1))
        if found:
            raise click.exceptions.Exit(EXIT_FINDINGS)
        return
    if found:
        raise InputError(found)
    package = checked.package
    values = {name: package[name] for name in ("issuer", "product", "period", "revision", "status")}
    click.echo(text("verify.valid", **values, digest=checked.digest[:16], rule=package["rule"]["id"]))
