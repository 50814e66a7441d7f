"""The package: same inputs same bytes, checked by independent libraries, restated with reasons, withdrawn; its workbook and page for people."""

import csv
import getpass
import hashlib
import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from assessments import LEAGUES, issue, state, write_csv, write_events, write_run
from bundles import (
    AT,
    EVENTS,
    ISSUER,
    POLICY,
    REMOVALS,
    Files,
    cell,
    row_of,
    signed,
    valid_files,
    write_archive_of,
    write_key,
    write_rich_run,
)
from openpyxl import load_workbook

from aoi.findings import InputError
from sinks import tables
from sinks.assessment import bundle_tables as parts
from sinks.assessment.package import Order, build_files, sign, write_bundle
from sinks.assessment.reader import HEADS, MANIFEST, PACKAGE, SIGNATURE, check, import_into, public_key
from sinks.assessment.signer import FileSigner, make_key
from sinks.assessment.stage import settle_offsets
from sinks.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def key(folder):
    return write_key(folder / "key.pem", 1)


@pytest.fixture(scope="module")
def public(key):
    return public_key(key.with_suffix(".pub").read_text())


@pytest.fixture(scope="module")
def run(folder):
    return write_rich_run(folder / "run")


@pytest.fixture(scope="module")
def plain(run, key) -> Files:
    return valid_files(run, key)


@pytest.fixture(scope="module")
def unpacked(plain, key, folder) -> Path:
    return write_bundle(signed(plain, key), folder / "NMG-ECS")[0]


# -- same bytes, and nothing of this machine ----------------------------------------------------------------------


def test_the_same_inputs_give_the_same_bytes(plain, key, tmp_path):
    """Another folder, another day: every file but the signature is the same; the workbook among them."""
    again = valid_files(write_rich_run(tmp_path / "elsewhere" / "run"), key)
    assert {name for name in plain if plain[name] != again.get(name)} == set()
    one, other = (sign(again, [FileSigner(key)], at) for at in (AT, "2027-01-01T00:00:00+00:00"))
    assert {name for name in one if one[name] != other[name]} == {SIGNATURE}
    assert sign(again, [FileSigner(key)], AT) == one, "an Ed25519 signature is the same for the same message"


def test_times_stand_only_in_the_signature(plain):
    """No date of today in any file."""
    today = pd.Timestamp.now(tz="UTC").strftime("%Y-%m-%d").encode()
    assert [name for name, content in plain.items() if today in content] == []


def test_nothing_of_this_machine_is_in_it(plain, folder):
    """No path, no user, no host (FAULTS S12)."""
    secrets = {str(folder), str(Path.home()), "/tmp/", getpass.getuser() if len(getpass.getuser()) > 4 else f"{Path.home()}/"}
    assert [(name, one) for name, content in plain.items() for one in secrets if one.encode() in content] == []


def test_the_manifest_is_a_sha256sum_list(unpacked):
    """``sha256sum -c`` of the system reads it."""
    done = subprocess.run(["sha256sum", "-c", "--quiet", MANIFEST], cwd=unpacked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# -- independent libraries ----------------------------------------------------------------------------------------


def test_frictionless_finds_a_valid_data_package(unpacked, plain, tmp_path):
    """Resources, schemas, hashes, keys and foreign keys by another implementation; and it sees what is broken."""
    from frictionless import Package, system

    with system.use_context(trusted=True):
        report = Package(str(unpacked / PACKAGE)).validate()
    assert report.valid, report.flatten(["type", "note"])
    assert report.stats["tasks"] == len(json.loads(plain[PACKAGE])["resources"])
    broken = {**plain, "data/offset.csv": plain["data/offset.csv"].replace(b'"150400"', b'"159900"')}
    place = tmp_path / "broken"
    for name, content in broken.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    with system.use_context(trusted=True):
        kinds = {one[0] for one in Package(str(place / PACKAGE)).validate().flatten(["type"])}
    assert "foreign-key" in kinds
    assert kinds & {"hash-count", "byte-count"}


def test_rows_keep_the_json_schema(plain):
    """Every row of the offset by jsonschema (2020-12)."""
    from jsonschema import Draft202012Validator

    schema = json.loads(plain["schema/offset.row.json"])
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    rows = list(csv.DictReader(io.StringIO(plain["data/offset.csv"].decode())))
    assert len(rows) == 39
    for row in rows:
        typed = {column.name: _typed(row[column.name], column.type) for column in parts.OFFSET.columns}
        assert not list(validator.iter_errors(typed))
        assert list(validator.iter_errors({**typed, "rule_status": "law"}))


def _typed(cell, kind):
    if cell == "":
        return None
    return {"integer": int, "decimal": float}.get(kind, str)(cell)


def test_texts_are_quoted_and_numbers_are_not(plain):
    """RFC 4180: any reader sees a code as text."""
    line = plain["data/offset.csv"].decode().split("\n")[2]
    assert line.startswith('"NMG-ECS:')
    assert ',"150' in line
    assert '"2' not in line.replace('"2021', "")


def test_what_the_package_says_of_itself(plain):
    """Layout, rule, 試算 label, licence, who answers; the policy in words in both languages; factors that nobody verified."""
    package = json.loads(plain[PACKAGE])
    assert (package["layout"], package["rule"]["id"], package["rule"]["status"]) == ("assessment/v1", "cautious-1", "trial")
    assert "试算" in package["title"]
    assert package["issuer"] == ISSUER
    rows = list(csv.DictReader(io.StringIO(plain["provenance/policy.csv"].decode())))
    assert all(row["statement_zh"] and row["statement_en"] for row in rows)
    assert any("谨慎理解" in row["statement_zh"] for row in rows), "keeping sold units out is our reading, and it says so"
    assert b"carbon_fraction" in plain["provenance/unverified.csv"]
    assert set(HEADS) <= set(plain)


# -- people -------------------------------------------------------------------------------------------------------


def test_the_workbook_can_be_filed(plain):
    """A cover with the trial label, 万吨 beside t with league names, frozen heads, no formula."""
    book = load_workbook(io.BytesIO(plain["human/offset.xlsx"]))
    assert book.sheetnames[:2] == ["说明", "抵扣（万吨）"]
    cover = [str(row[0]) for row in book["说明"].iter_rows(values_only=True) if row[0]]
    assert any("试算" in one for one in cover)
    sheet = book["抵扣（万吨）"]
    rows = list(sheet.iter_rows(values_only=True))
    heads = [str(one).split("\n")[0] for one in rows[2]]
    place = heads.index("试算抵扣量（万吨）")
    offsets = {
        (row["league"], int(row["year"])): row["offset_trial_tCO2e"] for row in csv.DictReader(io.StringIO(plain["data/offset.csv"].decode()))
    }
    shown = {(row[1], row[2]): row[place] for row in rows[3:]}
    assert shown.keys() == offsets.keys()
    assert all(shown[one] == pytest.approx(float(tonnes) / 10_000) for one, tonnes in offsets.items() if tonnes)
    assert ("呼和浩特市", "150100") in {row[:2] for row in rows[3:]}
    for one in book.worksheets[1:]:
        assert one.freeze_panes is not None
    assert not [cell.value for one in book.worksheets for row in one.iter_rows() for cell in row if cell.data_type == "f"]


HOSTILE = ['=HYPERLINK("x")', "+1", "-1+2", "@SUM(A1)"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_formula_cannot_come_in(tmp_path, name):
    """Refused at the border, so that machine files stay plain and the workbook holds texts."""
    events = write_events(tmp_path / "ledger.csv", [issue("A", 90, owner=name)])
    with pytest.raises(InputError) as caught:
        settle_offsets(write_run(tmp_path / "out", {"150400": (1e5, 1.0)}, ledger=events))
    assert [one.id for one in caught.value.findings] == ["E-TABLE-10"]


def test_markup_is_dead_in_the_page_and_the_workbook(tmp_path, key):
    """A project called by a script is shown as it is written."""
    name = "<script>alert(1)</script>"
    events = write_events(tmp_path / "ledger.csv", [issue("A", 90, project=name, owner=name), state("A", 2, "2024-05-01", "sold_out", owner=name)])
    files = valid_files(write_run(tmp_path / "out", {"150400": (1e5, 1.0)}, ledger=events), key)
    page = files["human/report.html"].decode()
    assert name not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert "<script" not in page
    found = [cell.value for one in load_workbook(io.BytesIO(files["human/offset.xlsx"])).worksheets for row in one.iter_rows() for cell in row]
    assert name in found


# -- the life of a package ----------------------------------------------------------------------------------------


def revised(tmp_path, removals=None, events=None):
    """The run again with another number."""
    folder = tmp_path / "again"
    write_rich_run(folder, removals={**REMOVALS, **(removals or {})})
    if events:
        write_events(folder / "ledger.csv", [*EVENTS, *events])
    return folder / "out"


def reasons(path, code="INPUT", **row):
    """Why numbers changed."""
    given = {"record_id": "*", "field": "*", "reason_code": code, "reason_text": "样地复核", "approved_by": "张三", "approved_on": "2026-11-20", **row}
    return write_csv(path, parts.REASONS.names, [given])


def test_a_restatement_names_every_number_with_its_reason(plain, key, public, tmp_path):
    """Without reasons refused, number by number; with them revision 2, accepted where revision 1 is, and idempotent."""
    first = write_archive_of(tmp_path / "r1.zip", signed(plain, key))
    run = revised(tmp_path, {"150400": (90_000.0, 5_000.0)})
    with pytest.raises(InputError) as caught:
        build_files(run, Order(issuer=ISSUER, supersedes=first), FileSigner(key))
    assert {one.id for one in caught.value.findings} == {"E-PKG-62"}
    why = reasons(tmp_path / "reasons.csv")
    name, files = build_files(run, Order(issuer=ISSUER, supersedes=first, reasons=why), FileSigner(key))
    assert name == "NMG-ECS_2021-2023_r02"
    rows = list(csv.DictReader(io.StringIO(files["data/restatement.csv"].decode())))
    of_s = [row for row in rows if row["field"] == "removal_inventory_tCO2e" and "150400" in row["record_id"]]
    assert [(row["old_value"], row["new_value"], row["difference"]) for row in of_s] == [("103000.375", "90000.000", "-13000.375")] * 3
    assert all(":150400:" in row["record_id"] or ":150000:" in row["record_id"] for row in rows), "nothing else changed"
    second = write_archive_of(tmp_path / "r2.zip", signed(files, key))
    database = tmp_path / "a.sqlite"
    assert import_into(database, check(second, public))[1][0].id == "E-PKG-52", "revision 1 is missing here"
    assert import_into(database, check(first, public)) == ("imported", [])
    assert import_into(database, check(second, public)) == ("imported", [])
    assert import_into(database, check(second, public)) == ("already_imported", [])
    assert import_into(database, check(first, public)) == ("already_imported", [])
    forgotten = {**files, "data/restatement.csv": files["data/restatement.csv"].split(b"\n", 1)[0] + b"\n"}
    other = tmp_path / "b.sqlite"
    assert import_into(other, check(first, public))[0] == "imported"
    result, found = import_into(other, check(write_archive_of(tmp_path / "f.zip", signed(forgotten, key)), public))
    assert (result, {one.id for one in found}) == ("refused", {"E-PKG-55"})


def test_revisions_come_in_their_order(plain, key, public, tmp_path):
    """One that supersedes something else is refused; an old one after a new one too."""
    first = write_archive_of(tmp_path / "r1.zip", signed(plain, key))
    run = revised(tmp_path, {"150400": (90_000.0, 5_000.0)})
    _, files = build_files(run, Order(issuer=ISSUER, supersedes=first, reasons=reasons(tmp_path / "r.csv")), FileSigner(key))
    package = {**json.loads(files[PACKAGE]), "supersedes": "0" * 64}
    stranger = write_archive_of(tmp_path / "s.zip", signed({**files, PACKAGE: json.dumps(package).encode()}, key))
    database = tmp_path / "a.sqlite"
    import_into(database, check(first, public))
    assert [one.id for one in import_into(database, check(stranger, public))[1]] == ["E-PKG-53"]
    second = write_archive_of(tmp_path / "r2.zip", signed(files, key))
    import_into(database, check(second, public))
    note = write_archive_of(tmp_path / "n.zip", signed({**plain, "human/note.txt": b"x"}, key))
    assert [one.id for one in import_into(database, check(note, public))[1]] == ["E-PKG-51"], "another first revision, after the second"


def test_a_change_of_method_restates_every_year(plain, key, public, tmp_path):
    """A restatement by method in one year alone is refused by the reader."""
    first = write_archive_of(tmp_path / "r1.zip", signed(plain, key))
    run = revised(tmp_path, {"150400": (90_000.0, 5_000.0)})
    _, files = build_files(run, Order(issuer=ISSUER, supersedes=first, reasons=reasons(tmp_path / "r.csv", "METHOD")), FileSigner(key))
    assert check(write_archive_of(tmp_path / "r2.zip", signed(files, key)), public).found == []
    lines = files["data/restatement.csv"].decode().split("\n")
    one_year = "\n".join([lines[0], *(line for line in lines[1:] if ":2022" in line), ""])
    found = check(write_archive_of(tmp_path / "m.zip", signed({**files, "data/restatement.csv": one_year.encode()}, key)), public).found
    assert [one.id for one in found] == ["E-PKG-41"]


def test_a_withdrawal_has_the_keys_and_no_numbers(run, plain, key, public, tmp_path):
    """It needs the package that it withdraws; it is valid; the import makes nothing current but the withdrawn rows."""
    with pytest.raises(InputError) as caught:
        build_files(run, Order(issuer=ISSUER, status="withdrawn"), FileSigner(key))
    assert [one.id for one in caught.value.findings] == ["E-PKG-65"]
    first = write_archive_of(tmp_path / "r1.zip", signed(plain, key))
    _, files = build_files(run, Order(issuer=ISSUER, status="withdrawn", supersedes=first), FileSigner(key))
    rows = list(csv.DictReader(io.StringIO(files["data/offset.csv"].decode())))
    assert {row["status"] for row in rows} == {"withdrawn"}
    assert {row["value_flag"] for row in rows} == {"NA"}
    assert {row[name] for row in rows for name in row if name.endswith("_tCO2e")} == {""}
    second = write_archive_of(tmp_path / "r2.zip", signed(files, key))
    database = tmp_path / "a.sqlite"
    assert [import_into(database, check(one, public))[0] for one in (first, second)] == ["imported", "imported"]


def test_only_our_own_product_is_superseded(run, plain, key, tmp_path):
    """Another issuer, another key, a broken one: refused."""
    first = write_archive_of(tmp_path / "r1.zip", signed(plain, key))
    cases = {
        "E-PKG-64": (Order(issuer="另一局", supersedes=first), key),
        "E-PKG-12": (Order(issuer=ISSUER, supersedes=first), write_key(tmp_path / "k.pem", 3)),
    }
    for id, (order, one) in cases.items():
        with pytest.raises(InputError) as caught:
            build_files(run, order, FileSigner(one))
        assert [found.id for found in caught.value.findings] == [id]


def test_only_the_twelve_leagues_are_packed(key, tmp_path):
    """A run of other zones gives no package."""
    run = write_run(tmp_path / "out", {"A": (1.0, 1.0)}, parents={"A": "R"})
    with pytest.raises(InputError) as caught:
        build_files(run, Order(issuer=ISSUER), FileSigner(key))
    assert [one.id for one in caught.value.findings] == ["E-PKG-60"]


def test_counties_are_packed_as_their_leagues(key, public, tmp_path):
    """Leaves of counties add up to leaves of leagues; the package is valid."""
    parents = {f"{league[:4]}{place:02d}": league for league in LEAGUES for place in (1, 2)}
    removals = {county: (1000.125, 10.0) for county in parents} | {league: (2000.25, 14.0) for league in LEAGUES}
    run = write_run(tmp_path / "out", removals, parents=parents)
    files = valid_files(run, key)
    assert check(write_archive_of(tmp_path / "b.zip", signed(files, key)), public).found == []
    rows = list(csv.DictReader(io.StringIO(files["data/inventory.csv"].decode())))
    assert {row["league"] for row in rows} == set(LEAGUES)


def test_an_approach_for_each_ecosystem_adds_up_in_the_package(key, public, tmp_path):
    """S is forest by stock difference and grassland by rates: the reader adds up those leaves, and no others."""
    run = write_run(tmp_path / "out", {league: (1000.0, 10.0) for league in LEAGUES}, {"removal_approach": {"grassland": "rate"}})
    folder = run / "tables"
    removals = tables.REMOVALS.read(folder / "removals.csv")
    grass = removals.assign(ecosystem="grassland", land_class="typical_steppe", removal_tCO2e_per_year=7.5)
    rates = grass.assign(approach="rate", removal_tCO2e_per_year=50.25)
    forest = removals.assign(approach="rate", removal_tCO2e_per_year=np.nan, value_flag="NE")
    check_by_nep = removals.assign(approach="nep_check", account="memo", pool="all_pools", removal_tCO2e_per_year=9.9)
    tables.REMOVALS.write(pd.concat([removals, grass, rates, forest, check_by_nep], ignore_index=True), folder / "removals.csv")
    summary = tables.SUMMARY.read(folder / "summary.csv")
    total = summary[summary["value_flag"] == "V"]
    both = total.assign(approach="by_ecosystem", value=1050.25, low=1030.65, high=1069.85)
    tables.SUMMARY.write(pd.concat([summary, both], ignore_index=True), folder / "summary.csv")
    files = valid_files(run, key)
    assert check(write_archive_of(tmp_path / "b.zip", signed(files, key)), public).found == []
    rows = list(csv.DictReader(io.StringIO(files["data/offset.csv"].decode())))
    assert {row["removal_inventory_tCO2e"] for row in rows if row["league"] in LEAGUES} == {"1050.250"}
    other = files["data/inventory.csv"].replace(b"50.25", b"50.26")
    assert "E-PKG-36" in {one.id for one in check(write_archive_of(tmp_path / "c.zip", signed({**files, "data/inventory.csv": other}, key)), public).found}


# -- keys and folders ---------------------------------------------------------------------------------------------


def test_keys(tmp_path):
    """Made for the owner alone, never replaced; what is no Ed25519 key is refused."""
    public = make_key(tmp_path / "my.pem")
    assert (tmp_path / "my.pem").stat().st_mode & 0o077 == 0
    assert FileSigner(tmp_path / "my.pem").public == public_key(public.read_text())
    (tmp_path / "noise.pem").write_bytes(b"noise")
    for action in (lambda: make_key(tmp_path / "my.pem"), lambda: FileSigner(tmp_path / "none.pem"), lambda: FileSigner(tmp_path / "noise.pem")):
        with pytest.raises(InputError) as caught:
            action()
        assert [one.id for one in caught.value.findings] == ["E-PKG-61"]


def test_a_package_replaces_a_package_and_nothing_else(plain, key, tmp_path):
    """A folder of something else stays."""
    files = signed(plain, key)
    write_bundle(files, tmp_path / "b")
    write_bundle(files, tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "b.zip"]
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError) as caught:
        write_bundle(files, tmp_path / "photos")
    assert [one.id for one in caught.value.findings] == ["E-PKG-63"]


def test_from_the_command_line(tmp_path, capsys):
    """Package with a new key, verify, change a byte, verify again: exit 2 and the finding as JSON."""
    run = write_rich_run(tmp_path / "run", POLICY)
    arguments = ["package", str(run), "-o", str(tmp_path / "b"), "--key", str(tmp_path / "k.pem"), "--new-key", "--issuer", ISSUER]
    main(["--lang", "en", *arguments])
    main(["--lang", "en", "verify", str(tmp_path / "b.zip"), "--key", str(tmp_path / "k.pem.pub")])
    assert f"valid: {ISSUER} NMG-ECS 2021-2023, revision 1 (provisional)" in capsys.readouterr().out
    page = tmp_path / "b" / "human" / "report.html"
    page.write_bytes(page.read_bytes() + b" ")
    with pytest.raises(SystemExit) as caught:
        main(["--lang", "en", "verify", str(tmp_path / "b"), "--key", str(tmp_path / "k.pem.pub"), "--json"])
    assert caught.value.code == 2
    result = json.loads(capsys.readouterr().out)
    assert (result["result"], [one["id"] for one in result["findings"]]) == ("refused", ["E-PKG-16"])
    assert result["bundle"] == hashlib.sha256((tmp_path / "b" / MANIFEST).read_bytes()).hexdigest()


def test_a_league_that_cannot_be_settled_is_packed_with_what_it_hands_on(key, public, tmp_path):
    """No standard error, no offset; its units go on from year to year, and a reader sees when one of them is dropped."""
    ledger = write_events(tmp_path / "ledger.csv", [issue("A", 900), issue("B", 900, serial_first=5000, vintage=2022)])
    run = write_run(tmp_path / "out", {"150400": (1e5, None), "150700": (2e5, 10.0)}, ledger=ledger)
    files = valid_files(run, key)
    assert check(write_archive_of(tmp_path / "b.zip", signed(files, key)), public).found == []
    dropped = cell(files, "data/offset.csv", row_of(files, "data/offset.csv", ":150400:2023"), "carry_in_tCO2e", "1000.000")
    found = {one.id for one in check(write_archive_of(tmp_path / "d.zip", signed(dropped, key)), public).found}
    assert "E-PKG-33" in found
