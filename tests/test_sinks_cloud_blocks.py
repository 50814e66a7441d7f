"""Blocks: which of them a run reads, how they are copied, and that no cell of a run's tile is one that was left out."""

import struct
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.shutil import copy as copy_file
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

from aoi.grids import Grid, Tile
from sinks.layers.cloud.cache import part_blocks, part_record, set_key
from sinks.layers.cloud.needed import wanted_blocks
from sinks.layers.cloud.tiff import Layout, LayoutError, read_layout, write_tiff
from sinks.layers.layer import Extent, Layer, RasterFile, read_member

SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"


def layout_of(path: Path) -> Layout:
    """The plan of a file."""
    content = path.read_bytes()
    return read_layout(lambda place, size: content[place : place + size], len(content))


def part_of(path: Path, layout: Layout, wanted: np.ndarray, to: Path) -> Path:
    """A file of the wanted blocks of another."""
    content = path.read_bytes()
    numbers = layout.blocks(wanted)
    write_tiff(to, layout, numbers, (content[layout.offsets[one] : layout.offsets[one] + layout.sizes[one]] for one in numbers))
    return to


def written(path: Path, cells: np.ndarray, **profile) -> Path:
    """A raster."""
    given = {
        "driver": "GTiff", "dtype": cells.dtype, "count": 1, "height": cells.shape[-2], "width": cells.shape[-1], "crs": "EPSG:32649",
        "transform": Affine(30.0, 0.0, 4e5, 0.0, -30.0, 48e5), "tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate", **profile,
    }  # fmt: skip
    with rasterio.open(path, "w", **given) as file:
        file.write(cells if cells.ndim == 3 else cells[np.newaxis])
    return path


def noise(shape, kind="uint8", low=1) -> np.ndarray:
    """Cells that differ from their neighbours; none is ``low - 1``, so that a block that was left out shows."""
    return np.random.default_rng(7).integers(low, 200, shape).astype(kind)


# -- copying -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "profile",
    [
        {}, {"compress": "lzw", "predictor": 2}, {"compress": "zstd"}, {"compress": "lerc"}, {"compress": None}, {"tiled": False, "blockysize": 7},
        {"tiled": False, "blockysize": None}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"ENDIANNESS": "BIG", "BIGTIFF": "YES", "tiled": False},
        {"nodata": 0.0}, {"SPARSE_OK": True}, {"compress": "packbits"}, {"blockxsize": 128, "blockysize": 32}, {"interleave": "band"},
    ],
    ids=lambda one: ",".join(f"{key}={value}" for key, value in one.items()) or "plain",
)  # fmt: skip
@pytest.mark.parametrize("kind", ["uint8", "int16", "float32"])
def test_files_of_any_make_are_copied_as_they_are(tmp_path, profile, kind):
    """Compression, strips, both orders of bytes, both sizes: all blocks give the same cells, header and tags; half of them the half."""
    profile = {key: value for key, value in profile.items() if value is not None or key == "compress"}
    if not profile.get("tiled", True):
        profile["blockxsize"] = None
    path = written(tmp_path / "a.tif", noise((300, 260), kind), **{key: value for key, value in profile.items() if value is not None})
    with rasterio.open(path, "r+") as file:
        file.update_tags(made="here", text="中文")
        file.scales, file.offsets = (0.5,), (3.0,)
    layout = layout_of(path)
    copy = part_of(path, layout, np.ones((layout.down, layout.across), dtype=bool), tmp_path / "b.tif")
    with rasterio.open(path) as one, rasterio.open(copy) as other:
        assert np.array_equal(one.read(), other.read())
        for name in ("scales", "offsets", "nodata", "crs", "transform"):
            assert getattr(one, name) == getattr(other, name)
        assert one.tags() == other.tags()
        assert one.block_shapes == other.block_shapes
        assert one.compression == other.compression
    some = np.zeros((layout.down, layout.across), dtype=bool)
    some[0] = True
    copy = part_of(path, layout, some, tmp_path / "c.tif")
    with rasterio.open(path) as one, rasterio.open(copy) as other:
        rows = layout.block_height
        assert np.array_equal(one.read(1)[:rows], other.read(1)[:rows])
        assert layout.down == 1 or not other.read(1)[rows:].any()


def test_overviews_and_masks_are_left_behind(tmp_path):
    """A cloud-optimized file with overviews: the copy has none, and the same cells."""
    path = written(tmp_path / "a.tif", noise((512, 512)))
    copy_file(path, tmp_path / "cog.tif", driver="COG", blocksize=128)
    layout = layout_of(tmp_path / "cog.tif")
    copy = part_of(tmp_path / "cog.tif", layout, np.ones((4, 4), dtype=bool), tmp_path / "b.tif")
    with rasterio.open(path) as one, rasterio.open(tmp_path / "cog.tif") as cog, rasterio.open(copy) as other:
        assert cog.overviews(1)
        assert not other.overviews(1)
        assert np.array_equal(one.read(), other.read())


def test_the_same_blocks_make_the_same_bytes(tmp_path):
    path = written(tmp_path / "a.tif", noise((300, 260)))
    layout = layout_of(path)
    some = np.random.default_rng(1).random((layout.down, layout.across)) < 0.5
    assert part_of(path, layout, some, tmp_path / "b.tif").read_bytes() == part_of(path, layout, some, tmp_path / "c.tif").read_bytes()
    assert set_key(layout.blocks(some)) == set_key(layout.blocks(some)[::-1])
    assert set_key(layout.blocks(some)) != set_key(layout.blocks(~some))


@given(st.integers(0, 600), st.binary(min_size=1, max_size=9))
def test_bytes_that_are_spoilt_are_refused_or_read(position, change):
    """Any bytes in place of others in the head of a file: a plan or a plain refusal, never another error."""
    content = bytearray(SAMPLE)
    content[position : position + len(change)] = change
    try:
        layout = read_layout(lambda place, size: bytes(content[place : place + size]), len(content))
    except LayoutError:
        return
    assert (layout.offsets + layout.sizes <= len(content)).all()


def _sample() -> bytes:
    made = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 96, "width": 96, "tiled": True, "blockxsize": 16, "blockysize": 16}
    with rasterio.MemoryFile() as memory:
        with memory.open(**made, transform=Affine(2.0, 0.0, 0.0, 0.0, -2.0, 0.0)) as file:
            file.write(noise((1, 96, 96)))
        return bytes(memory.read())


SAMPLE = _sample()


def test_plans_that_cannot_be_are_refused():
    """A directory outside the file, too many tags, tags of unknown kind, arrays of another length, blocks beyond the end."""

    def plan(*entries, count=None, place=8):
        table = b"".join(struct.pack("<HHII", *one) for one in entries)
        content = b"II*\0" + struct.pack("<I", place) + struct.pack("<H", len(entries) if count is None else count) + table + b"\0" * 4
        return read_layout(lambda start, size: content[start : start + size], len(content))

    size = [(256, 3, 1, 8), (257, 3, 1, 8), (278, 3, 1, 8)]
    for wrong in (
        lambda: plan(place=9999), lambda: plan(count=0), lambda: plan(count=60000), lambda: plan((256, 99, 1, 0)), lambda: plan((256, 3, 2**31, 0)),
        lambda: plan(*size), lambda: plan(*size, (273, 4, 1, 5000), (279, 4, 1, 64)), lambda: plan(*size, (273, 4, 1, 8), (279, 2, 1, 64)),
        lambda: plan((256, 3, 1, 0), (257, 3, 1, 8), (273, 4, 1, 8), (279, 4, 1, 1)), lambda: plan((256, 3, 0, 0)),
        lambda: read_layout(lambda *_: b"", 0), lambda: read_layout(lambda *_: b"II\x2c\0" + b"\0" * 12, 16),
        lambda: plan(*size[:2], (278, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 1)),
    ):  # fmt: skip
        with pytest.raises(LayoutError):
            wrong()


def test_blocks_that_came_survive_any_cut(tmp_path):
    """A journal cut at every byte: the whole blocks before the cut are there, and it is ready for more."""
    path = written(tmp_path / "a.tif", noise((130, 130)))
    layout, content = layout_of(path), path.read_bytes()
    blocks = {number: content[layout.offsets[number] : layout.offsets[number] + layout.sizes[number]] for number in (3, 0, 5)}
    journal = b"".join(part_record(number, block) for number, block in blocks.items())
    ends = np.cumsum([len(part_record(number, block)) for number, block in blocks.items()])
    part = tmp_path / "blocks.part"
    for cut in {*range(0, len(journal), 97), *ends.tolist(), *(ends - 1).tolist(), len(journal)}:
        part.write_bytes(journal[:cut])
        found = part_blocks(part, layout)
        assert list(found) == list(blocks)[: int((ends <= cut).sum())]
        assert part.stat().st_size == max([0, *ends[ends <= cut].tolist()])
    part.write_bytes(journal[:-1] + b"\xff")
    assert list(part_blocks(part, layout)) == [3, 0]
    part.write_bytes(part_record(10**6, b"x"))
    assert part_blocks(part, layout) == {}


# -- which blocks ------------------------------------------------------------------------------------------


def test_blocks_under_tiles_of_the_same_lattice():
    """Tile (1, 0) of 512 cells lies 100 cells left of and 300 above the file: rows 212 to 723, columns 0 to 411, of blocks of 256."""
    grid = Grid(crs="EPSG:32649", transform=(30.0, 0.0, 4e5, 0.0, -30.0, 48e5), width=2000, height=2000)
    file = Grid(crs="EPSG:32649", transform=(30.0, 0.0, 4e5 + 3000, 0.0, -30.0, 48e5 - 9000), width=1000, height=1000)
    tile = Tile(row=1, col=0, row_off=512, col_off=0, height=512, width=512)
    wanted = wanted_blocks([tile], grid, file, (300, 100), (256, 256))
    assert np.argwhere(wanted).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    far = Tile(row=3, col=3, row_off=1536, col_off=1536, height=464, width=464)
    assert not wanted_blocks([far], grid, file, (300, 100), (256, 256)).any()
    assert not wanted_blocks([], grid, file, (300, 100), (256, 256)).any()


CASES = {
    "utm under degrees": ("EPSG:32649", (30.0, 0.0, 3e5, 0.0, -30.0, 49e5), "EPSG:4326", 0.0004),
    "degrees under utm": ("EPSG:4326", (0.0003, 0.0, 110.2, 0.0, -0.0003, 44.3), "EPSG:32649", 25.0),
    "sinusoidal under degrees": (SINUSOIDAL, (463.3, 0.0, 7.6e6, 0.0, -463.3, 5.3e6), "EPSG:4326", 0.004),
    "sinusoidal under albers": (SINUSOIDAL, (463.3, 0.0, 7.6e6, 0.0, -463.3, 5.3e6), "+proj=aea +lat_1=25 +lat_2=47 +lon_0=105 +datum=WGS84", 700.0),
    "coarse under fine": ("EPSG:4326", (0.05, 0.0, 90.0, 0.0, -0.05, 60.0), "EPSG:32649", 1000.0),
    "fine under coarse": ("EPSG:32649", (30.0, 0.0, 3e5, 0.0, -30.0, 49e5), "EPSG:32649", 47.0),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", ["nearest", "mode", "bilinear", "average"])
def test_no_cell_of_a_warped_tile_is_one_that_was_left_out(tmp_path, case, method):
    """Every cell of some tiles, from the wanted blocks alone and from the whole file: equal to the bit, and blocks were spared."""
    crs, transform, to, resolution = CASES[case]
    cells = noise((1300, 1300), "uint8" if method in ("nearest", "mode") else "float32")
    path = written(tmp_path / "a.tif", cells, crs=crs, transform=Affine(*transform), nodata=0)
    with rasterio.open(path) as dataset:
        file = Grid.of(dataset.crs.to_wkt(), transform, 1300, 1300)
        left, bottom, right, top = transform_bounds(dataset.crs, to, *dataset.bounds)
    width, height = int((right - left) / resolution), int((top - bottom) / resolution)
    grid = Grid(crs=to, transform=(resolution, 0.0, left, 0.0, -resolution, top), width=width, height=height)
    rng = np.random.default_rng(3)
    size = 160  # tiles of the run have 512 cells; smaller ones see more of the edges
    places = rng.integers(0, [max(1, height - size), max(1, width - size)], (6, 2))
    tiles = [Tile(row=0, col=0, row_off=int(row), col_off=int(column), height=min(size, height), width=min(size, width)) for row, column in places[:2]]
    layout = layout_of(path)
    wanted = wanted_blocks(tiles, grid, file, None, (64, 64))
    copy = part_of(path, layout, wanted, tmp_path / "b.tif")
    kind = "classes" if method in ("nearest", "mode") else "values"

    def read(where: Path, tile: Tile) -> np.ndarray:
        one = RasterFile(path=str(where), label="a", height=1300, width=1300, offset=None, source_crs=file.crs, nodata=0.0, scale=1.0, add=0.0, sha256="")
        layer = Layer(name="x", kind=kind, dates=((None, ((one,),)),), resampling=method)
        return read_member(layer, (one,), grid, Extent(tile.row_off, tile.col_off, tile.height, tile.width))[0]

    for tile in tiles:
        whole, some = read(path, tile), read(copy, tile)
        assert np.array_equal(whole, some, equal_nan=kind == "values")
    assert wanted.sum() < 0.75 * wanted.size
