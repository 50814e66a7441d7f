"""Bad annual layers: keys, encodings, units, months, values that no day of burn is; all at once, exit 2, and no result touched."""

import tomllib

import numpy as np
import pytest
from broken import sinks
from landscapes import NO_VALUE, cells, toml, write, write_raster
from years import BURNING, FIRE, LATTICE, MCD64A1, MONTHLY, MONTHLY_P, MONTHLY_T, NPP, burned, days, with_years

from aoi.findings import InputError
from sinks.layers.windows import Engine
from sinks.pipeline import tabulate
from sinks.setup import set_up
from sinks.tabulate import annual as annual_pass


def everything():
    """A landscape with fires by days of burn, production, monthly weather and greenness."""
    fire = {year: days(LATTICE, {5: [(np.s_[0, 0], 130.0 + year - 2020)]}) for year in BURNING}
    layers = {
        "burned_area": fire,
        "npp": {year: cells(LATTICE, 0.3) for year in BURNING},
        "temperature": {year: [cells(LATTICE, value) for value in MONTHLY_T] for year in BURNING},
        "precipitation": {year: [cells(LATTICE, value) for value in MONTHLY_P] for year in BURNING},
        "greenness": {year: cells(LATTICE, 0.3) for year in BURNING},
    }
    return with_years(layers, {"burned_area": MCD64A1, **MONTHLY, **NPP})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Its files; a test changes its run file alone."""
    return write(everything(), tmp_path_factory.mktemp("annual"))


def checked(whole, change=lambda layers: None, *, verb=("check",), files=None):
    """What a verb says of the run file with a change of its layers."""
    config = tomllib.loads(whole.read_text(encoding="utf-8"))
    change(config["layers"])
    path = whole.parent / "changed.toml"
    path.write_text(toml(config), encoding="utf-8")
    return sinks(*verb, str(path), "--json")


def where(said, id):
    """Places of the findings of an id."""
    return [one["where"] for one in said.findings if one["id"] == id]


def test_the_good_one_is_good(whole):
    said = checked(whole)
    assert said.code == 0
    assert not [one for one in said.ids if one.startswith("E-")]


@pytest.mark.parametrize(
    ("layer", "keys", "id", "place"),
    [
        ("burned_area", {"encoding": None}, "E-ANNUAL-02", "layers.burned_area.encoding"),
        ("burned_area", {"encoding": "viirs"}, "E-ANNUAL-02", "layers.burned_area.encoding"),
        ("npp", {"encoding": "monthly"}, "E-ANNUAL-02", "layers.npp.encoding"),
        ("aboveground_biomass", {"encoding": "fraction"}, "E-ANNUAL-02", "layers.aboveground_biomass.encoding"),
        ("greenness", {"files_mean": True}, "E-ANNUAL-01", "layers.greenness"),
        ("npp", {"se": "greenness", "epoch_bias": 1.0}, "E-ANNUAL-01", "layers.npp"),
        ("precipitation", {"unit": "cm"}, "E-ANNUAL-03", "layers.precipitation.unit"),
        ("temperature", {"unit": None}, "E-ANNUAL-03", "layers.temperature.unit"),
        ("npp", {"basis": "dry_matter"}, "E-NEP-01", "layers.npp"),
        ("npp", {"unit": None}, "E-NEP-01", "layers.npp"),
        ("npp", {"unit": "gC"}, "E-NEP-01", "layers.npp"),
    ],
)
def test_keys_that_do_not_fit(whole, layer, keys, id, place):
    def change(layers):
        layers[layer] = {key: value for key, value in {**layers[layer], **keys}.items() if value is not None}

    said = checked(whole, change)
    assert (said.code, [one for one in said.ids if one.startswith("E-")]) == (2, [id])
    assert where(said, id) == [f"changed.toml: {place}"]


def test_a_layer_of_every_date_is_no_annual_layer(whole):
    def change(layers):
        layers["greenness"] = {"file": "greenness_2021_0.tif"}

    said = checked(whole, change)
    assert (said.code, said.ids) == (2, ["E-ANNUAL-01"])


def test_all_at_once(whole):
    """Four layers wrong in four ways: four findings of one check."""

    def change(layers):
        layers["burned_area"]["encoding"] = "days"
        layers["precipitation"]["unit"] = "inch"
        layers["npp"]["basis"] = "co2"
        layers["greenness"]["files_mean"] = True

    said = checked(whole, change)
    assert (said.code, sorted(said.ids)) == (2, ["E-ANNUAL-01", "E-ANNUAL-02", "E-ANNUAL-03", "E-NEP-01"])


@pytest.mark.parametrize("count", [1, 11, 13])
def test_a_year_has_twelve_months(whole, count):
    def change(layers):
        files = layers["precipitation"]["2022"]
        layers["precipitation"]["2022"] = (files * 2)[:count]

    said = checked(whole, change)
    assert said.code == 2
    assert where(said, "E-ANNUAL-04") == ["layers.precipitation.2022"]


def test_fewer_monthly_files_of_fires_are_a_warning(whole):
    def change(layers):
        layers["burned_area"]["2022"] = layers["burned_area"]["2022"][3:10]

    said = checked(whole, change)
    assert said.code == 0
    assert where(said, "W-FIRE-01") == ["layers.burned_area.2022"]


def test_an_interval_with_some_of_its_fire_years(whole):
    """2021 and 2023 without 2022 make no mean: an error; none at all is a warning."""
    said = checked(whole, lambda layers: layers["burned_area"].pop("2022"))
    assert (said.code, where(said, "E-FIRE-04")) == (2, ["layers.burned_area"])
    (one,) = [one for one in said.findings if one["id"] == "E-FIRE-04"]
    assert "2022" in one["found"]


def test_an_interval_without_any_fire_year(whole):
    def change(layers):
        fire = layers["burned_area"]
        fire["2010"] = fire["2021"]
        for year in BURNING:
            del fire[str(year)]

    said = checked(whole, change)
    assert (said.code, where(said, "W-FIRE-05")) == (0, ["layers.burned_area"])


def test_days_of_burn_are_not_averaged(whole):
    said = checked(whole, lambda layers: layers["burned_area"].update(resampling="bilinear"))
    assert (said.code, where(said, "E-FIRE-02")) == (2, ["layers.burned_area.resampling"])


def with_file(tmp_path, value, place=np.s_[2, 2], **keys):
    """A run whose fires of April 2022 hold a strange value."""
    fire = {year: days(LATTICE, {4: [(place, value)] if year == 2022 else []}) for year in BURNING}
    return write(with_years({"burned_area": fire}, {"burned_area": {**MCD64A1, **keys}}), tmp_path)


@pytest.mark.parametrize("verb", [("check",), ("check", "--deep"), ("run",)])
def test_day_400_is_no_day(tmp_path, verb):
    """Named with file, cell and value; before the run, and by the run itself, which leaves no table."""
    path = with_file(tmp_path, 400.0)
    said = sinks(*verb, str(path), "--json")
    assert said.code == 2
    (found,) = [one for one in said.findings if one["id"] == "E-VALUE-02"]
    assert found["where"] == "burned_area_2022_3.tif"
    assert "400" in found["found"]
    assert "366" in found["expected"]
    assert not (path.parent / "out" / "tables").exists()


def test_the_pass_itself_sees_a_day_400(tmp_path):
    """Without any check before: the window is looked at closely, the file and cell are named, nothing is staged."""
    setup = set_up(with_file(tmp_path, 400.0))
    with pytest.raises(InputError) as caught:
        tabulate(setup, Engine(threads=1))
    assert [(one.id, one.where) for one in caught.value.findings] == [("E-VALUE-02", "burned_area_2022_3.tif")]
    assert not (setup.out / ".tables" / "activity_fire.csv").exists()


def test_half_a_day_is_no_day(tmp_path):
    said = sinks("check", str(with_file(tmp_path, 100.5)), "--json")
    assert (said.code, where(said, "E-FIRE-03")) == (2, ["layers.burned_area"])


def test_days_taken_for_yes_or_no(tmp_path):
    """A file of days read as binary: beyond its range; a share read as binary: no yes or no."""
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[1, 1], 0.4))})
    path = write(with_years({"burned_area": fire}, {"burned_area": {"encoding": "binary"}}), tmp_path / "share")
    said = sinks("check", str(path), "--json")
    assert (said.code, where(said, "E-FIRE-03")) == (2, ["layers.burned_area"])
    fire = burned({2021: cells(LATTICE, 0.0, (np.s_[1, 1], 130.0))})
    path = write(with_years({"burned_area": fire}, {"burned_area": {"encoding": "binary"}}), tmp_path / "days")
    said = sinks("check", str(path), "--json")
    assert (said.code, where(said, "E-VALUE-02")) == (2, ["burned_area_2021_0.tif"])


def test_kelvin_is_no_temperature(tmp_path):
    kelvin = {year: cells(LATTICE, 280.0 + year - 2020) for year in BURNING}
    layers = {"greenness": {year: cells(LATTICE, 0.3) for year in BURNING}, "temperature": kelvin}
    said = sinks("check", str(write(with_years(layers, {"temperature": {"unit": "degC"}}), tmp_path)), "--json")
    assert said.code == 2
    assert "temperature_2021_0.tif" in where(said, "E-VALUE-03")


def test_steps_of_mod17_taken_for_kilograms(tmp_path):
    """3000 without its scale of 0.0001: three tonnes of carbon on a square metre."""
    layers = {"npp": {year: cells(LATTICE, 3000.0) for year in BURNING}}
    said = sinks("check", str(write(with_years(layers, NPP), tmp_path)), "--json")
    assert said.code == 2
    assert "npp_2021_0.tif" in where(said, "E-VALUE-03")


def test_much_cloud_stops_a_run(tmp_path):
    """Fires unknown on a third of the grassland would pass for no fire: beyond `[limits] missing_fraction` the run stops."""
    fire = {year: days(LATTICE, {6: [(np.s_[:2, :4], -1.0)]}) for year in BURNING}
    landscape = with_years({"burned_area": fire}, {"burned_area": MCD64A1}).but(more={"limits": {"missing_fraction": 0.1}})
    path = write(landscape, tmp_path)
    said = sinks("run", str(path), "--json")
    assert said.code == 2
    assert where(said, "E-MISSING-01") == [f"layers.burned_area.{year}: Z1" for year in BURNING]
    assert not (path.parent / "out" / "tables").exists()


def test_the_same_file_for_two_years(whole):
    """By name and by content: a copied year of production is refused, a year without fire like another is not."""

    def change(layers):
        layers["npp"]["2022"] = layers["npp"]["2021"]

    said = checked(whole, change)
    assert (said.code, where(said, "E-YEAR-02")) == (2, ["layers.npp"])


def test_a_copied_year_is_found_by_its_content(tmp_path):
    layers = {"npp": {year: cells(LATTICE, 0.3 + (year - 2020) / 10) for year in BURNING}, "burned_area": burned({})}
    path = write(with_years(layers, {**NPP, "burned_area": FIRE}), tmp_path)
    for name in ("npp", "burned_area"):
        (tmp_path / f"{name}_2022_0.tif").write_bytes((tmp_path / f"{name}_2021_0.tif").read_bytes())
    said = sinks("check", "--deep", str(path), "--json")
    assert (said.code, where(said, "E-YEAR-02")) == (2, ["layers.npp"])


def test_a_file_that_is_not_there(whole):
    def change(layers):
        layers["burned_area"]["2021"] = ["nowhere.tif"] * 12

    said = checked(whole, change)
    assert said.code == 2
    assert "E-FILE-01" in said.ids


def test_a_truncated_month_names_its_file(tmp_path):
    path = write(everything(), tmp_path)
    broken = tmp_path / "burned_area_2022_6.tif"
    noise = np.random.default_rng(0).integers(0, 2, size=LATTICE.shape).astype(np.float64)
    write_raster(tmp_path, broken.stem, noise, LATTICE, NO_VALUE)
    broken.write_bytes(broken.read_bytes()[:-20])
    said = sinks("run", str(path), "--json")
    assert said.code == 2
    assert any("burned_area_2022_6.tif" in one["where"] for one in said.findings)


def test_a_failing_year_leaves_earlier_results(tmp_path):
    """A good run, then a day 400 in a new file: exit 2, and every table as it was."""
    path = with_file(tmp_path, 120.0)
    assert sinks("run", str(path), "--quiet").code == 0
    out = path.parent / "out" / "tables"
    before = {one.name: one.read_bytes() for one in out.iterdir()}
    strange = days(LATTICE, {4: [(np.s_[2, 2], 400.0)]})[3]
    write_raster(tmp_path, "burned_area_2022_3", strange, LATTICE, NO_VALUE)
    assert sinks("run", str(path), "--json").code == 2
    assert {one.name: one.read_bytes() for one in out.iterdir()} == before


def test_an_input_that_changes_under_the_pass(tmp_path, monkeypatch):
    """A month that is replaced while its year is read: E-HASH-01, no table; with the content in place the same command goes on."""
    path = with_file(tmp_path, 120.0)
    plain = annual_pass.annual_sums

    def meddle(block, plan):
        with (tmp_path / "burned_area_2022_3.tif").open("ab") as file:
            file.write(b"x")
        return plain(block, plan)

    monkeypatch.setattr(annual_pass, "annual_sums", meddle)
    with pytest.raises(InputError) as caught:
        tabulate(set_up(path), Engine(threads=1))
    assert [(one.id, one.where) for one in caught.value.findings] == [("E-HASH-01", "burned_area_2022_3.tif")]
    monkeypatch.setattr(annual_pass, "annual_sums", plain)
    assert tabulate(set_up(path), Engine(threads=1))
