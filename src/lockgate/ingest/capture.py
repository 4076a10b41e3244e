"""Every source of a spec -> captured files in the spec's order, wherever they are. The shell beneath `run`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from lockgate.contract.sources import SourceFile, capture, expand
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.ingest import rules
from lockgate.ingest.addresses import Local, Place, Query, Remote, place_of
from lockgate.ingest.ask import answer
from lockgate.ingest.fetch import Asker
from lockgate.ingest.spec import IngestSpec, Store
from lockgate.sandbox.report import JailReport


@dataclass
class Captured:
    """The files in order, and the reports of the jails that fetched some of them."""

    files: list[SourceFile] = field(default_factory=list)
    fetchers: list[JailReport] = field(default_factory=list)


def capture_all(root: Path, spec: IngestSpec, scratch: Path) -> Captured:
    """Capture what `spec.sources` name. A name that several sources give counts once, at its first place.

    1. Each address is in form and allowed, before any store is asked.   2. Each source is fetched, each pinned name is
    among them.   3. Each file of the project is copied.   4. Each file has its pinned digest.
    Raises Refused LG101, LG102, LG105, LG118 to LG123 and what `Asker` and `answer` raise.
    """
    places = [place_of(source.pattern, spec) for source in spec.sources]  # 1
    found = Captured()
    fetched = _fetched(places, Asker(root, scratch), found)  # 2
    pins: dict[str, Digest] = dict(spec.pins)
    chosen: dict[str, str | None] = {}
    for number, source in enumerate(spec.sources):
        files = fetched.get(number)
        names = expand(root, source.pattern) if files is None else [file.name for file in files]
        if source.sha256 is not None:
            _check_single(source.pattern, names)
            pins[names[0]] = source.sha256
        chosen |= {name: source.format for name in names if name not in chosen}
    rules.check_pinned_names(chosen, pins)
    ready = {file.name: file for files in fetched.values() for file in files}
    for number, (name, declared) in enumerate(chosen.items()):
        if name in ready:
            file = ready[name] if declared is None else replace(ready[name], format=declared)
        else:
            file = capture(root, name, scratch / f"source-{number:05d}", declared)  # 3
        rules.check_pin(name, file.digest, pins)  # 4
        found.files.append(file)
    return found


def by_store(places: list[Place]) -> dict[Store, list[int]]:
    """Which places are objects of which store: each store is asked once, with its own secrets."""
    found: dict[Store, list[int]] = {}
    for number, place in enumerate(places):
        if isinstance(place, Remote):
            found.setdefault(place.store, []).append(number)
    return found


def _fetched(places: list[Place], asker: Asker, found: Captured) -> dict[int, list[SourceFile]]:
    """What each place gave that is not a file of the project, by its number."""
    files: dict[int, list[SourceFile]] = {}
    for number, (store, wanted) in enumerate(by_store(places).items()):
        patterns = [place.pattern for place in places if isinstance(place, Remote) and place.store == store]
        groups, report = asker.objects(store, patterns, f"store-{number:05d}")
        files |= dict(zip(wanted, groups, strict=True))
        found.fetchers.append(report)
    for number, place in enumerate(places):
        match place:
            case Query():
                file, report = answer(asker, place, f"query-{number:05d}")
                files[number] = [file]
                found.fetchers.append(report)
            case Local() | Remote():
                pass
    return files


def _check_single(pattern: str, names: list[str]) -> None:
    if len(names) != 1:
        raise Refused(
            "LG121",
            f"{pattern} is pinned to one digest and matches {len(names)} files",
            seen={"pattern": pattern, "files": len(names)},
            next="pin each file by its name in [data.pins]",
        )
