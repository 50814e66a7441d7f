"""What a configuration may say of catalogues and the network, and what a request asks for."""

import json
from datetime import UTC, datetime

import broken
import numpy as np
import pytest
from catalogues import item_of

from aoi.findings import InputError
from sinks.config import read_config
from sinks.layers.cloud.request import interval_of, requests_of
from sinks.layers.cloud.web import without_secrets
from sinks.setup import set_up


def read(tmp_path, network: dict | None = None, **land_cover):
    """The configuration of a run with a land cover of a catalogue."""
    config = {
        "run": {"title": "t", "years": [2020, 2023], "base_year": 2017}, "zones": {"builtin": "leagues"},
        "layers": {"land_cover": {"legend": "clcd", **land_cover}}, "network": network or {},
    }  # fmt: skip
    path = tmp_path / "run.toml"
    path.write_text(broken.toml(config), encoding="utf-8")
    return read_config(path)[0]


def refused(tmp_path, *ids: str, **given) -> list:
    with pytest.raises(InputError) as caught:
        requests_of(read(tmp_path, **given))
    assert list(dict.fromkeys(one.id for one in caught.value.findings)) == list(ids)
    for one in caught.value.findings:
        for language in ("zh", "en"):
            assert one.line(language)
    return caught.value.findings


GOOD = {"stac": "c.json", "asset": "data"}


def test_keys_of_a_catalogue_without_one(tmp_path):
    refused(tmp_path, "E-STAC-11", asset="data")
    refused(tmp_path, "E-STAC-11", file="a.tif", datetime="2020")
    refused(tmp_path, "E-STAC-12", stac="c.json")


def test_one_way_for_files(tmp_path):
    """Files and a catalogue at once, or none of both."""
    refused(tmp_path, "E-CONF-10", **GOOD, file="a.tif")
    refused(tmp_path, "E-CONF-10", **GOOD, **{"2020": "a.tif"})
    refused(tmp_path, "E-CONF-10")


def test_a_table_of_years_must_have_all_of_them(tmp_path):
    (one,) = refused(tmp_path, "E-YEAR-01", **GOOD, datetime={"2017": "2017", "2020": "2020"})
    assert "2023" in one.line("en")
    refused(tmp_path, "E-CONF-04", **GOOD, datetime={"20x0": "2020"})


@pytest.mark.parametrize("said", ["", "yesterday", "2020-13", "2020-02-30", "2021/2020", "2020/", "/2020", "2020/2021/2022", "9999", "0000", "..../2020"])
def test_datetimes_that_cannot_be_read(tmp_path, said):
    refused(tmp_path, "E-CONF-04" if said == "" else "E-STAC-13", **GOOD, datetime=said)


def test_operators_that_are_not_known(tmp_path):
    (one,) = refused(tmp_path, "E-STAC-14", **GOOD, query={"a": {"like": "b"}})
    assert "startsWith" in one.line("en")


@pytest.mark.parametrize(
    "network",
    [
        {"hosts": ["https://a.example"]}, {"hosts": ["A.example"]}, {"hosts": ["a.example/x"]}, {"hosts": ["*.example"]}, {"hosts": ["a b"]},
        {"hosts": ["u@a.example"]}, {"most_gb": 0}, {"tokens": {"a.example": "NOT A NAME"}}, {"tokens": {"a..": "A"}}, {"cache": ""},
    ],
    ids=str,
)  # fmt: skip
def test_hosts_are_names_and_secrets_are_names_of_variables(tmp_path, network):
    with pytest.raises(InputError) as caught:
        read(tmp_path, network=network, **GOOD)
    assert {one.id for one in caught.value.findings} == {"E-CONF-04"}
    with pytest.raises(InputError) as caught:
        read(tmp_path, network={"proxy": "x"}, **GOOD)
    assert {one.id for one in caught.value.findings} == {"E-CONF-02"}


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "start", "stop"),
    [
        ("2020", at(2020, 1, 1), at(2020, 12, 31, 23, 59, 59)),
        ("2020-12", at(2020, 12, 1), at(2020, 12, 31, 23, 59, 59)),
        ("2020-07-28", at(2020, 7, 28), at(2020, 7, 28, 23, 59, 59)),
        ("2018/2020-06", at(2018, 1, 1), at(2020, 6, 30, 23, 59, 59)),
        ("2020-01-01T08:00:00+08:00", at(2020, 1, 1), at(2020, 1, 1)),
        ("../2020", None, at(2020, 12, 31, 23, 59, 59)),
        ("2020/..", at(2020, 1, 1), None),
        ("..", None, None),
    ],
)
def test_datetimes(said, start, stop):
    """A year, month or day is all of it; two are from the first of one to the last of the other."""
    assert interval_of(said) == (start, stop)


def test_requests_by_date(tmp_path):
    """The default is the calendar year; a template fills it; one text is one request for all dates."""
    by_year = requests_of(read(tmp_path, **GOOD))
    assert [(one.year, one.interval) for one in by_year] == [(year, f"{year}-01-01T00:00:00Z/{year}-12-31T23:59:59Z") for year in (2017, 2020, 2023)]
    assert [one.interval[:10] for one in requests_of(read(tmp_path, **GOOD, datetime="{year}-07"))] == ["2017-07-01", "2020-07-01", "2023-07-01"]
    (one,) = requests_of(read(tmp_path, **GOOD, datetime=".."))
    assert (one.year, one.interval, one.holds(None)) == (None, "", True)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({"a": 1}, True), ({"a": 2}, False), ({"a": {"eq": 1}}, True), ({"a": {"neq": 1}}, False), ({"a": {"lt": 2, "gte": 1}}, True),
        ({"a": {"gt": 1}}, False),
        ({"a": {"in": [1, 2]}}, True), ({"b": {"startsWith": "te"}}, True), ({"b": {"endsWith": "te"}}, False), ({"b": {"contains": "rr"}}, True),
        ({"none": 1}, False), ({"none": {"lt": 3}}, False), ({"b": {"lt": 3}}, False), ({"a": {"startsWith": "1"}}, False), ({"a": {"in": 3}}, False),
    ],
    ids=str,
)  # fmt: skip
def test_queries(tmp_path, query, fits):
    """Operators of the query extension; what is not there, or cannot be compared, does not fit."""
    assert requests_of(read(tmp_path, **GOOD, query=query))[0].fits({"a": 1, "b": "terra"}) == fits


def test_addresses_are_told_without_secrets():
    assert without_secrets("https://user:word@a.example:8080/x/y.tif?sig=secret#part") == "https://a.example:8080/x/y.tif"
    assert "secret" not in without_secrets("http://[broken?sig=secret")


def test_the_aligned_run_has_files_and_no_network(tmp_path):
    """`sinks align` of a run from a catalogue: the run of its files carries no key of it."""
    project = broken.make_project(tmp_path / "p")
    items = [
        item_of(path, "all", f"{path.stem[-4:]}-01-01T00:00:00Z", path.stem, path.name, layer=path.stem[:-5])
        for path in sorted(project.folder.glob("*.tif"))
    ]
    (project.folder / "c.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    for name, layer in (("land_cover", "land"), ("aboveground_biomass", "agb")):
        kept = {key: value for key, value in project.config["layers"][name].items() if not key.isdigit()}
        project.config["layers"][name] = {**kept, "stac": "c.json", "asset": "data", "query": {"layer": layer}}
    project.config["network"] = {"hosts": ["a.example"]}
    project.save()
    assert broken.sinks("align", str(project.file), "--quiet").code == 0
    config = read_config(project.folder / "aligned" / "aligned.toml")[0]
    assert config.network.hosts == ()
    assert all(section.stac is None and section.files for section in config.layers.values())


def test_the_aligned_run_keeps_annual_layers_of_a_catalogue(tmp_path):
    """They are not aligned: catalogue, network and cache are named as the folder of the aligned files sees them."""
    project = broken.make_project(tmp_path / "p")
    items = []
    for year in (2020, 2023):
        broken.write_raster(project.folder / f"green_{year}.tif", np.full((broken.ROWS, broken.COLUMNS), year / 1e4, dtype=np.float32))
        items.append(item_of(project.folder / f"green_{year}.tif", "all", f"{year}-01-01T00:00:00Z", f"green_{year}", f"green_{year}.tif"))
    (project.folder / "c.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    years = {"2020": "2020", "2023": "2023"}
    project.config["layers"]["greenness"] = {"stac": "c.json", "asset": "data", "datetime": years}
    project.config["network"] = {"hosts": ["a.example"]}
    project.save()
    assert broken.sinks("align", str(project.file), "--quiet").code == 0
    path = project.folder / "aligned" / "aligned.toml"
    config = read_config(path)[0]
    assert (config.layers["greenness"].stac, config.network.hosts, config.network.cache) == ("../c.json", ("a.example",), "../.sinks-cache")
    assert [source.label for source in set_up(path).sources if source.layer == "greenness"] == [
        f"stac:../c.json/all/green_{year}/data" for year in (2020, 2023)
    ]
