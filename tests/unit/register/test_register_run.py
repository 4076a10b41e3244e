"""Registration end to end on a signed project: real keys, log and registry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lockgate.audit.entries import registrations
from lockgate.audit.shelf import shelf
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.monitor.plan import Plan
from lockgate.register import run as register
from lockgate.register.spec import RegisterSpec, Words
from lockgate.sandbox.report import JailReport, Probe
from tests.support.project import SignedProject, signed_project
from tests.support.scanning import scan

SPEC = RegisterSpec("flights", Words("Does this flight arrive late?"))
HELD = (Probe("everything", "none", holds=True, witness="a test's"),)
REPORT = JailReport("none", "parse", digest_of(b"settings"), HELD, {})


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return signed_project(tmp_path, monkeypatch)


@pytest.fixture(name="here")
def _scan_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scan runs in this process: these tests are about what is done with its report."""
    scanned: list[str] = []

    def look(workplace: Workplace, files: Mapping[str, bytes | Path]) -> tuple[bytes, JailReport]:
        scanned.extend(files)
        read = {name: file if isinstance(file, bytes) else file.read_bytes() for name, file in files.items()}
        return encode(scan(read)), REPORT

    monkeypatch.setattr(register, "look", look)
    return scanned


def test_a_candidate_becomes_a_signed_write_once_entry(project: SignedProject) -> None:
    """With the real parse jail: version 1, every byte accounted for, and the signature fits the files."""
    project.candidate()
    result = register.run(project.workplace(), SPEC)
    assert (result.ref, result.cached, result.verdicts["dev"].passed) == ("flights@1", False, True)
    assert [file.name for file in result.registration.files] == [
        "README.md",
        "baseline.json",
        "bom.cdx.json",
        "code/contract.py",
        "evaluation.json",
        "io.json",
        "model.onnx",
        "requirements.lock",
    ]
    statements = project.open_ledger().statements()
    assert project.registry.check(shelf(statements), [one.digest for one in statements]) > 0
    assert {one.claim for one in statements} >= {"scan", "register"}
    scanned = next(one for one in statements if one.claim == "scan")
    assert (scanned.predicate["result"], scanned.predicate["jail"]["level"]) == ("PASSED", 3)


def test_the_same_candidate_again_is_the_same_version(project: SignedProject, here: list[str]) -> None:
    """Idempotent: nothing is signed, scanned or stored the second time."""
    project.candidate()
    first = register.run(project.workplace(), SPEC)
    size = len(project.ledger.statements())
    here.clear()
    second = register.run(project.workplace(), SPEC)
    assert (second.cached, second.registration) == (True, first.registration)
    assert (len(project.ledger.statements()), here) == (size, [])


def test_what_is_watched_is_part_of_the_model(project: SignedProject, here: list[str]) -> None:
    """The plans that validate and judge name are files of it, with their digests; another plan is another version."""
    project.candidate()
    plans = (Plan((), 1, 0).encode(), Plan((), 2, 0).encode())
    assert {"monitor.json", "monitor-outputs.json"}.isdisjoint(
        file.name for file in register.run(project.workplace(), SPEC).registration.files
    )
    project.candidate(monitored=plans)
    found = register.run(project.workplace(), SPEC).registration
    digests = {file.name: file.digest for file in found.files}
    assert (found.version, digests["monitor.json"], digests["monitor-outputs.json"]) == (2, *map(digest_of, plans))


def test_versions_count_up_per_name(project: SignedProject, here: list[str]) -> None:
    """Another candidate is the next version; another name begins at 1."""
    project.candidate(1.0)
    assert register.run(project.workplace(), SPEC).ref == "flights@1"
    project.candidate(2.0)
    assert register.run(project.workplace(), SPEC).ref == "flights@2"
    assert register.run(project.workplace(), RegisterSpec("delays")).ref == "delays@1"


@pytest.mark.parametrize("missing", ["ingest", "validate", "train", "judge"])
def test_without_one_statement_nothing_is_registered(project: SignedProject, here: list[str], missing: str) -> None:
    """The refusal names the statement that is missing."""
    project.candidate(skip=[missing])
    with pytest.raises(Refused) as no:
        register.run(project.workplace(), SPEC)
    assert (no.value.finding, no.value.seen["claim"]) == ("LG401", missing)
    assert registrations(project.ledger.statements()) == []


@pytest.mark.parametrize(
    ("newer", "names"),
    [
        (["ingest"], "validate"),
        (["ingest", "validate"], "train"),
        (["ingest", "validate", "train"], "judge"),
    ],
)
def test_a_candidate_that_was_left_behind_is_refused(
    project: SignedProject, here: list[str], newer: list[str], names: str
) -> None:
    """A later run of an earlier stage makes what followed stale: the refusal says which join broke."""
    project.candidate(1.0)
    project.candidate(2.0, skip=[claim for claim in ("ingest", "validate", "train", "judge") if claim not in newer])
    with pytest.raises(Refused) as no:
        register.run(project.workplace(), SPEC)
    assert (no.value.finding, next(iter(no.value.seen))) == ("LG402", names)


@pytest.mark.parametrize("name", ["", "Latest", "latest", "live", "a/b", "../x", "a b", "a@1", "x" * 65])
def test_a_name_that_ref_or_registry_cannot_take_is_a_usage_error(project: SignedProject, name: str) -> None:
    """Before anything is read or written."""
    with pytest.raises(Usage) as no:
        register.run(project.workplace(), RegisterSpec(name))
    assert no.value.finding == "LG440"


def test_what_the_scan_refuses_stays_out_and_leaves_evidence(project: SignedProject) -> None:
    """With the real jail: a pickle called model.onnx. The failed scan is in the log, the model nowhere."""
    import pickle

    project.candidate(model=pickle.dumps({"weights": [1.0]}))
    with pytest.raises(Refused) as no:
        register.run(project.workplace(), SPEC)
    assert (no.value.finding, no.value.seen["file"]) == ("LG410", "model.onnx")
    statements = project.ledger.statements()
    assert [one.predicate["result"] for one in statements if one.claim == "scan"] == ["FAILED"]
    assert registrations(statements) == []
    assert set(project.registry.blobs.names()) == {one.digest for one in statements}


def test_the_policy_of_its_environment_decides_and_the_others_are_told(project: SignedProject, here: list[str]) -> None:
    """The dev policy only warns and registers; prod refuses, with the reason; dev says what prod would miss."""
    project.candidate(auc=0.6)
    with pytest.raises(Refused) as no:
        register.run(project.workplace("prod"), SPEC)
    assert (no.value.finding, "roc_auc" in no.value.message) == ("LG430", True)
    result = register.run(project.workplace("dev"), SPEC)
    assert {name: verdict.passed for name, verdict in result.verdicts.items()} == {"dev": True, "prod": False}
    assert list(result.verdicts) == ["dev", "prod"]


@pytest.mark.parametrize("facts", [{"refused_rows": 500}, {"jail_level": 0}])
def test_what_is_enforced_everywhere_is_enforced_in_dev(
    project: SignedProject, here: list[str], facts: dict[str, int]
) -> None:
    """Too many refused rows, or training without a jail, stop registration in any environment."""
    project.candidate(**facts)  # type: ignore[arg-type]
    with pytest.raises(Refused) as no:
        register.run(project.workplace(), SPEC)
    assert no.value.finding == "LG430"


def test_a_file_that_changed_since_it_was_signed_is_noticed(project: SignedProject, here: list[str]) -> None:
    """The data store is not trusted: the model is read by the digest that the train statement names."""
    made = project.candidate()
    path = project.data.path(made["train"].statement.subjects[0].digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(LockgateError) as no:
        register.run(project.workplace(), SPEC)
    assert (no.value.exit_code, no.value.finding) == (3, "LG802")


def test_a_scan_about_other_bytes_is_not_believed(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jail met hostile bytes: its report counts only when it is about exactly what it was given."""
    for report in (
        b"",
        b"[]",
        b'{"files":[],"refused":null}',
        b'{"files":[],"refused":{"name":"x","finding":"LG999"}}',
    ):
        monkeypatch.setattr(register, "look", lambda _w, _f, report=report: (report, REPORT))
        project.candidate()
        with pytest.raises(LockgateError) as no:
            register.run(project.workplace(), SPEC)
        assert (no.value.exit_code, no.value.finding) == (3, "LG421")


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("after", range(14))
def test_a_kill_at_any_write_leaves_nothing_half_registered(
    project: SignedProject, here: list[str], monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Dying after each write in turn: the next run registers version 1, once, with every byte accounted for."""
    project.candidate()
    count = 0

    def dying(method: object) -> object:
        def wrapped(*args: object, **kwargs: object) -> object:
            nonlocal count
            if count == after:
                raise Killed
            count += 1
            return method(*args, **kwargs)  # type: ignore[operator]

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(project.registry.blobs, "put", dying(project.registry.blobs.put))
        patch.setattr(project.registry, "publish", dying(project.registry.publish))
        patch.setattr(project.ledger, "append", dying(project.ledger.append))
        try:
            register.run(project.workplace(), SPEC)
        except Killed:
            pass
        else:
            assert after >= count
    project.ledger = project.open_ledger()
    assert register.run(project.workplace(), SPEC).ref == "flights@1"
    statements = project.ledger.statements()
    assert len(registrations(statements)) == 1
    entries, digests = shelf(statements), [one.digest for one in statements]
    project.registry.sweep(entries, digests)
    assert project.registry.check(entries, digests) > 0
