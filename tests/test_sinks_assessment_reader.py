"""The stand-alone reader: RFC 8032, one valid and many broken packages with the ids that ``sinks verify`` gives, an idempotent import."""

import ast
import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bundles import AFTER_SIGNING, ARCHIVES, BEFORE_SIGNING, Files, another_key, cell, signed, valid_files, write_key, write_rich_run
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.texts import catalogue
from sinks.assessment import bundle_tables as parts
from sinks.assessment import reader
from sinks.assessment.reader import HEADS, MESSAGES, archive_bytes, check, ed25519_verify, key_id, public_key, read_files
from sinks.assessment.signer import verified_by_library
from sinks.assessment.verify import OF_THE_READER, verify
from sinks.cli import main
from sinks.tables import LEDGER, PIPELINE, POLYGON_ACCOUNT, UNIT_STATES

READER = Path(reader.__file__)
# RFC 8032, section 7.1: secret key, public key, message, signature
VECTORS = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     hashlib.sha512(b"abc").hexdigest(),
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"),
]  # fmt: skip


# -- Ed25519 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=["empty", "one byte", "two bytes", "sha of abc"])
def test_vectors_of_rfc_8032(vector):
    """Valid as printed; invalid with any byte of signature, message or key changed."""
    secret, public, message, signature = (bytes.fromhex(one) for one in vector)
    assert Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw() == public
    assert ed25519_verify(public, message, signature)
    assert not ed25519_verify(public, message + b"x", signature)
    for place in (0, 31, 32, 63):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert not ed25519_verify(public, message, bytes(changed))


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511), st.booleans())
def test_the_reader_agrees_with_the_library(secret, message, bit, flip):
    """Random keys and messages, half of the signatures with a bit flipped."""
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public, signature = key.public_key().public_bytes_raw(), bytearray(key.sign(message))
    if flip:
        signature[bit // 8] ^= 1 << bit % 8
    found = ed25519_verify(public, message, bytes(signature))
    assert found == verified_by_library(public, message, bytes(signature)) == (not flip)


def test_signatures_that_are_not_canonical_are_refused():
    """S + L, points that are none, short texts."""
    _, public, message, signature = (bytes.fromhex(one) for one in VECTORS[1])
    order = 2**252 + 27742317777372353535851937790883648493
    larger = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not ed25519_verify(public, message, larger)
    for bad in (signature[:63], b"\xff" * 64, (2**255 - 19).to_bytes(32, "little") + signature[32:]):
        assert not ed25519_verify(public, message, bad)
    assert not ed25519_verify(b"\xff" * 32, message, signature)


# -- the packages -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def key(folder):
    return write_key(folder / "key.pem", 1)


@pytest.fixture(scope="module")
def plain(folder, key) -> Files:
    return valid_files(write_rich_run(folder / "run"), key)


@pytest.fixture(scope="module")
def whole(plain, key) -> Files:
    return signed(plain, key)


@pytest.fixture(scope="module")
def public(key) -> bytes:
    return public_key(key.with_suffix(".pub").read_text())


def stand_alone(bundle, key, *more):
    """The reader as another program runs it: one file, isolated from this installation."""
    command = [sys.executable, "-I", "-S", str(READER), str(bundle), "--key", str(key.with_suffix(".pub")), "--json", *map(str, more)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, env={"PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def ids_of_verify(bundle, key, capsys):
    """Ids that ``sinks verify --json`` gives."""
    code = 0
    try:
        main(["verify", str(bundle), "--key", str(key.with_suffix(".pub")), "--json"])
    except SystemExit as error:
        code = int(error.code or 0)
    return code, [one["id"] for one in json.loads(capsys.readouterr().out)["findings"]]


def both_ways(bundle, key, capsys):
    """Ids from both, which must be the same."""
    code, result = stand_alone(bundle, key)
    alone = [one["id"] for one in result["findings"]]
    code_of_verify, ours = ids_of_verify(bundle, key, capsys)
    assert alone == ours
    assert code == code_of_verify == (2 if alone else 0)
    return alone


def write(path, files: Files | bytes):
    path.write_bytes(files if isinstance(files, bytes) else archive_bytes(files))
    return path


def test_the_valid_package_holds(whole, key, tmp_path, capsys):
    """As an archive and as a folder."""
    assert both_ways(write(tmp_path / "bundle.zip", whole), key, capsys) == []
    for name, content in whole.items():
        (tmp_path / "bundle" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bundle" / name).write_bytes(content)
    assert both_ways(tmp_path / "bundle", key, capsys) == []


def test_there_are_forty_broken_ones():
    """And between them every finding of the reader that needs no import."""
    cases = {**BEFORE_SIGNING, **AFTER_SIGNING, **ARCHIVES}
    assert len(cases) >= 40
    assert {id for id, _ in cases.values()} | {"E-PKG-12"} == {id for id in OF_THE_READER if id < "E-PKG-50"}


@pytest.mark.parametrize("name", BEFORE_SIGNING)
def test_what_the_sender_got_wrong(name, plain, key, public, tmp_path):
    """Signed by the right key, and wrong: tables and rules find it."""
    id, change = BEFORE_SIGNING[name]
    bundle = write(tmp_path / "bundle.zip", signed(change(plain), key))
    assert id in [one.id for one in check(bundle, public).found]


@pytest.mark.parametrize("name", AFTER_SIGNING)
def test_what_was_changed_on_the_way(name, whole, key, public, tmp_path):
    """Hash or signature find it, and nothing else is looked at."""
    id, change = AFTER_SIGNING[name]
    found = check(write(tmp_path / "bundle.zip", change(whole)), public).found
    assert id in [one.id for one in found]
    assert all(one.id <= "E-PKG-16" for one in found)


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_are_dangerous(name, whole, public, tmp_path):
    """Refused by name, size or form before any content is used."""
    id, make = ARCHIVES[name]
    assert id in [one.id for one in check(write(tmp_path / "bundle.zip", make(whole)), public).found]


SAMPLES = ("byte changed", "row removed", "ledger re-ordered", "file missing", "path that leaves", "zip bomb", "ledger row removed", "offset raised")


@pytest.mark.parametrize("name", SAMPLES)
def test_verify_and_the_stand_alone_reader_agree(name, plain, whole, key, tmp_path, capsys):
    """The same ids in the same order from two programs (FAULTS S6-S12)."""
    if name in ARCHIVES:
        id, content = ARCHIVES[name][0], ARCHIVES[name][1](whole)
    else:
        id, change = {**BEFORE_SIGNING, **AFTER_SIGNING}[name]
        content = archive_bytes(change(whole) if name in AFTER_SIGNING else signed(change(plain), key))
    assert id in both_ways(write(tmp_path / "bundle.zip", content), key, capsys)


def test_another_key(plain, key, tmp_path, capsys):
    """Signed well, by someone else."""
    assert both_ways(write(tmp_path / "bundle.zip", another_key(plain, tmp_path)), key, capsys) == ["E-PKG-12"]


def test_a_package_with_two_signatures(plain, key, tmp_path, public):
    """Bureau and auditor: either key verifies."""
    from sinks.assessment.package import sign
    from sinks.assessment.signer import FileSigner

    other = write_key(tmp_path / "auditor.pem", 5)
    bundle = write(tmp_path / "bundle.zip", sign(plain, [FileSigner(key), FileSigner(other)], "2026-11-25T00:00:00+00:00"))
    for one in (public, public_key(other.with_suffix(".pub").read_text())):
        assert check(bundle, one).found == []


def test_links_in_a_folder(whole, key, public, tmp_path):
    """A link in place of a file is not followed."""
    for name, content in whole.items():
        (tmp_path / "b" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "b" / name).write_bytes(content)
    (tmp_path / "b" / "data/ccer.csv").unlink()
    (tmp_path / "b" / "data/ccer.csv").symlink_to("/etc/hostname")
    assert [one.id for one in check(tmp_path / "b", public).found] == ["E-PKG-06"]


def test_any_single_bit_of_the_archive_is_found(whole, public, tmp_path):
    """Content, names, times, sizes, padding, signature: 200 random bits, each found."""
    content = archive_bytes(whole)
    dice = random.Random(7)
    tail = len(content) - 6000
    places = [dice.randrange(len(content)) for _ in range(100)] + [dice.randrange(tail, len(content)) for _ in range(100)]
    signature = content.find(b'{\n "signatures"')
    for place in [*places, signature + 30, signature + 200, signature + 300]:
        changed = bytearray(content)
        changed[place] ^= 1 << dice.randrange(8)
        bundle = tmp_path / "bundle.zip"
        bundle.write_bytes(changed)
        assert check(bundle, public).found, place


@settings(max_examples=40, deadline=5000)
@given(st.binary(max_size=400))
def test_noise_is_a_finding_and_never_an_error(tmp_path_factory, noise):
    """Any bytes as an archive, a table, a description or a manifest end in a finding (FAULTS, law 12)."""
    path = tmp_path_factory.mktemp("noise") / "bundle.zip"
    path.write_bytes(noise)
    assert check(path, bytes(32)).found
    for name in (reader.MANIFEST, reader.SIGNATURE, reader.PACKAGE, "data/offset.csv"):
        path.write_bytes(archive_bytes({name: noise}))
        assert check(path, bytes(32)).found


@settings(max_examples=60, deadline=5000, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(HEADS)), st.binary(max_size=300), st.booleans())
def test_noise_that_the_sender_signed_is_a_finding(plain, key, public, tmp_path_factory, name, noise, after_head):
    """Signed noise in any table gives findings, no traceback."""
    head = plain[name].split(b"\n", 1)[0] + b"\n" if after_head else b""
    path = tmp_path_factory.mktemp("noise") / "bundle.zip"
    path.write_bytes(archive_bytes(signed({**plain, name: head + noise}, key)))
    found = check(path, public).found
    assert found or not noise.strip()


# -- what it must agree with --------------------------------------------------------------------------------------


def test_the_reader_imports_the_standard_library_alone():
    """It may be copied by itself."""
    tree = ast.parse(READER.read_text(encoding="utf-8"))
    names = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= set(sys.stdlib_module_names)


def test_words_of_the_reader_are_those_of_the_catalogue():
    """One finding, one meaning, in both programs."""
    assert set(MESSAGES) == set(OF_THE_READER)
    assert {id: (catalogue()[id]["zh"], catalogue()[id]["en"]) for id in MESSAGES} == MESSAGES


def test_tables_of_the_reader_are_those_of_the_writer():
    """Columns, keys and whole numbers of the layout stand in the reader as they are declared."""
    declared = {
        "data/offset.csv": parts.OFFSET, "data/inventory.csv": parts.INVENTORY, "data/change.csv": parts.CHANGE, "data/ccer.csv": parts.CCER,
        "data/pipeline.csv": PIPELINE, "data/polygon_account.csv": POLYGON_ACCOUNT, "data/ledger.csv": LEDGER,
        "data/restatement.csv": parts.RESTATEMENT, "codelists/division.csv": parts.DIVISION, "provenance/policy.csv": parts.POLICY,
    }  # fmt: skip
    assert set(declared) == set(HEADS)
    for name, table in declared.items():
        assert HEADS[name][0].split() == table.names, name
        if name != "data/ledger.csv":
            assert HEADS[name][1].split() == table.key, name
        whole = {column.name for column in table.columns if column.type == "integer"}
        assert whole - {"issued_tCO2e"} == {one for one in table.names if one in reader.INTEGERS}, name
        decimal = {column.name for column in table.columns if column.type == "decimal"}
        assert decimal == {one for one in table.names if (one in reader.DECIMALS or one.endswith("_tCO2e")) and one not in whole}, name
    assert reader.WORDS["state"].split() == list(UNIT_STATES)


# -- import -------------------------------------------------------------------------------------------------------


def rows_in(database, where="current = 1"):
    with sqlite3.connect(database) as db:
        return db.execute(f"SELECT record_id, offset_trial_tCO2e FROM offset_rows WHERE {where} ORDER BY record_id").fetchall()


def test_an_import_twice_is_one(whole, key, tmp_path):
    """The second time: already imported, success, nothing written; broken ones write nothing at all."""
    bundle, database = write(tmp_path / "bundle.zip", whole), tmp_path / "a.sqlite"
    assert stand_alone(bundle, key, "--import", database)[1]["result"] == "imported"
    first = rows_in(database)
    assert len(first) == 39
    code, again = stand_alone(bundle, key, "--import", database)
    assert (code, again["result"]) == (0, "already_imported")
    assert rows_in(database) == first
    broken = write(tmp_path / "broken.zip", AFTER_SIGNING["byte changed"][1](whole))
    code, refused = stand_alone(broken, key, "--import", tmp_path / "b.sqlite")
    assert (code, refused["result"]) == (2, "refused")
    assert not (tmp_path / "b.sqlite").exists()


def test_the_same_revision_with_another_content_is_refused(plain, whole, key, tmp_path, public):
    """``E-PKG-50``: a revision is one package."""
    database = tmp_path / "a.sqlite"
    assert reader.import_into(database, check(write(tmp_path / "one.zip", whole), public))[0] == "imported"
    other = signed({**plain, "human/note.txt": b"x"}, key)
    result, found = reader.import_into(database, check(write(tmp_path / "two.zip", other), public))
    assert (result, [one.id for one in found]) == ("refused", ["E-PKG-50"])


def test_names_of_keys(public):
    """A key is told by its hash; hexadecimal digits are a key too; anything else is refused."""
    assert key_id(public) == hashlib.sha256(public).hexdigest()[:16]
    assert public_key(public.hex()) == public
    for bad in ("", "ab", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        with pytest.raises(ValueError, match=r"no Ed25519|Incorrect padding|Invalid base64"):
            public_key(bad)


def test_the_library_and_the_reader_check_one_package_alike(whole, public, tmp_path):
    """``sinks verify`` takes the signature from `cryptography`, the reader from its own arithmetic."""
    bundle = write(tmp_path / "bundle.zip", whole)
    assert verify(bundle, public)[0].digest == check(bundle, public).digest == hashlib.sha256(read_files(bundle)[reader.MANIFEST]).hexdigest()
    assert zipfile.ZipFile(bundle).testzip() is None


EMPTY = [
    (name, column) for name in ("data/ccer.csv", "data/ledger.csv", "data/polygon_account.csv", "data/offset.csv") for column in HEADS[name][0].split()
]  # fmt: skip


@pytest.mark.parametrize("name", sorted({name for name, _ in EMPTY}))
def test_an_empty_cell_that_the_sender_signed_is_a_finding_or_allowed(name, plain, key, public, tmp_path):
    """Every cell of a row emptied in turn: no error of the reader, and nothing that a rule needs passes."""
    passed = []
    for one, column in EMPTY:
        if one == name:
            number = 1 if name != "data/offset.csv" else 5
            bundle = write(tmp_path / "bundle.zip", signed(cell(plain, name, number, column, ""), key))
            if not check(bundle, public).found:
                passed.append(column)
    allowed = {
        "data/ccer.csv": {"read_on"},
        "data/ledger.csv": {"kind", "serial_prefix", "parent"},
        "data/polygon_account.csv": {"unclaimed_tCO2e", "reason", "removal_tCO2e"},
        "data/offset.csv": {"cap_tCO2e", "offset_tCO2e", "not_estimated"},
    }  # fmt: skip
    assert set(passed) <= allowed[name], set(passed) - allowed[name]
