"""`lockgate.toml` <-> frozen settings. Unknown keys, wrong types and wrong units are refused with file and line.

Every key has a default that is safe, but for the four that only the person can know: the project's name,
its data, its contract and its label. `docs/reference/config.md` is generated from `SCHEMA`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lockgate.audit.entries import is_model_name
from lockgate.contract import inputs
from lockgate.core.kinds import LITERAL, inside, licence, reference
from lockgate.core.names import PROJECT_FILE
from lockgate.core.overlay import UNSAID, differing, joined, lenient, missing, nearer_lines
from lockgate.core.strict import (
    Document,
    Key,
    Kind,
    Named,
    Table,
    list_of,
    nearest,
    read_strict,
    size,
    text,
)
from lockgate.errors import Usage
from lockgate.export.kubernetes import settings as kubernetes
from lockgate.ingest.spec import MOST
from lockgate.monitor import options as monitor
from lockgate.monitor.spec import MonitorSpec
from lockgate.runtime.locked import settings as environment
from lockgate.serve import options
from lockgate.serve.appending import options as appending
from lockgate.train import options as train
from lockgate.train import robustness_options as robustness
from lockgate.train.robustness_spec import Robustness
from lockgate.validate import options as screen

FILENAME = PROJECT_FILE
NAME_FORM = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


def _read_pins(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(
        isinstance(v, str) and re.fullmatch(r"(sha256:)?[0-9a-f]{64}", v) for v in value.values()
    ):
        raise ValueError
    return {name: f"sha256:{digest.removeprefix('sha256:')}" for name, digest in value.items()}


def _pins() -> Kind:
    digest = {"type": "string", "pattern": "^(?:sha256:)?[0-9a-f]{64}$"}
    return Kind("a table of path = sha256", _read_pins, {"type": "object", "additionalProperties": digest})


def _source() -> Kind:
    local = inside()

    def read(value: object) -> str:
        # Ingest looks at addresses: it refuses them without quoting what may be a secret.
        if isinstance(value, str) and re.match(r"sql:|[A-Za-z][A-Za-z0-9+.-]*:(//|:)", value):
            return value
        found: str = local.read(value)
        return found

    return Kind(
        "a path inside the project, an address in a store, or sql:DATABASE:FILE",
        read,
        {"type": "string", "minLength": 1},
    )


DATA = Table(
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
        "numbers": Key(text(), "", 'How CSV cells spell numbers that are not 1234.56: "1.234,56".'),
        "sensitive": Key(list_of(text()), (), "Fields whose values never enter the quarantine."),
        "pins": Key(_pins(), {}, "Digest that a source must have."),
        "stores": Named(
            Table(
                {
                    "endpoint": Key(text(), "", "The server, for an S3-compatible store: https://HOST:PORT."),
                    "region": Key(text(), "", "The store's region."),
                    "ca": Key(text(), "", "A file of certificates that vouch for the server."),
                    "key": Key(reference(), "", "Access key (az: account). Without it: anonymously."),
                    "secret": Key(reference(), "", "Secret key (az: account key)."),
                    "token": Key(reference(), "", "Session, bearer or SAS token."),
                    "most": Key(size(), MOST, "Most bytes of all objects together."),
                }
            ),
            'Where objects may come from, by prefix: [data.stores."s3://bucket/path/"].',
        ),
        "databases": Named(
            Table(
                {
                    "file": Key(inside(), "", "An SQLite file of the project."),
                    "url": Key(reference(), "", "postgresql://USER:PASSWORD@HOST/DATABASE, by reference."),
                    "ca": Key(text(), "", "A file of certificates that vouch for the server."),
                    "most": Key(size(), MOST, "Most bytes of one result."),
                }
            ),
            "What query files may be put to.",
        ),
        "licence": Key(licence(), "", "SPDX expression of the data's licence, for card and bill."),
    }
)

INPUT = inputs.table(_source())

_DIFFERING = Table(
    {
        "data": DATA,
        "screen": screen.TABLE,
        "train": train.TABLE,
        "robustness": robustness.TABLE,
        "input": INPUT,
        "monitor": monitor.TABLE,
    }
)
"""What each of several models may say for itself."""

SCHEMA = Table(
    {
        "project": Table(
            {
                "name": Key(
                    text(form=NAME_FORM, expects="a name of lower-case letters, digits and hyphens"),
                    help="The model's name in the registry.",
                ),
                "description": Key(text(), "", "One sentence for the model's page."),
                "card": Key(inside(), "card.md", "A file of Markdown for the model's card; it need not be there."),
                "licence": Key(licence(), "", "SPDX expression of the model's licence, for card and bill."),
            }
        ),
        "data": DATA,
        "screen": screen.TABLE,
        "train": train.TABLE,
        "robustness": robustness.TABLE,
        "input": INPUT,
        "model": Named(
            Table(
                {
                    "description": Key(text(), UNSAID, "One sentence for this model's page."),
                    "card": Key(inside(), UNSAID, "What a person wrote about this model."),
                    "licence": Key(licence(), UNSAID, "SPDX expression of this model's licence."),
                    "data": differing(DATA),
                    "screen": differing(screen.TABLE),
                    "train": differing(train.TABLE),
                    "robustness": differing(robustness.TABLE),
                    "input": INPUT,
                    "monitor": differing(monitor.TABLE),
                },
                "One of several models: what it does not say here, the tables of the project say.",
            ),
            "The project's models, where it has several.",
        ),
        "serve": options.TABLE,
        "log": appending.TABLE,
        "monitor": monitor.TABLE,
        "environment": environment.TABLE,
        "kubernetes": kubernetes.TABLE,
    }
)


_SEVERAL = Table({**SCHEMA.items, "data": lenient(DATA)})
_ABOUT = ("description", "card", "licence")
_NOTHING: Mapping[str, Any] = {"sources": (), "contract": "", "label": ""}


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
    numbers: str
    sensitive: tuple[str, ...]
    pins: Mapping[str, str]
    stores: Mapping[str, Mapping[str, Any]]
    databases: Mapping[str, Mapping[str, Any]]
    licence: str

    @property
    def contract_file(self) -> str:
        """The contract's file, relative to the project."""
        return self.contract.rpartition(":")[0]

    @property
    def contract_class(self) -> str:
        """The contract's class."""
        return self.contract.rpartition(":")[2]


@dataclass(frozen=True)
class Config:
    """A whole `lockgate.toml`; or what it says of one of several models, by the model's `name`.

    Attributes:
        project: the project's name. Its one model bears it too.
        models: each of several, in the file's order; empty where the project is one model. What all leave to themselves
            is empty here: sources, contract, label.
    """

    name: str
    description: str
    data: DataSettings
    train: train.TrainSettings
    serve: options.ServeSettings
    kubernetes: kubernetes.KubernetesSettings
    environment: environment.EnvironmentSettings
    inputs: tuple[inputs.Wanted, ...] = ()
    monitor: MonitorSpec = field(default_factory=MonitorSpec)
    screen: screen.ScreenSettings = field(default_factory=screen.ScreenSettings)
    robustness: Robustness | None = None
    project: str = ""
    card: str = ""
    licence: str = ""
    models: Mapping[str, Config] = field(default_factory=dict)
    log: appending.LogSettings = field(default_factory=appending.LogSettings)

    def of(self, model: str) -> Config:
        """The settings of the model with this name. Raises Usage LG972, which names the nearest."""
        names = list(self.models) or [self.name]
        if model not in names:
            near = nearest(model, names)
            if model == self.project:
                # Whoever adds a second model seldom knows that the first one needs a table too.
                raise Usage(
                    "LG972",
                    f"{model} has no table: where there is [model.{names[0]}], each model needs one",
                    seen={"models": names},
                    next=f"add [model.{model}] to lockgate.toml, and below it what differs; it may be empty",
                )
            raise Usage(
                "LG972",
                f"this project has no model called {model}" + (f": did you mean {near}?" if near else ""),
                seen={"models": names},
                next=f"lockgate run --model {near or names[0]}",
            )
        return self.models.get(model, self)

    def only(self) -> Config:
        """These settings, where they are those of one model. Raises Usage LG973 where somebody has to say which."""
        if self.models:
            raise Usage(
                "LG973",
                f"this project has {len(self.models)} models; say which",
                seen={"models": list(self.models)},
                next=f"the same command with --model {next(iter(self.models))}",
            )
        return self


def read_config(source: str, filename: str = FILENAME) -> Config:
    """Read `lockgate.toml`'s text. Raises Usage (LG942) that names file, line and the nearest valid key."""
    schema = _SEVERAL if _has_models(source) else SCHEMA
    document = read_strict(source, filename, schema, finding="LG942")
    models = {name: _config(_of_model(document, name)) for name in document.values["model"]}
    if models:
        said = document.values["data"]
        document.values["data"] = {key: _NOTHING[key] if value is UNSAID else value for key, value in said.items()}
    return replace(_config(document), models=models)


def _has_models(source: str) -> bool:
    """Whether there is any `[model.NAME]`: then the tables of the project need not say all. Flaws are told later."""
    import tomllib

    try:
        return bool(tomllib.loads(source).get("model"))
    except (ValueError, RecursionError):
        return False


def _of_model(document: Document, name: str) -> Document:
    """The document as if it were of one model: its own tables over those of the project. Raises Usage LG942."""
    far, near = document.values, document.values["model"][name]
    if not (re.fullmatch(NAME_FORM, name) and is_model_name(name)):
        raise _flaw(document, ("model", name), f"{name} cannot name a model: lower-case letters, digits and hyphens")
    values = joined(_DIFFERING, far, near)
    for key, unsaid in missing(DATA, values["data"]):
        what = f"neither [data] nor [model.{name}.data] says {key}: {unsaid.kind.expects}"
        raise _flaw(document, ("model", name, "data"), what)
    about = {key: far["project"][key] if near[key] is UNSAID else near[key] for key in _ABOUT}
    own = {"project": {"name": name, "of": far["project"]["name"], **about}, **values}
    return Document(document.filename, {**far, **own}, nearer_lines(document.lines, ("model", name)))


def _flaw(document: Document, path: tuple[str, ...], what: str) -> Usage:
    return Usage("LG942", f"{document.where(*path)}: {what}", next=f"edit {document.filename}")


def _config(document: Document) -> Config:
    values = document.values
    _check_references(document)
    served = options.of(document)
    config = Config(
        values["project"]["name"],
        values["project"]["description"],
        DataSettings(**values["data"]),
        train.of(document),
        served,
        kubernetes.KubernetesSettings(**values["kubernetes"]),
        environment.of(document),
        inputs=tuple(inputs.Wanted(**one) for one in values["input"]),
        monitor=monitor.of(document),
        screen=screen.of(document),
        robustness=robustness.of(document, served.rate),
        project=values["project"].get("of", values["project"]["name"]),
        card=values["project"]["card"],
        licence=values["project"]["licence"],
        log=appending.of(document),
    )
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
                if value is LITERAL:
                    where = f"{document.where('data', table, name, key)}: data.{table}.{name}.{key}"
                    raise Usage(
                        "LG124",
                        f"{where} expects {reference().expects}, never the secret itself",
                        seen={"file": document.filename, "key": key},
                        next=f'refer to it: {key} = "env:NAME"; and change the secret, for it was in a file',
                    )


def _check_inputs(config: Config, document: Document) -> None:
    again = inputs.repeated(config.inputs)
    if again is not None:
        where, name = document.where("input", again, "name"), config.inputs[again].name
        message = f"{where}: two inputs are called {name}"
        raise Usage("LG942", message, seen={"name": name}, next=f"edit {FILENAME}")
