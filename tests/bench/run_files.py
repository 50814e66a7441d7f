"""Run files for a landscape: which layers a measurement reads, by which rule, into which folder."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscapes import toml

from bench.layout import YEARS, write_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run on a landscape.

    Parameters
    ----------
    name : str
        Of the run file and, after ``out-``, of the run folder.
    rule : {"coverage", "centre"}
    layers : {"six", "two", "classes"}
        Six rasters (land cover and biomass of two dates, NDVI, climate), land cover
        and biomass of the last date, or land cover of two dates with a table of densities.
    mosaic : bool
        Each layer is a glob of files.
    more : mapping
        Sections that are added to the run file.
    """

    folder: Path
    name: str
    rule: str = "coverage"
    layers: str = "six"
    mosaic: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The run file."""
        return self.folder / f"{self.name}.toml"

    @property
    def out(self) -> Path:
        """The run folder."""
        return self.folder / f"out-{self.name}"

    def written(self) -> "Run":
        """The same run, with its run file on disk."""
        config = {
            "run": {"title": "benchmark on an invented landscape", "years": list(self._years), "output": self.out.name},
            "zones": {"file": "zones.gpkg", "rule": self.rule}, "limits": {"missing_fraction": 1.0}, "layers": self._layers(),
            **({"strata": {"climate": "climate"}} if self.layers == "six" else {}),
            **({"densities": {"file": "densities.csv"}} if self.layers == "classes" else {}), **self.more,
        }  # fmt: skip
        self.path.write_text(toml(config), encoding="utf-8")
        write_tables(self.folder)
        return self

    def fresh(self) -> Callable[[], None]:
        """What removes the run folder, so that the next run has everything to do."""
        return lambda: shutil.rmtree(self.out, ignore_errors=True)

    @property
    def _years(self) -> tuple[int, ...]:
        return YEARS[1:] if self.layers == "two" else YEARS

    def _layers(self) -> dict[str, Any]:
        layers: dict[str, Any] = {"land_cover": {**self._dated("land_cover"), "legend": "clcd"}}
        if self.layers != "classes":
            layers["aboveground_biomass"] = {**self._dated("aboveground_biomass"), "unit": "t ha-1", "basis": "dry_matter"}
        if self.layers == "six":
            layers["ndvi"] = {"file": self._file(f"ndvi_{YEARS[1]}")}
            layers["climate"] = {"file": self._file("climate"), "legend": "climate.csv"}
        return layers

    def _dated(self, name: str) -> dict[str, str]:
        return {str(year): self._file(f"{name}_{year}") for year in self._years}

    def _file(self, stem: str) -> str:
        return f"{stem}_[0-9][0-9][0-9]_[0-9][0-9][0-9].tif" if self.mosaic else f"{stem}.tif"
