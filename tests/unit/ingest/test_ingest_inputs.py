"""`[[input]]`: fetched and checked by ingest, named in its statement, and looked at again before a run is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockgate.config import read_config
from lockgate.contract.inputs import Wanted, inputs_of, is_input
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.ingest.spec import IngestSpec, Source
from lockgate.pipeline.specs import ingest_spec, train_spec
from lockgate.pipeline.unchanged import changed_files
from tests.support.sources import CSV, SourceProject

WEIGHTS = b"\x00weights\xff"
WANTED = Wanted("weights.bin", "models/w.bin", digest_of(WEIGHTS))
CONFIG = """
[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:Flight"
label = "late"
"""


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    place = SourceProject(tmp_path, monkeypatch)
    place.write("input/weights.bin", CSV)
    place.write("models/w.bin", WEIGHTS)
    return place


def _entry(name: str, digest: str = WANTED.sha256, source: str = "models/w.bin") -> str:
    return f'[[input]]\nname = "{name}"\nsource = "{source}"\nsha256 = "{digest}"\n'


def test_an_input_is_stored_and_signed(place: SourceProject) -> None:
    """Stored under its digest and named beside the rows, even where a source of rows has the same name; not parsed."""
    result = place.ingest("input/weights.bin", inputs=(WANTED,))
    listed = result.evidence.predicate["buildDefinition"]["resolvedDependencies"]
    assert [(each["name"], is_input(each)) for each in listed] == [
        ("input/weights.bin", False),
        ("input/weights.bin", True),
    ]
    assert inputs_of(listed) == {"weights.bin": WANTED.sha256}
    assert place.project.data.read(WANTED.sha256) == WEIGHTS
    assert (result.rows, len(result.files)) == (3, 1)


def test_a_changed_input_is_never_used_silently(place: SourceProject) -> None:
    """The stage is skipped while the file is the one that was named; changed, it is done again, and refuses."""
    spec = IngestSpec((Source("input/weights.bin"),), inputs=(WANTED,))
    evidence = place.ingest("input/weights.bin", inputs=(WANTED,)).evidence
    assert changed_files(evidence, spec, place.root) == ()
    assert changed_files(evidence, IngestSpec(spec.sources), place.root)
    place.write("models/w.bin", WEIGHTS + b"!")
    assert changed_files(evidence, spec, place.root)
    with pytest.raises(Refused) as raised:
        place.ingest("input/weights.bin", inputs=(WANTED,))
    assert (raised.value.finding, raised.value.seen["expected"]) == ("LG370", WANTED.sha256)
    assert place.claims() == ["roles", "policy", "ingest"]


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("models/w.bin", "LG370"),
        ("models/*", "LG371"),
        ("models/none.bin", "LG102"),
        ("models/link.bin", "LG118"),
        ("models", "LG102"),
        ("https://elsewhere.example/w.bin", "LG123"),
        ("https://user:word@elsewhere.example/w.bin", "LG127"),
        ("sql:none:rows.sql", "LG127"),
    ],
)
def test_a_source_that_is_not_that_one_file_is_refused(place: SourceProject, source: str, finding: str) -> None:
    """Another digest, two files, none, a link, a folder, a place that is not allowed: nothing is stored or signed."""
    place.write("models/v.bin", b"v")
    os.symlink("w.bin", place.root / "models/link.bin")
    digest = digest_of(b"the right one")
    with pytest.raises(LockgateError) as raised:
        place.ingest("input/weights.bin", inputs=(WANTED, Wanted("more.bin", source, digest)))
    assert raised.value.finding == finding, raised.value.message
    assert raised.value.next
    assert (place.claims(), place.left_over()) == (["roles", "policy"], [])


def test_a_configuration_names_inputs(place: SourceProject) -> None:
    """Both stages get them, with the digest in its one spelling."""
    config = read_config(CONFIG + _entry("weights.bin", WANTED.sha256.removeprefix("sha256:")))
    assert ingest_spec(config).inputs == train_spec(config).inputs == (WANTED,)
    assert train_spec(config).external()["inputs"] == [WANTED.as_json()]
    assert "inputs" not in train_spec(read_config(CONFIG)).external()
    assert place.claims() == ["roles", "policy"]


@pytest.mark.parametrize(
    "entry",
    [
        *(_entry(name) for name in ("../w", "a/b", "/in/w", ".", "..", ".hidden", "", "a b", "a\\\\b", "ä", "-x")),
        *(_entry(name) for name in ("train.parquet", "heldout.parquet", "accepted.parquet", "a" * 129)),
        _entry("w", "sha256:" + "g" * 64),
        _entry("w", "md5:" + "0" * 32),
        _entry("w", source="../outside"),
        _entry("w", source="/etc/passwd"),
        '[[input]]\nname = "w"\nsource = "models/w.bin"\n',
        _entry("w") + _entry("w"),
        '[input]\nname = "w"\n',
    ],
)
def test_a_trick_in_the_configuration_is_refused(entry: str) -> None:
    """A name that is a path or means rows, a digest that is none or missing, a source outside, the same name twice."""
    with pytest.raises(Usage) as raised:
        read_config(CONFIG + entry)
    assert (raised.value.finding, "lockgate.toml:" in raised.value.message) == ("LG942", True)
