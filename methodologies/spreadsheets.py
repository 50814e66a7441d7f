"""Tables of a project from CSV or Excel: units by their dimensions, species by their keys."""

from pathlib import Path

import pandas as pd

from aoi.findings import Finding, errors
from aoi.sheets import read_sheet
from aoi.table import Table
from methodologies.dimensions import unit_of
from methodologies.species import species_key


def read_table(path: Path, table: Table, where: str, sheet: str | None = None) -> tuple[pd.DataFrame, list[Finding]]:
    """A typed frame of a declared table from a CSV file or a sheet of a workbook, and all findings.

    Names of species become their keys. The frame is empty where the findings hold an error.
    """
    frame, found = read_sheet(path, table, where, sheet, same_unit)
    if "species" in frame and not errors(found):
        frame["species"] = [species_key(one) if one is not None else None for one in frame["species"]]
        found += table.check(frame, where)
    return frame, found


def same_unit(given: str, declared: str) -> bool:
    """Whether a unit as people write it is the declared one."""
    try:
        return bool(unit_of(given) == unit_of(declared))
    except ValueError:
        return given == declared
