"""The rule ``cautious-1``: the published examples from files with every switch, and its laws over random ledgers."""

import itertools
from decimal import Decimal
from fractions import Fraction

import pytest
from assessments import issue, ledger_of, offsets_of, replaced, state, write_csv, write_events, write_run
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.findings import InputError, errors
from sinks import tables
from sinks.assessment.movements import LEAVING, Movement, Reading, balances, exposure, shares_of, split_exactly, thousandths
from sinks.assessment.rule import ZERO, Choices, Removal, Waiting, settle_league, settle_year
from sinks.assessment.stage import settle_offsets
from sinks.config import EXCLUDED_STATES, PolicySection
from sinks.tables import UNIT_STATES

W13 = {"150400": (1_250_000.0, 1.0)}
FIXED = {"deduction_mode": "fixed", "deduction_pct": 6, "assessment_years": [2021]}


def w13_events(last_state="cancelled_for_league"):
    """P1 12 000 retired_ets, P2 6 000 held, P3 3 000 cancelled_for_league; K 0.10 (METHODOLOGIES W13)."""
    return [
        issue("P1", 12_000, project="P1"), state("P1", 2, "2024-05-01", "retired_ets"),
        issue("P2", 6_000, project="P2"), issue("P3", 3_000, project="P3"), state("P3", 2, "2024-05-01", last_state),
    ]  # fmt: skip


def w13(tmp_path, events=None, **policy):
    ledger = write_events(tmp_path / "ledger.csv", events if events is not None else w13_events())
    folder = write_run(tmp_path / "out", W13, {**FIXED, **policy}, ledger=ledger)
    settle_offsets(folder)
    return offsets_of(folder).loc[("150400", 2021)]


# -- the published examples, from files ---------------------------------------------------------------------------


def test_w13_from_files(tmp_path):
    """S 1 250 000, deduction 6 %: S_c 1 175 000; X = 18 000 / 0.9 = 20 000; offset 1 155 000; identity 1 155 000 + 20 000 = 1 175 000."""
    row = w13(tmp_path)
    assert row["deduction_tCO2e"] == 75_000
    assert row["removal_conservative_tCO2e"] == 1_175_000
    assert row["ccer_issued_tCO2e"] == 21_000
    assert row["ccer_excluded_tCO2e"] == row["ccer_applied_tCO2e"] == 20_000
    assert row["offset_trial_tCO2e"] == 1_155_000
    assert row["offset_trial_tCO2e"] + row["ccer_applied_tCO2e"] == row["removal_conservative_tCO2e"]
    assert row["offset_tCO2e"] != row["offset_tCO2e"], "no rule is decreed: the column stays empty"
    assert (row["rule_id"], row["rule_status"]) == ("cautious-1", "trial")


def test_w13_subtract_basis_issued(tmp_path):
    """Only what was issued is left out: 1 175 000 - 18 000 = 1 157 000."""
    assert w13(tmp_path, subtract_basis="issued")["offset_trial_tCO2e"] == 1_157_000


def test_w13_with_p3_sold(tmp_path):
    """X = 21 000 / 0.9 = 23 333.333; 1 151 666.667 is floored to 1 151 666 and the remainder is printed."""
    row = w13(tmp_path, w13_events("sold_out"))
    assert row["ccer_excluded_tCO2e"] == 23_333.333
    assert row["offset_trial_tCO2e"] == 1_151_666
    assert row["floor_remainder_tCO2e"] == pytest.approx(0.667)


@pytest.mark.parametrize(
    ("policy", "offset"),
    [
        ({"deduction_mode": "none", "deduction_pct": None}, 1_230_000),
        ({"deduction_mode": "t66", "deduction_pct": None}, 1_229_999),
        ({"deduction_mode": "lower90", "deduction_pct": None}, 1_229_998),
        ({"cap": 1_000_000}, 1_000_000),
        ({"cap": {"150400": 900_000}}, 900_000),
        ({"cap": {"150400.2021": 800_000, "150400": 900_000}}, 800_000),
        ({"cap": {"150500": 1}}, 1_155_000),
        ({"excluded_states": ["retired_ets"]}, 1_161_666),
        ({"excluded_states": []}, 1_175_000),
        ({"excluded_states": list(UNIT_STATES)}, 1_151_666),
        ({"ledger_as_of": "2024-04-01"}, 1_151_666),
        ({"ledger_as_of": "2024-02-01"}, 1_175_000),
    ],
)
def test_w13_with_every_switch(tmp_path, policy, offset):
    """Each switch by hand: 1 175 000 less what is excluded behind K = 0.1, floored; as of April P3 was still held."""
    assert w13(tmp_path, **policy)["offset_trial_tCO2e"] == offset


def test_the_three_totals_of_w13(tmp_path):
    """Cautious; only what leaves the region (12 000 / 0.9 = 13 333.333); nothing."""
    row = w13(tmp_path)
    assert row["offset_if_only_leaving_units_excluded_tCO2e"] == 1_161_666
    assert row["offset_if_nothing_excluded_tCO2e"] == 1_175_000


def test_zero_rule_withholds_and_can_be_switched_off(tmp_path):
    """S 1 000 with SE 600: the 95 % interval holds zero, so S_c = 1000 - 258.42 is withheld whole."""
    for switch, offset, withheld in ((True, 0, 741.58), (False, 741, 0)):
        folder = write_run(tmp_path / str(switch), {"150400": (1000.0, 600.0)}, {"assessment_years": [2021], "zero_rule": switch})
        settle_offsets(folder)
        row = offsets_of(folder).loc[("150400", 2021)]
        assert (row["offset_trial_tCO2e"], row["withheld_zero_rule_tCO2e"]) == (offset, withheld)


def test_w12_units_are_bound_to_the_quantification(tmp_path):
    """Net 6 547.121468, K 0.10: 5 892.409321, issued 5 892, withheld 654.712147; one tonne more is refused twice over."""
    names = tables.QUANTIFICATIONS.names
    net = {
        "project": "P1", "module": "ccer_14_001_v01", "status": "official", "league": "150400", "vintage": 2021, "stratum": "s", "period": "2021",
        "term": "net", "pool": "total", "sign": 1, "gross_tCO2e": 6547.1215, "after_uncertainty_tCO2e": 6547.1215, "after_other_tCO2e": 6547.1215,
        "after_risk_tCO2e": 5892.4093,
    }  # fmt: skip
    quantified = write_csv(tmp_path / "quantifications.csv", names, [net])
    good = write_events(tmp_path / "good.csv", [issue("B", 5892, gross_tCO2e="6547.121")])
    folder = write_run(tmp_path / "out", W13, FIXED, ledger=good, quantifications=[quantified])
    settle_offsets(folder)
    row = offsets_of(folder).loc[("150400", 2021)]
    assert row["ccer_excluded_tCO2e"] == pytest.approx(5892 / 0.9, abs=0.0005)
    assert row["pipeline_tCO2e"] == pytest.approx(0.409), "what is not issued is still in store"
    assert pytest.approx(654.712147) == 6547.121468 - 5892.409321
    bad = write_events(tmp_path / "bad.csv", [issue("B", 5893, gross_tCO2e="6547.121")])
    with pytest.raises(InputError) as caught:
        settle_offsets(write_run(tmp_path / "bad", W13, FIXED, ledger=bad, quantifications=[quantified]))
    assert [one.id for one in caught.value.findings] == ["E-LEDGER-04"]
    bad = write_events(tmp_path / "bad2.csv", [issue("B", 5893, gross_tCO2e="6600.000")])
    with pytest.raises(InputError) as caught:
        settle_offsets(write_run(tmp_path / "bad2", W13, FIXED, ledger=bad, quantifications=[quantified]))
    assert {one.id for one in errors(caught.value.findings)} == {"E-LEDGER-33"}


# -- carry, true-up, replacement ----------------------------------------------------------------------------------


def settled(events, removal, years, reading=None, choices=None):
    """The years of league 150400 with the same S."""
    reading = reading or Reading(years=years)
    out = exposure(ledger_of(events).movements(), reading, frozenset(EXCLUDED_STATES))
    own = {year: thousandths(out.of_vintage.get(("150400", year), Fraction(0))) for year in years}
    late = {year: thousandths(out.true_up.get(("150400", year), Fraction(0))) for year in years}
    removals = {year: Removal(value=Decimal(removal), se=Decimal(0), low=Decimal(removal), high=Decimal(removal)) for year in years}
    return settle_league("150400", years, removals, own, late, choices or Choices(deduction_mode="none")), out


def test_five_vintages_at_once_larger_than_a_years_removal():
    """2 500 behind each of five vintages against S_c 1 000: nothing offsets until all 12 500 are taken, 1 000 a year."""
    years = range(2021, 2036)
    events = [issue(f"B{year}", 2250, vintage=year, date="2030-01-01") for year in range(2021, 2026)]
    rows, _ = settled(events, 1000, years)
    assert [rows[year].offset for year in years] == [0] * 12 + [500, 1000, 1000]
    assert sum(row.applied for row in rows.values()) == 12_500
    assert rows[2025].carry_out == 7_500
    assert all(row.offset == 0 for row in rows.values() if row.carry_out > 0), "no new offset while carry is positive"


def test_a_closed_year_is_never_restated_and_late_units_are_trued_up():
    """Units of 2021 issued after its closing are left out in the year of their issue."""
    events = [issue("A", 90, date="2022-01-10"), issue("B", 180, date="2023-02-01")]
    reading = Reading(years=(2021, 2022, 2023), closed={2021: "2022-06-30", 2022: "2023-06-30"})
    rows, out = settled(events, 1000, (2021, 2022, 2023), reading)
    assert [rows[year].excluded for year in (2021, 2022, 2023)] == [100, 0, 200]
    assert rows[2023].true_up == 200
    assert not out.pending
    open_rows, _ = settled(events, 1000, (2021, 2022, 2023))
    assert open_rows[2021].excluded == 300, "an open year takes both"


def test_what_no_year_takes_in_is_pending():
    """A late issue after the last assessment year is said, not lost."""
    reading = Reading(years=(2021,), closed={2021: "2022-06-30"})
    _, out = settled([issue("B", 90, date="2024-02-01")], 1000, (2021,), reading)
    assert out.pending == {"150400": Fraction(100)}


def test_held_units_cancelled_for_the_league_later_give_back():
    """Negative true-up makes a negative carry that lowers later X."""
    events = [issue("A", 90, date="2022-01-10"), state("A", 2, "2022-09-01", "cancelled_for_league"), issue("C", 45, vintage=2023, date="2024-01-01")]
    reading = Reading(years=(2021, 2022, 2023), closed={2021: "2022-06-30"})
    rows, _ = settled(events, 1000, (2021, 2022, 2023), reading)
    assert (rows[2021].excluded, rows[2022].true_up, rows[2022].applied, rows[2022].carry_out) == (100, -100, 0, -100)
    assert (rows[2023].excluded, rows[2023].carry_out, rows[2023].offset) == (-50, -50, 1000)


def test_replaced_units_are_counted_back_once():
    """After a loss S falls by itself; the units that were replaced come back in the year of the event, whatever becomes of them."""
    events = [issue("A", 90, date="2022-01-10"), replaced("A", 2, "2023-05-01"), state("A", 3, "2023-08-01", "retired_voluntary")]
    rows, _ = settled(events, 1000, (2021, 2022, 2023))
    assert [rows[year].excluded for year in (2021, 2022, 2023)] == [100, 0, -100]


def test_replaced_units_follow_their_state():
    """Held when they were replaced, sold later: what counts as leaving is counted out and back again by the same amount."""
    events = [issue("A", 90, date="2022-01-10"), replaced("A", 2, "2022-05-01"), state("A", 3, "2023-08-01", "sold_out")]
    movements = ledger_of(events).movements()
    out = exposure(movements, Reading(years=(2021, 2022, 2023)), LEAVING)
    assert (out.of_vintage, out.true_up) == ({("150400", 2021): 100}, {("150400", 2023): -100})
    cautious = exposure(movements, Reading(years=(2021, 2022, 2023)), frozenset(EXCLUDED_STATES))
    assert {key: value for key, value in cautious.true_up.items() if value} == {("150400", 2022): -100}


def test_nobody_reads_what_has_not_happened_yet():
    """A late issue after the day on which the ledger is read, or after the closing of its own year, waits for a later assessment."""
    events = [issue("B", 90, date="2023-09-01")]
    early = Reading(years=(2021, 2022, 2023), closed={2021: "2022-06-30"}, as_of="2023-06-30")
    _, out = settled(events, 1000, (2021, 2022, 2023), early)
    assert not out.true_up
    assert not out.pending
    closed = Reading(years=(2021, 2022, 2023, 2024), closed={2021: "2022-06-30", 2022: "2023-06-30", 2023: "2023-08-31"})
    rows, _ = settled(events, 1000, (2021, 2022, 2023, 2024), closed)
    assert [rows[year].excluded for year in (2021, 2022, 2023, 2024)] == [0, 0, 0, 100]


def test_years_that_cannot_be_settled_hand_on_their_units():
    """Without S nothing is lost: X goes on to the next year."""
    removal = Removal(value=Decimal(1000), se=Decimal(0), low=Decimal(1000), high=Decimal(1000))
    rows = settle_league("150400", (2021, 2022), {2021: None, 2022: removal}, {2021: Decimal(400)}, {}, Choices(deduction_mode="none"))
    assert isinstance(rows[2021], Waiting)
    assert (rows[2021].excluded, rows[2021].carry_out, rows[2022].carry_in, rows[2022].applied) == (400, 400, 400, 400)


# -- laws over random ledgers -------------------------------------------------------------------------------------

amounts = st.decimals(-10**9, 10**9, places=3)
positive = st.decimals(0, 10**7, places=3)


@st.composite
def removals_(draw):
    value, error = draw(amounts), draw(positive)
    return Removal(value=value, se=error, low=value - 2 * error, high=value + 2 * error)


choices_ = st.builds(
    Choices, deduction_mode=st.sampled_from(["none", "fixed", "t66", "lower90"]), deduction_pct=st.decimals(0, 100, places=2), zero_rule=st.booleans()
)


@given(removals_(), amounts, amounts, amounts, st.none() | positive, choices_)
def test_the_printed_identity_holds_to_the_last_digit(removal, own, late, carry, cap, choices):
    """S = deduction + applied + withheld + above cap + offset + remainder + shortfall, and nothing that must not be is negative."""
    row = settle_year(removal, own, late, carry, cap, choices)
    assert row.sum_of_parts == row.removal == removal.value
    assert row.conservative == row.removal - row.deduction
    assert row.excluded == own + late + carry == row.applied + row.carry_out
    assert min(row.deduction, row.applied, row.withheld, row.above_cap, row.offset) >= 0
    assert 0 <= row.floor_remainder < 1
    assert row.shortfall <= 0
    assert row.offset == row.offset.to_integral_value()
    assert cap is None or row.offset <= cap
    assert row.carry_out <= 0 or row.offset == 0
    assert row.applied <= max(ZERO, row.conservative)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=8), st.lists(amounts, min_size=8, max_size=8))
def test_nothing_is_lost_in_the_carry(parts, values):
    """Over all years: what was left out plus the last carry is everything that had to be left out."""
    years = range(2021, 2021 + len(parts))
    removals = {year: Removal(value=value, se=ZERO, low=value, high=value) for year, value in zip(years, values, strict=False)}
    own = {year: part[0] for year, part in zip(years, parts, strict=True)}
    late = {year: part[1] for year, part in zip(years, parts, strict=True)}
    rows = settle_league("150400", years, removals, own, late, Choices(deduction_mode="none"))
    assert sum(row.applied for row in rows.values()) + rows[years[-1]].carry_out == sum(own.values()) + sum(late.values())


FINAL = ("retired_ets", "retired_voluntary", "regional_indicator", "cancelled_for_league", "buffer_void")
days = st.integers(0, 1500).map(lambda one: f"20{22 + one // 365}-{1 + one % 365 // 31:02d}-{1 + one % 365 % 28:02d}")
shares_ = st.sampled_from(["150400:1", "150400:0.25;150500:0.75", "150100:0.333;150400:0.333;150500:0.334"])


@st.composite
def ledgers(draw):
    """Blocks with their histories: issued, perhaps sold, perhaps final, perhaps replaced."""
    out = []
    for number in range(draw(st.integers(1, 6))):
        block = f"B{number}"
        dates = sorted(draw(st.lists(days, min_size=4, max_size=4)))
        units = draw(st.integers(1, 5000))
        risk = draw(st.sampled_from(["0", "0.1", "0.15"]))
        vintage = draw(st.integers(2020, 2022))
        about = {"vintage": vintage, "risk_share": risk, "league_shares": draw(shares_), "project": f"P{number % 3}"}
        history = [issue(block, units, date=dates[0], serial_first=number * 10_000, **about)]
        event = 2
        if draw(st.booleans()):
            history.append(state(block, event, dates[1], draw(st.sampled_from(["sold_out", "held"]))))
            event += 1
        if draw(st.booleans()):
            history.append(replaced(block, event, dates[2]))
            event += 1
            finals = [one for one in FINAL if one != "cancelled_for_league"]
        else:
            finals = list(FINAL)
        if draw(st.booleans()):
            history.append(state(block, event, dates[3], draw(st.sampled_from(finals))))
        out.append(history)
    return out


@settings(max_examples=60, deadline=None)
@given(ledgers(), days)
def test_issued_is_the_sum_over_states_at_any_date(blocks, date):
    """A unit has exactly one state: the balances of all states add up to what was issued by then."""
    movements = ledger_of(itertools.chain(*blocks)).movements()
    for vintage in (2020, 2021, 2022):
        issued = sum(int(block[0]["issued_tCO2e"]) for block in blocks if block[0]["date"] <= date and block[0]["vintage"] == str(vintage))
        both = balances(movements, vintage, date)
        assert sum(units for units, _ in both.values()) == issued
        assert all(units > 0 for units, _ in both.values())
        for name in UNIT_STATES:
            exact = {league: units for (league, one), (units, _) in both.items() if one == name}
            rounded = split_exactly(exact)
            assert sum(rounded.values()) == sum(exact.values()), "whole tonnes over leagues"
            assert all(abs(Fraction(rounded[league]) - exact[league]) < Fraction(1, 1000) for league in exact)


@settings(max_examples=60, deadline=None)
@given(ledgers(), st.permutations(range(6)))
def test_the_order_of_blocks_is_irrelevant(blocks, order):
    """Projects that are noted in another order settle to the same numbers."""
    shuffled = [blocks[place] for place in order if place < len(blocks)]
    one, other = (ledger_of(itertools.chain(*some)).movements() for some in (blocks, shuffled))
    assert one == other


CLOSINGS = ({}, {2021: "2022-12-31"}, {2021: "2022-06-30", 2022: "2023-06-30"})


@settings(max_examples=80, deadline=None)
@given(ledgers(), st.sampled_from(CLOSINGS), st.sampled_from([frozenset(EXCLUDED_STATES), LEAVING, frozenset({"held"})]))
def test_what_is_excluded_in_the_end_was_excluded_once(blocks, closed, excluded):
    """Own vintage + true-ups + pending = what is excluded now less what was replaced: closing a year moves tonnes between years, and loses none."""
    movements = ledger_of(itertools.chain(*blocks)).movements()
    out = exposure(movements, Reading(years=(2020, 2021, 2022, 2023), closed=closed), excluded)
    total = sum(out.of_vintage.values()) + sum(out.true_up.values()) + sum(out.pending.values())
    wanted = Fraction(0)
    for one in movements:
        replaced_ = one.state.startswith("replaced:")
        if one.state.removeprefix("replaced:") in excluded:
            wanted += (-1 if replaced_ else 1) * one.units / (1 - Fraction(one.risk_share))
    assert total == wanted


@settings(max_examples=60, deadline=None)
@given(ledgers())
def test_a_closed_year_does_not_see_what_comes_later(blocks):
    """Events after the closing change nothing in the closed year (R9)."""
    reading = Reading(years=(2021, 2022, 2023), closed={2021: "2022-12-31"})
    excluded = frozenset(EXCLUDED_STATES)
    movements = ledger_of(itertools.chain(*blocks)).movements()
    before = [one for one in movements if one.date <= "2022-12-31"]
    now, then = (exposure(some, reading, excluded) for some in (movements, before))
    assert {key: value for key, value in now.of_vintage.items() if key[1] == 2021 and value} == {
        key: value for key, value in then.of_vintage.items() if key[1] == 2021 and value
    }
    assert not [key for key in now.true_up if key[1] == 2021 and now.true_up[key] and not any(one.state.startswith("replaced:") for one in movements)]


@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), st.fractions(0, 10**6, max_denominator=997), min_size=1))
def test_a_split_adds_up_exactly(parts):
    """Largest remainder at 0.001: the rounded parts add up to the rounded sum, each within one step."""
    rounded = split_exactly(parts)
    assert sum(rounded.values()) == thousandths(sum(parts.values()))
    assert all(abs(Fraction(rounded[name]) - parts[name]) < Fraction(1, 1000) for name in parts)


def test_shares_are_exact_fractions():
    """1/3 written with three places is what it says."""
    assert sum(share for _, share in shares_of("a:0.333;b:0.333;c:0.334")) == 1


def test_a_movement_without_a_place_is_left_out():
    """Vintages that no assessment covers move nothing."""
    one = Movement("2024-01-01", "P", "M", "removal", 2019, "0.1", "150400:1", "held", 900)
    assert not exposure([one], Reading(years=(2021,)), frozenset({"held"})).of_vintage


# -- policies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "rule"),
    [
        ({"assessment_years": [2022, 2021]}, "assessed_not_ascending"),
        ({"assessment_years": []}, "assessed_not_ascending"),
        ({"deduction_mode": "fixed"}, "fixed_needs_percentage"),
        ({"deduction_pct": 5}, "fixed_needs_percentage"),
        ({"assessment_years": [2021], "closed_years": {2020: "2021-01-01"}}, "closed_not_assessed"),
        ({"closed_years": {2021: "2020-12-31"}}, "closed_out_of_order"),
        ({"closed_years": {2021: "2023-06-30", 2022: "2022-12-31"}}, "closed_out_of_order"),
        ({"ledger_as_of": "2022-01-01", "closed_years": {2021: "2022-06-30"}}, "closed_out_of_order"),
        ({"assessment_years": [2021, 2022], "closed_years": {2022: "2023-06-30"}}, "closed_out_of_order"),
    ],
)
def test_policies_that_do_not_hold_together(given_, rule):
    """Each is refused by name."""
    with pytest.raises(ValueError, match=rule):
        PolicySection.model_validate(given_)
