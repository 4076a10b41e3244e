"""`lockgate.toml` <-> frozen settings. Unknown keys, wrong types and wrong units are refused with file and line.

Every key has a default that is safe, but for the four that only the person can know: the project's name,
its data, its contract and its label. `docs/reference/config.md` is generated from `SCHEMA`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lockgate.contract import inputs
from lockgate.core.names import PROJECT_FILE
from lockgate.core.strict import (
    Document,
    Key,
    Kind,
    Named,
    Table,
    duration,
    flag,
    list_of,
    read_strict,
    share,
    size,
    text,
    whole,
)
from lockgate.errors import Usage
from lockgate.export.kubernetes import settings as kubernetes
from lockgate.ingest.spec import MOST
from lockgate.runtime.locked import settings as environment
from lockgate.serve import options

FILENAME = PROJECT_FILE
NAME_FORM = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


def _scalar() -> Kind:
    def read(value: object) -> Any:
        if isinstance(value, list):
            return [read(entry) for entry in value]
        if not isinstance(value, str | bool | int | float):
            raise ValueError
        return value

    return Kind("a text, a number, true or false, or a list of these", read)


def _read_pins(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(
        isinstance(v, str) and re.fullmatch(r"(sha256:)?[0-9a-f]{64}", v) for v in value.values()
    ):
        raise ValueError
    return {name: f"sha256:{digest.removeprefix('sha256:')}" for name, digest in value.items()}


_REFERENCE = r"(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^\0]+|cmd:[^\0]+)"
_LITERAL = object()


def _reference() -> Kind:
    """A secret by reference. What is none is told apart later, by `_check_references`, which does not quote it."""

    def read(value: object) -> object:
        return value if isinstance(value, str) and re.fullmatch(_REFERENCE, value) else _LITERAL

    return Kind('a reference to a secret: "env:NAME", "file:PATH" or "cmd:COMMAND"', read)


def _source() -> Kind:
    local = _inside()

    def read(value: object) -> str:
        # Ingest looks at addresses: it refuses them without quoting what may be a secret.
        if isinstance(value, str) and re.match(r"sql:|[A-Za-z][A-Za-z0-9+.-]*:(//|:)", value):
            return value
        found: str = local.read(value)
        return found

    return Kind("a path inside the project, an address in a store, or sql:DATABASE:FILE", read)


def _inside() -> Kind:
    def read(value: object) -> str:
        if not isinstance(value, str) or not value or PurePosixPath(value).is_absolute():
            raise ValueError
        if ".." in PurePosixPath(value).parts:
            raise ValueError("it may not leave the project")
        return value

    return Kind("a path inside the project", read)


SCHEMA = Table(
    {
        "project": Table(
            {
                "name": Key(
                    text(form=NAME_FORM, expects="a name of lower-case letters, digits and hyphens"),
                    help="The model's name in the registry.",
                ),
                "description": Key(text(), "", "One sentence for the model's page."),
            }
        ),
        "data": Table(
            {
                "sources": Key(
                    list_of(_source(), least=1),
                    help="Files and globs, objects of a store, sql:DATABASE:FILE: CSV, JSON Lines, Parquet by content.",
                ),
                "contract": Key(
                    text(form=r"[^:]+\.py:[A-Za-z_]\w*", expects='file and class, such as "contract.py:Flight"'),
                    help="The Pydantic model of one record.",
                ),
                "label": Key(text(), help="The contract's field that the model predicts."),
                "time": Key(text(), "", "A field that orders the rows: the held-out rows are the latest."),
                "group": Key(text(), "", "A field whose rows stay on one side of the split."),
                "null": Key(list_of(text()), ("",), "CSV cells that mean that there is no value."),
                "encoding": Key(text(), "utf-8", "The encoding of CSV and JSON Lines files."),
                "delimiter": Key(text(form=r"[^\n\r\"]", expects="one character"), ",", "What separates CSV cells."),
                "dates": Key(text(), "", 'How CSV cells spell dates that are not ISO 8601: "%d.%m.%Y".'),
                "sensitive": Key(list_of(text()), (), "Fields whose values never enter the quarantine."),
                "pins": Key(Kind("a table of path = sha256", _read_pins), {}, "Digest that a source must have."),
                "stores": Named(
                    Table(
                        {
                            "endpoint": Key(text(), "", "The server, for an S3-compatible store: https://HOST:PORT."),
                            "region": Key(text(), "", "The store's region."),
                            "ca": Key(text(), "", "A file of certificates that vouch for the server."),
                            "key": Key(_reference(), "", "Access key (az: account). Without it: anonymously."),
                            "secret": Key(_reference(), "", "Secret key (az: account key)."),
                            "token": Key(_reference(), "", "Session, bearer or SAS token."),
                            "most": Key(size(), MOST, "Most bytes of all objects together."),
                        }
                    ),
                    'Where objects may come from, by prefix: [data.stores."s3://bucket/path/"].',
                ),
                "databases": Named(
                    Table(
                        {
                            "file": Key(_inside(), "", "An SQLite file of the project."),
                            "url": Key(_reference(), "", "postgresql://USER:PASSWORD@HOST/DATABASE, by reference."),
                            "ca": Key(text(), "", "A file of certificates that vouch for the server."),
                            "most": Key(size(), MOST, "Most bytes of one result."),
                        }
                    ),
                    "What query files may be put to.",
                ),
            }
        ),
        "train": Table(
            {
                "function": Key(
                    text(form=r"[^:]+\.py:[A-Za-z_]\w*", expects='file and function, such as "train.py:train"'),
                    "train.py:train",
                    "def train(data: pandas.DataFrame, params: dict) -> fitted estimator.",
                ),
                "script": Key(_inside(), "", "Instead of a function: reads $LOCKGATE_DATA, writes $LOCKGATE_OUT."),
                "code": Key(list_of(_inside(), least=1), ("*.py",), "Which files the jail gets, captured by digest."),
                "lock": Key(_inside(), "requirements.lock", "The hash-locked environment."),
                "holdout": Key(share(), 0.2, "The part of the rows that training never sees."),
                "seed": Key(whole(0), 0, "Seeds Python, numpy and the split."),
                "params": Named(Key(_scalar()), "Handed to train() as they are."),
                "memory": Key(size(), 2 << 30, "Most memory of all processes in the jail."),
                "time": Key(duration(), 7200.0, "Longest wall-clock time."),
                "cpu": Key(duration(), 14400.0, "Most CPU time of one process."),
                "tasks": Key(whole(8, 4096), 256, "Most processes and threads."),
                "descriptors": Key(whole(64, 65536), 1024, "Most open files of one process."),
                "tmp": Key(size(), 256 << 20, "Size of /tmp."),
                "out": Key(size(), 256 << 20, "Size of /out, and most output."),
                "shm": Key(size(), 64 << 20, "Size of /dev/shm."),
                "inodes": Key(whole(100), 10_000, "Most files in each of these."),
                "gpu": Key(flag(), default=False, help="Show the GPU to training: isolation of level 2, not 3."),
            }
        ),
        "input": inputs.table(_source()),
        "serve": options.TABLE,
        "environment": environment.TABLE,
        "kubernetes": kubernetes.TABLE,
    }
)


@dataclass(frozen=True)
class DataSettings:
    """`[data]`."""

    sources: tuple[str, ...]
    contract: str
    label: str
    time: str
    group: str
    null: tuple[str, ...]
    encoding: str
    delimiter: str
    dates: str
    sensitive: tuple[str, ...]
    pins: Mapping[str, str]
    stores: Mapping[str, Mapping[str, Any]]
    databases: Mapping[str, Mapping[str, Any]]

    @property
    def contract_file(self) -> str:
        """The contract's file, relative to the project."""
        return self.contract.rpartition(":")[0]

    @property
    def contract_class(self) -> str:
        """The contract's class."""
        return self.contract.rpartition(":")[2]


@dataclass(frozen=True)
class TrainSettings:
    """`[train]`. Sizes in bytes, times in seconds."""

    function: str
    script: str
    code: tuple[str, ...]
    lock: str
    holdout: float
    seed: int
    params: Mapping[str, Any]
    memory: int
    time: float
    cpu: float
    tasks: int
    descriptors: int
    tmp: int
    out: int
    shm: int
    inodes: int
    gpu: bool


@dataclass(frozen=True)
class Config:
    """A whole `lockgate.toml`."""

    name: str
    description: str
    data: DataSettings
    train: TrainSettings
    serve: options.ServeSettings
    kubernetes: kubernetes.KubernetesSettings
    environment: environment.EnvironmentSettings
    inputs: tuple[inputs.Wanted, ...] = ()


def read_config(source: str, filename: str = FILENAME) -> Config:
    """Read `lockgate.toml`'s text. Raises Usage (LG942) that names file, line and the nearest valid key."""
    document = read_strict(source, filename, SCHEMA, finding="LG942")
    values = document.values
    _check_references(document)
    config = Config(
        values["project"]["name"],
        values["project"]["description"],
        DataSettings(**values["data"]),
        TrainSettings(**values["train"]),
        options.of(document),
        kubernetes.KubernetesSettings(**values["kubernetes"]),
        environment.of(document),
        inputs=tuple(inputs.Wanted(**one) for one in values["input"]),
    )
    _check_holdout(config, document)
    _check_inputs(config, document)
    return config


def load_config(root: Path) -> Config:
    """Read the project's `lockgate.toml`. Raises Usage (LG942, LG945)."""
    path = root / FILENAME
    try:
        return read_config(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Usage(
            "LG945", "this is not a project: it has no lockgate.toml", seen={"folder": str(root)}, next="lockgate init"
        ) from None
    except UnicodeDecodeError as error:
        raise Usage(
            "LG942",
            f"{FILENAME} is not UTF-8",
            seen={"byte": error.start},
            next=f"save {FILENAME} as UTF-8",
        ) from None


def _check_references(document: Document) -> None:
    """Raises Usage LG124, which never quotes the secret."""
    for table in ("stores", "databases"):
        for name, settings in document.values["data"][table].items():
            for key, value in settings.items():
                if value is _LITERAL:
                    where = f"{document.where('data', table, name, key)}: data.{table}.{name}.{key}"
                    raise Usage(
                        "LG124",
                        f"{where} expects {_reference().expects}, never the secret itself",
                        seen={"file": document.filename, "key": key},
                        next=f'refer to it: {key} = "env:NAME"; and change the secret, for it was in a file',
                    )


def _check_holdout(config: Config, document: Document) -> None:
    if not 0.01 <= config.train.holdout <= 0.9:
        raise Usage(
            "LG942",
            f"{document.where('train', 'holdout')}: train.holdout expects a share from 0.01 to 0.9",
            seen={"holdout": config.train.holdout},
            next=f"edit {FILENAME}",
        )


def _check_inputs(config: Config, document: Document) -> None:
    again = inputs.repeated(config.inputs)
    if again is not None:
        where, name = document.where("input", again, "name"), config.inputs[again].name
        message = f"{where}: two inputs are called {name}"
        raise Usage("LG942", message, seen={"name": name}, next=f"edit {FILENAME}")
