"""`sinks accuracy`: matrices and samples as people write them, results for machines and people, strata that say nothing, bad input."""

import json

import geopandas
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import Point

from aoi.findings import InputError
from sinks.cli import main
from sinks.estimation.accuracy import accuracy_of
from sinks.estimation.design import Goal, read_strata
from sinks.estimation.reference import Reference, read_areas, read_matrix, read_samples

MATRIX = "map,loss,gain,forest,other\nloss,66,0,5,4\ngain,0,55,8,12\nforest,1,0,153,11\nother,2,1,9,313\n"
AREAS = "class,area_ha\nloss,18000\ngain,13500\nforest,288000\nother,580500\n"


@pytest.fixture
def folder(tmp_path):
    """The example of Olofsson et al. (2014), as files."""
    (tmp_path / "M.csv").write_text(MATRIX, encoding="utf-8")
    (tmp_path / "A.csv").write_text(AREAS, encoding="utf-8")
    return tmp_path


def run(capsys, *arguments):
    """Exit code, standard output and standard error of a command line."""
    code = 0
    try:
        main(["--lang", "en", *map(str, arguments)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, error = capsys.readouterr()
    return code, out, error


def samples_of_matrix(matrix, areas, weighted):
    """The samples that make a matrix, one row each."""
    rows = []
    table = pd.read_csv(matrix, index_col=0)
    area = pd.read_csv(areas, index_col=0)["area_ha"]
    for mapped, row in table.iterrows():
        for reference, count in row.items():
            rows += [{"map_class": mapped, "reference_class": reference, "weight": area[mapped] / row.sum()}] * int(count)
    frame = pd.DataFrame(rows)
    frame["stratum"] = frame["map_class"]
    return frame if weighted else frame.drop(columns="weight")


def test_json_has_the_declared_form(folder, capsys):
    """Four keys, each value with se and half_width_95; the numbers of the paper."""
    code, out, _ = run(capsys, "accuracy", "--matrix", folder / "M.csv", "--areas", folder / "A.csv", "--json")
    found = json.loads(out)
    assert code == 0
    assert list(found) == ["overall", "users", "producers", "areas_ha"]
    assert list(found["areas_ha"]) == ["loss", "gain", "forest", "other"]
    assert found["areas_ha"]["loss"] == pytest.approx({"value": 21_157.76, "se": 3_141.65, "half_width_95": 6_157.52}, abs=0.01)
    assert found["overall"]["value"] == pytest.approx(0.9465, abs=1e-4)
    assert set(found["users"]["gain"]) == {"value", "se", "half_width_95"}


def test_people_read_it_in_both_languages(folder, capsys):
    """Adjusted areas with their half-widths stand in the lines."""
    main(["--lang", "en", "accuracy", "--matrix", str(folder / "M.csv"), "--areas", str(folder / "A.csv")])
    english = capsys.readouterr().out
    main(["--lang", "zh", "accuracy", "--matrix", str(folder / "M.csv"), "--areas", str(folder / "A.csv")])
    chinese = capsys.readouterr().out
    assert "21,157.8 ± 6,157.5" in english
    assert "overall accuracy 0.9465" in english
    assert "21,157.8 ± 6,157.5" in chinese
    assert "总体精度" in chinese


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("kind", ["csv", "gpkg"])
def test_samples_give_what_their_matrix_gives(folder, capsys, weighted, kind):
    """From a CSV file or a GeoPackage, by areas or by weights."""
    frame = samples_of_matrix(folder / "M.csv", folder / "A.csv", weighted)
    path = folder / f"S.{kind}"
    if kind == "csv":
        frame.rename(columns={"map_class": "Map Class"}).to_csv(path, index=False)
    else:
        geopandas.GeoDataFrame(frame, geometry=[Point(number, 0) for number in range(len(frame))], crs="EPSG:4490").to_file(path)
    areas = [] if weighted else ["--areas", folder / "A.csv"]
    _, out, _ = run(capsys, "accuracy", "--samples", path, *areas, "--json")
    _, matrix, _ = run(capsys, "accuracy", "--matrix", folder / "M.csv", "--areas", folder / "A.csv", "--json")
    found, wanted = json.loads(out), json.loads(matrix)
    for key in ("users", "producers", "areas_ha"):
        for name in wanted[key]:
            assert found[key][name] == pytest.approx(wanted[key][name], rel=1e-9)


def test_strata_that_are_not_the_map(tmp_path):
    """The numerical example of Stehman (2014) as a sample: class A holds 35 % of the area, standard error 0.082."""
    strata, mapped = "A" * 10 + "B" * 10 + "C" * 10 + "D" * 10, "AAAAAAABBB" + "A" + "B" * 9 + "BBCCCCCCBB" + "D" * 10
    reference = "AAAAACBABC" + "ABBBBBAABB" + "CCCCCDDBBA" + "DDDDDDDCCB"
    frame = pd.DataFrame({"stratum": list(strata), "map_class": list(mapped), "reference_class": list(reference)})
    frame["stratum"] = "s" + frame["stratum"]
    frame.to_csv(tmp_path / "S.csv", index=False)
    sample, found = read_samples(tmp_path / "S.csv", {"sA": 40_000, "sB": 30_000, "sC": 20_000, "sD": 10_000}, "S.csv")
    result = accuracy_of(sample, "S.csv")
    assert found == []
    assert not sample.map_strata
    assert result.areas_ha["A"].value == pytest.approx(35_000)
    assert result.areas_ha["A"].se == pytest.approx(8_226, abs=1)
    assert result.mapped_ha == {}


@pytest.mark.parametrize(
    ("matrix", "id", "unknown"),
    [
        ("map,a,b\na,0,0\nb,3,30\n", "W-ACC-01", ["overall", "areas_ha"]),
        ("map,a,b\nb,3,30\n", "W-ACC-01", ["overall", "areas_ha"]),
        ("map,a,b\na,1,0\nb,3,30\n", "W-ACC-02", ["overall", "areas_ha"]),
        ("map,a,b\na,20,0\nb,0,30\n", "W-ACC-03", ["overall", "areas_ha", "users", "producers"]),
    ],
)
def test_degenerate_strata_are_told_and_never_of_no_width(tmp_path, capsys, matrix, id, unknown):
    """None, one, or all alike: a statement names the stratum, and the half-width is null, not zero."""
    (tmp_path / "M.csv").write_text(matrix, encoding="utf-8")
    (tmp_path / "A.csv").write_text("class,area_ha\na,100\nb,900\n", encoding="utf-8")
    code, out, _ = run(capsys, "accuracy", "--matrix", tmp_path / "M.csv", "--areas", tmp_path / "A.csv", "--json")
    found = json.loads(out)
    assert code == 0
    assert id in {one["id"] for one in found["findings"]}
    for key in unknown:
        values = [found[key]] if key == "overall" else list(found[key].values())
        assert {one["half_width_95"] for one in values} == {None}
    assert 0.0 not in json.loads(out, parse_float=float).get("overall", {}).values()
    _, said, warned = run(capsys, "accuracy", "--matrix", tmp_path / "M.csv", "--areas", tmp_path / "A.csv")
    assert "not known" in said
    assert id in warned


def test_one_stratum_alone(tmp_path):
    """A simple random sample is one stratum: its interval has width (enmap-box 909)."""
    rows = ["all,a,a"] * 40 + ["all,a,b"] * 10 + ["all,b,b"] * 50
    (tmp_path / "S.csv").write_text("stratum,map_class,reference_class\n" + "\n".join(rows) + "\n", encoding="utf-8")
    sample, _ = read_samples(tmp_path / "S.csv", {"all": 1000.0}, "S.csv")
    result = accuracy_of(sample, "S.csv")
    assert result.overall.value == pytest.approx(0.9)
    assert result.overall.se == pytest.approx((0.9 * 0.1 / 99) ** 0.5)
    assert result.areas_ha["b"].se == pytest.approx(1000 * (0.6 * 0.4 / 99) ** 0.5)


def test_unreadable_samples_keep_their_area(tmp_path):
    """A sample without a reference class is left out and told; the area it stood for stays in its stratum."""
    rows = ["a,a,10", "a,b,10", "a,,10", "b,b,35", "b,a,35"]
    (tmp_path / "S.csv").write_text("map_class,reference_class,weight\n" + "\n".join(rows) + "\n", encoding="utf-8")
    sample, found = read_samples(tmp_path / "S.csv", None, "S.csv")
    assert [one.id for one in found] == ["W-ACC-04"]
    assert sample.areas.tolist() == [30.0, 70.0]
    assert sample.counts.sum() == 4


BAD = {
    "a class without area": ("map,a,b\na,3,1\nb,1,3\n", "class,area_ha\na,10\n", {"E-ACC-03"}),
    "a reference class that is not mapped": ("map,a,b,c\na,3,1,1\nb,1,3,0\n", "class,area_ha\na,10\nb,9\n", {"E-ACC-05"}),
    "a negative cell": ("map,a,b\na,3,-1\nb,1,3\n", "class,area_ha\na,10\nb,9\n", {"E-ACC-02"}),
    "a share instead of a count": ("map,a,b\na,0.3,0.1\nb,1,3\n", "class,area_ha\na,10\nb,9\n", {"E-ACC-02"}),
    "a word": ("map,a,b\na,x,1\nb,1,nan\n", "class,area_ha\na,10\nb,9\n", {"E-ACC-02"}),
    "a class twice": ("map,a,b\na,3,1\na,1,3\n", "class,area_ha\na,10\n", {"E-ACC-07", "E-ACC-05"}),
    "no matrix": ("map\n", "class,area_ha\na,10\n", {"E-ACC-01"}),
    "rows of different length": ("map,a,b\na,3\nb,1,3\n", "class,area_ha\na,10\nb,9\n", {"E-ACC-01"}),
    "nothing but zeros": ("map,a,b\na,0,0\nb,0,0\n", "class,area_ha\na,10\nb,9\n", {"E-ACC-09"}),
    "no area at all": ("map,a,b\na,3,1\nb,1,3\n", "class,area_ha\na,0\nb,0\n", {"E-ACC-08"}),
    "a negative area": ("map,a,b\na,3,1\nb,1,3\n", "class,area_ha\na,-1\nb,9\n", {"E-TABLE-08"}),
    "a class with two areas": ("map,a,b\na,3,1\nb,1,3\n", "class,area_ha\na,1\na,9\n", {"E-TABLE-05"}),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_matrices(tmp_path, capsys, case):
    """Each is refused with exit 2 and its own finding, which names what was found."""
    matrix, areas, ids = BAD[case]
    (tmp_path / "M.csv").write_text(matrix, encoding="utf-8")
    (tmp_path / "A.csv").write_text(areas, encoding="utf-8")
    code, out, _ = run(capsys, "accuracy", "--matrix", tmp_path / "M.csv", "--areas", tmp_path / "A.csv", "--json")
    assert code == 2
    assert {one["id"] for one in json.loads(out)["findings"]} == ids


BAD_SAMPLES = {
    "neither areas nor weights": ("map_class,reference_class\na,a\nb,b\n", None, {"E-ACC-06"}),
    "a place twice": ("map_class,reference_class,x,y\na,a,1,2\na,b,1,2\n", {"a": 1.0, "b": 2.0}, {"E-ACC-11"}),
    "an id twice": ("id,map_class,reference_class\n1,a,a\n1,a,b\n", {"a": 1.0, "b": 2.0}, {"E-ACC-11"}),
    "a stratum without area": ("stratum,map_class,reference_class\ns,a,a\nt,a,b\n", {"s": 1.0}, {"E-ACC-03"}),
    "a weight of zero": ("map_class,reference_class,weight\na,a,0\nb,b,3\n", None, {"E-ACC-10"}),
    "a weight missing": ("map_class,reference_class,weight\na,a,\nb,b,3\n", None, {"E-ACC-10"}),
    "no reference at all": ("map_class,reference_class\na,\nb,\n", {"a": 1.0, "b": 2.0}, {"E-ACC-09"}),
    "no column of the map": ("reference_class,weight\na,3\n", None, {"E-TABLE-04"}),
    "a formula": ("map_class,reference_class,weight\n=1+1,a,3\n", None, {"E-TABLE-10"}),
    "ids for classes": (
        "map_class,reference_class,weight\n" + "".join(f"m{number},r{number},1\n" for number in range(300)),
        None,
        {"E-ACC-13"},
    ),
    "nothing": ("map_class,reference_class,weight\n", None, {"E-ACC-09"}),
}


@pytest.mark.parametrize("case", BAD_SAMPLES, ids=str)
def test_bad_samples(tmp_path, case):
    """Each is refused with its own finding."""
    rows, areas, ids = BAD_SAMPLES[case]
    (tmp_path / "S.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(InputError) as stop:
        read_samples(tmp_path / "S.csv", areas, "S.csv")
    assert {one.id for one in stop.value.findings} == ids


def test_all_problems_at_once(tmp_path):
    """A negative cell, a class without area and a reference class that is none are three findings of one answer."""
    (tmp_path / "M.csv").write_text("map,a,q\na,-3,1\nb,1,3\n", encoding="utf-8")
    with pytest.raises(InputError) as stop:
        read_matrix(tmp_path / "M.csv", {"a": 1.0, "c": 2.0}, "M.csv")
    assert {one.id for one in stop.value.findings} == {"E-ACC-02", "E-ACC-03", "E-ACC-05"}


@pytest.mark.parametrize("options", [[], ["--matrix", "M.csv"], ["--matrix", "M.csv", "--samples", "S.csv"]])
def test_options_that_do_not_fit(capsys, options):
    """Neither, both, or a matrix without areas."""
    code, _, error = run(capsys, "accuracy", *options)
    assert code == 2
    assert "E-ACC-12" in error


def test_areas_in_gb18030(tmp_path):
    """Files of a Chinese spreadsheet are read."""
    (tmp_path / "A.csv").write_bytes("class,area_ha\n林地,10\n草地,20\n".encode("gb18030"))
    assert read_areas(tmp_path / "A.csv", "A.csv") == {"林地": 10.0, "草地": 20.0}


def test_covariance_is_that_of_hectares(folder):
    """The covariance of areas sums to nothing: what one class gains another loses."""
    areas = read_areas(folder / "A.csv", "A.csv")
    result = accuracy_of(read_matrix(folder / "M.csv", areas, "M.csv"), "M.csv")
    np.testing.assert_allclose(result.area_covariance.sum(axis=0), 0.0, atol=1e-6)
    assert result.area_covariance[0, 0] ** 0.5 == pytest.approx(result.areas_ha["loss"].se)


def test_a_class_that_the_map_does_not_have(tmp_path):
    """With an area of 0 it may stand among the reference classes: its adjusted area is what the others lose, its user's accuracy is none."""
    (tmp_path / "M.csv").write_text("map,a,b,c\na,8,1,1\nb,1,9,0\n", encoding="utf-8")
    result = accuracy_of(read_matrix(tmp_path / "M.csv", {"a": 100.0, "b": 50.0, "c": 0.0}, "M.csv"), "M.csv")
    assert result.areas_ha["c"].value == pytest.approx(10.0)
    assert result.areas_ha["c"].se == pytest.approx(100 * (0.1 * 0.9 / 9) ** 0.5)
    assert np.isnan(result.users["c"].value)
    assert result.producers["c"].value == 0.0
    assert result.findings == []


WORDS = ("a", "b", "1", "0", "-3", "1e9", "nan", "inf", "", " ", "=x", "\x00", '"', "１", "map_class", "weight", "x")
CELLS = st.one_of(st.sampled_from(WORDS), st.text(max_size=4))
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=6).map(
    lambda rows: "\n".join(",".join(row) for row in rows).encode("utf-8", "replace")
)
HEADS = st.sampled_from(
    [b"", b"map_class,reference_class,weight\n", b"class,area_ha\n", b"map,a,b\n", b"\xef\xbb\xbfstratum,map_class,reference_class,x,y\n"]
)


@given(head=HEADS, body=st.one_of(st.binary(max_size=60), TABLES))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_result_or_findings(tmp_path, head, body):
    """Areas, matrices, samples and strata of a design: never a traceback, and no standard error that is zero or negative."""
    path = tmp_path / "any.csv"
    path.write_bytes(head + body)
    areas = {"a": 10.0, "b": 5.0, "1": 3.0}
    readers = (
        lambda: read_areas(path, "any.csv"), lambda: read_matrix(path, areas, "any.csv"), lambda: read_samples(path, None, "any.csv")[0],
        lambda: read_samples(path, areas, "any.csv")[0], lambda: read_strata(path, Goal(number=5), "any.csv"),
    )  # fmt: skip
    for read in readers:
        try:
            found = read()
        except InputError:
            continue
        if isinstance(found, Reference):
            result = accuracy_of(found, "any.csv")
            errors = [result.overall.se, *(one.se for one in (*result.users.values(), *result.areas_ha.values()))]
            assert all(np.isnan(one) or one > 0 for one in errors)
            json.dumps(result.plain(), allow_nan=False)
