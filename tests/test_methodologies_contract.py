"""A wrong module does not load, and says why; a right one is an afternoon's work."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from broken import sinks
from plugins import install, on_path

from aoi.findings import InputError
from methodologies.authors import write_template
from methodologies.checks import check_module
from methodologies.contract import API, Methodology, Refusal
from methodologies.dimensions import quantity, regression, unit_of
from methodologies.discovery import candidates, discover, find, load_file
from methodologies.parameters import DrawnParameters, read_parameters
from methodologies.tools import deductions

SHIPPED = ["ccer_14_001_v01", "grassland_protection", "natural_forest", "planted_shrubland"]
MODULE, PARAMETERS = "module.py", "parameters.csv"
RETURN = '    return {"dC_BIOMASS": gain, "dC_BSL": 0.0 * gain}'


def refused(site: Path, name: str, *changes: tuple[str, str, str]) -> list:
    """Findings about a package with these changes; it must not load."""
    site.mkdir(exist_ok=True)
    install(site, name, *changes)
    with on_path(site):
        found = discover(only=[name])
    assert name not in found.loaded
    return [one for findings in found.refused.values() for one in findings]


def the_one(findings: list, id: str):
    assert [one.id for one in findings] == [id], [one.line("en") for one in findings]
    assert all(findings[0].say(part, language) for part in ("", "found", "expected", "remedy") for language in ("zh", "en"))
    return findings[0]


def test_shipped_modules_load():
    found = discover(plugins=False)
    assert sorted(found.loaded) == SHIPPED
    assert found.refused == {}
    assert [one.methodology.status for _, one in sorted(found.loaded.items())] == ["official", *["regional_draft"] * 3]
    assert all(len(one.sha256) == 64 and one.shipped for one in found.loaded.values())


# -- a package of another folder -----------------------------------------------------------------------------


def test_a_package_installed_from_another_folder_adds_a_methodology(tmp_path):
    """By pip, without a network, from the folder that ``sinks methodology new`` writes."""
    write_template("willow_belts", tmp_path / "package", "柳树林带", "Willow belts")
    site = tmp_path / "site"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--target",
            str(site),
            str(tmp_path / "package"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with on_path(site):
        found = discover()
        assert sorted(found.loaded) == sorted([*SHIPPED, "willow_belts"])
        mine = found.loaded["willow_belts"]
        assert (mine.distribution, mine.version, mine.shipped) == ("willow-belts-methodology", "0.1.0", False)
        assert "willow_belts" not in discover(plugins=False).loaded
        said = sinks("--lang", "en", "methodology", "check", "willow-belts-methodology")
        assert said.code == 0, said.err
        assert "passed: willow_belts" in said.out
        assert "Willow belts" in sinks("--lang", "en", "methodology", "show", "willow_belts").out
        assert "willow_belts" in sinks("methodology", "list").out
        assert "willow_belts" not in sinks("methodology", "list", "--no-plugins").out


def test_wrong_unit(tmp_path):
    """Carbon is not CO2: without the ratio the term is tC."""
    found = refused(
        tmp_path / "site",
        "wrong_unit",
        (MODULE, "return co2_per_carbon * carbon_fraction", "return carbon_fraction"),
        (MODULE, "34.4666667", "9.4"),
        (MODULE, "31.02", "8.46"),
    )
    one = the_one(found, "E-METHOD-08")
    assert "'tC' to 'tCO2'" in one.say("found", "en") or "tC" in one.say("found", "en")


def test_per_hectare_is_not_total(tmp_path):
    found = refused(
        tmp_path / "site",
        "per_hectare",
        (MODULE, "carbon_fraction * area * (after", "carbon_fraction * (after"),
        (MODULE, "34.4666667", "3.44666667"),
        (MODULE, "31.02", "3.102"),
    )
    assert "tCO2e / ha" in the_one(found, "E-METHOD-08").say("found", "en")


def test_mutating(tmp_path):
    found = refused(
        tmp_path / "site",
        "mutating",
        (MODULE, '    strata = tables["strata"]\n', '    strata = tables["strata"]\n    strata["biomass_2_t_ha"][:] = 0.0\n'),
    )
    assert "module.py:" in the_one(found, "E-METHOD-09").say("found", "en")


def test_no_source(tmp_path):
    found = refused(tmp_path / "site", "no_source", (PARAMETERS, "IPCC2006", ""))
    assert "carbon_fraction" in the_one(found, "E-METHOD-05").say("found", "en")


def test_failing_example(tmp_path):
    found = refused(tmp_path / "site", "failing", (MODULE, "34.4666667", "35.0"))
    said = the_one(found, "E-METHOD-07")
    assert "34.46666" in said.say("found", "en")
    assert "35" in said.say("expected", "en")


def test_duplicate_id(tmp_path):
    """Shipped ids stay with the shipped modules; two packages that claim one id are both refused, both named."""
    site = tmp_path / "site"
    site.mkdir()
    install(site, "mine", id="natural_forest")
    install(site, "one", id="shared")
    install(site, "other", id="shared")
    with on_path(site):
        kept, clashes = candidates()
        assert sorted(one.id for one in kept) == SHIPPED
        said = {one.values["id"]: one.say("found", "en") for one in clashes if one.id == "E-METHOD-04"}
        assert "mine-methodology 0.1.0" in said["natural_forest"]
        assert "one-methodology" in said["shared"]
        assert "other-methodology" in said["shared"]
        assert find("natural_forest").shipped
        with pytest.raises(InputError) as stop:
            find("shared")
        assert [one.id for one in stop.value.findings] == ["E-METHOD-04"]


# -- what else keeps a module out ------------------------------------------------------------------------------


def test_wrong_version_of_the_contract(tmp_path):
    found = refused(tmp_path / "site", "old_api", (MODULE, '    id="old_api",', f'    id="old_api", api={API + 1},'))
    assert str(API + 1) in the_one(found, "E-METHOD-03").say("found", "en")


def test_entry_point_of_another_name(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    install(site, "renamed", id="other_name")
    with on_path(site):
        found = discover(only=["other_name"])
    the_one([one for findings in found.refused.values() for one in findings], "E-METHOD-21")


@pytest.mark.parametrize(
    ("old", "new", "id"),
    [
        ("from aoi.table import Table\n", "from aoi.table import Table\nimport no_such_package\n", "E-METHOD-01"),
        ("METHODOLOGY = Methodology(", "METHODOLOGY = dict(", "E-METHOD-02"),
        (RETURN, "    raise RuntimeError('no')", "E-METHOD-10"),
        (RETURN, '    return {"dC_BIOMASS": gain}', "E-METHOD-11"),
        (RETURN, '    return {"dC_BIOMASS": gain, "dC_BSL": 0.0 * gain, "extra": gain}', "E-METHOD-11"),
        (RETURN, '    return {"dC_BIOMASS": gain[0], "dC_BSL": 0.0 * gain}', "E-METHOD-11"),
        (RETURN, '    return {"dC_BIOMASS": gain * float("nan"), "dC_BSL": 0.0 * gain}', "E-METHOD-11"),
        (RETURN, '    return {"dC_BIOMASS": gain.astype("float32"), "dC_BSL": 0.0 * gain}', "E-METHOD-11"),
        (RETURN, '    return {"dC_BIOMASS": gain * (1 + 1e-9 * __import__("random").random()), "dC_BSL": 0.0 * gain}', "E-METHOD-14"),
        (
            '"biomass_1_t_ha", "期初生物量", "Biomass at the start, roots included", "t d.m. ha-1"',
            '"biomass_1_t_ha", "期初生物量", "Biomass", "stones ha-1"',
            "E-METHOD-12",
        ),
        ("examples=(", "examples=() and (", "E-METHOD-13"),
        ("from aoi.table import Table\n", "from aoi.table import Table\nraise SystemExit(3)\n", "E-METHOD-01"),
        ("STRATUM, STATED_AREA,", "STRATUM,", "E-METHOD-15"),
        (
            "change=woody.deduct_risk",
            'change=lambda terms, parameters, tables: {"net": terms["net"] * 0.09 * tables["strata"]["area_ha"]}',
            "E-METHOD-08",
        ),
        ('tables={"strata": STRATA}', 'tables={"strata": STRATA, "period": STRATA}', "E-METHOD-15"),
        ('"Biomass at the end, roots included", "t d.m. ha-1"', '"Biomass at the end, roots included", "kg d.m. ha-1"', "E-METHOD-08"),
        ('clause="土地权属清晰"', 'clause=""', "E-METHOD-15"),
        ('"biomass_2_t_ha": [12.0]', '"biomass_9": [12.0]', "E-METHOD-15"),
        ('expected={"dC_BIOMASS": 34.4666667, "creditable": 31.02}', 'expected={}, parameters={"no_such": 1.0}', "E-METHOD-18"),
        ('expected={"dC_BIOMASS": 34.4666667, "creditable": 31.02}', 'expected={}, broken=("land",)', "E-METHOD-07"),
        ('expected={"dC_BIOMASS": 34.4666667, "creditable": 31.02}', 'expected={}, refused="x"', "E-METHOD-07"),
    ],
)
def test_what_keeps_a_module_out(tmp_path, old, new, id):
    assert the_one(refused(tmp_path / "site", "wrong_one", (MODULE, old, new)), id)


@pytest.mark.parametrize(
    ("old", "new", "id"),
    [("0.47", "", "E-METHOD-17"), ("tC (t d.m.)-1", "stones", "E-METHOD-12"), ("K:0.95,true", "maybe,true", "E-TABLE-08")],
)
def test_what_keeps_its_parameters_out(tmp_path, old, new, id):
    assert the_one(refused(tmp_path / "site", "wrong_parameters", (PARAMETERS, old, new)), id)


def test_parameters_of_one_name_share_a_unit(tmp_path):
    row = "carbon_fraction.pine,carbon_fraction,,,pine,,,,,0.51,-,,,,,IPCC2006,,K:0.95,true,,,\n"
    found = refused(tmp_path / "site", "two_units", (PARAMETERS, "risk_share,risk_share", f"{row}risk_share,risk_share"))
    assert the_one(found, "E-METHOD-19")


def test_an_id_that_nobody_has(tmp_path):
    with pytest.raises(InputError) as stop:
        find("no_such_methodology")
    assert "ccer_14_001_v01" in the_one(stop.value.findings, "E-METHOD-16").say("expected", "en")


def test_a_refusal_that_the_example_does_not_expect(tmp_path):
    found = refused(
        tmp_path / "site",
        "refusing",
        (MODULE, RETURN, '    raise Refusal("clause 7", "n = 2", "n >= 3")'),
        (MODULE, "Pool, Tables, Term", "Pool, Refusal, Tables, Term"),
    )
    assert "clause 7" in the_one(found, "E-METHOD-20").say("expected", "en")


# -- relative and absolute errors ------------------------------------------------------------------------------


def artool14(error: str) -> tuple[tuple[str, str, str], ...]:
    """Changes that give the template AR-TOOL14's deduction, with an expression for the error that is compared."""
    code = (
        "def deduct(terms, parameters, tables):\n"
        '    """Less a share of the error (AR-TOOL14 appendix 2)."""\n'
        '    stock = terms["dC_BIOMASS"]\n'
        '    u = terms["u_dC"]\n'
        f"    error = {error}\n"
        "    share = deductions.artool14_share_of_error(error, (0.10, 0.15, 0.20, 0.30), (0.25, 0.50, 0.75, 1.00))\n"
        '    return {"dC_BIOMASS": deductions.less_share_of_error(stock, error, share)}\n\n\n'
        "METHODOLOGY = Methodology("
    )
    expected = 34.4666667 * (1 - (0.75 * 0.22 if error == "u" else 0.0))
    return (
        (MODULE, "METHODOLOGY = Methodology(", code),
        (MODULE, "from methodologies.tools import woody", "import numpy as np\n\nfrom methodologies.tools import deductions, woody"),
        (MODULE, RETURN, '    return {"dC_BIOMASS": gain, "dC_BSL": 0.0 * gain, "u_dC": np.full((1, 1), 0.22)}'),
        (MODULE, "    quantify=quantify,", "    quantify=quantify,"),
        (
            MODULE,
            '        Term(name="dC_BSL"',
            '        Term(name="u_dC", role="memo", unit="-", title="相对误差", title_en="relative error"),\n        Term(name="dC_BSL"',
        ),
        (
            MODULE,
            "deductions=(Deduction(",
            'deductions=(Deduction(id="error", kind="uncertainty", change=deduct, clause="附录 2", clause_en="appendix 2"), Deduction(',
        ),
        (MODULE, '{"dC_BIOMASS": 34.4666667, "creditable": 31.02}', f'{{"dC_BIOMASS": {expected!r}}}'),
    )


def test_artool14_by_its_text_loads(tmp_path):
    """U = 22 %: three quarters of U are deducted."""
    site = tmp_path / "site"
    site.mkdir()
    install(site, "artool14", *artool14("u"))
    with on_path(site):
        found = discover(only=["artool14"])
    assert "artool14" in found.loaded, found.refused


def test_artool14_that_divides_a_relative_error_again_does_not_load(tmp_path):
    """The copy divides the relative uncertainty by the stock once more, so that it never deducts: dimensions refuse it."""
    found = refused(tmp_path / "site", "never_deducts", *artool14("u / stock"))
    said = the_one(found, "E-METHOD-08").say("found", "en")
    assert "module.py" in said or "deductions.py" in said


def test_an_absolute_error_is_no_relative_one(tmp_path):
    """A standard error in tCO2e that is compared with 10 % is refused as well."""
    found = refused(tmp_path / "site", "absolute", *artool14("u * stock * 0.001"))
    assert the_one(found, "E-METHOD-08")


# -- loading is not executing what lies about --------------------------------------------------------------------


def test_nothing_is_loaded_from_the_current_or_the_project_folder(tmp_path, monkeypatch):
    """A package in the folder of the project is passed over, and said so."""
    install(tmp_path, "lurking", (MODULE, "from collections.abc", 'raise SystemExit("executed")\nfrom collections.abc'))
    monkeypatch.chdir(tmp_path)
    with on_path(tmp_path):
        kept, warned = candidates(project_folder=tmp_path)
        assert "lurking" not in [one.id for one in kept]
        assert [one.id for one in warned] == ["W-METHOD-01"]
        assert "lurking" in warned[0].say("found", "en")
        with pytest.raises(InputError) as stop:
            find("lurking", project_folder=tmp_path)
    assert [one.id for one in stop.value.findings] == ["E-METHOD-16", "W-METHOD-01"]


def test_hash_and_distribution_are_those_of_what_was_loaded(tmp_path):
    write_template("hashed", tmp_path / "package")
    path = tmp_path / "package" / "hashed_methodology" / "module.py"
    first, found = load_file(path)
    assert found == []
    parameters = path.with_name("parameters.csv")
    parameters.write_text(parameters.read_text(encoding="utf-8").replace("Table 4.3", "table 4.3"), encoding="utf-8")
    second, _ = load_file(path)
    assert first is not None and second is not None  # noqa: PT018
    assert first.sha256 != second.sha256


# -- authors ---------------------------------------------------------------------------------------------------


def test_new_writes_a_template_that_passes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sinks("methodology", "new", "urban_forest").code == 0
    said = sinks("--lang", "en", "methodology", "check", "urban_forest/urban_forest_methodology/module.py")
    assert said.code == 0, said.out + said.err
    assert "passed: urban_forest" in said.out
    again = sinks("methodology", "new", "urban_forest")
    assert again.code == 2
    assert again.told[0].id == "E-METHOD-23"
    assert sinks("methodology", "new", "Not A Name").told[0].id == "E-METHOD-22"


def test_check_reports_what_is_wrong(tmp_path):
    write_template("bad", tmp_path / "bad")
    path = tmp_path / "bad" / "bad_methodology" / "module.py"
    path.write_text(path.read_text(encoding="utf-8").replace("34.4666667", "1.0"), encoding="utf-8")
    said = sinks("--lang", "en", "methodology", "check", str(path))
    assert said.code == 2
    assert "refused: 1 errors" in said.out
    assert "E-METHOD-07" in said.out
    assert said.told[-1].id == "E-METHOD-24"
    assert str(tmp_path) not in said.out + said.err
    assert sinks("methodology", "check", str(tmp_path / "none.py")).told[0].id == "E-FILE-01"
    assert sinks("methodology", "check", "no-such-distribution").told[0].id == "E-METHOD-16"
    (tmp_path / "broken.py").write_text("x = (", encoding="utf-8")
    assert "E-METHOD-01" in sinks("methodology", "check", str(tmp_path / "broken.py")).out


@pytest.mark.parametrize("id", SHIPPED)
def test_show_and_check_shipped(id):
    shown = sinks("--lang", "zh", "methodology", "show", id).out
    assert "适用条件" in shown
    assert "!" in shown  # parameters that nobody has verified
    assert sinks("methodology", "check", id).code == 0


def test_show_says_what_only_the_user_can_give():
    shown = sinks("--lang", "en", "methodology", "show", "ccer_14_001_v01").out
    assert "V-01" in shown
    line = next(line for line in shown.splitlines() if "soil_rate " in line and "most" not in line)
    assert "?" in line


# -- parameters and dimensions -----------------------------------------------------------------------------------


def test_draws_are_the_same_for_any_company():
    """A parameter is drawn by its own id: other parameters change no draw; the mean is the value."""
    module = find("grassland_protection")
    many = DrawnParameters(module.parameters, draws=20_000, seed=7)
    reference = many("soil_reference", climate="cool_temperate_dry", soil="HAC")
    assert reference.shape == (20_001, 1)
    assert reference[0, 0] == 43.0
    assert reference[1:].mean() == pytest.approx(43.0, rel=2e-3)
    assert reference[1:].std() == pytest.approx((46.44 - 39.56) / 4, rel=2e-2)
    assert not reference.flags.writeable
    again = DrawnParameters(module.parameters, draws=20_000, seed=7)("soil_reference", climate="cool_temperate_dry", soil="HAC")
    np.testing.assert_array_equal(reference, again)


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("t d.m. ha-1 yr-1", "[dry_matter] / [area] / [time]"),
        ("tC (t d.m.)-1", "[carbon] / [dry_matter]"),
        ("t d.m. m-3", "[dry_matter] / [volume]"),
        ("-", "dimensionless"),
        ("kg CH4 (t d.m.)-1", "[methane] / [dry_matter]"),
        ("t kg-1", "dimensionless"),
        ("ha m-2", "dimensionless"),
        ("SU ha-1", "[sheep_units] / [area]"),
    ],
)
def test_units_of_the_field(text, dimension):
    assert str(unit_of(text).dimensionality) == dimension


@pytest.mark.parametrize("text", ["stones", "t/ha", "tC ha^2", "=1+1", "t ha-", "()"])
def test_what_is_no_unit(text):
    with pytest.raises(ValueError):
        unit_of(text)


def test_a_regression_holds_in_its_own_units_only():
    double = regression("kg d.m.", dbh="cm")(lambda dbh: dbh * 2)
    assert double(3.0) == 6.0
    assert double(quantity(0.03, "m")).to(unit_of("kg d.m.")).magnitude == pytest.approx(6.0)
    with pytest.raises(TypeError, match="ha"):
        double(quantity(3.0, "ha"))


def test_the_two_tables_of_deductions_are_not_the_same():
    """At U = 22 % CCER deducts 11 % of the value, AR-TOOL14 75 % of U (METHODOLOGIES 1.9)."""
    error = np.array([[0.22]])
    assert deductions.precision_rate(error, (0.10, 0.20, 0.30), (0.06, 0.11))[0, 0] == 0.11
    share = deductions.artool14_share_of_error(error, (0.10, 0.15, 0.20, 0.30), (0.25, 0.50, 0.75, 1.00))
    assert (share * error)[0, 0] == pytest.approx(0.165)


def test_contract_signature_of_the_readme():
    """The README prints the signature that is in force."""
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for field in dataclasses.fields(Methodology):
        assert field.name in readme, field.name


def test_a_broken_parameter_file_stops_with_its_findings(tmp_path):
    path = tmp_path / "parameters.csv"
    path.write_text("id,value\n", encoding="utf-8")
    with pytest.raises(InputError) as stop:
        read_parameters(path, "parameters.csv")
    assert stop.value.findings[0].id == "E-TABLE-04"


def test_a_methodology_of_another_kind_is_named(tmp_path):
    assert check_module(object(), "here")[1][0].id == "E-METHOD-02"
    assert isinstance(Refusal("a", "b", "c"), Exception)
    shutil.rmtree(tmp_path)
