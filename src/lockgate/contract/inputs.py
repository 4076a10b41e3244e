"""`[[input]]`: further files for training, as a person names them, ingest signs them and train looks them up. Pure.

In ingest's and in train's provenance each is a resolved dependency `input/<name>` whose annotation `use` is `input`:
a source of rows may be called `input/...` too, and is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.core.digest import Digest, from_hex
from lockgate.core.statement import digest_of_resource, resource

if TYPE_CHECKING:
    from lockgate.core.strict import Kind, Many

TAKEN = frozenset({"train.parquet", "heldout.parquet", "accepted.parquet"})
"""Names that mean rows. A file of another content under one of them would be read as such."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}")
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_IMPORTED = re.compile(r"import:([a-z0-9._-]+)@([1-9][0-9]{0,8})/(.+)", re.DOTALL)
_PREFIX = "input/"
_USE = "input"


@dataclass(frozen=True)
class Wanted:
    """One `[[input]]`: its name inside, where it is to be had, and the digest that it must have."""

    name: str
    source: str
    sha256: Digest

    def as_json(self) -> dict[str, str]:
        """The input as a statement's external parameters name it."""
        return {"name": self.name, "source": self.source, "sha256": self.sha256}


def is_imported(source: str) -> bool:
    """Whether a source names a file of an imported model."""
    return source.startswith("import:")


def imported_file(source: str) -> tuple[str, int, str] | None:
    """Name, version and file of `import:NAME@VERSION/FILE`; None when it is not in this form."""
    found = _IMPORTED.fullmatch(source)
    return (found[1], int(found[2]), found[3]) if found else None


def table(source: Kind) -> Many:
    """`[[input]]` of lockgate.toml; `source` is what `[data] sources` takes."""
    # Whoever only reads statements does without the reader of settings.
    from lockgate.core.strict import Key, Many, Table

    return Many(
        Table(
            {
                "name": Key(_name(), help="What it is called in $LOCKGATE_DATA."),
                "source": Key(
                    source, help='As one of [data] sources, a single file; or "import:NAME@1/FILE", of an import.'
                ),
                "sha256": Key(_digest(), help="The digest that it must have: sha256sum FILE."),
            }
        ),
        "A further file for training, such as pretrained weights: fetched by ingest, read-only inside.",
    )


def repeated(wanted: Sequence[Wanted]) -> int | None:
    """The place of the first input whose name an earlier one has."""
    names = [one.name for one in wanted]
    return next((place for place, name in enumerate(names) if name in names[:place]), None)


def dependency(name: str, digest: Digest, **facts: Any) -> dict[str, Any]:
    """The resolved dependency that stands for an input."""
    return resource(f"{_PREFIX}{name}", digest, use=_USE, **facts)


def is_input(entry: Mapping[str, Any]) -> bool:
    """Whether a resolved dependency is an input, and not rows, code or a wheel."""
    told = entry.get("annotations")
    return isinstance(told, Mapping) and told.get("use") == _USE and str(entry.get("name", "")).startswith(_PREFIX)


def inputs_of(dependencies: Iterable[Mapping[str, Any]]) -> dict[str, Digest]:
    """The inputs among resolved dependencies: name inside -> digest. Raises ValueError."""
    return {str(each["name"])[len(_PREFIX) :]: digest_of_resource(each) for each in dependencies if is_input(each)}


def _name() -> Kind:
    from lockgate.core.strict import Kind

    def read(value: object) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise ValueError
        if value in TAKEN:
            raise ValueError("this name means rows")
        return value

    return Kind("a plain file name of letters, digits and . _ + -", read, {"type": "string"})


def _digest() -> Kind:
    from lockgate.core.strict import Kind

    def read(value: object) -> Digest:
        found = _SHA256.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise ValueError
        return from_hex(found[1])

    return Kind("a SHA-256, 64 hex digits", read, {"type": "string"})
