"""What the files of an invented landscape are called and hold; free of the program under measurement, for its peers."""

from collections.abc import Mapping
from pathlib import Path

LABEL = "人为虚构的景观，非真实数据 / invented landscape, not real data"
YEARS = (2020, 2023)
ZONES = 12
NO_VALUE = -9999
BIOMASS_SCALE, NDVI_SCALE = 0.1, 0.0001
LAYERS: Mapping[str, tuple[str, int, float]] = {
    **{f"land_cover_{year}": ("uint8", 0, 1.0) for year in YEARS},
    **{f"aboveground_biomass_{year}": ("int16", NO_VALUE, BIOMASS_SCALE) for year in YEARS},
    **{f"aboveground_biomass_se_{year}": ("int16", NO_VALUE, BIOMASS_SCALE) for year in YEARS},
    **{f"ndvi_{year}": ("int16", NO_VALUE, NDVI_SCALE) for year in YEARS},
    "climate": ("uint8", 0, 1.0),
}
"""Rasters of a landscape: type, no data and scale."""
CLIMATES = {1: "boreal", 2: "cool_temperate_dry", 3: "cool_temperate_moist"}
DENSITIES = {
    1: (3, 2, 80, 1), 2: (55, 14, 115, 8), 3: (12, 5, 90, 2), 4: (1, 6, 85, 1), 5: (0, 0, 0, 0), 7: (0, 0, 20, 0),
    8: (1, 0, 40, 0), 9: (3, 8, 190, 2),
}  # fmt: skip
"""Invented carbon densities by class: above, below, soil, dead [t C ha-1]."""


def write_tables(folder: Path) -> None:
    """The legend of the climate codes and the table of densities."""
    rows = "".join(f"{code},{name}\n" for code, name in CLIMATES.items())
    (folder / "climate.csv").write_text("code,value\n" + rows, encoding="utf-8")
    lines = "".join(f"{code},{','.join(map(str, row))}\n" for code, row in DENSITIES.items())
    (folder / "densities.csv").write_text("lucode,c_above,c_below,c_soil,c_dead\n" + lines, encoding="utf-8")
