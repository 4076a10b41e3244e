"""What `lockgate init` writes into a folder: a project that runs as it is.

Never writes over a file. A stranger's data file is looked at in a jail; only counts and a few values come out.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.contract.jailed import Task, run_task
from lockgate.contract.reading import read_sources
from lockgate.contract.sources import capture
from lockgate.core.encoding import decode
from lockgate.errors import Refused, Usage
from lockgate.project.resources import example
from lockgate.project.scaffold.inferred import Inferred, infer
from lockgate.sandbox.settings import Bind, PythonEnv, named

STARTER = "phishing"
LOCK, WANTED = "requirements.lock", "requirements.in"
_IGNORED = """# Lockgate: evidence is kept, what can be made again is not
.lockgate/state/
.lockgate/data/
.lockgate/env/
__pycache__/
"""


def scaffold(root: Path, *, data: Path | None = None, label: str = "") -> list[str]:
    """Write a project's files into `root`; return what was done, a line each.

    A folder that has a lockgate.toml keeps its files.

    Raises:
        Refused: LG949 the folder is neither empty nor a project; LG957 nothing can be learned from `data`.
        Usage: LG959 there is no such data file; LG956 no such label.
    """
    if (root / "lockgate.toml").is_file() and data is None:
        return [*_ignore(root), "this folder's own project is kept as it is"]
    if root.is_dir() and any(entry.name not in (".git", ".gitignore") for entry in root.iterdir()):
        foreign = sorted(e.name for e in root.iterdir())
        if data is None or any((root / name).exists() for name in ("lockgate.toml", "contract.py", "train.py")):
            raise Refused(
                "LG949",
                f"{root} is not empty, and has no lockgate.toml",
                seen={"files": foreign[:10]},
                next="lockgate init NEW_FOLDER",
            )
    if data is None:
        return [*_copy_starter(root), *_ignore(root)]
    return [*_from_data(root, data, label), *_ignore(root)]


def _copy_starter(root: Path) -> list[str]:
    source = example(STARTER)
    shutil.copytree(
        source, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".lockgate", "make_*")
    )
    return ["a small project with data: contract.py, train.py, lockgate.toml, policy.toml, data/"]


def _from_data(root: Path, data: Path, label: str) -> list[str]:
    if not data.is_file():
        raise Usage("LG959", f"there is no file {data}", next="lockgate init DIR --data FILE --label COLUMN")
    profile, records = _profile(data)
    name = re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-") or "model"
    inferred: Inferred = infer(profile, name=name[:60], source=data.name, label=label)
    (root / "data").mkdir(parents=True, exist_ok=True)
    if not (root / "data" / data.name).exists():
        shutil.copyfile(data, root / "data" / data.name)
    for file, text in inferred.files.items():
        (root / file).write_text(text, encoding="utf-8")
    if not (root / LOCK).exists():
        for name in (LOCK, WANTED):
            shutil.copyfile(example(STARTER) / name, root / name)
    asked = set(re.findall(r"^    (\w+): ", inferred.files["contract.py"], re.MULTILINE)) - {label}
    sample = [{k: v for k, v in record.items() if k in asked} for record in records]
    (root / "sample.json").write_text(json.dumps({"records": sample}, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return [
        *inferred.notes,
        "wrote contract.py, train.py, lockgate.toml, policy.toml, sample.json, data/: read contract.py",
    ]


def _profile(data: Path) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """Look at a stranger's file: one jail reads it, another counts. Raises what reading raises (LG103 to LG119)."""
    with tempfile.TemporaryDirectory(prefix="lockgate-init-") as name:
        place = Path(name)
        source = capture(data.resolve().parent, data.name, place / "source")
        snapshot, _, _ = read_sources([source], null=("",), delimiter=",", encoding="utf-8", into=place / "read")
        task = Task(
            module="lockgate.project.scaffold.jail.profile",
            given={},
            gives=("profile.json",),
            findings=("LG957",),
            died="LG957",
            work="looking at the data",
            next="lockgate validate FILE --contract contract.py:Record --out out",
        )
        settings = named("parse", python=PythonEnv.own(), binds=[Bind(snapshot, "/in/snapshot.parquet")])
        given, _ = run_task(settings, task, place / "profile")
        profile = decode(given["profile.json"].read_bytes())
        return profile, profile["sample"]


def _ignore(root: Path) -> list[str]:
    path = root / ".gitignore"
    if path.exists() and ".lockgate/state/" in path.read_text(encoding="utf-8"):
        return []
    with path.open("a", encoding="utf-8") as file:
        file.write(_IGNORED)
    return [".gitignore: the evidence is committed, what can be made again is not"]
