"""A stranger's file looked at in jails, and the contract that was written for it tried on every row of it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.account import Account
from lockgate.contract.closure import capture_code
from lockgate.contract.jailed import Task, run_task
from lockgate.contract.reading import read_sources
from lockgate.contract.sources import SourceFile, capture
from lockgate.core.encoding import decode
from lockgate.errors import Refused
from lockgate.project.scaffold.settings_text import Reading
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.validate.examine import Question, examine
from lockgate.validate.spec import Reckoning

_MEMORY = 3 << 30
_MAX_PROFILE = 64 << 20
_FINDINGS = ("LG957", "LG9021", "LG9022", "LG103", "LG106", "LG107", "LG108", "LG114")
_EMPTY = ("",)


@dataclass
class Look:
    """Files of one project in a scratch folder. `profile`: what the jails found, with `form` of the first file."""

    scratch: Path
    sources: Sequence[SourceFile]
    profile: Mapping[str, Any]
    snapshot: Path
    account: Account

    def judge(self, contract: str, reading: Reading, label: str) -> Reckoning:
        """The verdict of a contract.py on every row, by the engine that `run` uses. Raises what it raises."""
        place = self.scratch / "contract"
        place.mkdir()
        (place / "contract.py").write_text(contract, encoding="utf-8")
        snapshot, account = self.snapshot, self.account
        if reading.null != _EMPTY:
            snapshot, account, _ = _read(self.sources, reading, self.scratch / "again")
        question = Question(
            snapshot=snapshot,
            files=[{"name": s.name, "rows": n} for s, n in zip(self.sources, account.rows, strict=True)],
            closure=capture_code(place, ("contract.py",), "contract.py", self.scratch / "code"),
            contract_file="contract.py",
            model="Record",
            label=label,
            sensitive=(),
            dates=reading.dates,
            numbers=reading.numbers,
            key=secrets.token_bytes(32),
        )
        return examine(question, PythonEnv.own(), self.scratch / "judged").reckoning


@contextmanager
def look(files: Sequence[Path], label: str) -> Iterator[Look]:
    """Look at files of the same columns, to predict `label`.

    Raises what reading raises (LG102 to LG119), LG957, LG9021, LG9022.
    """
    with tempfile.TemporaryDirectory(prefix="lockgate-init-") as name:
        scratch = Path(name)
        sources = [
            capture(real.parent, real.name, scratch / f"source-{number:05d}")
            for number, real in enumerate(file.resolve() for file in files)
        ]
        form = _form(sources[0], scratch / "form")
        plain = Reading(form["encoding"], form["delimiter"])
        snapshot, account, _ = _read(sources, plain, scratch / "read")
        asked = {"delimiter": form["delimiter"], "quoted": form["quoted"], "label": label}
        given = _jailed("profile", asked, snapshot, scratch / "profile")
        yield Look(scratch, sources, {**given, "form": form}, snapshot, account)


def _read(sources: Sequence[SourceFile], reading: Reading, into: Path) -> Any:
    return read_sources(sources, null=reading.null, delimiter=reading.delimiter, encoding=reading.encoding, into=into)


def _form(source: SourceFile, into: Path) -> Any:
    return _jailed("sniffing", {"name": source.name}, source.path, into)


def _jailed(module: str, given: Mapping[str, object], shown: Path, into: Path) -> Any:
    file, target = {
        "sniffing": ("form.json", "/in/source"),
        "profile": ("profile.json", "/in/snapshot.parquet"),
    }[module]
    task = Task(
        module=f"lockgate.project.scaffold.jail.{module}",
        given=given,
        gives=(file,),
        findings=_FINDINGS,
        died="LG957",
        work="looking at the data",
        next="lockgate validate FILE --contract contract.py:Record --out out",
    )
    settings = named("parse", python=PythonEnv.own(), limits=Limits(memory=_MEMORY), binds=[Bind(shown, target)])
    made, _ = run_task(settings, task, into)
    try:
        return decode(read_regular(made[file], _MAX_PROFILE))
    except ValueError as error:
        raise Refused("LG957", f"what was found is not in form: {error}", next="lockgate doctor") from None
