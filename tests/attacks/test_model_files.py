"""Whoever hands out a model file: more than 1,500 that would do harm, each refused, and 222 good ones, none refused.

The corpora are made by `tests/support/hostile` and `tests/support/benign`; nothing of them is ever loaded.
"""

from __future__ import annotations

import json
import pickletools
import resource
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.catalog.all import FINDINGS
from tests.support.benign.corpus import benign
from tests.support.hostile import opcodes, wire
from tests.support.hostile.archives import PAIR
from tests.support.hostile.arrays import npy
from tests.support.hostile.case import Hostile
from tests.support.hostile.corpus import families, hostile
from tests.support.hostile.gadgets import GADGETS
from tests.support.hostile.onnx_external import DATA, adding, outside
from tests.support.hostile.onnx_trees import CLASSIFIER, REGRESSOR, made
from tests.support.hostile.pickles import CALL
from tests.support.hostile.tensors import one as entry
from tests.support.hostile.tensors import packed
from tests.support.hostile.zips import packed as zipped
from tests.support.looking import Looked, look

Table = list[tuple[Hostile, Looked]]


@pytest.fixture(scope="module", name="table")
def _table() -> Iterator[Table]:
    """With 4 GiB of addresses more: a bomb that goes off ends as a failed test, not as a machine without memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (4 << 30), hard))
    try:
        yield [(one, look(one.name, one.data, one.beside)) for one in hostile()]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_the_corpus_is_as_large_as_it_says() -> None:
    """At least 500 files, at least 88 public gadgets, and no file twice."""
    distinct = {(one.name, one.data, tuple(sorted(one.beside.items()))) for one in hostile()}
    assert len(distinct) == len(hostile())
    assert len(distinct) >= 1500
    assert len({one.data for one in hostile()}) >= 1400
    assert len({(module, name) for module, name, _ in GADGETS}) >= 200
    assert len(opcodes.ENCODINGS) >= 12
    assert min(families().values()) >= 5


def test_no_hostile_file_is_found_harmless(table: Table) -> None:
    """All of them are refused."""
    passed = [(one.family, one.name, one.why) for one, looked in table if not looked.finding]
    assert passed == []


def test_each_refusal_can_be_looked_up(table: Table) -> None:
    """It has an id of the catalogue and a sentence, and what was seen can be written down (`look` does)."""
    unknown = {looked.finding for _, looked in table} - set(FINDINGS)
    assert unknown == set()
    assert [one.why for one, looked in table if len(looked.said) < 8] == []


def test_a_refusal_takes_no_time(table: Table) -> None:
    """At most 10 ms of CPU for a small file, as a mean and for nineteen in twenty; under 3 s for the worst."""
    small = sorted(looked.seconds for one, looked in table if len(one.data) <= 65_536)
    assert len(small) >= 1400
    assert statistics.mean(small) <= 0.010
    assert small[len(small) * 19 // 20] <= 0.010
    assert max(looked.seconds for _, looked in table) < 3


def test_code_in_disguise_is_named(table: Table) -> None:
    """A pickle is called a pickle whatever its wrapper, its name and its spelling; so are templates and settings."""
    named = {
        "pickle gadget, own name": "pickle",
        "pickle gadget, disguised": "pickle",
        "pickle spelling": "pickle",
    }
    wrong = [
        (one.family, one.name, one.why, looked.said)
        for one, looked in table
        if one.family in named and named[one.family] not in looked.said.lower()
    ]
    assert wrong == []
    found = {family: Counter(looked.finding for one, looked in table if one.family == family) for family in families()}
    assert found["template"].most_common(1)[0][0] == "LG472"
    assert set(found["ONNX operators"]) <= {"LG411", "LG412", "LG415", "LG417"}
    assert set(found["setting that loads code"]) <= {"LG410", "LG418", "LG419", "LG464", "LG471", "LG472"}


def test_what_the_lies_are_about_passes_when_it_is_true() -> None:
    """Each hand-made form without its lie is found harmless: what is refused above is refused for its lie."""
    model = adding(outside("W0", location=DATA, offset=0, length=8))
    trees = (made("TreeEnsembleRegressor", REGRESSOR), made("TreeEnsembleClassifier", CLASSIFIER, "Z Y"))
    assert [
        look("model.onnx", wire.GOOD).said,
        look("model.onnx", model, {DATA: bytes(8)}).said,
        *(look("model.onnx", one).said for one in trees),
        look("model.safetensors", packed({"a": entry()})).said,
        look("array.npy", npy("<f8", (2,), bytes(16))).said,
        look("arrays.npz", zipped(PAIR)).said,
        look("config.json", b'{"auto_map": null, "trust_remote_code": false}').said,
        look("README.md", b"# A card\n").said,
    ] == ["onnx", "onnx", "onnx", "onnx", "safetensors", "npy", "npz", "json", "text"]


def test_the_pickles_are_pickles() -> None:
    """Each spelling is read by the standard library's disassembler (which runs nothing), and names its gadget."""
    for encoding in opcodes.ENCODINGS:
        found = [str(argument) for _, argument, _ in pickletools.genops(encoding("os", "system", ("true",)))]
        assert "system" in " ".join(found), encoding.__name__
    assert [opcode.name for opcode, _, _ in pickletools.genops(CALL)][-2:] == ["REDUCE", "STOP"]


def test_no_benign_file_is_refused() -> None:
    """At least 100 files by real libraries: all are found harmless, and what they are is told."""
    assert len(benign()) >= 200
    looked = [(one, look(one.name, one.data, one.beside)) for one in benign()]
    assert [(one.family, one.name, said.finding, said.said) for one, said in looked if said.finding] == []
    assert Counter(said.said for _, said in looked).keys() == {"onnx", "safetensors", "json", "text", "npy", "npz"}
    assert statistics.mean(said.seconds for _, said in looked) <= 0.010


def test_a_good_file_under_another_name_is_refused() -> None:
    """A name promises a form to whoever opens the file later: pickles are what `.bin`, `.pt` and `.pkl` promise."""
    kinds = {one.family: one for one in benign()}
    for family in ("skl2onnx", "numpy.save", "numpy.savez", "safetensors", "settings"):
        one = kinds[family]
        names = ("model.pkl", "model.pt", "weights.bin", "model.h5", "code.py", "last.ckpt")
        assert [name for name in names if not look(name, one.data, one.beside).finding] == [], family


def test_a_good_file_that_is_cut_is_refused_or_good() -> None:
    """Each benign file that ends early, or says another size than it has: an answer, and never an accident."""
    for one in benign():
        if len(one.data) > 1:
            look(one.name, one.data[:-1], one.beside)
            look(one.name, one.data[: len(one.data) // 2], one.beside)
            look(one.name, one.data[:-1], one.beside, size=len(one.data))
        if one.family in {"skl2onnx", "safetensors", "numpy.save", "numpy.savez"}:
            assert look(one.name, one.data + b"\0", one.beside).finding, one
            assert look(one.name, one.data + CALL, one.beside).finding, one


def test_a_byte_before_or_behind_is_never_overlooked() -> None:
    """Every benign array, tensor and model with a pickle before it, behind it, or within its texts' place."""
    for one in benign():
        if one.family in {"skl2onnx", "safetensors", "numpy.save", "numpy.savez", "onnx.helper"}:
            assert look(one.name, CALL + one.data, one.beside).finding
            assert look(one.name, one.data + opcodes.second("os", "system", ("true",)), one.beside).finding
    for one in benign():
        if one.family == "settings":
            value = json.loads(one.data)
            poisoned = (
                value | {"auto_map": {"AutoModel": "m.M"}}
                if isinstance(value, dict)
                else [value, {"auto_map": {"a": "m.M"}}]
            )
            assert look(one.name, json.dumps(poisoned).encode()).finding == "LG464"
