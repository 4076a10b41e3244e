"""The harness of `make fuzz`, without atheris: what it starts from, and what it calls a crash."""

from __future__ import annotations

import pytest

from lockgate.core.encoding import encode
from scripts import fuzz, fuzz_targets
from scripts.fuzz_form import MAX_BYTES
from scripts.fuzz_targets import NAMES, TARGETS, good_serving, seeds
from tests.support.hostile.onnx_trees import without_members

SAID = """INFO: seed corpus: files: 3
#3	INITED cov: 29 ft: 30 corp: 3/12b exec/s: 0 rss: 64Mb
#220481	DONE   cov: 108 ft: 246 corp: 81/9Kb lim: 4096 exec/s: 13780 rss: 69Mb
stat::number_of_executed_units: 220481
stat::peak_rss_mb:              69
"""

FOUND: tuple[tuple[str, bytes], ...] = (
    ("pickle", b"I1\n.(lp\x1e\x1e\x1e0\n0."),
    ("template", b"{{ '' a][}}"),
    ("torch", b"(tru\na."),
    ("onnx", without_members()),
    ("serving", encode({**next(good_serving()), "fields": [{"kind": [], "name": "a"}]})),
)
"""What the fuzzer has found: a number that only one of two readers takes, a bracket without an end, a place 778,000,000
in the memo of an unpickler, an attribute that says it is a tensor and holds none, a list where a word is looked up."""


def test_what_was_found_once_is_answered() -> None:
    """Each input that was a crash is none any more."""
    for name, data in FOUND:
        TARGETS[name].target(data)


def test_each_target_answers_what_it_starts_from() -> None:
    """Every parser has seeds that fit, and neither one of them nor nothing at all is an accident for it."""
    for name, one in TARGETS.items():
        planted = list(seeds(name))
        assert len(planted) >= 30, name
        assert max(map(len, planted)) <= MAX_BYTES
        for data in (b"", *planted[::40]):
            one.target(data)
    assert {data[0] for data in seeds("inspect")} == set(range(len(NAMES)))


def test_what_is_no_refusal_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target hides nothing but the refusals that its parser promises."""

    def broken(_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("lockgate.register.jail.json_file.check_settings_file", broken)
    with pytest.raises(KeyError):
        fuzz_targets.json(b"{}")
    monkeypatch.setattr("lockgate.runtime.serving.parse", broken)
    with pytest.raises(KeyError):
        fuzz_targets.serving(b"{}")


def test_the_figures_are_those_of_the_fuzzer() -> None:
    """Inputs, edges and memory come from its last words; of a fuzzer that was killed, from its last line."""
    assert fuzz.read_stats(SAID) == {"executions": 220_481, "edges": 108, "peak_mib": 69}
    assert fuzz.read_stats(SAID.partition("stat")[0]) == {"executions": 220_481, "edges": 108, "peak_mib": 69}
    assert fuzz.read_stats("") == {"executions": 0, "edges": 0, "peak_mib": 0}
