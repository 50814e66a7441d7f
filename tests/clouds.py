"""Projects whose layers come from a catalogue on this machine: shared by the tests of the cloud."""

import csv
import json
from pathlib import Path
from typing import Any

import broken
import pytest
from catalogues import Server

from sinks.layers.cloud import web

ACTIVITY = ("activity_year.csv", "activity_pair.csv", "strata.csv", "zones.csv")


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


def stac_project(folder: Path, server: Server, **keys: Any) -> broken.Project:
    """The good project, its rasters in a catalogue and no longer on disk."""
    project = broken.make_project(folder)
    project.config = of_catalogue(project.config, server, folder, **keys)
    for path in folder.glob("*.tif"):
        path.unlink()
    project.save()
    return project


def with_results(folder: Path, server: Server) -> broken.Project:
    """The good project with earlier results, its rasters now in a catalogue."""
    project = broken.good(folder)
    project.config = of_catalogue(project.config, server, project.folder)
    project.save()
    return project


def tables(out: Path) -> dict[str, bytes]:
    """All tables but the list of inputs, which names where they came from; without the id of the run, which is a hash of that list too."""
    run_id = json.loads((out / "run.json").read_text())["run_id"].encode()
    paths = (path for path in sorted((out / "tables").glob("*.csv")) if path.name != "inputs.csv")
    return {path.name: path.read_bytes().replace(run_id, b"-") for path in paths}


def activity_of(project: broken.Project, fetched: bool = True) -> dict[str, bytes]:
    """The activity tables of a project, whose files are fetched first."""
    if fetched:
        said = project.sinks("fetch", "--allow-network")
        assert said.code == 0, said.err
    said = project.sinks("tabulate", "--quiet")
    assert said.code == 0, said.err
    return activity_in({name: (project.out / "tables" / name).read_bytes() for name in ACTIVITY})


def activity_in(found: dict[str, bytes]) -> dict[str, bytes]:
    """The activity tables among all."""
    return {name: found[name] for name in ACTIVITY}


def inputs(project: broken.Project) -> list[dict[str, str]]:
    """The rows of inputs.csv."""
    with (project.out / "tables" / "inputs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cached(project: broken.Project) -> dict[str, bytes]:
    """The files of blocks in the cache, by their place."""
    folder = project.folder / ".sinks-cache"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("objects/*/*.tif")) if path.name != "header.tif"}


def text_of(folder: Path) -> str:
    """Every byte below a folder, as text."""
    return "".join(path.read_bytes().decode("latin-1") for path in sorted(folder.rglob("*")) if path.is_file())


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that waits for hardly anything."""
    monkeypatch.setattr(web, "WAITS", (0.0, 0.01, 0.01))
    monkeypatch.setattr(web, "TIMEOUT", 3.0)


def tables_from_files(folder: Path) -> dict[str, bytes]:
    """The tables of the good project from files."""
    project = broken.make_project(folder / "p")
    assert project.sinks("tabulate", "--quiet").code == 0
    return {path.name: path.read_bytes() for path in (project.out / "tables").glob("*.csv")}


def refused(project: broken.Project, *ids: str) -> list[dict[str, str]]:
    """The errors of a fetch that must stop with exactly these; earlier results stay, no folder is told."""
    return broken.refused(project, *ids, verb="fetch", options=("--allow-network",))
