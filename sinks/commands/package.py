"""``sinks package``: the signed bundle for the assessment."""

from pathlib import Path

import click

from aoi.findings import InputError, finding
from aoi.texts import text
from sinks.assessment.bundle_tables import STATUSES
from sinks.assessment.package import Order, build_files, sign, write_bundle
from sinks.assessment.signer import FileSigner, make_key
from sinks.provenance import locked, log


@click.command(help=text("help.package"))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("-o", "--output", "bundle", required=True, metavar="BUNDLE", type=click.Path(path_type=Path), help=text("option.bundle"))
@click.option("--key", required=True, type=click.Path(path_type=Path), help=text("option.key"))
@click.option("--new-key", is_flag=True, help=text("option.new_key"))
@click.option("--issuer", default="", help=text("option.issuer"))
@click.option("--status", type=click.Choice(STATUSES), default="provisional", show_default=True, help=text("option.status"))
@click.option("--supersedes", type=click.Path(path_type=Path), help=text("option.supersedes"))
@click.option("--reasons", type=click.Path(path_type=Path), help=text("option.reasons"))
@click.option("--quiet", is_flag=True, help=text("option.quiet"))
def command(
    out: Path, bundle: Path, key: Path, new_key: bool, issuer: str, status: str, supersedes: Path | None, reasons: Path | None, quiet: bool
) -> None:
    """Pack and sign the offsets of a run."""
    if not out.is_dir():
        raise InputError(finding("E-RUN-05", out.name))
    if new_key:
        public = make_key(key)
        click.echo(text("package.key", private=key.name, public=public.name))
    signer = FileSigner(key)
    order = Order(issuer=issuer or text("package.no_issuer", "zh"), status=status, supersedes=supersedes, reasons=reasons)
    with locked(out):
        name, files = build_files(out, order, signer)
        written = write_bundle(sign(files, [signer]), bundle)
        log(out, "packed", name=name, key=signer.key_id)
    if not quiet:
        click.echo(
            text(
                "package.written", name=name, files=len(files) + 2, places=", ".join(path.as_posix() for path in written), key=signer.key_id
            )
        )
