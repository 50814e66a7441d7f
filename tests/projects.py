"""Projects for tests: rectangles of a stated area inside a league, tables as files, a project file."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import openpyxl
from broken import Said, sinks, toml
from pyproj import Transformer
from shapely import Point, Polygon, box

EQUAL_AREA = "EPSG:6933"
XILINGOL = (116.0, 43.9)
"""A place well inside 锡林郭勒盟."""

CCER_STATED = ("a", "b", "e", "f", "g", "h", "i", "uniqueness")
CCER_SITE = {
    "climate": "cool_temperate_dry",
    "precipitation_mm": 320.0,
    "years_not_forest": 8.0,
    "wetland_ha": 0.0,
    "shrubs_removed": 0.05,
}


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
            "id": "T-1",
            "title": "测试项目",
            "methodology": methodology,
            "start": "2021-03-01",
            "crediting_start": "2021-03-01",
            "crediting_end": "2051-03-01",
            "invented": True,
            "draws": 0,
            **more,
        },
        "period": {"start": "2021-03-01", "end": "2026-03-01"},
        "boundary": {"file": "parcels.gpkg"},
    }
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
    frame = geopandas.GeoDataFrame(
        {"parcel": [f"K{place}" for place in range(1, len(areas) + 1)], "stratum": list(areas)}, geometry=shapes, crs=EQUAL_AREA
    )
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


# -- a whole project, invented -------------------------------------------------------------------------------

CHIFENG = (118.62, 42.31)
"""A place inside 赤峰市; the outlines below are drawn for the test and belong to nobody."""
STRATA = {
    "L1": ("落叶松", "2021-04-20", 20),
    "P1": ("樟子松", "2021-04-25", 20),
    "C1": ("柠条", "2021-05-05", 14),
}


def afforestation(folder: Path, draws: int = 2000) -> ProjectFolder:
    """An invented afforestation project: five parcels in three strata, 54 plots over two surveys, trees in Excel, shrubs in a GBK CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(54)
    shapes = _outlines(folder / "parcels.gpkg", generator)
    made = ProjectFolder(folder, _afforestation_config(draws))
    made.table("strata", [{"stratum": one, "species": species, "planting_date": planted} for one, (species, planted, _) in STRATA.items()])
    rows = _plots(shapes, generator)
    made.table("plots", rows)
    trees, shrubs = _plants(rows, generator)
    _workbook(folder / "每木检尺.xlsx", trees)
    made.config["tables"]["trees"] = "每木检尺.xlsx#每木检尺"
    text = "样地,期次,株号,灌木种,冠幅东西（m）,冠幅南北（m）,株高（米）,代表株数\n" + "".join(
        ",".join(map(str, row)) + "\n" for row in shrubs
    )
    (folder / "灌木.csv").write_bytes(text.encode("gb18030"))
    made.config["tables"]["shrubs"] = "灌木.csv"
    return made


def _afforestation_config(draws: int) -> dict[str, Any]:
    return {
        "project": {
            "id": "IM-INVENTED-054",
            "title": "赤峰市造林碳汇示例项目（虚构）",
            "owner": "某林场（虚构）",
            "methodology": "ccer_14_001_v01",
            "start": "2021-04-15",
            "crediting_start": "2021-04-15",
            "crediting_end": "2051-04-15",
            "application": "2026-03-01",
            "invented": True,
            "draws": draws,
            "seed": 54,
        },
        "period": {"start": "2021-04-15", "end": "2025-10-15"},
        "boundary": {"file": "parcels.gpkg"},
        "site": {
            "climate": "cool_temperate_dry",
            "precipitation_mm": 372.0,
            "years_not_forest": 11.0,
            "wetland_ha": 0.0,
            "shrubs_removed": 0.03,
        },
        "conditions": {id: {"met": True, "evidence": f"附件 {number}（虚构）"} for number, id in enumerate(CCER_STATED, start=1)},
        "documents": {
            "location": "内蒙古自治区赤峰市，五个地块，界线为示例绘制。",
            "technique": "穴状整地，裸根苗与容器苗造林，围栏封育三年。",
            "ownership": "国有林场，不动产权证（虚构）。",
            "environment": "不施化肥，不使用除草剂；防风固沙。",
            "public_comments": "公示期内未收到意见（虚构）。",
            "changes": "无重大变更。",
            "staff": "外业两组，内业一组，复测 10% 样地。",
            "expected_tCO2e_per_year": 900.0,
        },
    }


def _outlines(path: Path, generator: np.random.Generator) -> dict[str, list[Any]]:
    """Five rounded outlines in CGCS2000; the shapes by stratum."""
    shapes: dict[str, list[Any]] = {}
    rows = []
    for number, (stratum, radius) in enumerate((("L1", 900.0), ("L1", 600.0), ("P1", 1000.0), ("P1", 500.0), ("C1", 850.0)), start=1):
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        reach = radius * (
            1 + sum(generator.uniform(-0.2, 0.2) / wave * np.cos(wave * angle + generator.uniform(0, 6)) for wave in range(2, 6))
        )
        lon = CHIFENG[0] + 0.04 * number + reach * np.cos(angle) / 82_000
        lat = CHIFENG[1] + 0.01 * (number % 2) + reach * np.sin(angle) / 111_000
        shape = Polygon(np.round(np.column_stack((lon, lat)), 7))
        rows.append({"parcel": f"K{number}", "stratum": stratum})
        shapes.setdefault(stratum, []).append((f"K{number}", shape))
    frame = geopandas.GeoDataFrame(rows, geometry=[shape for group in shapes.values() for _, shape in group], crs="EPSG:4490")
    path.unlink(missing_ok=True)
    frame.to_file(path, engine="pyogrio")
    return shapes


def _plots(shapes: Mapping[str, list[Any]], generator: np.random.Generator) -> list[dict[str, Any]]:
    """Plots at random places inside the parcels of their stratum."""
    rows = []
    for stratum, (_, _, count) in STRATA.items():
        for number in range(1, count + 1):
            parcel, shape = shapes[stratum][number % len(shapes[stratum])]
            west, south, east, north = shape.bounds
            while True:
                lon, lat = (round(float(generator.uniform(*ends)), 6) for ends in ((west, east), (south, north)))
                if shape.contains(Point(lon, lat)):
                    break
            rows.append(
                {
                    "plot": f"{stratum}-{number:02d}",
                    "stratum": stratum,
                    "parcel": parcel,
                    "plot_area_m2": 100.0 if stratum == "C1" else 600.0,
                    "lon": lon,
                    "lat": lat,
                }
            )
    return rows


def _plants(rows: Sequence[Mapping[str, Any]], generator: np.random.Generator) -> tuple[list[list[Any]], list[list[Any]]]:
    """Trees and shrubs of both surveys: small at the first, grown at the second, some dead in between."""
    trees: list[list[Any]] = []
    shrubs: list[list[Any]] = []
    for row in rows:
        stratum, site = row["stratum"], float(generator.normal(1.0, 0.08))
        if stratum == "C1":
            for number in range(1, 7):
                first, second = 0.25 * site, 0.85 * site * float(generator.normal(1.0, 0.05))
                shrubs.append([row["plot"], 1, number, "柠条", round(first, 2), round(first * 0.9, 2), 0.3, 6])
                shrubs.append([row["plot"], 2, number, "柠条", round(second, 2), round(second * 0.9, 2), round(1.0 * site, 2), 5])
            continue
        growth = 1.0 if stratum == "L1" else 0.85
        for number in range(1, 81):
            size = site * float(generator.normal(1.0, 0.12))
            species = STRATA[stratum][0]
            trees.append([row["plot"], 1, number, species, round(0.6 * size, 1), round(0.8 * size, 1)])
            if generator.uniform() < 0.9:
                trees.append([row["plot"], 2, number, species, round(3.6 * size * growth, 1), round(2.9 * size * growth, 1)])
    return trees, shrubs


def _workbook(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    """The trees as a workbook with Chinese heads and units."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "每木检尺"
    sheet.append(["样地", "期次", "树号", "树种", "胸径（厘米）", "树高（m）"])
    for row in rows:
        sheet.append(list(row))
    book.create_sheet("说明").append(["虚构数据"])
    book.save(path)
