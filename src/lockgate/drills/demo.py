"""`lockgate demo`: the whole chain on bundled real data, with real traffic, verified, then attacked."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from lockgate.drills.attacks import ATTACKS, Outcome, replay
from lockgate.drills.traffic import Answer, batches, post
from lockgate.errors import Refused, Unavailable
from lockgate.pipeline import Observer, RunResult
from lockgate.project import Project
from lockgate.project.reports import EverythingReport, ModelReport, ReceiptReport
from lockgate.project.resources import example
from lockgate.trust.keyring import remove_keys

if TYPE_CHECKING:
    from lockgate.project.evidence.exporting import Exported

EXAMPLE = "flights"
ROWS = 200
BATCH = 50
SEALED_WITHIN = 20.0
CLIENT = "demo"


@dataclass(frozen=True)
class Traffic:
    """What the gateway answered. `receipt`: of the first prediction, proved after sealing."""

    answered: int
    unauthenticated: int
    refused: int
    words: str
    first: Mapping[str, Any]
    receipt: str


@dataclass(frozen=True)
class Served:
    """The served part of the demo."""

    traffic: Traffic
    proved: ReceiptReport


@contextmanager
def place(keep: Path | None) -> Iterator[Path]:
    """Where the demo's project is: `keep`, new or empty, or a temporary folder. Raises Refused (LG949)."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="lockgate-demo-") as name:
            yield Path(name) / EXAMPLE
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise Refused("LG949", f"{keep} is not empty", seen={"folder": str(keep)}, next="name a new folder")
    yield keep


@contextmanager
def project_in(folder: Path, *, keep: bool) -> Iterator[Project]:
    """The demo's project, with its keys and its pin; without `keep` they are removed again, whatever happens."""
    shutil.copytree(
        example(EXAMPLE), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".lockgate")
    )
    founded = Project.create(folder)
    try:
        yield Project.open(folder)
    finally:
        if not keep:
            remove_keys(founded.project_id)


def train_and_deploy(project: Project, observer: Observer) -> RunResult:
    """Run the chain and make its model live in dev."""
    result = project.run(observer=observer)
    project.deploy(result.ref, reason="the demo's first model", observer=observer)
    return result


def serve_and_ask(project: Project, observer: Observer) -> Served:
    """Serve the live model, ask as a client would, and prove the first answer from its receipt.

    The gateway is supervised by this thread (signals belong to it); another one sends the requests.
    """
    key = project.add_client(CLIENT, kind="internal")
    stop = threading.Event()
    found: list[Served | BaseException] = []

    def client(url: str) -> None:
        try:
            found.append(_ask(project, url, key))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that serves
            found.append(error)
        finally:
            stop.set()

    def ready(url: str) -> None:
        threading.Thread(target=client, args=(url,), name="demo-client", daemon=True).start()

    project.serve(environment="dev", port=0, ready=ready, say=observer.say, stop=stop)
    if not found:
        raise Unavailable("LG960", "the demo's server ended before it was asked", next="lockgate doctor")
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def attacked(project: Project, names: Sequence[str] = ()) -> Iterator[Outcome]:
    """Replay the attacks on copies. What is not stopped by the named finding is an outcome too."""
    with tempfile.TemporaryDirectory(prefix="lockgate-attack-") as name:
        for one in [ATTACKS[each] for each in names] or list(ATTACKS.values()):
            yield replay(one, project, Path(name))


def picture(project: Project, ref: str) -> tuple[ModelReport, EverythingReport]:
    """What `verify REF` and `verify --all` say."""
    return project.verify(ref), project.verify_everything()


def handed(project: Project, ref: str) -> Exported:
    """The evidence of a model, as an outsider gets it, verified again from the archive alone."""
    from lockgate.project.offline_archive import verify_archive

    done = project.evidence(ref, out=project.root / "demo.evidence.zip")
    verify_archive(Path(done.file), project.now(), root=done.root)
    return done


def not_stopped(outcome: Outcome) -> Refused:
    """The error for an attack that got through."""
    seen = outcome.error.finding if outcome.error else "nothing"
    return Refused(
        "LG951",
        f"the attack {outcome.attack.id} was not stopped by {outcome.attack.finding}",
        seen={"did": outcome.did, "expected": outcome.attack.finding, "seen": seen},
        next="lockgate doctor",
    )


def _ask(project: Project, url: str, key: str) -> Served:
    records = _later_rows(project)
    without_key = post(f"{url}/predict", "", {"records": records[:1]})
    answers = [_answered(post(f"{url}/predict", key, {"records": piece})) for piece in batches(records, BATCH)]
    broken = {**records[0], next(iter(_numbers(records[0]))): 1e30}
    refused = post(f"{url}/predict", key, {"records": [broken]})
    first = answers[0]
    receipt = first["receipts"][0]
    traffic = Traffic(
        answered=sum(len(answer["predictions"]) for answer in answers),
        unauthenticated=without_key.status,
        refused=refused.status,
        words=_words(refused.body),
        first=first["predictions"][0],
        receipt=receipt,
    )
    return Served(traffic, _proved(project, receipt, records[0], first["predictions"][0]))


def _answered(answer: Answer) -> Any:
    if answer.status != 200:
        raise Unavailable(
            "LG961",
            f"the gateway answered {answer.status}",
            seen={"body": str(answer.body)[:300]},
            next="lockgate doctor",
        )
    return answer.body


def _proved(project: Project, receipt: str, record: Mapping[str, Any], prediction: object) -> ReceiptReport:
    """Wait until the record is sealed, then prove it and open its commitments with what was asked and answered."""
    deadline = monotonic() + SEALED_WITHIN
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"input": record, "output": prediction}, file)
        file.flush()
        while True:
            report = project.verify_receipt(receipt, record=Path(file.name))
            if report.state == "sealed":
                return report
            if monotonic() > deadline:
                raise Unavailable("LG962", "the prediction's record was not sealed in time", next="lockgate log verify")
            sleep(0.2)


def _later_rows(project: Project) -> list[dict[str, Any]]:
    """Rows of a later month than any that training saw: bundled data of ours, as a client would send them."""
    import pyarrow.parquet as pq

    table = pq.read_table(example(EXAMPLE) / "data" / "flights-2013-07.parquet")
    label = project.config.data.label
    wanted = json.loads((project.root / "sample.json").read_text("utf-8"))["records"][0]
    rows = table.select([name for name in table.column_names if name in wanted]).slice(0, ROWS).to_pylist()
    return [{name: _plain(value) for name, value in row.items() if name != label} for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def _numbers(record: Mapping[str, Any]) -> list[str]:
    return [name for name, value in record.items() if isinstance(value, int | float) and not isinstance(value, bool)]


def _words(body: Any) -> str:
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else {}
    return str(first.get("msg") or first.get("message") or (body.get("message") if isinstance(body, dict) else body))
