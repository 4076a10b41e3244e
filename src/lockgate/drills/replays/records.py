"""Records to ask a gateway of a twin with: what an honest client sends, and what the gateway says of their form."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays.spec import NotApplicable

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene
    from lockgate.drills.replays.served import House

OK: Final = 200
PREDICT: Final = "/predict"
_PAUSE: Final = 0.1

Record = Mapping[str, Any]


def body(records: Iterable[Record]) -> dict[str, Any]:
    """Of `POST /predict`."""
    return {"records": list(records)}


def sample(scene: Scene) -> Record:
    """One record as a client sends it: the first of `sample.json`, else the first row of the data without its label.

    Raises NotApplicable where there is neither.
    """
    try:
        found = json.loads((scene.root / "sample.json").read_bytes())["records"][0]
    except (OSError, ValueError, LookupError, TypeError):
        found = next(iter(rows(scene, 1)), None)
    if not isinstance(found, dict) or not found:
        raise NotApplicable("there is neither a sample.json nor a row of data to ask with")
    return found


def rows(scene: Scene, most: int) -> list[Record]:
    """Up to `most` rows of the project's data, in their order, as a client sends them: without the label."""
    data = settings(scene).get("data", {})
    label = data.get("label")
    found: list[Record] = []
    for path in _files(scene.root, data.get("sources", [])):
        for row in _read(path):
            if len(found) == most:
                return found
            found.append({name: _plain(value) for name, value in row.items() if name != label})
    return found


def settings(scene: Scene) -> dict[str, Any]:
    """The project's `lockgate.toml`."""
    return tomllib.loads((scene.root / "lockgate.toml").read_text("utf-8"))


def fields(house: House, key: str) -> Mapping[str, Any]:
    """The properties of a record, as the gateway's own OpenAPI document has them for whoever may ask."""
    document = house.get("/openapi.json", key=key).body
    schemas = document["components"]["schemas"]
    found: Mapping[str, Any] = schemas["Record"]["properties"]
    return found


def _files(root: Path, sources: Any) -> Iterator[Path]:
    patterns = [sources] if isinstance(sources, str) else sources
    for pattern in patterns:
        name = pattern.get("path", "") if isinstance(pattern, dict) else str(pattern)
        if name and "://" not in name and not name.startswith("/"):
            yield from sorted(root.glob(name))


def _read(path: Path) -> Sequence[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import csv, parquet
    from pyarrow import json as lines

    readers: dict[str, Callable[[Path], pa.Table]] = {
        ".csv": csv.read_csv,
        ".parquet": parquet.read_table,
        ".jsonl": lines.read_json,
    }
    try:
        table = readers[path.suffix](path)
    except (KeyError, OSError, pa.ArrowException):
        return []
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def told(house: House) -> list[Any]:
    """What a house that serves with `--log json` has said, each line a document."""
    found = []
    for line in house.said().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def until(found: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes to be so in time."""
    end = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    return True
