"""Shown on real data: the demonstration, Sao Tome at 10 m and Assaba on its sinusoidal grid, from files and from a catalogue.

The network is cut in the middle, the fetch resumed, and the run is done again with the
server stopped. Nothing leaves 127.0.0.1: the tests run with all other sockets closed.
"""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from broken import sinks
from catalogues import Server, dead, serving
from clouds import ACTIVITY, of_catalogue, tables
from landscapes import finish, toml

from sinks.demo.scenario import write_demo
from sinks.layers.cloud import remote, web


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WAITS", (0.0, 0.01))


@pytest.fixture
def blockwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for every block, so that there is a middle."""
    monkeypatch.setattr(remote, "GAP", -1)


@pytest.fixture
def server():
    with serving(page=3) as one:
        yield one


def written(folder: Path, config: dict[str, Any]) -> Path:
    """A run file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.toml"
    path.write_text(toml(config), encoding="utf-8")
    return path


def cut_and_resumed(path: Path, server: Server) -> int:
    """Fetch with the server dying in the middle, then again; returns how many bytes of files came in all."""
    server.fault("GET /data", dead, skip=len(server.items) + 3)
    said = sinks("fetch", str(path), "--allow-network", "--json")
    assert said.code == 3, said.out
    assert "E-NET-04" in said.ids
    server.stop()
    server.faults.clear()
    assert sinks("fetch", str(path), "--allow-network", "--quiet").code == 3
    server.start()
    said = sinks("fetch", str(path), "--allow-network", "--json")
    assert said.code == 0, said.out
    server.stop()
    return sum(int(one.range[6:].split("-")[1]) - int(one.range[6:].split("-")[0]) + 1 for one in server.data_requests())


def same_tables(config: dict[str, Any], server: Server, base: Path, tmp_path: Path) -> None:
    """The run from files, and from a catalogue with the network cut; then once more without a server."""
    from_files = finish(written(tmp_path / "files", config))
    path = written(tmp_path / "cloud", of_catalogue(config, server, base))
    cut_and_resumed(path, server)
    assert tables(finish(path).out) == tables(from_files.out)
    shutil.rmtree(path.parent / "out")
    assert sinks("tabulate", str(path), "--quiet").code == 0
    names = [f"tables/{name}" for name in ACTIVITY]
    assert [(path.parent / "out" / name).read_bytes() for name in names] == [(from_files.out / name).read_bytes() for name in names]


@pytest.mark.usefixtures("blockwise")
def test_the_demonstration(server, tmp_path):
    """Twelve leagues, three dates, NDVI of nine years as members: all tables to the byte."""
    folder = tmp_path / "demo"
    write_demo(folder)
    config = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    for name in ("ledger", "quantifications", "emissions", "maps"):
        config.pop(name, None)
    config["uncertainty"] = {"draws": 0}
    (folder / "run.toml").write_text(toml(config), encoding="utf-8")
    from_files = tables(finish(folder / "run.toml").out)
    cloud = of_catalogue(config, server, folder)
    for name, section in cloud["layers"].items():
        if section.get("files_mean"):  # the files of a date are years around it
            number = dict.fromkeys(config["run"]["years"] + [config["run"]["base_year"]], 0)
            for item in (one for one in server.items if one["collection"] == name):
                year = int(item["properties"]["datetime"][:4])
                item["properties"]["datetime"] = f"{year}-01-{number[year] + 1:02}T00:00:00Z"
                number[year] += 1
    for path in [*folder.glob("*.tif")]:
        if not any(path.name == str(section.get("file", "")) for section in cloud["layers"].values()):
            path.unlink()
    shutil.rmtree(folder / "out")
    (folder / "run.toml").write_text(toml(cloud), encoding="utf-8")
    cut_and_resumed(folder / "run.toml", server)
    assert tables(finish(folder / "run.toml").out) == from_files


@pytest.mark.usefixtures("blockwise")
def test_assaba_on_the_sinusoidal_grid(server, tmp_path, shared_data):
    """Land cover of three dates."""
    data = shared_data / "assaba_modis"
    if not data.is_dir():
        pytest.skip("../shared/data/assaba_modis is not beside this checkout")
    land = {"legend": "mcd12_igbp", "change": "accept", **{str(year): str(data / f"{year}LCT.tif") for year in (2017, 2020, 2023)}}
    config = {
        "run": {"title": "Assaba", "years": [2020, 2023], "base_year": 2017, "roots": [str(data)]},
        "zones": {"file": str(data / "Assaba_Districts_layer.shp"), "code": "ADM3_PCODE", "name": "ADM3_EN", "parent": "ADM2_PCODE"},
        "layers": {"land_cover": land}, "uncertainty": {"draws": 0},
    }  # fmt: skip
    same_tables(config, server, data, tmp_path)


def sao_tome(data: Path, tmp_path: Path, box: tuple[float, float, float, float]) -> dict[str, Any]:
    """WorldCover of 2020 on a box of the island."""
    import geopandas
    import shapely

    geopandas.GeoDataFrame({"adcode": ["st"], "name_zh": ["圣多美"]}, geometry=[shapely.box(*box)], crs="EPSG:4326").to_file(tmp_path / "zones.gpkg")
    return {
        "run": {"title": "Sao Tome", "years": [2020], "roots": [str(data), str(tmp_path)]},
        "zones": {"file": str(tmp_path / "zones.gpkg")},
        "layers": {"land_cover": {"2020": str(data / "SaoTome_2020.tif"), "preset": "esa_worldcover"}}, "limits": {"missing_fraction": 1.0},
        "uncertainty": {"draws": 0},
    }  # fmt: skip


@pytest.fixture
def worldcover(shared_data):
    data = shared_data / "worldcover_sao_tome"
    if not data.is_dir():
        pytest.skip("../shared/data/worldcover_sao_tome is not beside this checkout")
    return data


@pytest.mark.usefixtures("blockwise")
def test_worldcover_of_sao_tome(server, tmp_path, worldcover):
    same_tables(sao_tome(worldcover, tmp_path, (6.46, 0.01, 6.77, 0.415)), server, worldcover, tmp_path)


def test_only_the_blocks_under_the_zone_come(server, tmp_path, worldcover):
    """A valley of the island: 1 of 20 blocks; the tables are those from the whole file, and what came is a part of it."""
    config = sao_tome(worldcover, tmp_path, (6.56, 0.35, 6.57, 0.36))
    from_files = finish(written(tmp_path / "files", config))
    path = written(tmp_path / "cloud", of_catalogue(config, server, worldcover))
    said = sinks("--lang", "en", "fetch", str(path), "--allow-network")
    assert said.code == 0, said.err
    assert " 1 of 20 blocks" in said.out
    assert tables(finish(path).out) == tables(from_files.out)
    (block,) = (tmp_path / "cloud").rglob("objects/*/[!h]*.tif")
    assert block.stat().st_size < (worldcover / "SaoTome_2020.tif").stat().st_size / 4
    asked = sum(int(one.range[6:].split("-")[1]) - int(one.range[6:].split("-")[0]) + 1 for one in server.data_requests())
    assert asked < (worldcover / "SaoTome_2020.tif").stat().st_size / 2


def test_larger_zones_later_bring_what_lacks_alone(server, tmp_path, worldcover):
    """The second, larger zone: blocks of the first are taken from the cache."""
    small = written(tmp_path / "cloud", of_catalogue(sao_tome(worldcover, tmp_path, (6.56, 0.35, 6.57, 0.36)), server, worldcover))
    assert sinks("fetch", str(small), "--allow-network", "--quiet").code == 0
    server.seen.clear()
    config = sao_tome(worldcover, tmp_path, (6.46, 0.01, 6.77, 0.415))
    server.items.clear()
    large = written(tmp_path / "cloud", of_catalogue(config, server, worldcover))
    said = sinks("--lang", "en", "fetch", str(large), "--allow-network")
    assert "20 of 20 blocks, 19 of them new" in said.out, said.out
    assert tables(finish(large).out) == tables(finish(written(tmp_path / "files", config)).out)


def test_a_copied_block_is_the_block_to_the_bit(server, tmp_path, worldcover):
    """Cells under the zone are those of the source; header, compression and tags are its own."""
    path = written(tmp_path / "cloud", of_catalogue(sao_tome(worldcover, tmp_path, (6.56, 0.35, 6.57, 0.36)), server, worldcover))
    assert sinks("fetch", str(path), "--allow-network", "--quiet").code == 0
    (block,) = (tmp_path / "cloud").rglob("objects/*/[!h]*.tif")
    with rasterio.open(worldcover / "SaoTome_2020.tif") as source, rasterio.open(block) as copy:
        assert source.profile == copy.profile
        assert source.tags() == copy.tags()
        here = copy.read(1)
        held = here != 0
        assert held.any()
        assert np.array_equal(source.read(1)[held], here[held])
