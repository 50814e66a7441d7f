"""Runs from cloud catalogues: the same tables as from files, offline afterwards, and going on after any stop."""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import broken
import numpy as np
import pytest
import rasterio
import shapely
from catalogues import item_of, serving
from clouds import activity_in, activity_of, inputs, of_catalogue, stac_project, tables
from landscapes import write_raster
from rasterio.transform import Affine
from surveys import LATTICE, mosaic, survey, write_survey

from sinks.layers.cloud import web


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WAITS", (0.0, 0.01))
    monkeypatch.setattr(web, "TIMEOUT", 3.0)


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def from_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of the good project from files."""
    project = broken.make_project(tmp_path_factory.mktemp("files") / "p")
    assert project.sinks("run", "--quiet").code == 0
    return tables(project.out)


def test_tables_from_a_catalogue_are_those_from_files(server, tmp_path, from_files):
    """Fetched with the network, run without: equal to the byte; a second run asks nothing."""
    project = stac_project(tmp_path / "p", server)
    said = project.sinks("fetch", "--allow-network")
    assert said.code == 0, said.err
    server.stop()
    said = project.sinks("run", "--quiet")
    assert said.code == 0, said.err
    assert tables(project.out) == from_files
    before = len(server.seen)
    assert project.sinks("run", "--quiet", "--allow-network").code == 0
    assert project.sinks("fetch", "--allow-network").code == 0
    assert len(server.seen) == before


def test_only_blocks_that_zones_touch_come(server, tmp_path):
    """One zone in a corner: a few of 20 blocks per file, and a fraction of the bytes; the run never asks for another."""
    project = stac_project(tmp_path / "p", server)
    left, top = broken.WEST, broken.NORTH
    project.zones_of((left + 0.001, top - 0.159, left + 0.159, top - 0.001), "EPSG:4490")
    said = project.sinks("fetch", "--allow-network")
    assert said.code == 0, said.err
    asked = [one.range for one in server.data_requests()]
    assert all(one.startswith("bytes=") for one in asked)


def test_without_the_network_what_is_missing_is_named(server, tmp_path):
    """Before a fetch: every layer and date, and the command that helps; nothing is asked."""
    project = stac_project(tmp_path / "p", server)
    said = project.sinks("run", "--json")
    assert said.code == 2
    assert said.ids == ["E-STAC-01"] * 6
    assert all("sinks fetch" in one["remedy"] for one in said.findings)
    assert [one["where"] for one in said.findings][:3] == ["layers.land_cover.2017", "layers.land_cover.2020", "layers.land_cover.2023"]
    assert server.seen == []
    assert project.sinks("fetch", "--json").ids == ["E-STAC-01"] * 6
    assert project.sinks("check", "--json").ids == ["E-STAC-01"] * 6
    assert project.sinks("run", "--dry-run", "--allow-network", "--json").ids == ["E-STAC-01"] * 6
    assert server.seen == []


def test_run_and_check_fetch_what_is_missing_first(server, tmp_path, from_files):
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("check", "--allow-network").code == 0
    assert project.sinks("run", "--allow-network", "--quiet").code == 0
    assert tables(project.out) == from_files


def test_a_dry_run_lists_items_and_bytes_and_brings_none(server, tmp_path):
    project = stac_project(tmp_path / "p", server)
    said = project.sinks("fetch", "--allow-network", "--dry-run")
    assert said.code == 0, said.err
    assert len([line for line in said.out.splitlines() if line.startswith("stac:127.0.0.1")]) == 6
    assert "land_cover/land_cover_2020_0/data" in said.out
    told = json.loads(project.sinks("fetch", "--allow-network", "--dry-run", "--json").out)
    assert [(one["blocks"], one["blocks_of_file"], one["blocks_new"]) for one in told["files"]] == [(20, 20, 20)] * 6
    assert all(0 < one["bytes_new"] == one["bytes"] for one in told["files"])
    assert not list((project.folder / ".sinks-cache").rglob("blocks.part"))
    assert project.sinks("run", "--json").ids == ["E-STAC-02"] * 6


def test_inputs_name_item_version_and_hash_and_no_folder(server, tmp_path):
    """inputs.csv: the item with collection and asset, the hash of the blocks, where they came from and their ETag."""
    project = stac_project(tmp_path / "p", server)
    assert project.sinks("run", "--allow-network", "--quiet").code == 0
    row = {row["file"]: row for row in inputs(project)}[f"stac:{server.host}/api/land_cover/land_cover_2020_0/data"]
    assert row["source"].startswith(f"{server.root}/data/land_cover/land_2020.tif \"")
    assert len(row["sha256"]) == 64
    text = "".join(path.read_text("utf-8", errors="replace") for path in project.out.rglob("*") if path.suffix in (".csv", ".json", ".jsonl", ".md", ".html"))
    assert str(tmp_path) not in text
    assert ".sinks-cache" not in text


@pytest.mark.parametrize("methods", [("POST",), ("GET",)])
def test_pages_by_post_and_by_get(server, tmp_path, from_files, methods):
    """One item a page, so that every search of a mosaic goes over pages."""
    server.methods, server.page = methods, 1
    project = broken.make_project(tmp_path / "p")
    halves(project, "land_2020.tif")
    project.config["layers"]["land_cover"]["2020"] = ["land_2020_west.tif", "land_2020_east.tif"]
    project.config = of_catalogue(project.config, server, project.folder)
    assert activity_of(project) == activity_in(from_files)
    pages = [one for one in server.seen if one.path.startswith("/api/search")]
    assert {one.method for one in pages} == set(methods)
    assert len(pages) == 7  # six requests, one of them of two pages


def halves(project: broken.Project, name: str) -> None:
    """Cut a raster into a western and an eastern file."""
    path = project.folder / name
    with rasterio.open(path) as whole:
        cells, profile = whole.read(1), whole.profile
    for side, columns in (("west", slice(0, 48)), ("east", slice(48, None))):
        moved = profile["transform"] @ Affine.translation(columns.start or 0, 0)
        broken.write_raster(path.with_stem(f"{path.stem}_{side}"), cells[:, columns], nodata=profile["nodata"], transform=moved)


def test_items_outside_the_zones_and_of_other_properties_do_not_come(server, tmp_path, from_files):
    """An item of another place, of another version and of another time are passed over; the server knows no query."""
    project = stac_project(tmp_path / "p", server, query={"version": {"eq": "2"}, "rank": {"gte": 3}})
    for item in server.items:
        item["properties"].update(version="2", rank=3)
    far = json.loads(json.dumps(server.items[0]))
    far.update(id="far", bbox=[10.0, 10.0, 11.0, 11.0], geometry=json.loads(shapely.to_geojson(shapely.box(10, 10, 11, 11))))
    old = json.loads(json.dumps(server.items[0]))
    old["id"], old["properties"]["version"] = "old", "1"
    low = json.loads(json.dumps(server.items[0]))
    low["id"], low["properties"]["rank"] = "low", 2
    before = json.loads(json.dumps(server.items[0]))  # begins the year before, and ends in this one
    before["id"] = "before"
    times = {"datetime": None, "start_datetime": "2016-01-01T00:00:00Z", "end_datetime": "2017-01-01T00:00:00Z"}
    before["properties"] = {**times, "version": "2", "rank": 3}
    beside = json.loads(json.dumps(server.items[0]))  # inside the box of the zones, but beside them
    beside.update(id="beside", geometry=json.loads(shapely.to_geojson(shapely.box(112.0, 43.9999, 112.8, 44.0))), bbox=[112.0, 43.9999, 112.8, 44.0])
    for other in (far, old, low, before, beside):  # would change the tables: they stand first among the files of a mosaic
        other["assets"]["data"]["href"] = "/data/land_cover/land_2023.tif"
        other["id"] = f"a {other['id']}"
    server.items += [far, old, low, before, beside]
    assert activity_of(project) == activity_in(from_files)


def test_a_layer_that_never_changes_and_one_by_a_table_of_years(server, tmp_path):
    """`datetime` without {year} is one date for all; a table gives each year its own time."""
    project = stac_project(tmp_path / "p", server)
    land = project.config["layers"]["land_cover"]
    land["datetime"] = {"2017": "2016-06/2017-06", "2020": "2020", "2023": "2023-01-01"}
    project.config["layers"]["aboveground_biomass"]["datetime"] = "2020"
    activity_of(project)
    read = sorted((row["layer"], row["year"]) for row in inputs(project))
    assert read == [("aboveground_biomass", ""), *(("land_cover", str(year)) for year in broken.DATES)]


def test_several_dates_are_members_where_a_mean_is_wanted_and_refused_else(server, tmp_path):
    project = stac_project(tmp_path / "p", server)
    more = server.items[3]
    later = json.loads(json.dumps(more))
    later["id"], later["properties"]["datetime"] = "later", "2017-07-01T00:00:00Z"
    server.items.append(later)
    said = project.sinks("fetch", "--allow-network", "--json")
    assert said.code == 2
    assert said.ids == ["E-STAC-04"]
    project.config["layers"]["aboveground_biomass"]["datetime"] = "2017"  # no year of its own: as little a mosaic of two dates
    assert project.sinks("fetch", "--allow-network", "--json").ids == ["E-STAC-04"]
    del project.config["layers"]["aboveground_biomass"]["datetime"]
    project.config["layers"]["aboveground_biomass"]["files_mean"] = True
    activity_of(project)
    assert len([row for row in inputs(project) if row["layer"] == "aboveground_biomass"]) == 4


# -- catalogues on disk and static ones over http ----------------------------------------------------------


def static_catalogue(folder: Path, items: list[dict[str, Any]], hrefs: str = "{name}") -> Path:
    """A catalogue with a collection below it, each item in a folder of its own; assets by the pattern ``hrefs``."""
    root = folder / "stac"
    (root / "all").mkdir(parents=True)
    for item in items:
        told = json.loads(json.dumps(item))
        told["assets"]["data"]["href"] = hrefs.format(name=Path(item["assets"]["data"]["href"]).name)
        (root / "all" / item["id"]).mkdir()
        (root / "all" / item["id"] / "item.json").write_text(json.dumps(told))
    links = [{"rel": "item", "href": f"./{item['id']}/item.json"} for item in items] + [{"rel": "root", "href": "../catalog.json"}]
    (root / "all" / "collection.json").write_text(json.dumps({"type": "Collection", "id": "all", "links": links}))
    (root / "catalog.json").write_text(json.dumps({"type": "Catalog", "id": "top", "links": [{"rel": "child", "href": "all/collection.json"}]}))
    return root / "catalog.json"


def by_layer(project: broken.Project, address: str) -> None:
    """Layers from a catalogue in which properties tell them apart."""
    for name, section in project.config["layers"].items():
        kept = {key: value for key, value in section.items() if not key.isdigit()}
        project.config["layers"][name] = {**kept, "stac": address, "asset": "data", "query": {"layer": name}}


def items_of_project(project: broken.Project) -> list[dict[str, Any]]:
    """Items of the rasters of the good project, in one collection."""
    named = {"land": "land_cover", "agb": "aboveground_biomass"}
    return [
        item_of(path, "all", f"{path.stem[-4:]}-01-01T00:00:00Z", path.stem, path.name, layer=named[path.stem[:-5]])
        for path in sorted(project.folder.glob("*.tif"))
    ]


def test_a_catalogue_on_disk_needs_no_network_and_no_cache(tmp_path, from_files):
    project = broken.make_project(tmp_path / "p")
    static_catalogue(project.folder, items_of_project(project), hrefs="../../../{name}")
    by_layer(project, "stac/catalog.json")
    assert activity_of(project, fetched=False) == activity_in(from_files)
    assert not (project.folder / ".sinks-cache").exists()
    assert "stac:stac/catalog.json/all/agb_2020/data" in (project.out / "tables" / "inputs.csv").read_text()


def test_a_catalogue_on_disk_with_files_over_http(server, tmp_path, from_files):
    """The catalogue is at hand, its files are not: they are fetched, and it is read again without the network."""
    project = broken.make_project(tmp_path / "p")
    items = items_of_project(project)
    for path in project.folder.glob("*.tif"):
        server.files[f"/data/{path.name}"] = path.read_bytes()
        path.unlink()
    static_catalogue(project.folder, items, hrefs=server.root + "/data/{name}")
    by_layer(project, "stac/catalog.json")
    project.config["network"] = {"hosts": [server.host]}
    assert project.sinks("run", "--json").ids == ["E-STAC-02"] * 6
    assert activity_of(project) == activity_in(from_files)


def test_a_static_catalogue_over_http(server, tmp_path, from_files):
    project = broken.make_project(tmp_path / "p")
    place = static_catalogue(project.folder, items_of_project(project), hrefs="../../../{name}")
    for path in sorted(project.folder.rglob("*.json")) + sorted(project.folder.glob("*.tif")):
        server.files[f"/{path.relative_to(project.folder).as_posix()}"] = path.read_bytes()
    for path in project.folder.glob("*.tif"):
        path.unlink()
    shutil.rmtree(place.parent)
    by_layer(project, f"{server.root}/stac/catalog.json")
    project.config["network"] = {"hosts": [server.host]}
    assert activity_of(project) == activity_in(from_files)
    server.stop()
    shutil.rmtree(project.out)
    assert activity_of(project, fetched=False) == activity_in(from_files)


def test_polygons_on_disk_beside_a_catalogue(server, tmp_path):
    """Land cover of survey polygons, biomass of a catalogue: the grid is the declared one, and the blocks come."""
    path = write_survey(tmp_path / "p", {2020: ("a.gpkg", survey(mosaic()))}, volume=False)
    write_raster(path.parent, "agb", np.full(LATTICE.shape, 40.0, dtype=np.float32), LATTICE, -1)
    server.add(path.parent / "agb.tif", "agb", "2020-01-01T00:00:00Z")
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    layer = {"unit": "t ha-1", "basis": "dry_matter", "stac": server.api, "collection": "agb", "asset": "data"}
    config["layers"]["aboveground_biomass"] = layer
    config["network"] = {"hosts": [server.host]}
    path.write_text(broken.toml(config), encoding="utf-8")
    said = broken.sinks("fetch", str(path), "--allow-network", "--json")
    assert said.code == 0, said.out
    assert [one["blocks_new"] > 0 for one in json.loads(said.out)["files"]] == [True]
    server.stop()
    said = broken.sinks("tabulate", str(path), "--quiet")
    assert said.code == 0, said.err
