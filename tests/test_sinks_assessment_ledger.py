"""The ledger: a chain that shows every change, one state at any date, two writers, a killed one, a million rows."""

import contextlib
import csv
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from fractions import Fraction
from pathlib import Path

import pytest
from assessments import import_file, issue, ledger_of, replaced, state, write_csv, write_events
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.findings import InputError
from sinks import tables
from sinks.assessment.events import Event, next_hash
from sinks.assessment.ledger import Ledger, open_source, read_events
from sinks.assessment.movements import Reading, balances, exposure
from sinks.assessment.workbook import ledger_workbook
from sinks.config import EXCLUDED_STATES
from sinks.errors import Unfinished

HISTORY = [
    issue("A", 100, serial_first=1), issue("B", 50, serial_first=101, vintage=2022, league_shares="150400:0.4;150500:0.6"),
    state("A", 2, "2024-05-01", "sold_out"), state("B", 2, "2024-06-01", "cancelled_for_league"), state("A", 3, "2024-07-01", "retired_ets"),
]  # fmt: skip


def ids_of(rows):
    """Ids of what keeps events out of a ledger."""
    with pytest.raises(InputError) as caught:
        ledger_of(rows)
    return [one.id for one in caught.value.findings]


# -- reading as of a date -----------------------------------------------------------------------------------------


def test_a_ledger_reads_as_of_any_date():
    """Block A: held, then sold, then retired; the ledger of May says sold."""
    movements = ledger_of(HISTORY).movements()
    states = {date: sorted(state for _, state in balances(movements, 2021, date)) for date in ("2024-02-28", "2024-03-01", "2024-05-01", "2025-01-01")}
    assert states == {"2024-02-28": [], "2024-03-01": ["held"], "2024-05-01": ["sold_out"], "2025-01-01": ["retired_ets"]}


def test_a_part_of_a_block_is_sold():
    """A split hands its units on; the block itself has none any more, and the state of the whole stays with the rest."""
    parts = {"date": "2024-04-01", "action": "split", "parent": "A", "state": ""}
    rows = [
        issue("A", 100, serial_first=1, gross_tCO2e="111.200"), issue("A1", 30, serial_first=1, gross_tCO2e="33.400", **parts),
        issue("A2", 70, serial_first=31, gross_tCO2e="77.800", **parts), state("A1", 2, "2024-05-01", "sold_out"),
    ]  # fmt: skip
    both = balances(ledger_of(rows).movements(), 2021, "2024-12-31")
    assert {name: units for (_, name), (units, _) in both.items()} == {"sold_out": 30, "held": 70}
    out = exposure(ledger_of(rows).movements(), Reading(years=(2021,)), frozenset({"sold_out"}))
    assert out.of_vintage == {("150400", 2021): Fraction(30) / Fraction(9, 10)}


@pytest.mark.parametrize(
    ("rows", "id"),
    [
        ([issue("A", 100, owner="")], "E-LEDGER-01"),
        ([issue("A", 100, event=2)], "E-LEDGER-01"),
        ([issue("A", 100, parent="B")], "E-LEDGER-02"),
        ([issue("A", 100, serial_first=1, serial_last=99)], "E-LEDGER-03"),
        ([issue("A", 100, gross_tCO2e="111.110")], "E-LEDGER-04"),
        ([issue("A", 100, league_shares="150400:0.5;150500:0.4")], "E-LEDGER-05"),
        ([issue("A", 100, league_shares="150400:0.5;150400:0.5")], "E-LEDGER-05"),
        ([issue("A", 100, date="2020-12-31")], "E-LEDGER-06"),
        ([issue("A", 100), state("A", 3, "2024-05-01", "sold_out")], "E-LEDGER-07"),
        ([issue("A", 100), state("A", 2, "2024-02-01", "sold_out")], "E-LEDGER-08"),
        ([issue("A", 100), {**state("A", 2, "2024-05-01", "sold_out"), "project": "P2"}], "E-LEDGER-02"),
        ([issue("A", 100), state("A", 2, "2024-05-01", "")], "E-LEDGER-01"),
        ([issue("A", 100), state("A", 2, "2024-05-01", "retired_ets"), state("A", 3, "2024-06-01", "held")], "E-LEDGER-10"),
        ([issue("A", 100), replaced("A", 2, "2024-05-01"), replaced("A", 3, "2024-06-01")], "E-LEDGER-11"),
        ([issue("A", 100), replaced("A", 2, "2024-05-01"), state("A", 3, "2024-06-01", "cancelled_for_league")], "E-LEDGER-11"),
        ([state("A", 2, "2024-05-01", "sold_out")], "E-LEDGER-12"),
        ([issue("A", 100, date="2024-02-30")], "E-LEDGER-14"),
        ([issue("A", 100, serial_first=1), issue("B", 100, serial_first=100)], "E-LEDGER-15"),
        ([issue("A", 100), issue("A", 100, serial_first=1000)], "E-LEDGER-19"),
    ],
)
def test_what_keeps_an_event_out(rows, id):
    """Each by its own finding, and nothing of the import is kept."""
    assert id in ids_of(rows)


PARTS = {"date": "2024-04-01", "action": "split", "parent": "A", "state": ""}


@pytest.mark.parametrize(
    ("rows", "id"),
    [
        ([issue("A1", 30, serial_first=1, **PARTS)], "E-LEDGER-12"),
        ([issue("A", 100, serial_first=1), issue("A1", 30, serial_first=1, vintage=2022, **PARTS)], "E-LEDGER-13"),
        ([issue("A", 100, serial_first=1), issue("A1", 30, serial_first=80, **PARTS)], "E-LEDGER-13"),
        ([issue("A", 100, serial_first=1), issue("A1", 30, serial_first=1, **PARTS)], "E-LEDGER-16"),
        ([issue("A", 100, serial_first=1), issue("A1", 60, serial_first=1, **PARTS), issue("A2", 40, serial_first=50, **PARTS)], "E-LEDGER-16"),
        ([issue("A", 100, serial_first=1), issue("A1", 60, serial_first=1, **PARTS), state("A", 2, "2024-05-01", "sold_out")], "E-LEDGER-09"),
    ],
)
def test_parts_are_the_block(rows, id):
    """A split neither loses nor makes units."""
    assert id in ids_of(rows)


def test_parts_remember_their_block_in_a_later_import(tmp_path):
    """A part of a retired block is retired, in the same import and in the next; a second import may split what a first one issued."""
    path = tmp_path / "ledger.sqlite"
    first = [issue("A", 100, serial_first=1, gross_tCO2e="111.200"), state("A", 2, "2024-03-15", "retired_ets")]
    import_file(path, write_events(tmp_path / "one.csv", first))
    parts = [issue("A1", 30, serial_first=1, gross_tCO2e="33.400", **PARTS), issue("A2", 70, serial_first=31, gross_tCO2e="77.800", **PARTS)]
    import_file(path, write_events(tmp_path / "two.csv", parts))
    for number, (block, id) in enumerate((("A1", "E-LEDGER-10"), ("A", "E-LEDGER-09"))):
        event = state(block, 2 if block == "A1" else 3, "2024-06-01", "held")
        with pytest.raises(InputError) as caught:
            import_file(path, write_events(tmp_path / f"bad{number}.csv", [event]))
        assert [one.id for one in caught.value.findings] == [id]
    with Ledger(path) as ledger:
        assert {name for _, name in balances(ledger.movements(), 2021, "2024-12-31")} == {"retired_ets"}


# -- the chain ----------------------------------------------------------------------------------------------------


def exported(tmp_path, rows=HISTORY):
    """A ledger and its export."""
    path = tmp_path / "ledger.sqlite"
    import_file(path, write_events(tmp_path / "events.csv", rows))
    with Ledger(path) as ledger:
        names = tables.LEDGER.names
        return path, write_csv(tmp_path / "export.csv", names, [dict(zip(names, row, strict=True)) for row in ledger.rows()])


def test_an_export_is_an_import(tmp_path):
    """Out and in again: the same chain; in twice: nothing new."""
    path, export = exported(tmp_path)
    with Ledger(path) as ledger:
        head = ledger.head()
    appended = import_file(tmp_path / "copy.sqlite", export)
    assert (appended.added, appended.known, appended.head) == (5, 0, head)
    again = import_file(tmp_path / "copy.sqlite", export)
    assert (again.added, again.known, again.head) == (0, 5, head)


def test_an_excel_export_reads_back(tmp_path):
    """The workbook holds texts that come back as the same chain."""
    path, _ = exported(tmp_path)
    with Ledger(path) as ledger:
        head = ledger.head()
        (tmp_path / "ledger.xlsx").write_bytes(ledger_workbook(ledger.rows()))
    assert import_file(tmp_path / "copy.sqlite", tmp_path / "ledger.xlsx").head == head


@pytest.mark.parametrize("fault", ["edited", "removed", "moved"])
def test_a_line_of_an_export_that_was_tampered_with_is_found(tmp_path, fault):
    """Edited, removed or moved: the import stops at the line."""
    _, export = exported(tmp_path)
    lines = export.read_text(encoding="utf-8").splitlines(keepends=True)
    if fault == "edited":
        lines[2] = lines[2].replace("0.4;150500:0.6", "0.6;150500:0.4")
    elif fault == "removed":
        del lines[2]
    else:
        lines[2], lines[3] = lines[3], lines[2]
    export.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        import_file(tmp_path / "copy.sqlite", export)
    assert "E-LEDGER-17" in [one.id for one in caught.value.findings]


def test_a_ledger_file_cannot_be_rewritten_in_silence(tmp_path):
    """Triggers refuse it; who takes them away is found by the chain, and rows cut off the end by the head."""
    path, _ = exported(tmp_path)
    with sqlite3.connect(path) as raw, pytest.raises(sqlite3.IntegrityError, match="append only"):
        raw.execute("UPDATE events SET owner = 'x'")
    with sqlite3.connect(path) as raw, pytest.raises(sqlite3.IntegrityError, match="append only"):
        raw.execute("DELETE FROM events")
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TRIGGER never_removed")
        raw.execute("DELETE FROM events WHERE sequence = 5")
    with Ledger(path) as ledger:
        assert [one.id for one in ledger.verify()] == ["E-LEDGER-18"]
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TRIGGER never_changed")
        raw.execute("UPDATE events SET issued_tCO2e = 99 WHERE sequence = 1")
    with Ledger(path) as ledger:
        assert [one.id for one in ledger.verify()] == ["E-LEDGER-17"]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 4), st.sampled_from(Event._fields), st.text("ab1", min_size=1, max_size=4))
def test_any_changed_cell_breaks_the_chain(place, column, text):
    """Whatever is written over whatever cell of whatever row, the hash of the row is another."""
    ledger = ledger_of(HISTORY)
    row = list(ledger.rows())[place]
    cells = dict(zip(tables.LEDGER.names, row, strict=True))
    changed = Event._make(text if name == column else cells[name] for name in Event._fields)
    same = cells[column] == text
    assert (next_hash(cells["previous_sha256"], changed) == cells["sha256"]) == same


def test_cells_cannot_be_shifted_between_columns():
    """The sign between hashed cells cannot stand in one: two rows with the same letters have two hashes."""
    one, other = issue("A", 100, project="ab", owner="c"), issue("A", 100, project="a", owner="bc")
    assert next_hash("0" * 64, list(one.values())) != next_hash("0" * 64, list(other.values()))
    with pytest.raises(InputError) as caught:
        import_bytes("A\x1fB")
    assert caught.value.findings[0].id == "E-TABLE-08"


def import_bytes(owner):
    path = Path(os.environ["PYTEST_TMP"]) / "events.csv"
    write_events(path, [issue("A", 100, owner=owner)])
    found = []
    with Ledger(None) as ledger:
        ledger.append(read_events(path, "events.csv", found), found=found)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_TMP", str(tmp_path))


# -- files of users -----------------------------------------------------------------------------------------------


def test_all_that_is_wrong_with_a_file_at_once(tmp_path):
    """A formula, an unknown state, a number that is none, a missing cell: four lines, four findings, nothing imported."""
    rows = [issue("A", 100, owner="=1+1"), issue("B", 100, state="gone"), issue("C", 100, vintage="soon"), issue("D", 100, evidence="")]
    path = write_events(tmp_path / "events.csv", rows)
    with pytest.raises(InputError) as caught:
        import_file(tmp_path / "ledger.sqlite", path)
    assert [one.id for one in caught.value.findings] == ["E-TABLE-10", "E-TABLE-08", "E-TABLE-06", "E-TABLE-07"]
    assert [one.where.split(": ")[1].split(",")[0] for one in caught.value.findings] == ["2", "3", "4", "5"]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.head().entries == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_encodings_of_offices_are_read(tmp_path, encoding):
    """Excel of an office writes GB 18030 or UTF-16."""
    path = write_events(tmp_path / "events.csv", [issue("A", 100, owner="林业局"), issue("B", 1000, vintage="２０２１", serial_first=10**6)])
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    with open_source(path, "events.csv") as ledger:
        rows = [dict(zip(tables.LEDGER.names, row, strict=True)) for row in ledger.rows()]
    assert (rows[0]["owner"], rows[1]["vintage"]) == ("林业局", "2021")


def test_files_that_are_no_ledger(tmp_path):
    """Nothing, another database, noise, a table of another kind."""
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as raw:
        raw.execute("CREATE TABLE a (b)")
    noise = tmp_path / "noise.sqlite"
    noise.write_bytes(b"SQLite format 3\x00" + random.Random(1).randbytes(5000))
    table = write_csv(tmp_path / "table.csv", ["a", "b"], [{"a": 1}])
    found = {}
    for path in (tmp_path / "none.sqlite", other, noise, table):
        with pytest.raises(InputError) as caught, open_source(path, path.name):
            pass
        found[path.name] = caught.value.findings[0].id
    assert found == {"none.sqlite": "E-FILE-01", "other.sqlite": "E-LEDGER-20", "noise.sqlite": "E-LEDGER-20", "table.csv": "E-TABLE-04"}


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"SQLite format 3\x00", b"\xff\xfe", ",".join(Event._fields).encode() + b"\n"]))
def test_any_bytes_are_a_finding_or_a_ledger(tmp_path_factory, noise, head):
    """Never a traceback (FAULTS, law 12)."""
    path = tmp_path_factory.mktemp("noise") / "events.csv"
    path.write_bytes(head + noise)
    with contextlib.suppress(InputError), open_source(path, "events.csv") as ledger:
        assert ledger.verify() == []


def test_a_broken_page_of_a_ledger_is_a_finding(tmp_path):
    """Bytes of the file overwritten anywhere after its head: a finding, or the chain is whole."""
    path, _ = exported(tmp_path)
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    content = path.read_bytes()
    dice = random.Random(5)
    met = 0
    for _ in range(40):
        place = dice.randrange(100, len(content) - 64)
        path.write_bytes(content[:place] + dice.randbytes(64) + content[place + 64 :])
        try:
            with Ledger(path) as ledger:
                found = ledger.verify()
                met += bool(found)
                if not found:
                    ledger.movements()
        except InputError:
            met += 1
    assert met >= 3, "most pages of a small ledger are empty"


# -- two writers, a killed one, a full disk -----------------------------------------------------------------------

WRITER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from assessments import issue
    from sinks.assessment.events import Event
    from sinks.assessment.ledger import Ledger

    path, name, files, slow = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    for number in range(files):
        rows = [issue(f"{name}-{number}-{k}", 10, serial_prefix=name, serial_first=number * 1000 + k * 10) for k in range(20)]

        def events():
            for place, row in enumerate(rows):
                time.sleep(slow)
                yield f"row {place}", Event._make(row[field] for field in Event._fields), ""

        with Ledger(path, create=True) as ledger:
            ledger.append(events())
        print(number, flush=True)
    """
)


def writer(path, name, files, slow=0.0):
    """A process that imports files of twenty blocks, one after the other."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(files), str(slow)], stdout=subprocess.PIPE, text=True, env=environment
    )


def finished(process):
    """The exit code of a writer."""
    process.communicate(timeout=120)
    return process.returncode


def test_two_processes_write_one_ledger(tmp_path):
    """Nothing lost, nothing doubled, the chain whole."""
    path = tmp_path / "ledger.sqlite"
    both = [writer(path, name, 8, 0.0005) for name in ("X", "Y")]
    assert [finished(one) for one in both] == [0, 0]
    with Ledger(path) as ledger:
        assert ledger.head().entries == 320
        assert ledger.verify() == []
        assert ledger.issued() == {("P1", "ccer_14_001_v01", 2021): 3200}


@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_a_writer_killed_in_the_middle_loses_what_was_not_whole(tmp_path):
    """Killed while it writes beside another: every import that was acknowledged is there, the broken one is not, and doing it again adds the rest once."""
    path = tmp_path / "ledger.sqlite"
    steady, doomed = writer(path, "X", 6, 0.001), writer(path, "Y", 50, 0.004)
    acknowledged = [doomed.stdout.readline().strip() for _ in range(3)]
    time.sleep(0.03)
    doomed.send_signal(signal.SIGKILL)
    acknowledged += doomed.communicate(timeout=120)[0].split()
    assert finished(steady) == 0
    with Ledger(path) as ledger:
        assert ledger.verify() == []
        blocks = [row[1] for row in ledger.rows()]
        of_doomed = {block.split("-")[1] for block in blocks if block.startswith("Y")}
        assert len(blocks) == len(set(blocks)) == 20 * (6 + len(of_doomed)), "whole imports alone"
        assert set(acknowledged) <= of_doomed, "what was acknowledged is there"
    again = writer(path, "Y", 50)
    assert finished(again) == 0
    with Ledger(path) as ledger:
        assert ledger.head().entries == 20 * 56
        assert ledger.verify() == []


def test_a_failing_disk_leaves_the_ledger_as_it_was(tmp_path, monkeypatch):
    """Exit 3, nothing half written, the same import again goes through."""
    path = tmp_path / "ledger.sqlite"
    import_file(path, write_events(tmp_path / "one.csv", [issue("A", 100)]))
    rows = [issue(f"B{number}", 10, serial_first=number * 10, serial_prefix="T") for number in range(3000)]
    more = write_events(tmp_path / "more.csv", rows)
    with Ledger(path) as ledger:
        ledger._db.execute(f"PRAGMA max_page_count = {ledger._db.execute('PRAGMA page_count').fetchone()[0] + 4}")
        found = []
        with pytest.raises(Unfinished) as caught:
            ledger.append(read_events(more, "more.csv", found), found=found)
        assert caught.value.findings[0].id == "E-RUN-03"
        assert ledger.head().entries == 1
        assert ledger.verify() == []
    assert import_file(path, more).added == 3000


# -- size ---------------------------------------------------------------------------------------------------------


def large(path, rows):
    """A table of events: a block and its sale, over a thousand projects and four leagues."""
    leagues = ("150100", "150400", "150500", "150700")
    with path.open("w", encoding="utf-8", newline="") as file:
        names = list(Event._fields)
        writer_ = csv.writer(file, lineterminator="\n")
        writer_.writerow(names)
        first = 1
        for number in range(rows // 2):
            units, league = 1000 + number % 500, leagues[number % 4]
            shares = f"{league}:1" if number % 3 else f"{league}:0.6;{leagues[(number + 1) % 4]}:0.4"
            row = issue(
                f"B{number:07d}", units, date=f"202{2 + number % 3}-0{1 + number % 9}-15", project=f"P{number % 997}", serial_first=first,
                league_shares=shares, owner="某林业公司", gross_tCO2e=f"{units * 1.2:.3f}",
            )  # fmt: skip
            first += units
            writer_.writerow([row[name] for name in names])
            row = state(f"B{number:07d}", 2, "2025-01-02", ("sold_out", "retired_ets")[number % 2], "买方")
            writer_.writerow([row[name] for name in names])
    return path


def settle_large(tmp_path, rows):
    """Seconds of work (a machine that others use as well waits longer) to import, and to read and settle, and the units that were left out."""
    events = large(tmp_path / "events.csv", rows)
    began = time.process_time()
    import_file(tmp_path / "ledger.sqlite", events)
    imported = time.process_time()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        movements = ledger.movements()
    out = exposure(movements, Reading(years=(2021, 2022, 2023)), frozenset(EXCLUDED_STATES))
    return imported - began, time.process_time() - imported, sum(out.of_vintage.values())


def wanted(rows):
    """Removal behind all units, by hand."""
    return sum(Fraction(1000 + number % 500) for number in range(rows // 2)) / Fraction(9, 10)


def test_fifty_thousand_rows(tmp_path):
    """Imported and settled in seconds, exactly."""
    imported, settled, behind = settle_large(tmp_path, 50_000)
    assert behind == wanted(50_000)
    assert imported + settled < 20


@pytest.mark.long
def test_a_million_rows(tmp_path):
    """Imported and settled in well under a minute of one core, exactly."""
    imported, settled, behind = settle_large(tmp_path, 1_000_000)
    print(f"import {imported:.1f} s, settle {settled:.1f} s")
    assert behind == wanted(1_000_000)
    assert imported + settled < 60
