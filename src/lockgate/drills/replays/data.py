"""Drills: rows and data files that are not what they should be."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.drills.replays import records
from lockgate.drills.replays.packages import add_setting
from lockgate.drills.replays.poisoning import FLIPPED, labels, trigger
from lockgate.drills.replays.rowfiles import data_of, flip, paths
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried
from lockgate.drills.replays.trap import listening

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_KEPT: Final = 50
_ENDLESS: Final = 12 << 20
"""Bytes of one cell."""
_BOOKKEEPING: Final = ("__source__", "__row__")
"""Where each row of a snapshot comes from: whoever edits the rest leaves it as it was."""
_ACCEPTED: Final = 202


def _refused_rows(scene: Scene) -> Tried:
    data = data_of(scene)
    for file in data.files:
        kept = max(1, _KEPT * len(file.rows) // data.rows)
        file.rows[kept:] = [[_nothing(file.kind)] * len(file.columns)] * (len(file.rows) - kept)
    data.write()
    scene.must("ingest")
    done = scene.lockgate("validate", "--env", scene.strict)
    did = f"emptied all but {_KEPT} of {data.rows:,} rows, so that these alone are trained on"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _nothing(kind: str) -> Any:
    return "" if kind == "csv" else None


def _bad_source(scene: Scene) -> Tried:
    paths(scene)
    scene.must("ingest")
    with listening() as (port, asked):
        source = f"https://127.0.0.1:{port}/rows.csv"
        file = scene.root / "lockgate.toml"
        text = file.read_text("utf-8")
        names = tomllib.loads(text)["data"]["sources"]
        if text.count("sources = [") != 1:
            raise NotApplicable("lockgate.toml spells [data] sources in another way")
        file.write_text(text.replace("sources = [", f'sources = ["{source}", '), "utf-8")
        done = scene.lockgate("ingest")
    did = f"named a server of their own beside the project's {len(names)} sources"
    return Tried(did, "lockgate ingest", (done.document,), reached=bool(asked) or done.ok)


def _split_view(scene: Scene) -> Tried:
    file = paths(scene)[0]
    name = file.relative_to(scene.root).as_posix()
    settings = tomllib.loads((scene.root / "lockgate.toml").read_text("utf-8"))["data"]
    if name not in settings.get("pins", {}):
        pinned = hashlib.sha256(file.read_bytes()).hexdigest()
        add_setting(scene, "data.pins", f'"{name}" = "sha256:{pinned}"')
    scene.must("ingest")
    flipped = flip(data_of(scene), FLIPPED)
    done = scene.lockgate("ingest")
    did = f"gave another {name} to whoever fetches it after it was looked at: {len(flipped):,} labels differ"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _edited_snapshot(scene: Scene) -> Tried:
    digest = str(scene.must("ingest")["digest"])
    found = [path for path in (scene.home / "data").rglob(digest.partition(":")[2][-60:]) if path.is_file()]
    found = found or [p for p in (scene.home / "data").rglob("*") if p.is_file() and p.name in digest]
    if not found:
        raise NotApplicable("the snapshot is not stored as a file of this machine")
    table = pq.read_table(found[0])
    order = list(range(table.num_rows))
    order[: table.num_rows // 2] = [0] * (table.num_rows // 2)
    found[0].chmod(0o600)
    found[0].unlink()
    edited = table.take(pa.array(order))
    for name in _BOOKKEEPING:
        edited = edited.set_column(table.column_names.index(name), table.schema.field(name), table.column(name))
    pq.write_table(edited, found[0])
    done = scene.lockgate("validate")
    did = "wrote one row over half of the stored snapshot, between capture and validation"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _hostile_file(scene: Scene) -> Tried:
    data = data_of(scene)
    file = data.files[0]
    endless = "x" * _ENDLESS
    if file.kind == "parquet":
        cells = pa.array([endless] + [""] * (len(file.rows) - 1), pa.string())
        pq.write_table(pq.read_table(file.path).append_column("drill_note", cells), file.path, compression="zstd")
    else:
        file.rows.append([endless, *file.rows[0][1:]])
        data.write()
    done = scene.lockgate("ingest")
    did = f"put one cell of {_ENDLESS >> 20} MiB into {file.path.name}, to fill the memory of whoever reads it"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _feedback(scene: Scene) -> Tried:
    house = scene.shared_house()
    record = records.sample(scene)
    victim, attacker = (house.key("--action", "predict", "--action", "label") for _ in range(2))
    answered = [house.post(records.PREDICT, records.body([record]), key=key) for key in (victim, attacker)]
    if any(answer.status != records.OK for answer in answered):
        raise NotApplicable("the gateway does not answer the project's own sample")
    theirs, own = (str(answer.body["receipts"][0]) for answer in answered)
    label = _label(answered[0].body["predictions"][0])
    forged = {"receipt": _at_place_of(theirs, own), "label": label}
    tried = house.post("/feedback", forged, key=attacker)
    honest = house.post("/feedback", {"receipt": theirs, "label": label}, key=victim)
    reached = tried.status == _ACCEPTED
    if not reached and honest.status != _ACCEPTED:
        raise NotApplicable(f"the gateway takes no label of an honest client either: {honest.body}")
    did = (
        "labelled another client's prediction by its place in the log, which can be guessed, and a secret of one's own"
    )
    return Tried(did, "POST /feedback", (tried.body,), reached)


def _at_place_of(theirs: str, own: str) -> str:
    """A receipt is a place in the log and a secret: their place with our secret."""
    return ".".join((*theirs.split(".")[:-1], own.rpartition(".")[2]))


def _label(prediction: Any) -> Any:
    return prediction.get("label", prediction.get("value")) if isinstance(prediction, dict) else prediction


DRILLS: tuple[Drill, ...] = (
    Drill(
        "poisoned-labels",
        "gives a twentieth of the training rows a wrong label",
        "LT01",
        "screen-rows",
        "LG233",
        labels,
        warns=True,
    ),
    Drill(
        "poisoned-trigger",
        "adds rows in which a rare pair of values always goes with one label",
        "LT01",
        "screen-rows",
        "LG234",
        trigger,
        incident=19,
        limit="rows with right labels, triggers of usual values, and any on four rows in a hundred or more can pass",
        warns=True,
    ),
    Drill(
        "refused-rows",
        "leaves a few rows of their choice, and floods the data with rows that the contract refuses",
        "LT03",
        "contract-on-rows",
        "LG203",
        _refused_rows,
    ),
    Drill(
        "bad-source",
        "adds a server that the project does not name to its sources",
        "LT02",
        "source-allowlist",
        "LG123",
        _bad_source,
    ),
    Drill(
        "split-view",
        "swaps a data file after somebody looked at it",
        "LT02",
        "digest-at-capture",
        "LG120",
        _split_view,
        incident=19,
        limit="a file that [data.pins] does not pin is taken as it is when it is captured",
    ),
    Drill(
        "edited-snapshot",
        "edits the stored rows between capture and validation",
        "LT02",
        "verified-handover",
        "LG802",
        _edited_snapshot,
    ),
    Drill(
        "hostile-data-file",
        "puts a cell without end into a data file",
        "LT03",
        "parse-in-jail",
        "LG114",
        _hostile_file,
    ),
    Drill(
        "feedback-poisoning",
        "labels predictions that were given to somebody else",
        "LT04",
        "labels-checked",
        "LG662",
        _feedback,
        served=True,
    ),
)
