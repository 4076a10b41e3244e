"""What the verifier of one file says besides yes and no: how old evidence is, and what a stranger must not conclude.

And what it does not run, wait for, or hold in memory, whatever lies beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.encoding import decode, encode
from lockgate.project import Project
from lockgate.project.offline import PROOF, hand_out
from lockgate.trust import pin
from lockgate.trust.policy import Policy
from tests.support.evidence_archive import VERIFIER, Made, facts, indexed, made_archive, packed, resealed, revocation
from tests.support.thief import leaf_of, said_anew, signed
from tests.support.verifier import NOW, asked, judged, product, report_on, verifier

NOON = datetime.fromisoformat(NOW)
V = verifier()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The untouched archive."""
    with made_archive(tmp_path_factory.mktemp("evidence")) as found:
        yield found


@pytest.fixture(scope="module")
def handed(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `log prove --out` writes for a prediction."""
    place = tmp_path_factory.mktemp("proofs") / "prediction"
    project = Project(made.project.root, made.project.clock, place.parent / "seen")
    pin.pin(made.root, made.project.root, NOON)
    hand_out(project, project.prove(made.receipts[1].token()), place)
    pin.unpin(made.root)
    return place


def envelopes(made: Made) -> list[bytes]:
    """Every statement as it was signed."""
    return [one.envelope for one in made.log]


# --- how old it is ---------------------------------------------------------------------------------------------------


def test_what_came_after_the_archive_is_not_proved(made: Made, tmp_path: Path) -> None:
    """The copy from before a revocation holds, and says after which entry of which time nobody can know more.

    Beside it, the positive control: the copy with the revocation is refused.
    """
    target = decode(made.files["index.json"])["model"]["manifest"]
    revoked = signed(revocation(target, "poisoned"), made.project.keyring.signer("revoker"))
    assert judged(made, resealed(made, [*envelopes(made), revoked]), tmp_path)[0] == 1
    code, report = report_on(made, made.files, tmp_path)
    last = made.log[-1].time.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (0, {"index": 13, "time": last}) == (code, report["newest"])
    later = [one for one in report["not_proved"] if "nothing was added" in one]
    assert len(later) == 1
    assert f"after its entry 13 of {last}: the model may have been revoked since" in later[0]
    step = report["steps"][3]["said"]
    assert f"entry 13, is of {last}, 2 hours before now; the archive says that it was made at 2026-11-27" in step
    assert report["made"] == "2026-11-27T00:00:00Z"
    assert asked(made.root, "--max-age", "1", tmp_path / "a.evidence.zip")[0] == 1


def test_an_entry_of_the_future_is_refused(made: Made, tmp_path: Path) -> None:
    """Exit 1, as the product does for a deployment; a clock that is 4 minutes ahead is none. Backwards: warned of."""
    log, times = envelopes(made), [one.time for one in made.log]

    def dated(found: list[datetime]) -> dict[str, bytes]:
        return resealed(made, log, [leaf_of(one, time) for one, time in zip(log, found, strict=True)])

    far = dated([time + timedelta(days=4000) for time in times])
    code, why = judged(made, far, tmp_path)
    assert (code, product(made, far, tmp_path)) == (1, "LG525")
    assert "dated in the future" in why
    assert judged(made, dated([*times[:-1], NOON + timedelta(minutes=4)]), tmp_path) == (0, "")
    code, report = report_on(made, dated([*reversed(times)]), tmp_path)
    assert (code, len(report["warnings"])) == (0, 1)
    assert "dated before the one above it" in report["warnings"][0]


def test_statements_under_an_expired_roles_file_are_told(made: Made, tmp_path: Path) -> None:
    """The roles file was renewed later; what was said between is warned of. Not where it had not expired."""
    log, root = envelopes(made), made.project.keyring.signer("root")
    renewed = signed(said_anew(made.log[2], version=3, time="2026-11-23T11:00:00Z"), root)
    for expires, count in (("2026-11-23T09:00:10Z", 7), ("2026-11-23T11:00:00Z", 0)):
        log[2] = signed(said_anew(made.log[2], expires=expires), root)
        times = [*(one.time for one in made.log), NOON - timedelta(hours=1)]
        whole = [*log, renewed]
        leaves = [leaf_of(one, time) for one, time in zip(whole, times, strict=True)]
        code, report = report_on(made, resealed(made, whole, leaves), tmp_path)
        assert code == 0
        assert count == sum("under an expired roles file" in one for one in report["warnings"])


# --- what was taken back, or changed under way -----------------------------------------------------------------------


@pytest.mark.parametrize("role", ["trainer", "deployer", "approver"])
def test_a_key_that_was_stolen_later_is_told(role: str, made: Made, tmp_path: Path) -> None:
    """Of the chain, of the move and its summary, and of approvals and waivers: exit 0, and a warning for each."""
    roles = made.project.ledger.roles
    keyid = next(one for one, entry in roles.keys.items() if entry.role == role and entry.person == "mara")
    later = replace(roles, version=3, revoked={**roles.revoked, keyid: "stolen"}, time=made.project.clock())
    renewed = signed(later.statement(), made.project.keyring.signer("root"))
    code, report = report_on(made, resealed(made, [*envelopes(made), renewed]), tmp_path)
    expected = {"trainer": ["train"], "deployer": ["deploy", "promote"], "approver": ["waive"]}[role]
    assert code == 0
    assert expected == sorted(one.split()[4] for one in report["warnings"] if "stolen" in one)
    assert report_on(made, resealed(made, envelopes(made)), tmp_path)[1]["warnings"] == []


def test_a_policy_that_changed_before_the_move(made: Made, tmp_path: Path) -> None:
    """A summary under one policy, a move under the next: both refuse. After the move it changes nothing."""
    text = made.project.policy.text.replace("version = 1", "version = 2")
    newer = signed(Policy.from_text(text).statement(made.project.clock()), made.project.keyring.signer("policy"))
    for place, expected in ((12, (3, "LG524")), (13, (0, ""))):
        log = [*envelopes(made)[:place], newer, *envelopes(made)[place:]]
        files = indexed({**resealed(made, log), "policy.toml": text.encode()})
        assert expected == (judged(made, files, tmp_path)[0], product(made, files, tmp_path))


@pytest.mark.parametrize(
    "changes",
    [
        {"rung": "half", "share": 0.37},
        {"rung": "canary", "share": 7},
        {"rung": "canary", "share": True},
        {"rung": "live", "share": 0.5},
        {"rung": "canary", "share": 0.1, "floor": 1},
    ],
)
def test_a_first_move_is_live_and_gets_all(changes: dict[str, Any], made: Made, tmp_path: Path) -> None:
    """Anything else, however well signed, is refused by both."""
    log = envelopes(made)
    log[12] = signed(said_anew(made.log[12], **changes), made.project.keyring.signer("deployer"))
    files = resealed(made, log)
    assert (judged(made, files, tmp_path)[0], product(made, files, tmp_path) in {"LG526", "LG515"}) == (3, True)


def test_a_manifest_may_have_two_names(made: Made, tmp_path: Path) -> None:
    """An honest log, in which the same bytes were registered once more under another name: both accept it."""
    other = signed(said_anew(made.log[8], name="other"), made.project.keyring.signer("signer"))
    files = resealed(made, [*envelopes(made), other])
    assert (judged(made, files, tmp_path), product(made, files, tmp_path)) == ((0, ""), "")


# --- facts that say less, or another thing ---------------------------------------------------------------------------


def test_facts_leave_nothing_out_and_quote_nothing_else(made: Made, tmp_path: Path) -> None:
    """Promotions, roles: whole; of the chain only what the model rests on; a kind that nobody knows proves nothing."""
    by = {one.claim: one for one in made.log}
    roles = [one for one in made.log if one.claim == "roles"]
    for name, given, good in (
        ("roles", roles, True),
        ("roles", roles[:1], False),
        ("promotions", [by["promote"]], True),
        ("promotions", [], False),
        ("erasures", [], True),
        ("judge", [by["judge"]], True),
        ("judge", [by["validate"]], False),
        ("approvals", [by["approve"], by["waive"]], False),
        ("successes", [by["judge"]], False),
    ):
        files = made.with_files({f"facts/{name}.json": facts(given, ("time",))})
        code, why = judged(made, files, tmp_path)
        assert (0 if good else 3, not good) == (code, "step 9" in why), (name, why)


def test_long_names_hide_no_unproved_file(made: Made, tmp_path: Path) -> None:
    """However many files with long names are added: the page is named among what is not proved, where it is seen."""
    names = [f"model/{'x' * 400}{number}" for number in range(40)]
    files = made.with_files(dict.fromkeys(names, b"x"))
    index = decode(files["index.json"])
    index["files"] = [one | ({"proved": "none"} if one["path"] in names else {}) for one in index["files"]]
    path = tmp_path / "a.evidence.zip"
    path.write_bytes(packed({**files, "index.json": encode(index)}))
    said: list[str] = []
    assert V.main(["--root", made.root, "--at", NOW, str(path)], said.append) == 0
    line = next(one for one in "".join(said).splitlines() if "INDEX.html" in one)
    assert line.endswith("35 more files.")
    assert "verify.py" in line


# --- what lies beside it ---------------------------------------------------------------------------------------------


def test_code_of_an_archive_is_not_run(made: Made, tmp_path: Path) -> None:
    """An `argparse.py` in an archive is refused by both; and where somebody unpacked it, verify.py runs Python's own.

    As plainly as a reader would type it: without -I.
    """
    evil = b"print('the code of the archive runs')\nraise SystemExit(0)\n"
    for name in ("argparse.py", "cryptography/__init__.py", "log.py"):
        files = made.with_files({name: evil})
        code, why = judged(made, files, tmp_path)
        assert (code, "step 1" in why, product(made, files, tmp_path)) == (3, True, "LG7032")
    folder = tmp_path / "unpacked"
    files = made.with_files({"argparse.py": evil, "cryptography/__init__.py": evil})
    (tmp_path / "evil.zip").write_bytes(packed(files))
    with zipfile.ZipFile(tmp_path / "evil.zip") as archive:
        archive.extractall(folder)
    (folder / "good.zip").write_bytes(packed(made.files))
    command = [sys.executable, "verify.py", "--root", made.root, "--at", NOW, "good.zip"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for more in ({}, {"PYTHONPATH": "."}):
        done = subprocess.run(command, cwd=folder, env=environ | more, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "the code of the archive runs" not in done.stdout
        assert "NOT proved" in done.stdout


@pytest.mark.parametrize("name", ["index.json", "facts/judge.json", "records/0.json"])
def test_large_json_is_not_parsed(name: str, made: Made, tmp_path: Path) -> None:
    """Nine million bytes of empty lists would take hundreds of megabytes: refused by both before that."""
    bomb = b"[" + b"[]," * (3 << 20) + b"[]]"
    files = {**made.files, name: bomb}
    files = files if name == "index.json" else indexed(files)
    code, why = judged(made, files, tmp_path)
    assert (code, product(made, files, tmp_path)) == (3, "LG7031")
    assert "JSON of more than" in why or name == "records/0.json"


def test_nothing_is_waited_for(handed: Path, made: Made, tmp_path: Path) -> None:
    """A pipe in a folder that somebody handed out: exit 4 at once."""
    folder = tmp_path / "p"
    shutil.copytree(handed, folder)
    (folder / "leaf").unlink()
    os.mkfifo(folder / "leaf")
    command = [sys.executable, "-I", str(VERIFIER), "--root", made.root, "proof", str(folder / PROOF)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, "leaf is no plain file" in done.stdout) == (4, True)


# --- words -----------------------------------------------------------------------------------------------------------


def test_what_is_missing_is_no_forgery(handed: Path, made: Made, tmp_path: Path) -> None:
    """A wrong name, or a folder without its roles: exit 2, what is missing, and nothing that accuses anybody."""
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in (PROOF, "leaf"):
        shutil.copy(handed / name, alone / name)
    token = made.receipts[1].token()
    for words, what in (
        (("proof", alone / PROOF), "no roles files in"),
        (("proof", tmp_path / "nofile"), "there is no file"),
        (("receipt", token), "give --proof FILE"),
        ((tmp_path / "no.evidence.zip",), "there is no file"),
    ):
        code, report = asked(made.root, *words)
        assert (code, what in report["failed"]) == (2, True), report["failed"]
        said: list[str] = []
        V.main(["--root", made.root, *map(str, words)], said.append)
        assert "".join(said).startswith("Nothing was checked: ")
    assert asked(made.root, "proof", alone / PROOF, "--roles", handed / "roles")[0] == 0


def test_a_record_says_when_in_words(handed: Path, made: Made) -> None:
    """Its time in UTC, its model and place; and for a receipt as for a proof that nobody knows what came later."""
    token = made.receipts[1].token()
    for words in (("proof", handed / PROOF), ("receipt", token, "--proof", handed / PROOF)):
        code, report = asked(made.root, *words)
        assert code == 0
        assert "at 2026-11-18T11:06:40Z by the gateway's clock" in report["found"][0]
        assert "live in prod" in report["found"][1]
        assert sum("no later roles file" in one for one in report["not_proved"]) == 1


def test_no_revocation_is_said(made: Made, tmp_path: Path) -> None:
    """The sentence that an auditor wants, and how far it goes; not where there is one."""
    said = report_on(made, made.files, tmp_path)[1]["steps"][4]["said"]
    assert said.endswith("; no revocation of it in the log, up to its entry 13")
    target = decode(made.files["index.json"])["model"]["manifest"]
    revoked = signed(revocation(target, "poisoned"), made.project.keyring.signer("revoker"))
    assert (
        "no revocation"
        not in report_on(made, resealed(made, [*envelopes(made), revoked]), tmp_path)[1]["steps"][4]["said"]
    )


def test_a_missing_package_is_said(tmp_path: Path) -> None:
    """Without `cryptography`: one sentence and exit 2. 1 would say that the evidence is genuine."""
    blocked = (
        "import sys; sys.modules['cryptography'] = None; import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    command = [sys.executable, "-I", "-c", blocked, str(VERIFIER), "--root", "ab" * 32, str(tmp_path / "a.zip")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "pip install cryptography" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_each_option_is_explained() -> None:
    """`--help` says of each what it is, what the exit codes mean, and what WHAT can be."""
    done = subprocess.run([sys.executable, "-I", str(VERIFIER), "--help"], capture_output=True, text=True, check=False)
    words = " ".join(done.stdout.split())
    assert "what was asked, as JSON" in words
    assert "what was answered, as JSON" in words
    assert "folder of roles files that came with the proof" in words
    assert "exit codes: 0 it holds" in words
