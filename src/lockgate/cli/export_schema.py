"""`lockgate export schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.render import Talk, json_option
from lockgate.core.shown import block

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = {"lockgate": "lockgate.schema.json", "policy": "policy.schema.json"}


@click.command("schema")
@click.argument("which", type=click.Choice(list(FILES)), required=False, default=None, metavar="[lockgate|policy]")
@click.option("--out", default="-", metavar="DIR", show_default=True, help="A folder, made where needed; - is stdout.")
@json_option
def schema(which: str | None, out: str, as_json: bool) -> None:
    """Write the JSON Schema of lockgate.toml or policy.toml, so that an editor completes and marks them.

    It says what this version of Lockgate reads. With --out and no name both are written, over those of another
    version. An editor that knows TOML (Taplo, Even Better TOML) takes it by the comment that is told here.
    """
    talk = Talk(as_json)
    if out == "-":
        name = which or "lockgate"
        talk.data(block(text_of(name).rstrip("\n").split("\n")))
        talk.result("export-schema", {"which": name, "json_schema": json.loads(text_of(name))})
        talk.next("lockgate export schema --out .lockgate/schema   # both, as files that an editor finds")
        return
    from lockgate.store.files import atomic_write

    folder = Path(out)
    names = [which] if which else list(FILES)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        atomic_write(folder / FILES[name], text_of(name).encode(), 0o644)
    lines = {f"{name}.toml": f"#:schema {_relative(folder / FILES[name])}" for name in names}
    talk.data(block(f"{file:<14} first line: {line}" for file, line in lines.items()))
    talk.result("export-schema", {"files": [str(folder / FILES[name]) for name in names], "lines": lines})
    talk.next("lockgate check   # what an editor cannot see")


def text_of(which: str) -> str:
    """The schema as a file, the same bytes each time."""
    return json.dumps(_schema(which), indent=1, ensure_ascii=False) + "\n"


def _schema(which: str) -> Mapping[str, Any]:
    from lockgate.export.schemas import schema_of

    if which == "policy":
        from lockgate.trust.policy import SCHEMA as POLICY

        return schema_of(POLICY, "policy.toml of Lockgate: what must hold")
    from lockgate.config import SCHEMA

    return schema_of(SCHEMA, "lockgate.toml of Lockgate: what to do", without={"data": "model"})


def _relative(path: Path) -> str:
    """As a TOML file in the folder where the command runs names it."""
    return str(path) if path.is_absolute() else f"./{path}"
