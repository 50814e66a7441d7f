"""Annual layers from a catalogue: a month is an item of its date; the same tables as from files, offline afterwards."""

import json
import tomllib

import numpy as np
import pytest
from broken import sinks
from catalogues import Server, serving
from landscapes import Tiling, cells, toml, write
from years import BURNING, LATTICE, MCD64A1, burned, days, with_years

from sinks.layers.cloud import web

ANNUAL = ("activity_annual.csv", "activity_fire.csv", "removals.csv")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WAITS", (0.0, 0.01))
    monkeypatch.setattr(web, "TIMEOUT", 3.0)


def landscape():
    """Fires by days of burn in three years, greenness of four."""
    fire = {year: days(LATTICE, {4: [(np.s_[0, 0], 100.0)], 9: [(np.s_[1, 6], 250.0 + year - 2020), (np.s_[3, 3], -1.0)]}) for year in BURNING}
    layers = {"burned_area": fire, "greenness": {year: cells(LATTICE, year / 1e4) for year in (2018, *BURNING)}}
    return with_years(layers, {"burned_area": MCD64A1})


def in_a_catalogue(path, server: Server, **keys) -> None:
    """The annual layers of a run file as items of a server: a month begins on its first day; the files go from the disk."""
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    for name in ("burned_area", "greenness"):
        section = config["layers"][name]
        years = [key for key in section if key.isdigit()]
        for year in years:
            for number, text in enumerate([section[year]] if isinstance(section[year], str) else section[year], start=1):
                server.add(path.parent / text, name, f"{year}-{number:02}-01T00:00:00Z", f"{name}_{year}_{number:02}", name=f"{name}/{text}")
                (path.parent / text).unlink()
        kept = {key: value for key, value in section.items() if key not in years}
        config["layers"][name] = {**kept, "stac": server.api, "collection": name, "asset": "data", "datetime": {year: year for year in years}, **keys}
    config["network"] = {"hosts": [server.host]}
    path.write_text(toml(config), encoding="utf-8")


def tables(path) -> dict[str, bytes]:
    return {name: (path.parent / "out" / "tables" / name).read_bytes() for name in ANNUAL}


def test_tables_from_a_catalogue_are_those_from_files(tmp_path):
    """Thirty-six months and four years of greenness, outside the dates of the run too: fetched once, then without the server."""
    plain = write(landscape(), tmp_path / "files", Tiling(block=16))
    assert sinks("run", str(plain), "--quiet").code == 0
    path = write(landscape(), tmp_path / "cloud", Tiling(block=16))
    with serving() as server:
        in_a_catalogue(path, server)
        before = sinks("run", str(path), "--json")
        assert (before.code, set(before.ids)) == (2, {"E-STAC-01"})
        said = sinks("fetch", str(path), "--allow-network")
        assert said.code == 0, said.err
    said = sinks("run", str(path), "--quiet")
    assert said.code == 0, said.err
    assert tables(path) == tables(plain)
    inputs = (path.parent / "out" / "tables" / "inputs.csv").read_text(encoding="utf-8")
    assert inputs.count("burned_area") >= 36


def test_years_of_a_catalogue_are_named(tmp_path):
    """One datetime for all would leave open which years are meant."""
    path = write(landscape(), tmp_path, Tiling(block=16))
    with serving() as server:
        in_a_catalogue(path, server, datetime="{year}")
        said = sinks("check", str(path), "--json")
    assert (said.code, said.ids) == (2, ["E-ANNUAL-06", "E-ANNUAL-06"])


def test_the_preset_of_mcd64a1_keeps_water_unburned(tmp_path):
    """Files under ``preset = "mcd64a1"``: -1 is missing, -2 is water and does not burn, as without the preset."""
    fire = {year: [month.astype(np.int16) for month in days(LATTICE, {4: [(np.s_[0, 0], 100.0)], 6: [(np.s_[2, 2], -1.0), (np.s_[3, 3], -2.0)]})]
            for year in BURNING}  # fmt: skip
    by_hand = write(with_years({"burned_area": fire}, {"burned_area": MCD64A1}), tmp_path / "hand")
    by_preset = write(with_years({"burned_area": fire}, {"burned_area": {**MCD64A1, "preset": "mcd64a1"}}), tmp_path / "preset")
    found = []
    for path in (by_hand, by_preset):
        said = sinks("tabulate", str(path), "--json")
        assert said.code == 0, said.out
        found.append((path.parent / "out" / "tables" / "activity_fire.csv").read_bytes())
    assert found[0] == found[1]
    assert json.loads(sinks("check", str(by_preset), "--json").out)["findings"]


def test_without_any_catalogue_a_fetch_has_nothing_to_do(tmp_path):
    path = write(with_years({"burned_area": burned({})}, {"burned_area": {"encoding": "fraction"}}), tmp_path)
    assert sinks("fetch", str(path)).code == 0
