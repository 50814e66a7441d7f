"""``sinks doctor``: is this machine fit."""

import locale
import math
import os
import platform
import shutil
import sys
import time
from pathlib import Path

import click

from aoi.texts import text
from sinks.commands.shared import check_owners
from sinks.layers.raster import rasterio
from sinks.provenance import versions
from sinks.tabulate.trial import trial_area_ha

LEAST_FREE_GB = 2.0
LEAST_MEMORY_GB = 2.0
SAME_AREA = 1e-12


@click.command(help=text("help.doctor"))
def command() -> None:
    """Versions, PROJ data, memory, disk, locale, bytecode; a line each."""
    lines = [f"{name} {version}" for name, version in versions().items()]
    lines += [*_geo(), *_machine(), _kernel()]
    for line in lines:
        click.echo(line)
    for one in check_owners():
        click.echo(one.line())
    for warning in _warnings():
        click.echo(warning)


def _geo() -> list[str]:
    import pyogrio
    import pyproj

    return [
        f"GDAL {rasterio.__gdal_version__} (rasterio), {pyogrio.__gdal_version_string__} (pyogrio)",
        f"PROJ {pyproj.proj_version_str}, proj.db {'ok' if (Path(pyproj.datadir.get_data_dir()) / 'proj.db').exists() else 'missing'}",
    ]


def _kernel() -> str:
    """Whether the compiled kernel runs here, and how long it took to be ready."""
    began = time.monotonic()
    found, expected = trial_area_ha()
    state = "doctor.kernel" if math.isclose(found, expected, rel_tol=SAME_AREA) else "doctor.kernel_wrong"
    return text(state, seconds=f"{time.monotonic() - began:.1f}", found=f"{found:g}", expected=f"{expected:g}")


def _memory_gb() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / 1e9


def _machine() -> list[str]:
    free = shutil.disk_usage(".").free / 1e9
    return [
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU, {_memory_gb():.1f} GB, {free:.1f} GB free",
        f"locale {locale.getpreferredencoding(False)}, stdout {sys.stdout.encoding}",
    ]


def _warnings() -> list[str]:
    out = []
    if sys.dont_write_bytecode:
        out.append(text("doctor.bytecode"))
    if shutil.disk_usage(".").free / 1e9 < LEAST_FREE_GB:
        out.append(text("doctor.disk"))
    if _memory_gb() < LEAST_MEMORY_GB:
        out.append(text("doctor.memory"))
    return out or [text("doctor.fine")]
