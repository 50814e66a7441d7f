"""Runs from cloud catalogues: the same tables as from files, offline afterwards, and going on after any stop."""

import json
from pathlib import Path
from typing import Any

import broken
import pytest
from catalogues import Server, serving

from sinks.layers.cloud import web

BY_YEAR = ("land_cover", "aboveground_biomass")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WAITS", (0.0, 0.01))
    monkeypatch.setattr(web, "TIMEOUT", 3.0)


@pytest.fixture
def server():
    with serving() as one:
        yield one


def of_catalogue(config: dict[str, Any], server: Server, base: Path, **keys: Any) -> dict[str, Any]:
    """The same run with the layers of a project from a catalogue: each file an item that begins in its year."""
    layers = {}
    for name, section in config["layers"].items():
        years = [key for key in section if key.isdigit()]
        for year in years:
            for number, text in enumerate(section[year] if isinstance(section[year], list) else [section[year]]):
                server.add(base / text, name, f"{year}-01-01T00:00:00Z", f"{name}_{year}_{number}", name=f"{name}/{Path(text).name}")
        kept = {key: value for key, value in section.items() if key not in years}
        layers[name] = {**kept, "stac": server.api, "collection": name, "asset": "data", **keys} if years else kept
    return {**config, "layers": layers, "network": {"hosts": [server.host]}}


def tables(out: Path) -> dict[str, bytes]:
    """All tables but the list of inputs, which names where they came from; without the id of the run, which is a hash of that list too."""
    run_id = json.loads((out / "run.json").read_text())["run_id"].encode()
    paths = (path for path in sorted((out / "tables").glob("*.csv")) if path.name != "inputs.csv")
    return {path.name: path.read_bytes().replace(run_id, b"-") for path in paths}


def stac_project(folder: Path, server: Server, **keys: Any) -> broken.Project:
    """The good project, its rasters in a catalogue and no longer on disk."""
    project = broken.make_project(folder)
    project.config = of_catalogue(project.config, server, folder, **keys)
    for path in folder.glob("*.tif"):
        path.unlink()
    project.save()
    return project


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
