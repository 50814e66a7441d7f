"""A finished run at hand: its tables, maps and report, which show themselves in a notebook.

``Run(out)`` opens no raster and computes nothing; everything it gives is in the run folder.
"""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aoi.findings import InputError, finding
from aoi.texts import current_language
from sinks import tables
from sinks.report.page.answer import answer, title_of
from sinks.report.page.blocks import Paragraph, Part, Quantity, Sentence, words
from sinks.report.page.numbers import said, unit_words
from sinks.report.quicklook import look_at, maps_of, picture
from sinks.report.results import Results, read_loosely, read_results
from sinks.report.stage import make_report, report_path

if TYPE_CHECKING:
    import xarray

CELL = "padding:.2em .6em;border-bottom:1px solid #dde6e0;text-align:right"


@dataclass(frozen=True)
class RunMap:
    """A map of a run.

    Parameters
    ----------
    path : Path
        Its GeoTIFF.
    """

    path: Path

    def __repr__(self) -> str:
        """The map in a line."""
        return f"RunMap({self.path.name})"

    def _repr_html_(self) -> str:
        """The quick-look of the map."""
        look = look_at(self.path)
        png = picture(look, words("look_file", name=self.path.name), words("look_grey"), None)
        alt = html.escape(look.title.of(current_language()))
        return f'<img alt="{alt}" style="max-width:40em" src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'

    def to_xarray(self) -> "xarray.DataArray":
        """The cells of the map with their coordinates, title and unit; no value is NaN.

        Cells are those of the file, or thinned where it is larger than a picture can show.
        """
        import numpy as np
        import xarray

        look = look_at(self.path)
        left, right, bottom, top = look.extent
        rows, columns = look.cells.shape
        height, width = (top - bottom) / rows, (right - left) / columns
        return xarray.DataArray(
            look.cells,
            dims=("y", "x"),
            coords={"y": top - height * (np.arange(rows) + 0.5), "x": left + width * (np.arange(columns) + 0.5)},
            name=self.path.stem,
            attrs={"units": look.unit, "long_name": look.title.of(current_language()), "crs_wkt": look.crs},
        )


class Run:
    """A finished run.

    Parameters
    ----------
    out : Path or str
        The run folder.

    Raises
    ------
    InputError
        The folder holds no finished run.
    """

    def __init__(self, out: Path | str) -> None:
        self.out = Path(out)
        if not self.out.is_dir():
            raise InputError(finding("E-RUN-05", self.out.name))

    @cached_property
    def results(self) -> Results:
        """The results as the report reads them."""
        return read_results(self.out)

    @property
    def tables(self) -> Sequence[str]:
        """The names of the tables that the run has."""
        return sorted(path.stem for path in (self.out / "tables").glob("*.csv"))

    def to_pandas(self, table: str = "summary") -> pd.DataFrame:
        """A table of the run, typed; codes are texts.

        Raises
        ------
        InputError
            The run has no such table.
        """
        path = self.out / "tables" / f"{table}.csv"
        if table not in self.tables:
            raise InputError(finding("E-REPORT-01", self.out.name, missing=f"tables/{table}.csv"))
        known = {one.name: one for one in tables.OUTPUT_TABLES}
        return known[table].read(path) if table in known else read_loosely(path)

    def to_xarray(self) -> "xarray.Dataset":
        """The summary as arrays over zone, year, ecosystem and approach: a variable per quantity, and ends of its interval.

        What a run has not, or what is not estimated, is NaN.
        """
        import xarray

        frame = self.results.frames["summary"].astype({"year": "int64"})
        keys = ["zone", "year", "ecosystem", "approach"]
        found = {}
        for quantity, rows in frame.groupby("quantity", sort=True):
            cube = rows.set_index(keys)[["value", "low", "high"]].to_xarray()
            for part, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                found[f"{quantity}{suffix}"] = cube[part].assign_attrs(units=str(rows["unit"].iloc[0]))
        return xarray.Dataset(
            found, attrs={"title": title_of(self.results).of(current_language()), "run_id": str(self.results.record.get("run_id", ""))}
        )

    @property
    def maps(self) -> dict[str, RunMap]:
        """The maps of the run by name."""
        return {path.stem: RunMap(path) for path in maps_of(self.out)}

    def report(self) -> Path:
        """The page of the run; it is made where it is missing or of other results."""
        make_report(self.out)
        return report_path(self.out)

    def __repr__(self) -> str:
        """The run in a line."""
        return f"Run({self.out.name}: {title_of(self.results).of(current_language())})"

    def _repr_html_(self) -> str:
        """The answer of the run as a notebook shows it."""
        language = current_language()
        chapter = answer(self.results)
        lines = [f"<h3>{html.escape(title_of(self.results).of(language))}</h3>"]
        for block in chapter.blocks:
            if isinstance(block, Part) and block.kind == "labels":
                lines += [f'<p style="background:#fff4dc;padding:.3em .6em">{html.escape(_told(one))}</p>' for one in block.data]
            elif isinstance(block, Paragraph) and block.level == "lead":
                lines.append(f"<p>{html.escape(_told(block.sentence))}</p>")
        lines.append(self._table(chapter.blocks[-1]))
        return "\n".join(lines)

    def _table(self, grid: Any) -> str:
        language = current_language()
        heads = "".join(
            f'<th style="{CELL}">{html.escape(head.words.of(language))}<br><small>{html.escape(_unit(head.unit))}</small></th>'
            for head in grid.heads
        )
        rows = "".join(
            "<tr>" + "".join(f'<td style="{CELL}">{html.escape(_number(cell))}</td>' for cell in row) + "</tr>" for row in grid.rows
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _told(given: Sentence) -> str:
    language = current_language()
    return "".join(piece if isinstance(piece, str) else said(piece, language) for piece in given.pieces(language))


def _unit(unit: str) -> str:
    return unit_words(unit).of(current_language()) if unit else ""


def _number(cell: Any) -> str:
    language = current_language()
    if isinstance(cell, Quantity):
        unit = unit_words(cell.unit).of(language) if cell.known and cell.unit else ""
        return said(cell, language).removesuffix(unit).strip()
    return cell.of(language) if hasattr(cell, "of") else str(cell or "")
