"""Grids: where the cells of a raster lie and how large each of them is.

A grid is counted in canonical tiles of 512 x 512 cells from its own origin, so
that nothing computed per tile depends on how a file was read. Every grid has an
*equal-area image*: for a geographic grid the Lambert cylindrical equal-area
projection on its ellipsoid (y is the authalic ordinate), for an equal-area
projection the projection itself. Coverage, cell areas and polygon areas are all
taken there, which is why they close.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from pyproj import CRS, Geod, Proj
from pyproj.exceptions import CRSError

from aoi.findings import InputError, finding

TILE = 512
_NODES = 9
_HECTARE_M2 = 1e4
_LATTICE_TOLERANCE = 1e-6
_NEAR_RESOLUTION = 0.01
_MOST_CELLS = 2**31 - 2
_RELATED = 25  # PROJ's lowest confidence; what it names is compared before it is believed

Floats = NDArray[np.float64]
Kind = Literal["geographic", "equal_area", "projected"]

_EQUAL_AREA = {
    "Albers Equal Area",
    "Bonne",
    "Equal Earth",
    "Lambert Azimuthal Equal Area",
    "Lambert Azimuthal Equal Area (Spherical)",
    "Lambert Cylindrical Equal Area",
    "Lambert Cylindrical Equal Area (Spherical)",
    "Sinusoidal",
}
_EQUAL_AREA_ON_A_SPHERE = {
    "Eckert II",
    "Eckert IV",
    "Eckert VI",
    "Goode Homolosine",
    "Interrupted Goode Homolosine",
    "Interrupted Goode Homolosine Ocean View",
    "Mollweide",
    "PROJ hammer",
    "Wagner I",
    "Wagner IV",
}
_FORMULA_OF_A_SPHERE = _EQUAL_AREA_ON_A_SPHERE | {
    "Eckert I",
    "Eckert III",
    "Eckert V",
    "Lambert Azimuthal Equal Area (Spherical)",
    "Lambert Cylindrical Equal Area (Spherical)",
    "Miller Cylindrical",
    "Popular Visualisation Pseudo Mercator",
    "Robinson",
    "Van Der Grinten",
    "Wagner II",
    "Wagner III",
    "Wagner V",
    "Wagner VI",
    "Wagner VII",
    "Winkel I",
    "Winkel II",
    "Winkel Tripel",
}
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9_]*:[A-Za-z0-9_.]+")
_WKT = re.compile(r"[A-Z][A-Z0-9_]*\s*\[")


def parse_crs(text: str, where: object) -> CRS:
    """The coordinate reference system of a text: ``EPSG:4490``, a PROJ string or WKT.

    Only pyproj reads it. rasterio would fetch a URL (FAULTS finding 3), so URLs
    and paths, and PROJ strings that name grid files, are refused before.

    Raises
    ------
    InputError
        ``E-CRS-01``: the text is none of the three, or PROJ does not know it.
    """
    given = text.strip()
    known = _AUTHORITY.fullmatch(given) or given.startswith("+proj=") or _WKT.match(given)
    files = "grids=" in given.replace("grids=@null", "") or "+init" in given
    if not known or "://" in given or files:
        raise InputError(finding("E-CRS-01", where, text=_short(given)))
    try:
        return CRS.from_user_input(given)
    except CRSError as error:
        raise InputError(finding("E-CRS-01", where, text=_short(given))) from error


def crs_text(crs: CRS) -> str:
    """The text that stores a CRS: its authority code where PROJ recognises the system, else WKT2."""
    return _recognised(crs) or str(crs.to_wkt())


@lru_cache(maxsize=256)
def horizontal_crs(text: str) -> CRS:
    """The horizontal part of a CRS text; heights and bound datum shifts are left off."""
    crs = parse_crs(text, "crs")
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    return crs.source_crs if crs.is_bound and crs.source_crs is not None else crs


@lru_cache(maxsize=64)
def _recognised(crs: CRS) -> str | None:
    """The authority code of a CRS, also one read from a raster's header, which knows no order of axes."""
    for name in ("EPSG", "ESRI"):
        authority = crs.to_authority(auth_name=name, min_confidence=_RELATED)
        if authority is not None and _plain(CRS.from_authority(*authority)).equals(_plain(crs), ignore_axis_order=True):
            return ":".join(authority)
    return None


def _plain(crs: CRS) -> CRS:
    """A CRS as GDAL's old WKT dialect keeps it: without datum ensembles, uses and remarks."""
    try:
        return CRS.from_wkt(crs.to_wkt("WKT1_GDAL"))
    except CRSError:
        return crs


def geodesy(crs: CRS) -> Geod:
    """The ellipsoid of a CRS.

    Raises
    ------
    InputError
        ``E-GRID-06``: it has none.
    """
    geod = crs.get_geod()
    if geod is None:
        raise InputError(finding("E-GRID-06", "crs", type=crs.type_name))
    return geod


def geodetic_crs(crs: CRS) -> CRS:
    """The longitudes and latitudes that a CRS is made from.

    Raises
    ------
    InputError
        ``E-GRID-06``: it has none.
    """
    if crs.geodetic_crs is None:
        raise InputError(finding("E-GRID-06", "crs", type=crs.type_name))
    return crs.geodetic_crs


@lru_cache(maxsize=256)
def same_crs(one: str, other: str) -> bool:
    """Whether two CRS texts name the same system; the order of axes and the dialect of WKT are no difference."""
    if one == other:
        return True
    first, second = horizontal_crs(one), horizontal_crs(other)
    return bool(first.equals(second, ignore_axis_order=True)) or bool(_plain(first).equals(_plain(second), ignore_axis_order=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A canonical tile: its place among the tiles and its cells in the grid.

    Parameters
    ----------
    row, col : int
        Tile row and column, from the grid's upper left corner.
    row_off, col_off : int
        First cell row and column of the tile.
    height, width : int
        Cells; 512 except at the lower and right edge of the grid.
    """

    row: int
    col: int
    row_off: int
    col_off: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A north-up grid of cells in a coordinate reference system.

    Parameters
    ----------
    crs : str
        Authority code, PROJ string or WKT.
    transform : tuple of 6 floats
        ``(a, b, c, d, e, f)``: x = a col + b row + c, y = d col + e row + f [CRS unit].
    width, height : int
        Cells across and down.
    cell_area : {"true", "nominal"}
        Areas on the ellipsoid, or a times abs(e) for every cell (projected grids only).

    Raises
    ------
    InputError
        The grid is turned or upside down (``E-GRID-01``), nominal although
        geographic (``E-GRID-02``), has no cells or too many (``E-GRID-04``),
        passes a pole (``E-GRID-05``), or its CRS has no plane (``E-GRID-06``).
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    width: int
    height: int
    cell_area: Literal["true", "nominal"] = "true"

    def __post_init__(self) -> None:
        a, b, _, d, e, _ = self.transform
        if not (np.all(np.isfinite(self.transform)) and b == 0 and d == 0 and a > 0 and e < 0):
            raise InputError(finding("E-GRID-01", "grid", transform=", ".join(f"{value:g}" for value in self.transform)))
        if not (0 < self.width <= _MOST_CELLS and 0 < self.height <= _MOST_CELLS):
            raise InputError(finding("E-GRID-04", "grid", width=self.width, height=self.height))
        crs = horizontal_crs(self.crs)
        if not (crs.is_geographic or crs.is_projected):
            raise InputError(finding("E-GRID-06", "grid", type=crs.type_name))
        if crs.is_geographic:
            self._check_geographic()

    def _check_geographic(self) -> None:
        if self.cell_area == "nominal":
            raise InputError(finding("E-GRID-02", "grid", crs=horizontal_crs(self.crs).name))
        _, bottom, _, top = self.bounds
        pole = (np.pi / 2) / self._radians_per_unit
        if max(top, -bottom) > pole - self.transform[4] * _LATTICE_TOLERANCE:
            raise InputError(finding("E-GRID-05", "grid", bottom=f"{bottom:g}", top=f"{top:g}"))

    @classmethod
    def of(cls, crs: str, transform: tuple[float, ...], width: int, height: int, cell_area: Literal["true", "nominal"] = "true") -> "Grid":
        """A grid from the header of a raster: ``Grid.of(dataset.crs.to_wkt(), dataset.transform, dataset.width, dataset.height)``."""
        a, b, c, d, e, f = (float(value) for value in transform[:6])
        text = crs_text(parse_crs(crs, "grid"))
        return cls(crs=text, transform=(a, b, c, d, e, f), width=int(width), height=int(height), cell_area=cell_area)

    @property
    def kind(self) -> Kind:
        """``geographic``, ``equal_area`` or (any other) ``projected``."""
        return _kind(self.crs)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top [CRS unit]."""
        a, _, c, _, e, f = self.transform
        return c, f + e * self.height, c + a * self.width, f

    @property
    def tile_rows(self) -> int:
        """Number of tile rows."""
        return -(-self.height // TILE)

    @property
    def tile_cols(self) -> int:
        """Number of tile columns."""
        return -(-self.width // TILE)

    @property
    def _radians_per_unit(self) -> float:
        return float(horizontal_crs(self.crs).axis_info[0].unit_conversion_factor)

    @property
    def image_unit_area_ha(self) -> float:
        """Hectares of one unit of x times one unit of the image ordinate."""
        crs = horizontal_crs(self.crs)
        unit = float(crs.axis_info[0].unit_conversion_factor)
        if crs.is_geographic:
            return unit * _semi_axis(crs) / _HECTARE_M2
        return unit * unit / _HECTARE_M2

    def tiles(self) -> Iterator[Tile]:
        """The canonical tiles in row-major order."""
        for row in range(self.tile_rows):
            for col in range(self.tile_cols):
                yield self.tile_at(row, col)

    def tile_at(self, row: int, col: int) -> Tile:
        """The canonical tile of a tile row and column.

        Raises
        ------
        IndexError
            The grid has no such tile.
        """
        if not (0 <= row < self.tile_rows and 0 <= col < self.tile_cols):
            raise IndexError(f"tile ({row}, {col}) of {self.tile_rows} x {self.tile_cols}")
        row_off, col_off = row * TILE, col * TILE
        height, width = min(TILE, self.height - row_off), min(TILE, self.width - col_off)
        return Tile(row=row, col=col, row_off=row_off, col_off=col_off, height=height, width=width)

    def image(self, y: Floats) -> Floats:
        """The ordinate of y in the equal-area image.

        Geographic grids: ``a q / 2`` [m] with the authalic function
        ``q = (1 - e2) [s / (1 - e2 s2) + atanh(e s) / e]``, ``s = sin(y)``
        (Snyder 1987, USGS Professional Paper 1395, eq. 3-12), the y of the
        Lambert cylindrical equal-area projection with the equator as its
        standard parallel. Projected grids: y itself [CRS unit].
        """
        values = np.asarray(y, dtype=np.float64)
        crs = horizontal_crs(self.crs)
        if not crs.is_geographic:
            return values
        limit = np.pi / 2
        return _semi_axis(crs) * _half_q(np.sin(np.clip(values * self._radians_per_unit, -limit, limit)), _eccentricity(crs))

    def row_ordinates(self) -> Floats:
        """Image ordinates of the row edges, from the top down; shape (height + 1,)."""
        return self.image(self.transform[5] + self.transform[4] * np.arange(self.height + 1, dtype=np.float64))

    def row_areas_ha(self) -> Floats | None:
        """Cell area per row [ha], shape (height,), where all cells of a row are equal; else None."""
        if self.kind == "projected" and self.cell_area == "true":
            return None
        if self.kind == "geographic":
            return -np.diff(self.row_ordinates()) * (self.transform[0] * self.image_unit_area_ha)
        return np.full(self.height, self._nominal_ha)

    def cell_areas_ha(self, tile: Tile) -> Floats:
        """Areas of the cells of a canonical tile [ha], broadcastable to (height, width).

        Shape (height, 1) on geographic grids (exact bands of the ellipsoid),
        (1, 1) on equal-area grids and with nominal areas, (height, width) on
        other projected grids: nominal area times the cell's mean of 1 / areal
        scale, from ``pyproj.Proj.get_factors`` at 9 x 9 Chebyshev nodes of the
        tile.

        Raises
        ------
        InputError
            ``E-GRID-03``: the projection has no scale there.
        """
        if self.kind == "geographic":
            a, _, _, _, e, f = self.transform
            edges = self.image(f + e * np.arange(tile.row_off, tile.row_off + tile.height + 1, dtype=np.float64))
            return (-np.diff(edges) * (a * self.image_unit_area_ha))[:, np.newaxis]
        if self.kind == "equal_area" or self.cell_area == "nominal":
            return np.full((1, 1), self._nominal_ha)
        inverse = self._inverse_scale_at_nodes(tile)
        down = np.einsum("ij,jk->ik", _mean_weights(tile.height), inverse, optimize=False)
        areas: Floats = self._nominal_ha * np.einsum("ij,kj->ik", down, _mean_weights(tile.width), optimize=False)
        return areas

    @property
    def _nominal_ha(self) -> float:
        return -self.transform[0] * self.transform[4] * self.image_unit_area_ha

    def _inverse_scale_at_nodes(self, tile: Tile) -> Floats:
        a, _, c, _, e, f = self.transform
        place = (chebyshev.chebpts1(_NODES) + 1) / 2
        x = c + a * (tile.col_off + place * tile.width)
        y = f + e * (tile.row_off + place * tile.height)
        across, up = np.meshgrid(x, y)
        inverse = inverse_areal_scale(self.crs, across, up)
        if not np.all(np.isfinite(inverse)):
            raise InputError(finding("E-GRID-03", f"grid: {tile.row}, {tile.col}", crs=horizontal_crs(self.crs).name))
        return inverse


def cell_size_m(grid: Grid) -> tuple[float, float]:
    """Height and width of the cell in the middle of a grid [m]; geodesic where the grid is geographic."""
    a, _, c, _, e, f = grid.transform
    x, y = c + a * grid.width / 2, f + e * grid.height / 2
    crs = horizontal_crs(grid.crs)
    if not crs.is_geographic:
        unit = float(crs.axis_info[0].unit_conversion_factor)
        return -e * unit, a * unit
    per = np.degrees(grid._radians_per_unit)
    down = geodesy(crs).inv(x * per, (y - e / 2) * per, x * per, (y + e / 2) * per)[2]
    across = geodesy(crs).inv((x - a / 2) * per, y * per, (x + a / 2) * per, y * per)[2]
    return float(down), float(across)


def inverse_areal_scale(crs: str, x: Floats, y: Floats) -> Floats:
    """True area per projected area at points of a projected CRS; NaN where the projection does not reach.

    PROJ's formulas for some projections (pseudo Mercator, Mollweide, ...) are
    those of a sphere of radius a; there the scale is referred to the ellipsoid
    by ``M N / a2 = (1 - e2) / (1 - e2 s2)^2``.
    """
    system = horizontal_crs(crs)
    projection = _projection(crs)
    longitude, latitude = projection(x, y, inverse=True)
    reached = np.isfinite(longitude) & np.isfinite(latitude)
    factors = projection.get_factors(np.where(reached, longitude, 0.0), np.where(reached, latitude, 0.0), errcheck=False)
    scale = np.asarray(factors.areal_scale, dtype=np.float64)
    good = reached & np.isfinite(scale) & (scale > 0)
    inverse: Floats = np.divide(1.0, scale, out=np.full(scale.shape, np.nan), where=good)
    if _spherical_formula(system):
        squared = _eccentricity(system) ** 2
        sine = np.sin(np.radians(np.where(reached, latitude, 0.0)))
        inverse = inverse * (1 - squared) / (1 - squared * sine * sine) ** 2
    return inverse


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How the cells of a second grid lie on those of a first.

    Parameters
    ----------
    kind : {"same", "subgrid", "shifted", "other"}
        ``same``: origin, resolution and size are equal (1e-6 of a cell);
        ``subgrid``: the same lattice, another extent; ``shifted``: the same CRS
        and nearly the same resolution (1 %), off the lattice; ``other``.
    row_offset, col_offset : int
        Cell of the first grid on which the second grid's first cell lies (nearest).
    shifts : tuple of 4 pairs
        (columns, rows) [cells of the first grid] by which the second grid's
        upper left, upper right, lower left and lower right corner lie off:
        against the same corner when both grids have one size, else against the
        nearest lattice. Empty for ``other``.
    """

    kind: Literal["same", "subgrid", "shifted", "other"]
    row_offset: int = 0
    col_offset: int = 0
    shifts: tuple[tuple[float, float], ...] = ()


def alignment(one: Grid, other: Grid) -> Alignment:
    """How the cells of a second grid lie on those of the first."""
    a, _, c, _, e, f = one.transform
    a2, _, c2, _, e2, f2 = other.transform
    near = abs(a2 / a - 1) <= _NEAR_RESOLUTION and abs(e2 / e - 1) <= _NEAR_RESOLUTION
    if not near or not same_crs(one.crs, other.crs):
        return Alignment(kind="other")
    col, row = (c2 - c) / a, (f2 - f) / e
    widen, heighten = other.width * (a2 / a - 1), other.height * (e2 / e - 1)
    col_offset, row_offset = round(col), round(row)
    size = (one.width, one.height) == (other.width, other.height)

    def corners(left: int, top: int) -> tuple[tuple[float, float], ...]:
        return tuple((col - left + right * widen, row - top + low * heighten) for low in (0, 1) for right in (0, 1))

    shifts = corners(col_offset, row_offset)
    if max(abs(value) for corner in shifts for value in corner) <= _LATTICE_TOLERANCE:
        kind: Literal["same", "subgrid"] = "same" if size and col_offset == row_offset == 0 else "subgrid"
        return Alignment(kind=kind, row_offset=row_offset, col_offset=col_offset, shifts=shifts)
    return Alignment(kind="shifted", row_offset=row_offset, col_offset=col_offset, shifts=corners(0, 0) if size else shifts)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


@lru_cache(maxsize=256)
def _kind(text: str) -> Kind:
    crs = horizontal_crs(text)
    if crs.is_geographic:
        return "geographic"
    method = _method(crs)
    if _spherical_formula(crs):
        return "projected"
    return "equal_area" if method in _EQUAL_AREA | _EQUAL_AREA_ON_A_SPHERE else "projected"


def _method(crs: CRS) -> str:
    return "" if crs.coordinate_operation is None else str(crs.coordinate_operation.method_name)


def _spherical_formula(crs: CRS) -> bool:
    """Whether PROJ projects an ellipsoid with the formula of a sphere."""
    return _eccentricity(crs) > 0 and _method(crs) in _FORMULA_OF_A_SPHERE


@lru_cache(maxsize=64)
def _projection(text: str) -> Any:
    return Proj(horizontal_crs(text))


def _semi_axis(crs: CRS) -> float:
    return float(geodesy(crs).a)


def _eccentricity(crs: CRS) -> float:
    return float(np.sqrt(max(geodesy(crs).es, 0.0)))


def _half_q(sine: Floats, eccentricity: float) -> Floats:
    """Half of the authalic function q of the sine of the latitude."""
    if eccentricity == 0:
        return sine
    squared = eccentricity * eccentricity
    return (1 - squared) / 2 * (sine / (1 - squared * sine * sine) + np.arctanh(eccentricity * sine) / eccentricity)


@lru_cache(maxsize=32)
def _mean_weights(cells: int) -> Floats:
    """Weights of the node values in each cell's mean of the interpolating polynomial; shape (cells, nodes)."""
    nodes = chebyshev.chebpts1(_NODES)
    coefficients = 2 / _NODES * chebyshev.chebvander(nodes, _NODES - 1).T
    coefficients[0] /= 2
    edges = np.linspace(-1, 1, cells + 1)
    integral = np.einsum("ij,jk->ik", chebyshev.chebvander(edges, _NODES), chebyshev.chebint(coefficients), optimize=False)
    weights: Floats = np.diff(integral, axis=0) * (cells / 2)
    weights.flags.writeable = False
    return weights
