"""What a person is told of a scan: how urgent each refusal is, in which order, what is next, and what was left out."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.register.scan_excluded import excluding
from lockgate.register.scan_words import Scanned, ScannedFile, excluded, failed, skipped

NEXT: dict[str, tuple[str, dict[str, Any], str]] = {
    "a pickle": ("LG410", {"converts": True, "reaches": ["sklearn.svm.SVC"]}, "lockgate convert 'a b' OUT"),
    "one that reaches": ("LG410", {"converts": True, "reaches": ["os.system"]}, "lockgate explain LG410"),
    "something else": ("LG471", {}, "lockgate explain LG471"),
}


@pytest.mark.parametrize(("finding", "seen", "expected"), NEXT.values(), ids=NEXT)
def test_each_outcome_says_what_to_do_next(finding: str, seen: dict[str, Any], expected: str) -> None:
    """A pickle of a library's is converted; anything else explained."""
    assert expected == ScannedFile("a b", "refused", finding=finding, seen=seen).next


LEVELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a pickle that reaches for programs": ("LG410", {"reaches": ["posix.system"]}, "error"),
    "for code of somebody's own": ("LG410", {"reaches": ["sklearn.svm.SVC", "mine.Model"]}, "error"),
    "for a library's loader": ("LG410", {"reaches": ["torch.hub.load"]}, "error"),
    "for a library's class that is code": ("LG410", {"reaches": ["keras.layers.Lambda"]}, "error"),
    "for a class of no known module": ("LG410", {"reaches": ["?.Popen"]}, "error"),
    "for builtins that run": ("LG410", {"reaches": ["__builtin__.eval"]}, "error"),
    "a Lambda layer": ("LG410", {"inside": ["a Lambda layer, which is Python code"]}, "error"),
    "code": ("LG464", {}, "error"),
    "a template": ("LG472", {"place": 3}, "error"),
    "two forms": ("LG470", {}, "error"),
    "a path out of the folder": ("LG414", {"location": "/etc/passwd"}, "error"),
    "a parser that broke": ("LG420", {}, "error"),
    "a pickle of libraries": (
        "LG410",
        {"reaches": ["sklearn.svm.SVC", "numpy._core.multiarray._reconstruct", "?.dtype", "__builtin__.set"]},
        "warning",
    ),
    "an unknown name": ("LG463", {}, "warning"),
    "seen out of form": ("LG410", {"reaches": 7, "inside": {}}, "warning"),
}


@pytest.mark.parametrize(("finding", "seen", "level"), LEVELS.values(), ids=LEVELS)
def test_what_runs_code_is_more_urgent_than_what_is_not_on_the_list(
    finding: str, seen: dict[str, Any], level: str
) -> None:
    """`error` and `warning`, by what was found; whatever a jail may have written."""
    assert ScannedFile("a", "refused", finding=finding, seen=seen).level == level


def test_what_is_not_what_its_name_says_is_urgent() -> None:
    """An archive that is called a text deceives; one that is called an archive is not on the list."""
    assert [ScannedFile(name, "refused", finding="LG410").level for name in ("a.txt", "a.zip")] == ["error", "warning"]


def test_what_is_left_out_proves_nothing() -> None:
    """Harmless is what was looked at, and something was."""
    left, good = excluded("a", "*"), ScannedFile("b", "ok")
    assert [Scanned(files).harmless for files in ([], [left], [left, good], [good])] == [False, False, True, True]


def test_the_worst_comes_first_and_the_harmless_last() -> None:
    """Code in disguise, code, a broken parser, what is not on the list, what was not looked at, what was left out."""
    files = [
        ScannedFile("ok", "ok"),
        excluded("excluded", "*"),
        skipped("skipped", "a link"),
        ScannedFile("unknown", "refused", finding="LG463"),
        failed("failed", "a crash"),
        ScannedFile("x.py", "refused", finding="LG464"),
        ScannedFile("evil", "refused", finding="LG410", seen={"reaches": ["os.system"]}),
    ]
    assert [one.path for one in Scanned(files).worst_first] == [one.path for one in reversed(files)]


EXCLUDED: dict[str, tuple[str, str]] = {
    "a file's name": ("b.pkl", "yes"),
    "a glob of names": ("*.pkl", "yes"),
    "a folder's name": ("sub/", "yes"),
    "a path as it was named": ("./models/sub", "yes"),
    "a path below": ("sub/*", "yes"),
    "the folder that was named": ("models", ""),
    "a part of a name": ("b", ""),
    "another folder": ("other/*.pkl", ""),
    "other letters": ("*.PKL", ""),
}


@pytest.mark.parametrize(("glob", "is_out"), EXCLUDED.values(), ids=EXCLUDED)
def test_globs_speak_of_names_or_with_a_slash_of_paths(glob: str, is_out: str) -> None:
    """Never of parts of a name."""
    assert bool(is_out) == bool(excluding("models/sub/b.pkl", "sub/b.pkl", [glob]))
