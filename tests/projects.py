"""Projects for tests: rectangles of a stated area inside a league, tables as files, a project file."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas
from broken import Said, sinks, toml
from pyproj import Transformer
from shapely import box

EQUAL_AREA = "EPSG:6933"
XILINGOL = (116.0, 43.9)
"""A place well inside 锡林郭勒盟."""

CCER_STATED = ("a", "b", "e", "f", "g", "h", "i", "uniqueness")
CCER_SITE = {
    "climate": "cool_temperate_dry", "precipitation_mm": 320.0, "years_not_forest": 8.0, "wetland_ha": 0.0, "shrubs_removed": 0.05,
}  # fmt: skip


@dataclass(slots=True)
class ProjectFolder:
    """A project in a folder: what its file holds, and where its tables are."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The project file."""
        return self.folder / "project.toml"

    @property
    def out(self) -> Path:
        """The folder of results."""
        return self.folder / "out"

    def table(self, name: str, rows: Sequence[Mapping[str, Any]], file: str | None = None) -> None:
        """Write a table as CSV and name it in the project."""
        file = file or f"{name}.csv"
        with (self.folder / file).open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        self.config.setdefault("tables", {})[name] = file

    def quantify(self, *options: str, lang: str = "en") -> Said:
        """Call ``sinks quantify``."""
        self.file.write_text(toml(self.config), encoding="utf-8")
        return sinks("--lang", lang, "quantify", str(self.file), *options)

    def rows(self, name: str) -> list[dict[str, str]]:
        """A table of the results."""
        with (self.out / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))

    def value(self, term: str, stratum: str = "total") -> float:
        """A value of the results; of the only stratum where there is one."""
        rows = [row for row in self.rows("results") if row["term"] == term]
        chosen = [row for row in rows if row["stratum"] == stratum] or rows
        assert len(chosen) == 1, rows
        return float(chosen[0]["value"])

    @property
    def issued(self) -> int:
        """Whole tonnes of the record."""
        return int(json.loads((self.out / "run.json").read_text(encoding="utf-8"))["issued_tCO2e"])


def project(folder: Path, areas: Mapping[str, float], methodology: str = "ccer_14_001_v01", **more: Any) -> ProjectFolder:
    """A project with one square parcel per stratum, side by side, of stated areas [ha]."""
    folder.mkdir(parents=True, exist_ok=True)
    write_boundary(folder / "parcels.gpkg", areas)
    config: dict[str, Any] = {
        "project": {
            "id": "T-1", "title": "测试项目", "methodology": methodology, "start": "2021-03-01", "crediting_start": "2021-03-01",
            "crediting_end": "2051-03-01", "invented": True, "draws": 0, **more,
        },
        "period": {"start": "2021-03-01", "end": "2026-03-01"},
        "boundary": {"file": "parcels.gpkg"},
    }  # fmt: skip
    made = ProjectFolder(folder, config)
    if methodology == "ccer_14_001_v01":
        config["site"] = dict(CCER_SITE)
        config["conditions"] = {id: {"met": True, "evidence": "附件"} for id in CCER_STATED}
    return made


def write_boundary(path: Path, areas: Mapping[str, float], crs: str = "EPSG:4490", place: tuple[float, float] = XILINGOL) -> None:
    """Rectangles of exact area in an equal-area CRS, stored there unless another CRS is asked for, a parcel per stratum."""
    west, south = Transformer.from_crs("EPSG:4326", EQUAL_AREA, always_xy=True).transform(*place)
    shapes, left = [], west
    for area in areas.values():
        side = (area * 1e4) ** 0.5
        shapes.append(box(left, south, left + side, south + side))
        left += side + 100
    frame = geopandas.GeoDataFrame({"parcel": [f"K{place}" for place in range(1, len(areas) + 1)], "stratum": list(areas)}, geometry=shapes, crs=EQUAL_AREA)
    path.unlink(missing_ok=True)
    frame.to_file(path, engine="pyogrio")


def plots(strata: Mapping[str, int], area_m2: float = 600.0) -> list[dict[str, Any]]:
    """Plots without coordinates, numbered through."""
    rows, number = [], 0
    for stratum, count in strata.items():
        for _ in range(count):
            number += 1
            rows.append({"plot": f"P{number}", "stratum": stratum, "plot_area_m2": area_m2})
    return rows


def volumes(first: Sequence[float], second: Sequence[float], species: str = "落叶松") -> list[dict[str, Any]]:
    """Volumes of plots P1.. at both surveys."""
    return [
        {"plot": f"P{number}", "survey": survey, "species": species, "volume_m3_ha": value}
        for survey, values in ((1, first), (2, second))
        for number, value in enumerate(values, start=1)
    ]
