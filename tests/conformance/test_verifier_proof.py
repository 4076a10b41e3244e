"""One proof, one receipt: the verifier of one file and the product, which share no code, about the same folders."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lockgate.audit.ledger import EVENTS
from lockgate.audit.log import Log
from lockgate.audit.prove import check_proof, parse_proof, prove
from lockgate.core import merkle
from lockgate.core.checkpoint import VerifierKey
from lockgate.errors import LockgateError
from lockgate.project import Project
from lockgate.project.offline import PROOF, hand_out, verify_proof
from lockgate.trust import pin
from lockgate.trust.note import sign_note
from tests.support.evidence_archive import ANSWERS, ROWS, Made, made_archive
from tests.support.sealing import ORIGIN, PUBLIC, leaves, read, write
from tests.support.verifier import NOW, asked, judged, verifier

NOON = datetime.fromisoformat(NOW)
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "merkle" / "testdata"
SIZES = (1, 2, 3, 7, 255, 256, 257, 511, 600)
V = verifier()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A project with two roles files and two predictions."""
    with made_archive(tmp_path_factory.mktemp("evidence")) as found:
        yield found


@pytest.fixture(scope="module")
def folders(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What `log prove --out` writes: for a deployment, for a roles file, for a prediction."""
    place = tmp_path_factory.mktemp("proofs")
    project = Project(made.project.root, made.project.clock)
    pin.pin(made.root, made.project.root, NOON)
    wanted = {"deploy": "12", "roles": "2", "prediction": made.receipts[1].token()}
    for name, what in wanted.items():
        hand_out(project, project.prove(what), place / name)
    pin.unpin(made.root)
    return {name: place / name for name in wanted}


def _product(path: Path, root: str) -> str:
    try:
        verify_proof(path, NOON, root=root)
    except LockgateError as error:
        return error.finding
    return ""


@pytest.mark.parametrize("name", ["deploy", "roles", "prediction"])
def test_both_accept_what_was_handed_out(name: str, made: Made, folders: dict[str, Path]) -> None:
    """The folder is enough: no project, no log, no registry."""
    path = folders[name] / PROOF
    code, report = asked(made.root, "proof", path)
    found = verify_proof(path, NOON, root=made.root)
    assert (0, found.log, found.index, found.size) == (code, report["log"], report["index"], report["size"])
    if found.said is not None:
        assert (found.said.claim, found.said.digest) == (report["claim"], report["statement"])
    assert made.root not in (folders[name] / "README.txt").read_text()


@pytest.mark.parametrize("name", ["deploy", "roles", "prediction"])
def test_both_refuse_every_damaged_file_of_it(name: str, made: Made, folders: dict[str, Path], tmp_path: Path) -> None:
    """A bit in each file, at five places; and each file left out.

    README.txt is for people. That the newest roles file was left out, nobody can see: both say that they did not. What
    is missing is a usage error and no forgery (exit 2), but for the roles file that all others rest on.
    """
    names = sorted(str(one.relative_to(folders[name])) for one in folders[name].rglob("*") if one.is_file())
    for each in names:
        original = (folders[name] / each).read_bytes()
        damaged = [bytes([*original[:at], original[at] ^ 1, *original[at + 1 :]]) for at in _places(original)]
        for number, data in enumerate([None, *damaged]):
            folder = tmp_path / f"{each.replace('/', '-')}-{number}"
            shutil.copytree(folders[name], folder)
            (folder / each).unlink()
            if data is not None:
                (folder / each).write_bytes(data)
            code, report = asked(made.root, "proof", folder / PROOF)
            finding = _product(folder / PROOF, made.root)
            if each == "README.txt" or (data is None and each == "roles/000002.json"):
                assert (code, finding) == (0, "")
                assert "no later roles file" in report["not_proved"][0] + report["not_proved"][1]
            else:
                missing = data is None and each != "roles/000000.json"
                assert (code, finding != "") == (2 if missing else 3, True), (each, number, code, finding)


def _places(data: bytes) -> list[int]:
    return [0, len(data) // 3, len(data) // 2, 2 * len(data) // 3, len(data) - 2]


def test_another_root_and_no_pin(made: Made, folders: dict[str, Path]) -> None:
    """Under another root nothing holds; the product asks for a pin where no root is given."""
    code, report = asked("ab" * 32, "proof", folders["deploy"] / PROOF)
    assert (code, "step 1" in report["failed"]) == (3, True)
    assert _product(folders["deploy"] / PROOF, "ab" * 32) == "LG828"
    assert _product(folders["deploy"] / PROOF, "") == "LG825"


def test_an_older_sealer_is_refused(made: Made, folders: dict[str, Path], tmp_path: Path) -> None:
    """A proof of another log's entry beside good roles files: the checkpoint is by nobody who may."""
    folder = tmp_path / "mixed"
    shutil.copytree(folders["prediction"], folder)
    shutil.copy(folders["deploy"] / PROOF, folder / PROOF)
    code, _ = asked(made.root, "proof", folder / PROOF)
    assert (code, _product(folder / PROOF, made.root)) == (3, "LG716")


def test_a_receipt_opens_what_was_asked_and_answered(made: Made, folders: dict[str, Path], tmp_path: Path) -> None:
    """The row, or the whole request and answer; anything else is not what the record commits to."""
    token = made.receipts[1].token()
    common = ("receipt", token, "--proof", folders["prediction"] / PROOF)

    def given(name: str, value: object) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value, indent=2))
        return path

    row, answer = given("row", ROWS[1]), given("answer", ANSWERS[1])
    whole = given("whole", {"predictions": [*ANSWERS], "receipts": ["other", token]})
    request = given("request", {"records": [ROWS[1]]})
    both = ("--input", row, "--output", answer)
    for count, options in ((0, ()), (2, both), (2, ("--input", request, "--output", whole))):
        code, report = asked(made.root, *common, *options)
        assert (0, count) == (code, sum(report["opened"].values()))
    for option, path in (("--input", answer), ("--output", given("lie", {"delay": 2.5})), ("--label", row)):
        assert asked(made.root, *common, option, path)[0] == 3
    assert asked(made.root, "receipt", token, "--proof", folders["deploy"] / PROOF)[0] == 3
    other = ("receipt", made.receipts[0].token(), "--proof", folders["prediction"] / PROOF)
    assert asked(made.root, *other)[0] == 3
    assert asked(made.root, "receipt", "lgr1.nobody", "--proof", folders["prediction"] / PROOF)[0] == 2


def test_a_proof_may_carry_its_entry(made: Made, folders: dict[str, Path], tmp_path: Path) -> None:
    """In the `extra` line, which nobody signs: it counts for no more than a file beside it."""
    folder = tmp_path / "carried"
    shutil.copytree(folders["prediction"], folder)
    leaf, proof = (folder / "leaf").read_bytes(), (folder / PROOF).read_bytes()
    (folder / "leaf").unlink()
    for data, expected in ((leaf, 0), (leaf.replace(b'"row', b'"rov') + b" ", 3)):
        extra = b"extra " + base64.b64encode(data) + b"\nindex"
        (folder / PROOF).write_bytes(proof.replace(b"index", extra, 1))
        assert expected == asked(made.root, "proof", folder / PROOF)[0]
        assert bool(expected) == bool(_product(folder / PROOF, made.root))


def test_witnesses_are_counted(made: Made, tmp_path: Path) -> None:
    """Exit 0 with enough cosignatures, 1 with too few or too old, 3 with a forged one, 2 for a key that is none."""
    key = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    public = key.public_key().public_bytes_raw()
    line = f"w.example/1+{V.key_id('w.example/1', 4, public).hex()}+{base64.b64encode(bytes([4]) + public).decode()}"
    note = made.files["log/events/checkpoint"]
    files = {**made.files, "index.json": made.with_index(predictions=None)["index.json"]}
    files = {name: data for name, data in files.items() if not name.startswith(("records/", "proofs/", "log/pred"))}

    def cosigned(note: bytes, time: int, *, forged: bool = False) -> bytes:
        text = note.partition(b"\n\n")[0] + b"\n"
        signed = key.sign(b"cosignature/v1\ntime %d\n%b" % (time, text if not forged else b"x"))
        signature = V.key_id("w.example/1", 4, public) + time.to_bytes(8, "big") + signed
        return note + f"\N{EM DASH} w.example/1 {base64.b64encode(signature).decode()}\n".encode()

    def judge(time: int, *options: str, forged: bool = False, path: str = "checkpoint", of: bytes = note) -> int:
        changed = {f"log/events/{path}": cosigned(of, time, forged=forged)}
        archive = Made(made.project, files, (), ()).with_files(changed)
        return judged(made, archive, tmp_path, "--witness", line, *options)[0]

    noon = int(NOON.timestamp())
    assert judge(noon - 60) == 0
    assert judge(noon - 60, "--max-age", "1") == 0
    assert judge(noon - 7200, "--max-age", "1") == 1
    assert judge(noon + 7200, "--max-age", "1") == 1
    assert judge(noon - 60, forged=True) == 3
    assert judge(noon - 60, "--min-witnesses", "2") == 2
    assert judged(made, made.files, tmp_path, "--witness", line)[0] == 1
    assert judged(made, made.files, tmp_path, "--witness", line.replace("w.example", "v.example"))[0] == 2
    # An earlier tree of the same log may lie beside the newest checkpoint, and is told; it counts for nothing, for the
    # log can go on in two ways after it. Not one of another log.
    found = V.read_leaves(made.files["log/events/leaves"])
    assert judge(noon - 60, path="cosigned", of=_noted(made, found[:9])) == 1
    assert judge(noon - 60, "--min-witnesses", "0", path="cosigned", of=_noted(made, found[:9])) == 0
    assert judge(noon - 60, path="cosigned", of=_noted(made, [*found[:8], b"another"])) == 3
    assert judge(noon - 60, path="cosigned", of=made.files["log/predictions/checkpoint"]) == 3


def _noted(made: Made, entries: list[bytes]) -> bytes:
    """A checkpoint of the log of events over these entries, by its sealer."""
    name, root = f"lockgate/{made.root}/{EVENTS}", base64.b64encode(V.tree_root(entries)).decode()
    sign, key = made.project.keyring.signer("sealer").sign_note, made.project.created.roles.sealer_key()
    return sign_note(f"{name}\n{len(entries)}\n{root}\n".encode(), name, key, sign)


def test_a_log_that_was_seen_before_is_continued(made: Made, tmp_path: Path) -> None:
    """An earlier checkpoint of the log is a prefix of it; one of a fork, however well signed, is not."""
    found = V.read_leaves(made.files["log/events/leaves"])

    def seen(entries: list[bytes]) -> tuple[int, str]:
        (tmp_path / "seen").write_bytes(_noted(made, entries))
        return judged(made, made.files, tmp_path, "--seen", tmp_path / "seen")

    assert seen(found[:5]) == (0, "")
    assert seen([*found[:4], b"another"])[0] == 3
    assert seen([*found, *[b"later"] * 85])[0] == 3


@given(st.sampled_from(SIZES), st.data())
def test_proofs_are_judged_alike(logs: dict[int, Log], size: int, data: st.DataObject) -> None:
    """Any entry of any tree, whole or with one thing changed: both implementations say the same."""
    log = logs[size]
    index = data.draw(st.integers(0, size - 1))
    proof, leaf = prove(log, index), log.entry(index)
    changed = bytearray(proof)
    if data.draw(st.booleans()):
        changed[data.draw(st.integers(0, len(proof) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    leaf = data.draw(st.sampled_from([leaf, leaf + b"x", log.entry(0)]))
    verdicts = []
    for check in (check_proof, lambda *found: V.check_proof(found[0], found[1], found[3], found[2])):
        try:
            check(bytes(changed), leaf, PUBLIC, ORIGIN)
            verdicts.append(True)
        except (LockgateError, V.Fault, ValueError):
            verdicts.append(False)
    assert verdicts[0] == verdicts[1]
    assert verdicts[0] == (bytes(changed) == proof and leaf == log.entry(index))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Log]:
    """Logs of these sizes, made once."""
    place = tmp_path_factory.mktemp("logs")
    for size in SIZES:
        write(place / str(size), leaves(size))
    return {size: read(place / str(size)) for size in SIZES}


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_trees_have_the_same_root(entries: list[bytes]) -> None:
    """A stack of peaks, and the product's levels."""
    assert merkle.root_of([merkle.leaf_hash(one) for one in entries]) == V.tree_root(entries)


def _vectors() -> list[Path]:
    return sorted((VECTORS / "inclusion").rglob("*.json"))


def test_published_vectors_of_inclusion() -> None:
    """transparency-dev/merkle: what must verify does, what must fail does."""
    seen = {True: 0, False: 0}
    for path in _vectors():
        vector = json.loads(path.read_text())
        hashed, root = (base64.b64decode(vector[name] or "") for name in ("leafHash", "root"))
        proof = [base64.b64decode(one) for one in vector["proof"] or []]
        try:
            V.check_inclusion(hashed, vector["leafIdx"], vector["treeSize"], proof, root)
            good = True
        except V.Fault:
            good = False
        assert (not vector["wantErr"]) == good, path.name
        seen[good] += 1
    assert (seen[True], seen[False]) == (6, len(_vectors()) - 6)


def test_a_proof_costs_less_than_a_millisecond(tmp_path: Path) -> None:
    """Of CPU, beside start-up: the median of 200. What it costs is a signature; a hash more is nothing."""
    write(tmp_path / "log", leaves(600))
    log = read(tmp_path / "log")
    proof, leaf = prove(log, 300), log.entry(300)
    spent = []
    for _ in range(200):
        begun = time.process_time()
        V.check_proof(proof, leaf, ORIGIN, PUBLIC)
        spent.append(time.process_time() - begun)
    assert sorted(spent)[100] < 0.001
    assert len(parse_proof(proof).hashes) >= 9
    assert VerifierKey(ORIGIN, PUBLIC).key_id == V.key_id(ORIGIN, 1, PUBLIC)
