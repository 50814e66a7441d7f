"""The stage: from a run folder to the tables of the offset, once; two policies side by side; the region; back to the parts."""

import json
from decimal import Decimal

import numpy as np
import pytest
from assessments import LEAGUES, issue, offsets_of, state, write_csv, write_events, write_run
from bundles import EVENTS, POLICY, write_rich_run
from landscapes import random_landscape
from landscapes import write as write_landscape
from openpyxl import load_workbook

from aoi.codes import REGION, league_names
from aoi.findings import InputError
from aoi.texts import catalogue, choose_language
from sinks import tables
from sinks.assessment.explain import as_lines, explain_offset
from sinks.assessment.movements import decimal_of
from sinks.assessment.offsets import SUMMED
from sinks.assessment.stage import COMPARISON, WhatIf, settle_offsets, what_if
from sinks.assessment.words import policy_words
from sinks.cli import main
from sinks.config import PolicySection, read_config

PARTS = ("deduction", "ccer_applied", "withheld_zero_rule", "above_cap", "offset_trial", "floor_remainder", "shortfall")


@pytest.fixture
def run(tmp_path):
    return write_rich_run(tmp_path / "run")


def by_hand(row):
    return sum((decimal_of(row[f"{name}_tCO2e"]) for name in PARTS), Decimal(0))


# -- the table ----------------------------------------------------------------------------------------------------


def test_identity_and_sums_of_a_rich_run(run):
    """Every league and the region: parts add up to S; leagues add up to the region in every summed column."""
    assert settle_offsets(run)
    rows = offsets_of(run)
    assert len(rows) == 39
    for _, row in rows.iterrows():
        assert by_hand(row) == decimal_of(row["removal_inventory_tCO2e"])
    for year in (2021, 2022, 2023):
        for name in SUMMED:
            values = [rows.loc[(league, year), name] for league in LEAGUES]
            if name != "cap_tCO2e":
                assert rows.loc[(REGION, year), name] == pytest.approx(sum(values), abs=1e-6), name
    assert np.isnan(rows.loc[(REGION, 2021), "cap_tCO2e"]), "a cap of one league is no cap of the region"


def test_a_closed_year_a_true_up_and_a_cap(run):
    """By hand: A is of 2021 and was sold before the closing; B came after it, so that 2023 takes it; C was cancelled for its league."""
    settle_offsets(run)
    rows = offsets_of(run)
    assert rows.loc[("150400", 2021), "ccer_excluded_tCO2e"] == 10_000
    assert rows.loc[("150400", 2023), "true_up_tCO2e"] == pytest.approx(5400 / 0.9 * 0.4)
    assert rows.loc[("150500", 2023), "true_up_tCO2e"] == pytest.approx(5400 / 0.9 * 0.6)
    assert rows.loc[("150700", 2022), "ccer_excluded_tCO2e"] == 0
    assert rows.loc[("150700", 2022), "ccer_issued_tCO2e"] == 4500
    assert rows.loc[("150100", 2021), "offset_trial_tCO2e"] == 50_000
    assert rows.loc[("150100", 2021), "above_cap_tCO2e"] > 0
    units = tables.UNITS.read(run / "tables" / "units.csv")
    assert set(units[units["year"] == 2021]["state"]) == {"sold_out"}, "as the closed year read it; it was retired later"
    assert set(units[units["year"] == 2021]["read_on"]) == {"2022-06-30"}


def test_losses_and_doubt_offset_nothing(run):
    """A league that loses carbon has a shortfall and no offset; one whose interval holds zero is withheld."""
    settle_offsets(run)
    rows = offsets_of(run)
    loss, doubt = rows.loc[("150300", 2022)], rows.loc[("152900", 2022)]
    assert loss["offset_trial_tCO2e"] == 0
    assert loss["shortfall_tCO2e"] == loss["removal_conservative_tCO2e"] < loss["removal_inventory_tCO2e"] < 0
    assert doubt["low_tCO2e"] < 0 < doubt["removal_conservative_tCO2e"]
    assert doubt["offset_trial_tCO2e"] == 0
    assert doubt["withheld_zero_rule_tCO2e"] == doubt["removal_conservative_tCO2e"]


@pytest.mark.parametrize(("interval", "factor"), [("analytic", 1), ("monte_carlo", 2)])
def test_the_interval_of_the_region_is_that_of_the_covariance(tmp_path, interval, factor):
    """Three leagues of SE 30, 40, 50, correlation 0.25: the variance by hand; the Monte Carlo columns when they are asked for."""
    removals = {"150100": (1e5, 30.0), "150200": (1e5, 40.0), "150400": (1e5, 50.0)}
    policy = {"deduction_mode": "none", "zero_rule": False, "interval": interval}
    run = write_run(tmp_path / "out", removals, policy, correlation=0.25)
    settle_offsets(run)
    row = offsets_of(run).loc[(REGION, 2022)]
    variance = 30**2 + 40**2 + 50**2 + 2 * 0.25 * (30 * 40 + 30 * 50 + 40 * 50)
    assert row["se_tCO2e"] == pytest.approx(variance**0.5 * factor, abs=0.001)
    assert row["high_tCO2e"] - row["low_tCO2e"] == pytest.approx(2 * 1.959964 * row["se_tCO2e"], abs=0.01)
    assert not str(row["not_estimated"] or "").strip("None")


def test_without_covariance_the_region_has_no_interval_and_says_so(tmp_path):
    """Empty, with the reason; never made up from the leagues."""
    run = write_run(tmp_path / "out", {"150400": (1e5, 30.0)})
    settle_offsets(run)
    row = offsets_of(run).loc[(REGION, 2022)]
    assert np.isnan(row["se_tCO2e"])
    assert "region_interval" in row["not_estimated"]
    findings = json.loads((run / "assessment" / "findings.json").read_text(encoding="utf-8"))
    assert "N-OFFSET-04" in [one["id"] for one in findings["zh"]]


def test_covariance_of_some_leagues_is_not_enough(tmp_path):
    """A pair that is missing leaves the interval empty."""
    run = write_run(tmp_path / "out", {"150400": (1e5, 30.0)}, correlation=0.5)
    path = run / "tables" / "covariance.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "150500" not in line))
    settle_offsets(run)
    assert np.isnan(offsets_of(run).loc[(REGION, 2022), "se_tCO2e"])


def test_a_league_without_standard_error_is_not_settled(tmp_path):
    """t66 needs it: no offset, the reason in words, the units carried on; ``fixed`` without the zero rule does."""
    ledger = write_events(tmp_path / "ledger.csv", [issue("A", 900), issue("B", 900, serial_first=5000, vintage=2022)])
    run = write_run(tmp_path / "out", {"150400": (1e5, None)}, ledger=ledger)
    settle_offsets(run)
    row = offsets_of(run).loc[("150400", 2022)]
    assert np.isnan(row["offset_trial_tCO2e"])
    assert row["removal_inventory_tCO2e"] == 1e5
    assert (row["carry_in_tCO2e"], row["ccer_excluded_tCO2e"], row["carry_out_tCO2e"]) == (1000, 2000, 2000), "nothing of X is lost"
    whole = offsets_of(run).loc[(REGION, 2022)]
    assert whole["not_estimated"].startswith("150400.offset")
    words = (run / "assessment" / "offsets.zh.md").read_text(encoding="utf-8")
    assert "碳汇量没有标准误" in words
    run = write_run(tmp_path / "two", {"150400": (1e5, None)}, {"deduction_mode": "fixed", "deduction_pct": 5, "zero_rule": False}, ledger=ledger)
    settle_offsets(run)
    assert offsets_of(run).loc[("150400", 2022), "offset_trial_tCO2e"] == 94_000


def test_default_years_are_those_of_the_last_interval(tmp_path):
    """2020 to 2023: 2021, 2022, 2023, each with the mean of the interval."""
    run = write_run(tmp_path / "out", {"150400": (1e5, 30.0)})
    settle_offsets(run)
    rows = offsets_of(run)
    assert sorted({year for _, year in rows.index}) == [2021, 2022, 2023]
    assert set(rows["time_basis"]) == {"interval_mean"}


def test_a_year_outside_every_interval_has_no_removal(tmp_path):
    """2024 is not the mean of 2020 to 2023: no offset, said so."""
    run = write_run(tmp_path / "out", {"150400": (1e5, 30.0)}, {"assessment_years": [2023, 2024]})
    settle_offsets(run)
    row = offsets_of(run).loc[("150400", 2024)]
    assert np.isnan(row["removal_inventory_tCO2e"])
    assert row["not_estimated"] == "year"


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ('deduction_mode = "fixed"', "E-CONF-16"),
        ("assessment_years = [2021]\n[closed_years]\n2020 = 2021-06-30", "E-CONF-17"),
        ("[closed_years]\n2021 = 2020-06-30", "E-CONF-18"),
        ("assessment_years = [2022, 2021]", "E-CONF-19"),
        ("zero_rule = 3", "E-CONF-04"),
        ("nonsense = 3", "E-CONF-02"),
    ],
)
def test_policies_that_are_refused(run, tmp_path, capsys, text, id):
    """By name, exit 2."""
    policy = tmp_path / "policy.toml"
    policy.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["offsets", str(run), "--policy", str(policy), "--json"])
    assert caught.value.code == 2
    assert [one["id"] for one in json.loads(capsys.readouterr().out)["findings"]] == [id]


def test_a_closed_year_that_the_run_does_not_assess(tmp_path):
    """Closed years without assessment years: those of the last interval must hold them."""
    run = write_run(tmp_path / "out", {"150400": (1e5, 30.0)}, {"closed_years": {2019: "2020-06-30"}})
    with pytest.raises(InputError) as caught:
        settle_offsets(run)
    assert [one.id for one in caught.value.findings] == ["E-CONF-17"]


def test_an_approach_without_removals(tmp_path):
    """Gain-loss was asked for, and there is none."""
    with pytest.raises(InputError) as caught:
        settle_offsets(write_run(tmp_path / "out", {"150400": (1e5, 30.0)}, {"removal_approach": "gain_loss"}))
    assert [one.id for one in caught.value.findings] == ["E-OFFSET-04"]


def test_what_stands_on_the_first_page(tmp_path):
    """A year without standard error, a true-up that no year takes in, units of a vintage that is not assessed."""
    events = [issue("A", 90, date="2024-03-01"), issue("B", 90, vintage=2019, serial_first=7000)]
    policy = {"assessment_years": [2021], "closed_years": {2021: "2022-06-30"}}
    run = write_run(tmp_path / "out", {"150400": (1e5, None)}, policy, ledger=write_events(tmp_path / "ledger.csv", events))
    settle_offsets(run)
    found = {one["id"]: one for one in json.loads((run / "assessment" / "findings.json").read_text(encoding="utf-8"))["en"]}
    assert found["W-OFFSET-01"]["found"] == "the removal has no standard error"
    assert found["W-OFFSET-02"]["found"] == "150400: 100 (t)"
    assert found["N-OFFSET-03"]["found"] == "90 t"


# -- a stage ------------------------------------------------------------------------------------------------------


def test_it_is_done_once_and_again_when_something_changed(run):
    """Same ledger, same tables: nothing; an event more, or a table touched: again."""
    assert settle_offsets(run)
    assert not settle_offsets(run)
    first = (run / "tables" / "offsets.csv").read_bytes()
    (run / "tables" / "units.csv").write_text("touched")
    assert settle_offsets(run)
    assert (run / "tables" / "offsets.csv").read_bytes() == first
    write_events(run.parent / "ledger.csv", [*EVENTS, state("B", 2, "2024-08-01", "cancelled_for_league")])
    assert settle_offsets(run)
    assert (run / "tables" / "offsets.csv").read_bytes() != first


def test_a_refused_ledger_leaves_the_tables_as_they_were(run):
    """All findings at once, exit 2, the offsets of before."""
    settle_offsets(run)
    first = (run / "tables" / "offsets.csv").read_bytes()
    write_events(run.parent / "ledger.csv", [*EVENTS, issue("D", 90, module="planted_shrubland"), issue("E", 90, league_shares="159900:1")])
    with pytest.raises(InputError) as caught:
        settle_offsets(run)
    assert {"E-LEDGER-30", "E-LEDGER-32"} <= {one.id for one in caught.value.findings}
    assert (run / "tables" / "offsets.csv").read_bytes() == first


def test_files_that_went_and_folders_that_are_none(run, tmp_path):
    """A ledger that is gone; a folder without a run."""
    (run.parent / "ledger.csv").unlink()
    with pytest.raises(InputError) as caught:
        settle_offsets(run)
    assert [one.id for one in caught.value.findings] == ["E-OFFSET-01"]
    with pytest.raises(InputError) as caught:
        settle_offsets(tmp_path)
    assert [one.id for one in caught.value.findings] == ["E-RUN-05"]


def test_emissions_of_strangers_are_refused(tmp_path):
    """A league that the run does not have."""
    emissions = write_csv(tmp_path / "e.csv", tables.EMISSIONS.names, [{"league": "159900", "year": 2021, "emission_tCO2e": 1, "source": "s"}])
    with pytest.raises(InputError) as caught:
        settle_offsets(write_run(tmp_path / "out", {"150400": (1e5, 30.0)}, emissions=emissions))
    assert [one.id for one in caught.value.findings] == ["E-OFFSET-03"]


def test_net_emission_and_share(run):
    """1 000 000 less the trial offset."""
    settle_offsets(run)
    row = offsets_of(run).loc[("150400", 2022)]
    assert row["net_emission_tCO2e"] == 1_000_000 - row["offset_trial_tCO2e"]
    share = f"{row['offset_trial_tCO2e'] / 10_000:.2f} %"
    assert share in (run / "assessment" / "offsets.zh.md").read_text(encoding="utf-8")


# -- what if ------------------------------------------------------------------------------------------------------


def test_two_policies_side_by_side(run, tmp_path, capsys):
    """The difference in words and numbers; the run's own tables stay."""
    settle_offsets(run)
    before = (run / "tables" / "offsets.csv").read_bytes()
    policy = tmp_path / "other.toml"
    policy.write_text('deduction_mode = "none"\nassessment_years = [2021, 2022, 2023]\n[closed_years]\n2021 = 2022-06-30\n', encoding="utf-8")
    main(["--lang", "en", "offsets", str(run), "--policy", str(policy)])
    printed = capsys.readouterr().out
    assert "Choice that differs (deduction_mode)" in printed
    assert "No deduction for uncertainty." in printed
    assert "Choice that differs (cap)" in printed
    assert "Choice that differs (zero_rule)" not in printed
    rows, _, _ = what_if(run, WhatIf(policy=PolicySection(deduction_mode="none", **{k: v for k, v in POLICY.items() if k != "cap"})))
    one = rows[(rows["league"] == "150400") & (rows["year"] == 2022)].iloc[0]
    assert one["deduction_other_tCO2e"] == 0
    assert one["difference_tCO2e"] == one["offset_trial_other_tCO2e"] - one["offset_trial_this_tCO2e"] > 0
    assert (run / "tables" / "offsets.csv").read_bytes() == before
    (scenario,) = {path.parent for path in (run / "scenarios").glob("*/comparison.csv")}
    assert len(COMPARISON.read(scenario / "comparison.csv")) == 39


def test_drafts_taken_for_issued(run, capsys):
    """The pipeline of a module as if it were issued and held: its gross is left out of its vintage; the default keeps it out."""
    settle_offsets(run)
    assert offsets_of(run).loc[("150600", 2022), "pipeline_tCO2e"] == 855.5
    assert offsets_of(run).loc[("150600", 2022), "ccer_excluded_tCO2e"] == 0
    rows, _, _ = what_if(run, WhatIf(assume=("planted_shrubland",)))
    one = rows[(rows["league"] == "150600") & (rows["year"] == 2022)].iloc[0]
    assert one["ccer_excluded_other_tCO2e"] == pytest.approx(855 * 950 / 855.5, abs=0.002)
    assert rows["difference_tCO2e"].abs().gt(0).sum() == 2, "the league and the region"
    main(["offsets", str(run), "--assume-issued", "planted_shrubland"])
    assert "planted_shrubland" in capsys.readouterr().out
    with pytest.raises(InputError) as caught:
        what_if(run, WhatIf(assume=("none",)))
    assert [found.id for found in caught.value.findings] == ["E-OFFSET-05"]


# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_choice_has_words(language):
    """Each key of the policy is a sentence in both languages, and another choice is another sentence."""
    plain = dict(policy_words(PolicySection(), (2021,), language))
    assert set(plain) == set(PolicySection.model_fields) - {"deduction_pct"}
    others = {
        "ledger_as_of": "2024-01-01", "closed_years": {2021: "2022-01-01"}, "removal_approach": "gain_loss", "interval": "monte_carlo",
        "deduction_mode": "lower90", "zero_rule": False, "subtract_basis": "issued", "excluded_states": ["held"], "cap": 5, "true_up": False,
        "wetland_ch4": True, "grass_weather": True, "unvalidated_change": "all", "avoided_emission": "memo", "excess_tolerance": 0.5,
    }  # fmt: skip
    for key, value in others.items():
        changed = dict(policy_words(PolicySection.model_validate({key: value}), (2021,), language))
        assert changed[key] != plain[key], key
        assert {name for name in plain if changed[name] != plain[name]} == {key}


def test_trial_is_said_first_in_every_language(run):
    """No decreed rule: the first lines say so."""
    settle_offsets(run)
    for language, word in (("zh", "试算，规则未颁布"), ("en", "no rule is decreed")):
        text = (run / "assessment" / f"offsets.{language}.md").read_text(encoding="utf-8")
        assert word in text.split("\n")[0]
        assert league_names()["150700"][0 if language == "zh" else 1] in text


def test_states_of_units_have_names():
    """The vocabulary of the ledger in both languages."""
    assert all(f"unit_state.{one}" in catalogue() for one in tables.UNIT_STATES)


# -- explain ------------------------------------------------------------------------------------------------------


def test_an_offset_is_walked_back(run, capsys):
    """S from leaves, the deduction with its numbers, the units behind X, and the identity that closes."""
    settle_offsets(run)
    row = offsets_of(run).loc[("150400", 2021)]
    steps = explain_offset(run, "150400", 2021)
    assert steps[0].value == row["removal_inventory_tCO2e"] == sum(part.value for part in steps[0].parts)
    assert steps[-1].value == row["removal_inventory_tCO2e"]
    excluded = next(step for step in steps if step.value == row["ccer_excluded_tCO2e"])
    assert [part.how for part in excluded.parts] == ["9,000 / (1 - 0.1) x 1.0 = 10,000.000"]
    main(["--lang", "en", "explain", str(run), "--table", "offsets", "--zone", "150400", "--year", "2023"])
    printed = capsys.readouterr().out
    assert "true-up of closed years: 2,400.000" in printed
    assert "0.4307 x" in printed
    main(["explain", str(run), "--table", "offsets", "--zone", REGION, "--year", "2023", "--json"])
    data = json.loads(capsys.readouterr().out)
    assert len(data[0]["parts"]) == 12
    with pytest.raises(InputError) as caught:
        explain_offset(run, "159900", 2021)
    assert [one.id for one in caught.value.findings] == ["E-OFFSET-06"]
    choose_language("zh")
    assert "恒等式" in "\n".join(as_lines(explain_offset(run, "150400", 2021)))


# -- within a run -------------------------------------------------------------------------------------------------


def test_a_run_makes_offsets_and_goes_on_from_them(tmp_path, capsys):
    """``sinks run`` on rasters: the table comes out with X = 0 and says so; again: nothing new; ``sinks offsets`` too."""
    path = write_landscape(random_landscape(3), tmp_path / "project")
    main(["--lang", "en", "run", str(path)])
    (out,) = {one.parent.parent for one in (tmp_path / "project").rglob("tables/offsets.csv")}
    rows = tables.OFFSETS.read(out / "tables" / "offsets.csv")
    assert len(rows)
    assert rows["ccer_excluded_tCO2e"].fillna(0).eq(0).all()
    capsys.readouterr()
    main(["--lang", "en", "run", str(path)])
    assert "nothing" in capsys.readouterr().out
    main(["--lang", "en", "offsets", str(out)])
    printed = capsys.readouterr().out
    assert "N-OFFSET-06 no ledger: no units are left out" in printed


def test_what_is_wrong_with_the_assessment_is_said_before_the_first_pixel(tmp_path, capsys):
    """A ledger that is not there stops a run at once; ``sinks check`` tells of drafts in it too."""
    path = write_landscape(random_landscape(3), tmp_path / "project")
    path.write_text(path.read_text(encoding="utf-8") + '\n[ledger]\nfile = "ledger.csv"\n', encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["--lang", "en", "run", str(path), "--json"])
    assert caught.value.code == 2
    assert [one["where"] for one in json.loads(capsys.readouterr().out)["findings"]] == ["ledger.file: ledger.csv"]
    write_events(path.parent / "ledger.csv", [issue("A", 90, module="planted_shrubland")])
    with pytest.raises(SystemExit):
        main(["check", str(path), "--json"])
    assert "E-LEDGER-30" in [one["id"] for one in json.loads(capsys.readouterr().out)["findings"]]


def test_findings_and_a_workbook_beside_the_words(run, capsys):
    """``--json`` gives the findings; the workbook has the tables in t and 万吨."""
    main(["offsets", str(run), "--json"])
    assert isinstance(json.loads(capsys.readouterr().out)["findings"], list)
    first = (run / "assessment" / "offsets.xlsx").read_bytes()
    book = load_workbook(run / "assessment" / "offsets.xlsx")
    assert book.sheetnames[:3] == ["说明", "抵扣（万吨）", "盟市碳汇抵扣"]
    (run / "tables" / "units.csv").unlink()
    settle_offsets(run)
    assert (run / "assessment" / "offsets.xlsx").read_bytes() == first


def test_aligned_runs_find_the_files_of_the_assessment(tmp_path):
    """The run file that ``sinks align`` writes names ledger, emissions and quantifications from where it lies; a ledger inside the run's tables is refused."""
    path = write_landscape(random_landscape(3), tmp_path / "project")
    write_events(path.parent / "ledger.csv", [issue("A", 90, league_shares="R1:1")])
    plain = path.read_text(encoding="utf-8")
    path.write_text(plain + '\n[ledger]\nfile = "ledger.csv"\n[quantifications]\nfiles = ["q.csv"]\n', encoding="utf-8")
    main(["align", str(path), "-o", str(tmp_path / "aligned"), "--quiet"])
    config, _ = read_config(tmp_path / "aligned" / "aligned.toml")
    assert config.ledger is not None
    assert config.quantifications is not None
    for text in (config.ledger.file, *config.quantifications.files):
        assert (tmp_path / "aligned" / text).resolve().parent == path.parent.resolve()
    path.write_text(plain + '\n[ledger]\nfile = "out/tables/ledger.csv"\n', encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["check", str(path), "--json"])
