"""A small good project on disk, what the command line says of it, and what its results are: material to break.

The project has 60 x 80 cells of a hundredth of a degree, three zones in a
GeoPackage, CLCD class codes and aboveground biomass at three dates.
"""

import atexit
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import geopandas
import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from shapely import box

from aoi.findings import Finding
from sinks import cli
from sinks.layers.raster import rasterio

ROWS, COLUMNS = 60, 80
WEST, NORTH, CELL = 112.0, 44.0, 0.01
DATES = (2017, 2020, 2023)
FINDING_KEYS = {"id", "severity", "where", "found", "expected", "remedy"}
KEPT = ("tables", "inputs", "run.json", "findings.json", "summary.zh.md", "summary.en.md")
"""What a finished run leaves, and a later one that fails must not touch."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a call of the command line left behind: exit code, both streams, and the findings before they were put into words."""

    code: int
    out: str
    err: str
    told: tuple[Finding, ...] = ()

    @property
    def findings(self) -> list[dict[str, str]]:
        """The findings of a call with ``--json``."""
        return list(json.loads(self.out)["findings"])

    @property
    def ids(self) -> list[str]:
        """Ids of the findings of a call with ``--json``, in their order."""
        return [one["id"] for one in self.findings]


@dataclass(slots=True)
class Project:
    """A folder with a configuration and the files that it names."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    """What stands in the configuration file instead, to the byte."""

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self.folder / "run.toml"

    @property
    def out(self) -> Path:
        """The run folder."""
        return self.folder / "out"

    def save(self) -> None:
        """Write the configuration."""
        self.file.write_bytes(toml(self.config).encode("utf-8") if self.raw is None else self.raw)

    def sinks(self, verb: str, *options: str, lang: str = "zh") -> Said:
        """Call a verb on the configuration."""
        if not self.file.is_dir():
            self.save()
        return sinks("--lang", lang, verb, str(self.file), *options)

    def values(self, name: str, change: Callable[[NDArray[Any]], NDArray[Any]], **profile: Any) -> None:
        """Rewrite a raster with other cells, and another profile if asked."""
        path = self.folder / name
        with rasterio.open(path) as old:
            cells, kept = old.read(1), old.profile
        write_raster(path, change(cells), **{**kept, "dtype": None, **profile})

    def zones_of(self, bounds: tuple[float, float, float, float], crs: str) -> None:
        """Write one zone, a box, as the zones of the project."""
        left, bottom, right, top = bounds
        frame = geopandas.GeoDataFrame({"code": ["all_of_it"], "name_zh": ["全部"]}, geometry=[box(left, bottom, right, top)], crs=crs)
        (self.folder / "zones.gpkg").unlink()
        frame.to_file(self.folder / "zones.gpkg", engine="pyogrio")

    def results(self) -> dict[str, bytes]:
        """The bytes of every result file."""
        return results(self.out)


def results(out: Path) -> dict[str, bytes]:
    """The bytes of every result file of a run folder."""
    paths = [path for name in KEPT for path in ([out / name] if (out / name).is_file() else sorted((out / name).glob("*")))]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths if path.suffix != ".jsonl"}


def sinks(*arguments: str) -> Said:
    """Call the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    told: list[Finding] = []
    show = cli.show_findings

    def listen(findings: Sequence[Finding], as_json: bool = False) -> None:
        told.extend(findings)
        show(findings, as_json)

    owners = patch("importlib.metadata.packages_distributions", _owners)
    with redirect_stdout(out), redirect_stderr(err), owners, patch("sinks.cli.show_findings", listen):
        try:
            cli.main(arguments)
        except SystemExit as stop:
            code = stop.code
    return Said(int(code or 0), out.getvalue(), err.getvalue(), tuple(told))


@lru_cache(maxsize=1)
def _owners() -> Mapping[str, list[str]]:
    """Who owns which import name, looked up once: a call of the command line spends most of its time there."""
    return packages_distributions()


def sinks_process(*arguments: str, **more: Any) -> Said:
    """Call the command line in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "sinks", *arguments], capture_output=True, timeout=120, check=False, **more)
    return Said(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


@lru_cache(maxsize=1)
def _finished() -> Path:
    """The good project with the results of a run, made once per session."""
    folder = Path(tempfile.mkdtemp(prefix="broken-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    project = make_project(folder / "project")
    said = project.sinks("run", "--quiet")
    if said.code:
        raise RuntimeError(said.err)
    return project.folder


def good(folder: Path) -> Project:
    """The good project with earlier results, below a folder whose name must never be told."""
    place = folder / "home" / "li.ming"
    shutil.copytree(_finished(), place)
    return Project(place, config())


def refused(project: Project, *ids: str, verb: str = "run", options: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """The errors of a call that must stop with exactly these errors, whole in both languages, with nothing told or touched that should not be.

    ``ids`` are the errors in any order, each as often as it must come; warnings and notes may come too.
    """
    before = project.results()
    said = project.sinks(verb, "--json", *options)
    assert said.code == 2, said.out + said.err
    errors = [one for one in said.findings if one["severity"] == "error"]
    assert sorted(one["id"] for one in errors) == sorted(ids), "\n".join(map(str, errors))
    for one in said.findings:
        assert set(one) >= FINDING_KEYS
        assert all(one.values()), one
        assert re.search("[\u4e00-\u9fff]", one["message"] + one["remedy"]), one
    for one in said.told:
        assert one.where in one.line("en")
        assert re.fullmatch(r"[^|]+ \| .+ \| found: .+ \| expected: .+ \| do: .+", cli.printable(one.line("en"))), one.line("en")
        tells_nothing(one.line("en"), project.folder)
    tells_nothing(said.out + said.err, project.folder)
    assert project.results() == before
    return errors


def accepted(project: Project, *ids: str, verb: str = "check", options: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """The findings of a call that goes through with exactly these warnings and notes."""
    said = project.sinks(verb, "--json", *options)
    assert said.code == 0, said.out + said.err
    assert sorted(said.ids) == sorted(ids), said.out
    tells_nothing(said.out + said.err, project.folder)
    return said.findings


def ran(project: Project, *ids: str) -> list[dict[str, str]]:
    """The findings of a run that goes through with exactly these warnings and notes."""
    return accepted(project, *ids, verb="run")


def tells_nothing(text: str, folder: Path) -> None:
    """No traceback, no place on this machine."""
    assert "Traceback" not in text
    for secret in (str(folder), str(Path.home()) + "/", "li.ming", "site-packages", str(Path(cli.__file__).parent)):
        assert secret not in text, text


def make_project(folder: Path) -> Project:
    """The good project, written."""
    folder.mkdir(parents=True)
    for year in DATES:
        write_raster(folder / f"land_{year}.tif", land_cover(year), nodata=0)
        write_raster(folder / f"agb_{year}.tif", biomass(year))
    zones().to_file(folder / "zones.gpkg", engine="pyogrio")
    project = Project(folder, config())
    project.save()
    return project


def config() -> dict[str, Any]:
    """The good configuration."""
    return {
        "run": {"title": "A small good project", "years": [2020, 2023], "base_year": 2017, "output": "out"},
        "zones": {"file": "zones.gpkg", "code": "code", "name": "name_zh"},
        "layers": {
            "land_cover": {**{str(year): f"land_{year}.tif" for year in DATES}, "legend": "clcd"},
            "aboveground_biomass": {**{str(year): f"agb_{year}.tif" for year in DATES}, "unit": "t ha-1", "basis": "dry_matter"},
        },
    }


def land_cover(year: int) -> NDArray[np.uint8]:
    """CLCD codes: forest in the west, grassland, some cropland and wetland; a strip becomes forest with each date."""
    codes = np.full((ROWS, COLUMNS), 4, dtype=np.uint8)
    codes[:, :30] = 2
    codes[50:, 40:] = 1
    codes[:6, 60:] = 9
    codes[10:20, 30 : 30 + year - 2017] = 2
    return codes


def biomass(year: int) -> NDArray[np.float32]:
    """Dry matter per hectare: a smooth surface that gains a little with each year; its mean is that of a forest of the region."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    surface = 70 + 20 * np.sin(row / 9) * np.cos(column / 11) + 0.3 * (year - 2017)
    return surface.astype(np.float32)


def zones() -> geopandas.GeoDataFrame:
    """Three zones side by side, inside the grid."""
    south, east = NORTH - ROWS * CELL, WEST + COLUMNS * CELL
    edges = [WEST + CELL / 3, WEST + 25.4 * CELL, WEST + 52.5 * CELL, east - CELL / 3]
    shapes = [box(left, south + CELL / 3, right, NORTH - CELL / 3) for left, right in pairwise(edges)]
    names = {"code": ["west", "middle", "east"], "name_zh": ["西区", "中区", "东区"]}
    return geopandas.GeoDataFrame(names, geometry=shapes, crs="EPSG:4490")


def write_raster(path: Path, cells: NDArray[Any], **more: Any) -> None:
    """Write cells as a GeoTIFF of small tiles."""
    given = {key: value for key, value in more.items() if value is not None or key in ("nodata", "crs", "transform")}
    height, width = cells.shape[-2:]
    profile = {
        "driver": "GTiff", "dtype": cells.dtype, "count": 1 if cells.ndim == 2 else len(cells), "crs": "EPSG:4490",
        "transform": Affine(CELL, 0.0, WEST, 0.0, -CELL, NORTH), "tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate",
        **given, "height": height, "width": width,
    }  # fmt: skip
    scales = profile.pop("scales", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **{key: value for key, value in profile.items() if value is not None}) as file:
            if scales:
                file.scales = scales
            file.write(cells if cells.ndim == 3 else cells[np.newaxis])


def toml(config: Mapping[str, Any], prefix: str = "") -> str:
    """A configuration as TOML."""
    plain = {key: value for key, value in config.items() if not isinstance(value, Mapping)}
    lines = [f"[{prefix}]"] if prefix and plain else []
    lines += [f"{_quoted(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in config.items():
        if isinstance(value, Mapping):
            lines.append(toml(value, f"{prefix}.{_quoted(key)}" if prefix else _quoted(key)))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
