"""kit/container and kit/helm by themselves: what they promise can be read in them, without an engine or Helm."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from lockgate.export.kubernetes.settings import TABLE
from lockgate.export.kubernetes.spec import UID

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = (ROOT / "kit/container/Containerfile").read_text("utf-8")
CHART = ROOT / "kit/helm/lockgate"


def steps(text: str) -> list[str]:
    """The instructions, one line each, without comments."""
    joined = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [line for line in joined.splitlines() if line.strip()]


def faults(text: str) -> set[str]:
    """What a container file does that this one promises not to do."""
    found = set()
    lines = steps(text)
    words = [line.split() for line in lines]
    if any(line.startswith("ARG BASE=") for line in lines) or any(
        each[0] == "FROM" and each[1] != "${BASE}" for each in words
    ):
        found.add("a base that is not the caller's")
    last = max(number for number, each in enumerate(words) if each[0] == "FROM")
    if [each[1] for each in words[last:] if each[0] == "USER"] != [f"{UID}:{UID}"]:
        found.add("root")
    if any(each[0] == "ADD" for each in words) or re.search(r"https?:|curl|wget|apt-get|git clone", text):
        found.add("something fetched")
    installs = [part for line in lines for part in line.split("&&") if "pip install" in part]
    wanted = ("--no-index", "--require-hashes", "--no-deps", "--only-binary :all:")
    if not installs or any(one not in part for part in installs for one in wanted):
        found.add("a wheel without a hash, or from elsewhere")
    if "sha256sum --strict" not in text:
        found.add("a release's file that is not compared")
    return found


def test_the_container_file_keeps_its_promises() -> None:
    """The caller's base, no network, every wheel by hash, not root."""
    assert faults(CONTAINERFILE) == set()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda text: text.replace("ARG BASE", "ARG BASE=python:3.11", 1), "a base that is not the caller's"),
        (lambda text: text.replace("FROM ${BASE}\n", "FROM debian:stable\n"), "a base that is not the caller's"),
        (lambda text: text.replace(f"USER {UID}:{UID}\n", ""), "root"),
        (lambda text: text + "USER 0:0\n", "root"),
        (lambda text: text.replace("--require-hashes", "", 1), "a wheel without a hash, or from elsewhere"),
        (lambda text: text + "RUN apt-get install -y gcc\n", "something fetched"),
        (lambda text: text.replace("sha256sum --strict", "true", 1), "a release's file that is not compared"),
    ],
)
def test_a_broken_promise_is_seen(change: Callable[[str], str], fault: str) -> None:
    """Each alone."""
    assert fault in faults(change(CONTAINERFILE))


def test_the_chart_has_the_version_of_the_package() -> None:
    """A release's chart says which release."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    chart = (CHART / "Chart.yaml").read_text("utf-8")
    assert (f"\nversion: {version}\n" in chart, f"\nappVersion: {version}\n" in chart) == (True, True)


def test_the_chart_knows_each_setting() -> None:
    """Every key of [kubernetes] is a value, in Helm's spelling; beside them the port and the jail's limits."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    judge: Any = import_module("jsonschema")
    judge.Draft7Validator.check_schema(schema)
    spelt = {re.sub(r"_([a-z])", lambda found: found[1].upper(), name) for name in TABLE.items}
    assert set(schema["required"]) == spelt | {"port", "limits"}
    assert set(schema["properties"]) == set(schema["required"]) | {"global"}
    assert schema["additionalProperties"] is False
