"""Threats: a file as the way around the gateway (other bytes, no approval, no record), and changed predictions.

Real jails, one project for all; whoever tampers puts back what was there.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lockgate.audit.entries import Registration, registrations
from lockgate.audit.log import Log
from lockgate.audit.spool import read_spool
from lockgate.core.digest import hex_of
from lockgate.core.encoding import encode
from lockgate.core.record_kinds import FileRecord, parse_any
from lockgate.deploy.revoking import revoke
from lockgate.errors import LockgateError
from lockgate.pipeline.scoring import run
from lockgate.pipeline.scoring.run import score
from lockgate.pipeline.scoring.spec import Kind, Scored, Wanted
from lockgate.pipeline.scoring.worker import Worker
from lockgate.project import Project
from lockgate.sandbox.launch import Target
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve import evidence
from lockgate.serve.policies import serve_policy
from lockgate.serve.spec import ServePolicy
from lockgate.store.lock import lock
from lockgate.supervise import jails
from lockgate.supervise.sealing import Sealing
from lockgate.trust import pin as pins
from lockgate.trust.policy import Policy
from tests.support.project import POLICY, at_home
from tests.support.serving import ServableProject, serving

LABEL_ONLY = '[environment.dev.serve.output.external]\nscores = "label"\n'
ROWS = [("200", "UA"), ("5000.5", "AA"), ("-1", "AA"), ("100", "ZZ"), ("1000", "UA")]
RIGHT = {0: False, 1: True, 4: False}


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServableProject]:
    """flights@1 is live in dev; clients of the kind external get labels alone."""
    folder = tmp_path_factory.mktemp("scoring")
    with pytest.MonkeyPatch.context() as patch:
        at_home(folder, patch)
        root = folder / "project"
        root.mkdir()
        project = ServableProject(root, policy=POLICY + LABEL_ONLY)
        project.make_live(patch)
        pins.pin(project.created.project_id, project.root, project.clock())
        (folder / "in.csv").write_text("distance,carrier\n" + "".join(f"{a},{b}\n" for a, b in ROWS))
        yield project


@pytest.fixture(name="scored", scope="module")
def _scored(project: ServableProject) -> Scored:
    """The whole file, scored once."""
    return _score(project, "whole.csv")


def _wanted(project: ServableProject, out: str, source: str = "in.csv", kind: Kind = "internal") -> Wanted:
    folder = project.root.parent
    return Wanted("flights:live", folder / source, folder / out, kind)


def _score(project: ServableProject, out: str, **more: Any) -> Scored:
    return score(project.workplace(now=lambda: datetime.now(UTC)), _wanted(project, out, **more))


def _refused(project: ServableProject, out: str, **more: Any) -> str:
    """The finding; and nothing lies beside where OUT would be."""
    before = sorted(project.root.parent.iterdir())
    with pytest.raises(LockgateError) as caught:
        _score(project, out, **more)
    assert sorted(project.root.parent.iterdir()) == before
    return caught.value.finding


def _verify(project: ServableProject, out: Path, source: Path | None = None) -> Any:
    return Project(project.root, now=project.clock).verify_rows(out, source=source)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_scored_or_refused(project: ServableProject, scored: Scored) -> None:
    """Every row of IN is in OUT, or in the quarantine with its reason; the label is the model's."""
    rows = _table(scored.out)
    assert {int(row["row"]): row["label"] == "true" for row in rows} == RIGHT
    assert rows[2]["score.true"] == rows[2]["score.false"] == "0.5"
    assert scored.quarantine is not None
    reasons = pq.read_table(scored.quarantine).to_pylist()
    assert [(each["row"], each["field"], each["rule"]) for each in reasons] == [
        (2, "distance", "greater_than_equal"),
        (3, "carrier", "literal_error"),
    ]
    assert (scored.rows, scored.scored, scored.rung, scored.sealed) == (5, 3, "live", True)
    for path in (scored.out, scored.receipt_file, scored.quarantine):
        assert path.stat().st_mode & 0o777 == 0o600
    assert project.root.joinpath(".lockgate/state/spool").is_dir()


def test_one_record_holds_all_rows(project: ServableProject, scored: Scored) -> None:
    """In the log under the sealer's key: the model, how many rows, one root; and no value."""
    sealing = Sealing.of(project.workplace())
    log = Log.open(project.home / "log/predictions", public_key=sealing.public, origin=sealing.origin)
    found = [parse_any(entry) for entry in log.entries(0, log.size)]
    (record,) = [each for each in found if isinstance(each, FileRecord) and each.root == scored.root]
    assert (record.model, record.rows, record.environment, record.rung) == (scored.manifest, 3, "dev", "live")
    assert scored.receipt.split(".")[1] == record.gateway


def test_the_honest_file_is_proved(project: ServableProject, scored: Scored) -> None:
    """Each row, and that this file was scored; a receipt alone proves the record."""
    report = _verify(project, scored.out, project.root.parent / "in.csv")
    assert dict(report.opened) == {"file of 3 rows": True, "file that was scored": True}
    assert report.record["ref"] == "flights@1"
    assert Project(project.root, now=project.clock).verify_receipt(scored.receipt).state == "sealed"


@contextmanager
def _instead(path: Path, data: bytes) -> Iterator[None]:
    kept, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(kept)
        path.chmod(mode)  # the gateway is another user


def test_a_changed_row_is_named(project: ServableProject, scored: Scored) -> None:
    """Whoever turns a label round after the fact."""
    told = scored.out.read_bytes()
    with _instead(scored.out, told.replace(b"4,false", b"4,true")), pytest.raises(LockgateError) as caught:
        _verify(project, scored.out)
    assert (caught.value.finding, caught.value.exit_code) == ("LG678", 3)
    assert caught.value.seen["row"] == 4


def test_what_cannot_be_read_is_not_what_was_recorded(project: ServableProject, scored: Scored) -> None:
    """A file of predictions from a stranger is parsed in a jail, and garbage is an answer of exit 3."""
    with _instead(scored.out, b"\x00PAR1" * 100), pytest.raises(LockgateError) as caught:
        _verify(project, scored.out)
    assert (caught.value.finding, caught.value.exit_code) == ("LG678", 3)


def test_another_receipts_file_proves_nothing(project: ServableProject, scored: Scored) -> None:
    """Roots that do not make the one in the log, no receipt at all, and another file as the one that was scored."""
    told = json.loads(scored.receipt_file.read_bytes())
    forged = {**told, "outputs": "00" * 32}
    data = encode(forged)
    with _instead(scored.receipt_file, data), pytest.raises(LockgateError, match="file of the receipt"):
        _verify(project, scored.out)
    with pytest.raises(LockgateError, match="another file was scored"):
        _verify(project, scored.out, scored.receipt_file)
    with pytest.raises(LockgateError, match=r"no in\.csv\.receipt\.json") as caught:
        _verify(project, project.root.parent / "in.csv")
    assert caught.value.finding == "LG679"


def test_predictions_replace_nothing(project: ServableProject, scored: Scored) -> None:
    """Not the predictions of yesterday, nor their receipt; and an ending that says no form is refused."""
    assert scored.out.is_file()
    assert _refused(project, "whole.csv") == "LG675"
    assert _refused(project, "whole.xlsx") == "LG675"


@pytest.mark.parametrize("name", ["model.onnx", "io.json", "code/contract.py"])
def test_other_bytes_than_the_registered_score_nothing(project: ServableProject, name: str) -> None:
    """Swapped in the registry: model, serving spec, contract."""
    registration = _registered(project)
    blob = project.home / "registry/blobs/sha256" / hex_of(registration.file(name).digest)
    with _instead(blob, blob.read_bytes()[::-1]):
        assert _refused(project, "swapped.csv") == "LG802"


def _registered(project: ServableProject) -> Registration:
    (found,) = registrations(project.ledger.statements())
    return found


def test_hostile_input_is_refused(project: ServableProject) -> None:
    """A link, a folder, and bytes that are no rows; nothing is written."""
    folder = project.root.parent
    (folder / "link.csv").symlink_to(folder / "in.csv")
    (folder / "folder.csv").mkdir(exist_ok=True)
    (folder / "bad.parquet").write_bytes(b"PAR1" + b"\xff" * 200 + b"PAR1")
    assert _refused(project, "hostile.csv", source="link.csv") == "LG118"
    assert _refused(project, "hostile.csv", source="folder.csv") == "LG102"
    assert _refused(project, "hostile.csv", source="absent.csv") == "LG102"
    assert _refused(project, "hostile.csv", source="bad.parquet").startswith("LG1")


def test_a_worker_that_dies_answers_nothing(project: ServableProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG676, at once, and the jail is gone."""
    registration = _registered(project)
    closed = evidence.read(registration, project.ledger, project.registry)
    settings, _ = jails.worker("model", PythonEnv.own())
    dead = settings, Target("lockgate.runtime.jail.worker", ("99",))
    monkeypatch.setattr(jails, "worker", lambda *_: dead)
    with pytest.raises(LockgateError) as caught, Worker(registration, closed, PythonEnv.own()):
        pass
    assert caught.value.finding == "LG676"


def test_nothing_is_given_out_before_the_record_is_what_the_policy_wants(
    project: ServableProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sealed`, somebody holds the sealer's place, and seals nothing: LG677, and the record waits in its spool."""
    monkeypatch.setattr(run, "serve_policy", lambda _statements, _environment: ServePolicy(record="sealed"))
    monkeypatch.setattr(run, "SEALING_SECONDS", 0.0)
    spool = project.home / "state/spool"
    before = set(spool.glob("*.spool"))
    with lock(project.home / "state/locks/serve"):
        assert _refused(project, "early.csv") == "LG677"
    (waiting,) = set(spool.glob("*.spool")) - before
    assert isinstance(parse_any(read_spool(waiting).records[0]), FileRecord)
    waiting.unlink()


def test_what_happened_meanwhile_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another output policy, or a revocation, while the rows were scored: nothing is recorded or given out."""
    at_home(tmp_path, monkeypatch)
    (tmp_path / "project").mkdir()
    project = ServableProject(tmp_path / "project")
    project.make_live(monkeypatch)
    (tmp_path / "in.csv").write_text("distance,carrier\n200,UA\n")
    place = project.workplace()
    changed = Policy.from_text(POLICY.replace("version = 1", "version = 2") + LABEL_ONLY)

    def meanwhile(_done: int, _of: int) -> None:
        project.record("policy", changed.statement(project.clock()))

    with pytest.raises(LockgateError, match="policy changed while"):
        score(place, _wanted(project, "out.csv"), progress=meanwhile)
    assert not (tmp_path / "out.csv").exists()
    assert not (project.home / "log/predictions").exists()
    chosen, policy = run._choose(place, "flights:live"), serve_policy(project.ledger.statements(), "dev")
    assert run._still(place, chosen, policy) == chosen
    revoke(project.workplace(), "flights@1", "stolen data")
    with pytest.raises(LockgateError) as caught:
        run._still(place, chosen, policy)
    assert caught.value.finding == "LG514"


def test_beside_a_gateway_both_say_the_same(project: ServableProject) -> None:
    """The gateway's sealer carries the record; predictions of the same rows are equal; the output policy holds.

    An external client gets labels alone from the gateway, and from a file too.
    """
    folder = project.root.parent
    records = [{"distance": float(a), "carrier": b} for place, (a, b) in enumerate(ROWS) if place in RIGHT]
    (folder / "in.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    with serving(project, client={"kind": "external"}) as served:
        answered = served.predict({"records": records}).json()["predictions"]
        found = _score(project, "beside.parquet", source="in.jsonl", kind="external")
        assert found.sealed
    rows = pq.read_table(found.out).to_pylist()
    assert [sorted(row) for row in rows] == [["check", "label", "row"]] * 3
    assert [{"label": row["label"]} for row in rows] == answered == [{"label": each} for each in RIGHT.values()]
    assert dict(_verify(project, found.out).opened) == {"file of 3 rows": True}
