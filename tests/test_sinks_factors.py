"""Factor tables, overrides and the resolver."""

import csv
import itertools
import re
import time
from pathlib import Path

import numpy as np
import pytest

from aoi.findings import InputError
from aoi.texts import catalogue
from sinks.factors.resolver import NONE, Request, Resolver, central, match, nearest, one_at_a_time, standard_error
from sinks.factors.table import FACTORS, FILES, KEYS, SOURCES, FactorTable, check_factors
from sinks.legends.legend import vegetation_types

FOLDER = Path(__file__).parents[1] / "sinks" / "factors"
HEAD = "id,name,ecosystem,land_class,climate,value_from,value_to,value,unit,distribution,low,high,range_kind,source"


@pytest.fixture(autouse=True)
def _texts() -> None:
    path = FOLDER / "texts_rows.csv"
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                catalogue().setdefault(row["key"], {"zh": row["zh"], "en": row["en"]})


@pytest.fixture
def table() -> FactorTable:
    return FactorTable.shipped()


def user_file(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def found_by(error: pytest.ExceptionInfo[InputError]) -> list[str]:
    return [one.id for one in error.value.findings]


# the shipped rows


def test_every_source_stands_in_the_sources_table(table: FactorTable) -> None:
    known = set(SOURCES.read(FOLDER / "sources.csv")["id"])
    assert set(table.source) <= known


def test_every_file_is_listed_and_sorted_by_id() -> None:
    assert {path.name for path in FOLDER.glob("*.csv")} - {"sources.csv", "texts_rows.csv"} == set(FILES)
    for name in FILES:
        with (FOLDER / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == [column for column in FACTORS.names if column in rows[0]]
        assert set(FACTORS.names) - set(rows[0]) <= {"origin", "site"}, "keys that no shipped row has need no column"
        assert [row[0] for row in rows[1:]] == sorted(row[0] for row in rows[1:])


def test_ids_are_unique_and_begin_with_their_name_or_a_longer_form(table: FactorTable) -> None:
    assert len(set(table.id)) == len(table)
    wrong = [id for id, name in zip(table.id, table.name, strict=True) if not name.startswith(id.split(".")[0])]
    assert wrong == []


def test_verified_follows_from_the_evidence_tag(table: FactorTable) -> None:
    """F is read; K is verified from 0.9; F*, D and X never are."""
    for id, tag, verified in zip(table.id, table.tag, table.verified, strict=True):
        assert re.fullmatch(r"F\*?:\d+|K:(0\.\d+|1\.0)|D|X", tag), id
        expected = tag.startswith("F:") or (tag.startswith("K:") and float(tag[2:]) >= 0.9)
        assert verified == expected, id


def test_vegetation_types_are_of_the_vocabulary(table: FactorTable) -> None:
    known = set(vegetation_types()["vegetation_type"])
    words = {word for cell in table.vegetation_type for word in cell.split("|") if word}
    assert words <= known


def test_bins_of_one_name_and_key_do_not_overlap(table: FactorTable) -> None:
    places: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for row in range(len(table)):
        place = (table.name[row], *(getattr(table, key)[row] for key in KEYS))
        start, stop = table.value_from[row], table.value_to[row]
        if np.isnan(start) and np.isnan(stop):
            continue  # for what has no value, or none that a bin holds
        places.setdefault(place, []).append((-np.inf if np.isnan(start) else start, np.inf if np.isnan(stop) else stop))
    for place, bins in places.items():
        bins.sort()
        assert all(stop <= start for (_, stop), (start, _) in itertools.pairwise(bins)), place


def test_no_request_of_the_vocabulary_is_a_tie(table: FactorTable) -> None:
    """Every name, against every combination of words and a value inside every bin."""
    for name in sorted(set(table.name)):
        edges = table.edges(name)
        values = [np.nan, *edges, *(edges - 0.5)] if len(edges) else [np.nan]
        rows = table.rows(name)
        own = [sorted({w for cell in getattr(table, key)[rows] for w in cell.split("|")} | {""}) for key in KEYS]
        mesh = np.meshgrid(*[np.array(one, dtype=object) for one in own], np.array(values, dtype=object), indexing="ij")
        asked = {key: grid.ravel() for key, grid in zip(KEYS, mesh[:-1], strict=True)}
        match(table, name, **asked, value=mesh[-1].ravel().astype(float))


def test_the_decisions_of_the_methodologies_stand_in_the_table(table: FactorTable) -> None:
    at = dict(zip(table.id, table.value, strict=True))
    assert at["soil_reference_carbon.cool_temperate_dry.sandy"] == 29.0
    assert at["soil_reference_carbon_2019.cool_temperate_dry.sandy"] == 13.0
    assert at["soil_reference_carbon_2006.cool_temperate_dry.sandy"] == 34.0
    assert at["soil_carbon_density.other_grassland.sandy"] == 29.0
    assert at["root_shoot_ratio.shrubland"] == 1.17
    assert at["gwp_ch4"] == 28.0
    assert "aboveground_biomass.shrubland" not in at


def test_columns_cannot_be_written(table: FactorTable) -> None:
    with pytest.raises(ValueError, match="read-only"):
        table.value[0] = 1.0


# matching


def ids(table: FactorTable, name: str, **keys: object) -> list[str]:
    rows = match(table, name, **keys)  # type: ignore[arg-type]
    return ["" if row == NONE else table.id[row] for row in rows]


def test_the_row_with_the_most_keys_wins(table: FactorTable) -> None:
    asked = {"ecosystem": "forest", "land_class": "arbor_forest"}
    assert ids(table, "carbon_fraction", **asked, vegetation_type=["larch", "oak", "", "willow"]) == [
        "carbon_fraction.conifer",
        "carbon_fraction.broadleaf",
        "carbon_fraction.tree",
        "carbon_fraction.tree",
    ]


def test_bins_are_half_open_and_oak_below_its_table_is_broadleaf(table: FactorTable) -> None:
    asked = {"ecosystem": "forest", "land_class": "arbor_forest", "climate": "cool_temperate_dry"}
    assert ids(table, "root_shoot_ratio", **asked, vegetation_type="oak", value=[69.999, 70.0, 75.0]) == [
        "root_shoot_ratio.temperate_broadleaf.agb_lt_75",
        "root_shoot_ratio.temperate_oak.agb_ge_70",
        "root_shoot_ratio.temperate_oak.agb_ge_70",
    ]
    boreal = {**asked, "climate": "boreal", "vegetation_type": "larch"}
    assert ids(table, "root_shoot_ratio", **boreal, value=[74.9, 75.0]) == [
        "root_shoot_ratio.boreal.agb_lt_75",
        "root_shoot_ratio.boreal.agb_ge_75",
    ]


def test_no_row_for_what_no_source_gives(table: FactorTable) -> None:
    assert ids(table, "aboveground_biomass", ecosystem="forest", land_class="shrubland") == [""]
    assert ids(table, "soil_land_use_factor", ecosystem="other", land_class="built_up", climate="cool_temperate_dry") == [""]
    assert ids(table, "root_shoot_ratio", ecosystem="forest", land_class="arbor_forest", climate="boreal") == [""]
    assert ids(table, "no_such_factor") == [""]


def test_empty_and_absent_words_of_a_request_are_the_same(table: FactorTable) -> None:
    asked = {"ecosystem": "forest", "land_class": "arbor_forest"}
    assert ids(table, "carbon_fraction", **asked, vegetation_type=[None, "", np.nan]) == ["carbon_fraction.tree"] * 3


def test_fast_match_is_the_plain_one(table: FactorTable) -> None:
    """Against one request at a time, by the rule as it is written."""
    rng = np.random.default_rng(20260101)
    asked = {
        "ecosystem": rng.choice(["forest", "wetland", "other"], 300),
        "land_class": rng.choice(["arbor_forest", "shrubland", "forest_swamp", "marsh"], 300),
        "vegetation_type": rng.choice(["", "larch", "oak", "birch"], 300),
        "climate": rng.choice(["boreal", "cool_temperate_dry", "polar_dry"], 300),
        "soil": rng.choice(["", "HAC"], 300),
    }
    value = np.where(rng.random(300) < 0.1, np.nan, rng.uniform(-5, 250, 300))
    for name in ("root_shoot_ratio", "bcef_s", "carbon_fraction"):
        rows = match(table, name, **asked, value=value)
        for i in range(300):
            scores = {}
            for row in table.rows(name):
                cells = [getattr(table, key)[row] for key in KEYS]
                bins = ~np.isnan([table.value_from[row], table.value_to[row]])
                if all(cell == "" or asked[key][i] in cell.split("|") for key, cell in zip(KEYS, cells, strict=True)) and (
                    not bins.any()
                    or (
                        (not bins[0] or value[i] >= table.value_from[row])
                        and (not bins[1] or value[i] < table.value_to[row])
                        and value[i] == value[i]
                    )
                ):
                    scores[row] = sum(cell != "" for cell in cells) + bool(bins.any())
            assert rows[i] == (max(scores, key=scores.__getitem__) if scores else NONE)


def test_fifty_thousand_requests_are_quick(table: FactorTable) -> None:
    rng = np.random.default_rng(1)
    asked = {key: rng.choice(["boreal", "arbor_forest", "larch", "forest", "HAC"], 50_000).astype(object) for key in KEYS}
    value = rng.uniform(0, 200, 50_000)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        match(table, "root_shoot_ratio", **asked, value=value)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.25  # about 0.03 s on an idle machine


def test_two_equally_specific_rows_are_an_error(tmp_path: Path, table: FactorTable) -> None:
    path = user_file(tmp_path / "f.csv", "mine.dry,root_shoot_ratio,forest,shrubland,,,,0.9,-,,,,,Our survey")
    with pytest.raises(InputError) as error:
        match(table.with_overrides(path), "root_shoot_ratio", ecosystem="forest", land_class=["marsh", "shrubland"])
    assert found_by(error) == ["E-FACTOR-01"]
    said = error.value.findings[0].as_dict("en")["found"]
    assert "mine.dry" in said
    assert "root_shoot_ratio.shrubland" in said
    assert "land_class=shrubland" in said


def test_a_bin_counts_as_a_key(tmp_path: Path, table: FactorTable) -> None:
    path = user_file(tmp_path / "f.csv", "mine.low,litter_carbon,forest,arbor_forest,,0,50,1.5,tC ha-1,,,,,Own plots")
    changed = table.with_overrides(path)
    asked = {"ecosystem": "forest", "land_class": "arbor_forest"}
    assert ids(changed, "litter_carbon", **asked, value=[49.0, 50.0]) == ["mine.low", "litter_carbon.arbor_forest"]


def test_no_requests_give_no_rows(table: FactorTable) -> None:
    none = np.array([], dtype=object)
    assert len(match(table, "root_shoot_ratio", ecosystem="forest", land_class=none, value=np.array([]))) == 0
    assert Resolver(table)("root_shoot_ratio", land_class=none).values.shape == (1, 0)


def test_nearest_names_the_closest_rows(table: FactorTable) -> None:
    request = Request(name="soil_reference_carbon", climate="warm_temperate_moist", soil="sandy")
    close = nearest(table, request.name, request)
    assert len(close) == 3
    assert all(id.endswith(".sandy") or id.startswith("soil_reference_carbon.warm_temperate_moist") for id in close)
    assert nearest(table, "no_such_factor", request) == []


# the resolver


def test_resolver_gives_values_per_draw_and_remembers(table: FactorTable) -> None:
    values = np.vstack([table.value, 2 * table.value])
    resolver = Resolver(table, values)
    got = resolver("carbon_fraction", ecosystem="forest", land_class=["arbor_forest", "cropland", "shrubland", "cropland"])
    assert got.values.shape == (2, 4)
    assert got.values.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(got.values[0]), [False, True, False, True])
    np.testing.assert_allclose(got.values[1, [0, 2]], [0.94, 0.94])
    assert list(got.ids) == ["carbon_fraction.tree", "", "carbon_fraction.shrubland", ""]
    assert sorted(table.id[resolver.used]) == ["carbon_fraction.shrubland", "carbon_fraction.tree"]
    assert [str(one) for one in resolver.missing] == ["carbon_fraction (ecosystem=forest, land_class=cropland)"]
    (missing,) = resolver.missing_findings("account")
    assert "carbon_fraction.tree" in missing.say("expected", "en")


def test_resolver_without_a_row_is_all_missing(table: FactorTable) -> None:
    resolver = Resolver(table)
    got = resolver("aboveground_biomass", ecosystem="wetland", land_class=["marsh", "peatland"])
    assert np.isnan(got.values).all()
    assert got.values.shape == (1, 2)
    assert len(resolver.missing) == 2
    assert len(resolver.used) == 0


def test_values_of_another_length_are_refused(table: FactorTable) -> None:
    with pytest.raises(ValueError, match="factors"):
        Resolver(table, np.ones((1, 3)))


# ranges


def test_standard_errors_by_kind_of_range(table: FactorTable) -> None:
    at = dict(zip(table.id, standard_error(table), strict=True))
    assert at["ndvi_biomass_coefficient"] == pytest.approx(291.64 * 0.40 / 1.959963984540054)
    assert at["soil_reference_carbon.cool_temperate_dry.hac"] == pytest.approx(43 * 0.08 / 2)
    assert at["carbon_fraction.conifer"] == pytest.approx(0.08 / np.sqrt(24))  # symmetric triangle: width / sqrt(24)
    assert at["peat_carbon_density"] == pytest.approx(60 / np.sqrt(12))
    assert np.isnan(at["dead_wood_fraction.tree"])


def test_triangle_moments_against_scipy(table: FactorTable) -> None:
    from scipy.stats import triang

    row = int(np.flatnonzero(table.id == "root_shoot_ratio.temperate_broadleaf.agb_75_150")[0])
    low, mean, high = table.low[row], table.value[row], table.high[row]
    oracle = triang((3 * mean - 2 * low - high) / (high - low), loc=low, scale=high - low)
    assert oracle.mean() == pytest.approx(mean)
    assert standard_error(table)[row] == pytest.approx(oracle.std())
    skewed = int(np.flatnonzero(table.id == "litter_carbon.arbor_forest")[0])
    assert standard_error(table)[skewed] == pytest.approx((21.3 - 0.2) / 6)  # 2.9 is the mean of no triangle from 0.2 to 21.3


def test_one_at_a_time_moves_one_factor_per_row(table: FactorTable) -> None:
    rows = np.flatnonzero(np.isin(table.id, ["carbon_fraction.conifer", "dead_wood_fraction.tree", "ndvi_biomass_coefficient"]))
    values = one_at_a_time(table, rows)
    steps = standard_error(table)
    assert values.shape == (7, len(table))
    np.testing.assert_array_equal(values[0], central(table)[0])
    for k, row in enumerate(rows):
        step = 0.0 if np.isnan(steps[row]) else steps[row]
        moved = values[1 + 2 * k : 3 + 2 * k] - values[0]
        np.testing.assert_allclose(moved[:, row], [-step, step])
        assert np.count_nonzero(np.delete(moved, row, axis=1)) == 0


# overrides


def test_an_override_replaces_value_and_range_but_not_the_place(tmp_path: Path, table: FactorTable) -> None:
    path = user_file(tmp_path / "f.csv", "litter_carbon.arbor_forest,3.4,Own plots 2023", head="id,value,source")
    changed = table.with_overrides(path)
    row = int(np.flatnonzero(changed.id == "litter_carbon.arbor_forest")[0])
    assert (changed.value[row], changed.land_class[row], changed.unit[row]) == (3.4, "arbor_forest", "tC ha-1")
    assert np.isnan(changed.low[row])
    assert (changed.tag[row], changed.verified[row], changed.citation(row)) == ("user", False, "Own plots 2023")
    assert changed.overrides == ("litter_carbon.arbor_forest",)
    assert len(changed) == len(table)
    assert table.overrides == ()


def test_another_id_adds_a_row(tmp_path: Path, table: FactorTable) -> None:
    path = user_file(tmp_path / "f.csv", "mine.shrub,aboveground_biomass,forest,shrubland,,,,4.2,t d.m. ha-1,lognormal,1,9,ci95,Own plots")
    changed = table.with_overrides(path)
    assert len(changed) == len(table) + 1
    assert ids(changed, "aboveground_biomass", ecosystem="forest", land_class="shrubland") == ["mine.shrub"]


@pytest.mark.parametrize(
    ("row", "id"),
    [
        ("litter_carbon.arbor_forest,,,,,,,3,kg m-2,,,,,Own", "E-FACTOR-07"),
        ("litter_carbon.arbor_forest,,,shrubland,,,,3,,,,,,Own", "E-FACTOR-07"),
        ("mine,x,,,,,,3,-,triangular,4,5,min_max,Own", "E-FACTOR-02"),
        ("mine,x,,,,,,3,-,triangular,5,1,min_max,Own", "E-FACTOR-02"),
        ("mine,x,,,,,,3,-,,1,5,,Own", "E-FACTOR-03"),
        ("mine,x,,,,9,9,3,-,,,,,Own", "E-FACTOR-04"),
        ("mine,x,,forrest,,,,3,-,,,,,Own", "E-FACTOR-05"),
        ("mine,,,,,,,3,-,,,,,Own", "E-FACTOR-06"),
        ("mine,x,,,,,,3,-,normal,1,5,min_max,Own", "E-FACTOR-10"),
        ("mine,x,,,,,,3,-,,,,,", "E-TABLE-07"),
        ("mine,x,,,,,,,-,,,,,Own", "E-TABLE-07"),
    ],
)
def test_what_is_wrong_with_a_users_row_is_said(tmp_path: Path, table: FactorTable, row: str, id: str) -> None:
    with pytest.raises(InputError) as error:
        table.with_overrides(user_file(tmp_path / "f.csv", row))
    assert found_by(error) == [id]
    for language in ("zh", "en"):
        assert all(error.value.findings[0].as_dict(language).values())  # type: ignore[arg-type]


def test_an_id_that_stands_twice_is_an_error(tmp_path: Path, table: FactorTable) -> None:
    row = "mine,x,,,,,,3,-,,,,,Own"
    with pytest.raises(InputError) as error:
        table.with_overrides(user_file(tmp_path / "f.csv", row, row))
    assert set(found_by(error)) == {"E-TABLE-05"}


def test_a_shipped_source_must_be_known() -> None:
    frame = FACTORS.frame([{"id": "x", "name": "x", "value": 1.0, "unit": "-", "source": "NOWHERE"}])
    assert [one.id for one in check_factors(frame, "f.csv", ["F14"])] == ["E-FACTOR-09"]
    assert check_factors(frame, "f.csv") == []


def test_the_table_reads_back_what_it_writes(tmp_path: Path, table: FactorTable) -> None:
    FACTORS.write(table.frame(), tmp_path / "all.csv")
    again = FACTORS.read(tmp_path / "all.csv")
    assert FACTORS.to_csv(again) == FACTORS.to_csv(FACTORS.sorted(table.frame()))
