"""How the cells of a layer stand in an aligned file: small whole numbers, a scale, and a value for what is missing.

What is chosen depends on headers, legend and possible range alone, never on cells, so
that it is the same for every window and every run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.findings import InputError, finding
from sinks.layers.layer import MISSING_CLASS, Kind, Layer, RasterFile, Stored

SMALL = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2"))
"""Whole numbers that decode fast."""
WIDER: dict["np.dtype[Any]", str] = {np.dtype("u1"): "i2", np.dtype("i1"): "i2", np.dtype("u2"): "i4", np.dtype("i2"): "i4"}
"""Where a type has no number to spare for what is missing, the next one holds all of its numbers and has some."""
_STEPS = (1, 2, 5)
_FINEST = -12


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """A type of cells, and what they stand for: ``value = cell * scale + add``.

    Parameters
    ----------
    dtype : str
        Of the cells in the file.
    nodata : float
        The cell that stands for missing; no other cell has this value.
    """

    kind: Kind
    dtype: str
    nodata: float
    scale: float = 1.0
    add: float = 0.0

    def encoded(self, cells: NDArray[Any], where: str) -> NDArray[Any]:
        """Codes (-1 missing) or values (NaN missing) as cells of the file.

        Raises
        ------
        InputError
            A code that the type cannot hold.
        """
        kind = np.dtype(self.dtype)
        if self.kind == "classes":
            self._check_codes(cells, where)
            return np.where(cells == MISSING_CLASS, self.nodata, cells).astype(kind)
        steps = (cells - self.add) / self.scale if (self.scale, self.add) != (1.0, 0.0) else cells
        if kind.kind == "f":
            return steps.astype(kind)
        return np.where(np.isnan(steps), self.nodata, np.rint(steps)).astype(kind)

    def _check_codes(self, codes: NDArray[Any], where: str) -> None:
        """Codes that the type holds beside what stands for missing."""
        top = int(np.iinfo(self.dtype).max)
        wrong = (codes != MISSING_CLASS) & ((codes > top) | (codes == self.nodata))
        if wrong.any():
            raise InputError(finding("E-ALIGN-05", where, code=int(codes[wrong].max()), dtype=self.dtype, top=top, nodata=f"{self.nodata:g}"))

    def decoded(self, cells: NDArray[Any]) -> NDArray[Any]:
        """What a run reads from cells of the file, by the same function."""
        return Stored(cells=cells, offset=0, kind=self.kind, nodata=self.nodata, scale=self.scale, add=self.add).decoded()

    def largest_error(self, cells: NDArray[Any], stored: NDArray[Any]) -> float:
        """The largest difference between values and what a run reads instead, in the unit of the layer; 0 for codes."""
        if self.kind == "classes":
            return 0.0
        known = ~np.isnan(cells)
        return float(np.abs(self.decoded(stored)[known] - cells[known]).max(initial=0.0))


def encoding_of(layer: Layer, files: Sequence[RasterFile], dtypes: Sequence[str], largest_code: int | None = None, as_float: bool = False) -> Encoding:
    """How one date and member of a layer is written.

    Classes take the smallest whole numbers that hold the codes of their sources and
    one for what is missing. Values keep the cells, scale and no-data value of sources
    that are whole numbers of 8 or 16 bits already. Others become numbers of 16 bits
    with a decimal scale, the finest of 1, 2, 5 times a power of ten that holds the
    possible range of the layer; zero stays zero.

    Parameters
    ----------
    dtypes : sequence of str
        Types of the cells of the files.
    largest_code : int, optional
        The largest code of the legend; None where there is none.
    as_float : bool
        Values that are no small whole numbers become float32 and no scaled numbers.
    """
    kinds = [np.dtype(name) for name in dtypes]
    if layer.kind == "classes":
        return _of_classes(layer, files, kinds, largest_code)
    alike = len({(kind, file.scale, file.add) for kind, file in zip(kinds, files, strict=True)}) == 1
    if alike and kinds[0] in SMALL:
        return _kept(files, kinds[0])
    if as_float or layer.valid is None:
        return Encoding(kind="values", dtype="float32", nodata=float("nan"))
    return _scaled(*layer.valid)


def _of_classes(layer: Layer, files: Sequence[RasterFile], kinds: Sequence["np.dtype[Any]"], largest_code: int | None) -> Encoding:
    """Numbers without a sign: negative codes are missing."""
    small = all(kind in SMALL for kind in kinds)
    if not small and (largest_code is None or largest_code >= np.iinfo("u2").max):
        return Encoding(kind="classes", dtype="int32", nodata=float(MISSING_CLASS))
    kind: np.dtype[Any] = np.dtype("u1") if all(one.itemsize == 1 for one in kinds) else np.dtype("u2")
    top = int(np.iinfo(kind).max)
    reached = max(int(np.iinfo(one).max) for one in kinds) if small else largest_code or 0
    spare = top if reached < top else _common(files, 0, top, layer.missing_codes)
    if spare is None:
        kind, spare = (np.dtype("u2"), int(np.iinfo("u2").max)) if kind.itemsize == 1 else (np.dtype("i4"), MISSING_CLASS)
    return Encoding(kind="classes", dtype=kind.name, nodata=float(spare))


def _kept(files: Sequence[RasterFile], kind: "np.dtype[Any]") -> Encoding:
    """The cells of the sources as they are."""
    limits = np.iinfo(kind)
    spare = _common(files, int(limits.min), int(limits.max))
    if spare is None:
        kind = np.dtype(WIDER[kind])
        spare = int(np.iinfo(kind).min)
    return Encoding(kind="values", dtype=kind.name, nodata=float(spare), scale=files[0].scale, add=files[0].add)


def _common(files: Sequence[RasterFile], low: int, high: int, missing: Iterable[int] = ()) -> int | None:
    """A number between two that means no data in every file, if there is one."""
    for code in missing:
        if low <= code <= high:
            return code
    found = {file.nodata for file in files}
    value = found.pop()
    return int(value) if not found and value is not None and low <= value <= high and float(value).is_integer() else None


def _scaled(low: float, high: float) -> Encoding:
    """Numbers of 16 bits that hold a range, with a decimal scale; without a sign where nothing is below zero."""
    kind = np.dtype("u2") if low >= 0 else np.dtype("i2")
    top = int(np.iinfo(kind).max) - int(kind.kind == "u")
    nodata = np.iinfo(kind).max if kind.kind == "u" else np.iinfo(kind).min
    return Encoding(kind="values", dtype=kind.name, nodata=float(nodata), scale=decimal_scale(max(abs(low), abs(high)), top))


def decimal_scale(largest: float, steps: int) -> float:
    """The finest of 1, 2, 5 times a power of ten of which so many steps reach a number.

    >>> decimal_scale(1500.0, 65534), decimal_scale(1.0, 32767)
    (0.05, 5e-05)
    """
    exponent = _FINEST if largest == 0 else int(np.floor(np.log10(largest / steps))) - 1
    while True:
        for step in _STEPS:
            scale = float(f"{step}e{exponent}")
            if scale * steps >= largest:
                return scale
        exponent += 1
