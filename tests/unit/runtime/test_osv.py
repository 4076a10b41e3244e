"""runtime.locked.osv: known vulnerabilities are found in a file, by version, and nothing is asked of the network."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.runtime.jail.osv import hits, is_affected
from lockgate.runtime.lock import Requirement
from lockgate.runtime.locked.osv import look_up

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def entry(**more: Any) -> dict[str, Any]:
    """An entry that says that versions of `some-package` from 1.2 until 1.5 are vulnerable."""
    events = [{"introduced": "1.2"}, {"fixed": "1.5"}]
    package = {"ecosystem": "PyPI", "name": "Some_Package"}
    return {
        "id": "PYSEC-2026-1",
        "modified": "2026-11-20T10:00:00.123Z",
        "aliases": ["GHSA-xxxx", "CVE-2026-1"],
        "summary": "it runs what it reads",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}],
        "database_specific": {"severity": "HIGH"},
        "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
        **more,
    }


def affected(*events: dict[str, str], kind: str = "ECOSYSTEM", **more: Any) -> dict[str, Any]:
    """One `affected` with one range."""
    return {"ranges": [{"type": kind, "events": list(events)}], **more}


START = {"introduced": "0"}


@pytest.mark.parametrize(
    ("one", "version", "expected"),
    [
        (affected(START, {"fixed": "2"}), "1.9.9", True),
        (affected(START, {"fixed": "2"}), "2", False),
        (affected(START, {"fixed": "2"}), "2rc1", True),
        (affected(START, {"fixed": "2"}), "0a1.dev1", True),
        (affected(START, {"last_affected": "2"}), "2.0", True),
        (affected(START, {"last_affected": "2"}), "2.0.1", False),
        (affected({"fixed": "2"}, {"introduced": "1"}), "1.5", True),
        (affected({"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}), "2.5", False),
        (affected({"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}), "3", True),
        (affected({"introduced": "1"}, {"limit": "2"}), "1.5", True),
        (affected({"introduced": "1"}, {"limit": "2"}), "2.5", False),
        (affected({"introduced": "1.0.0"}, {"fixed": "1.2.0"}, kind="SEMVER"), "1.1", True),
        (affected({"introduced": "1"}, versions=["0.5"]), "0.5.0", True),
        ({"versions": ["1.0", "1.1"]}, "1.1.0", True),
        ({"versions": ["1.0", "1.1"]}, "1.2", False),
        (affected({"introduced": "abc"}, kind="GIT", versions=["1.0"]), "1.1", False),
        (affected({"introduced": "abc"}, kind="GIT"), "1.1", True),
        (affected({"introduced": "no version"}, {"fixed": "what"}), "1.1", True),
        (affected(START, {"last_affected": "2"}), "2+cpu", True),
        (affected(START, {"last_affected": "2"}), "2.1+cpu", False),
        ({"versions": ["1.0", "1.1"]}, "1.1+cu118", True),
        ({"versions": ["1.0", "1.1+cu118"]}, "1.1+cu118", True),
        ({"versions": ["1.0", "2004d"]}, "1.1", False),
        ({"versions": ["2004d"]}, "1.1", True),
        ({"versions": "1.0"}, "1.1", True),
        ({"versions": ["1.0"], "ranges": "all"}, "1.1", True),
        ({"versions": ["1.0"], "ranges": ["all"]}, "1.1", True),
        ({"versions": ["1.0"], "ranges": [{"type": "ECOSYSTEM"}]}, "1.1", True),
        ({"versions": ["1.0"], "ranges": [{"type": "ECOSYSTEM", "events": "all"}]}, "1.1", True),
        ({"versions": ["1.0"], "ranges": [{"type": "OTHER", "events": [START, {"fixed": "1"}]}]}, "1.1", True),
        (affected({"fixed": "1"}), "1.1", True),
        (affected({"last_affected": "1"}), "1.1", True),
        (affected(START, {"fixed": "1", "unfixed": "1.1"}), "1.1", True),
        (affected(), "1.1", True),
    ],
)
def test_a_version_is_affected(one: dict[str, Any], version: str, *, expected: bool) -> None:
    """OSV's own algorithm, with the versions of Python; what cannot be judged counts as a hit."""
    assert is_affected(one, Version(version)) == expected


def test_a_hit_says_what_is_known() -> None:
    """Id, aliases, severity; names compare in normal form; withdrawn entries and other ecosystems say nothing."""
    packages = {"some-package": Version("1.3"), "other": Version("1.3")}
    assert list(hits(entry(), packages)) == [
        {
            "package": "some-package",
            "version": "1.3",
            "id": "PYSEC-2026-1",
            "aliases": ["CVE-2026-1", "GHSA-xxxx"],
            "severity": "HIGH CVSS:3.1/AV:N",
            "summary": "it runs what it reads",
        }
    ]
    assert list(hits(entry(withdrawn="2026-11-21T00:00:00Z"), packages)) == []
    assert len(list(hits(entry(withdrawn=True), packages))) == 1
    npm = {"package": {"ecosystem": "npm", "name": "some-package"}, "versions": ["1.3"]}
    assert list(hits(entry(affected=[npm]), packages)) == []
    other_case = {"package": {"ecosystem": "pypi", "name": "Some.Package"}, "versions": ["1.3"]}
    assert len(list(hits(entry(affected=[other_case], severity=3, aliases=None), packages))) == 1
    commits = {"ranges": [{"type": "GIT", "events": [START]}]}
    assert list(hits(entry(affected=[commits]), packages)) == []
    assert list(hits(entry(), {"some-package": Version("1.5")})) == []


@pytest.mark.parametrize("listed", ["?", {}, ["?"], [{"package": "some-package"}], [{"package": {"name": "x"}}]])
def test_an_entry_that_names_no_package_in_form_is_no_entry(listed: object) -> None:
    """It may be about any package: LG356, never `nothing is known`."""
    with pytest.raises(Refused) as raised:
        list(hits(entry(affected=listed), {"some-package": Version("1.3")}))
    assert raised.value.finding == "LG356"


def _database(folder: Path, *entries: object) -> Path:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, each in enumerate(entries):
            archive.writestr(f"{number}.json", each if isinstance(each, str) else json.dumps(each))
    return path


def _wheels(version: str) -> list[Requirement]:
    return [Requirement("some-package", version, frozenset(), 1)]


def test_a_database_is_read_in_a_jail(tmp_path: Path) -> None:
    """The hit, the newest entry's time and the digest of the very file; a version that is mended has no hit."""
    path = _database(tmp_path, entry(), entry(id="OLD", modified="2020-01-01T00:00:00Z", affected=[]))
    known = look_up(_wheels("1.3"), path, tmp_path / "one", NOW)
    assert (known.modified, known.entries) == ("2026-11-20T10:00:00Z", 2)
    assert known.digest == digest_of(path.read_bytes())
    assert [each["id"] for each in known.found] == ["PYSEC-2026-1"]
    assert look_up(_wheels("1.5"), path, tmp_path / "two", NOW).found == ()


def test_an_entry_of_the_future_makes_the_age_unknown(tmp_path: Path) -> None:
    """One wrong date would make the database young for ever: LG356. Clocks may differ by hours."""
    path = _database(tmp_path, entry(), entry(id="LATE", modified="2026-11-26T00:00:00Z", affected=[]))
    assert look_up(_wheels("1.5"), path, tmp_path / "one", NOW).modified == "2026-11-26T00:00:00Z"
    with pytest.raises(Refused) as raised:
        look_up(_wheels("1.5"), path, tmp_path / "two", NOW - timedelta(days=1))
    assert raised.value.finding == "LG356"


@pytest.mark.parametrize("content", [["{"], ["[1]"], [], ["[" * 100_000]])
def test_what_is_no_database_is_refused(tmp_path: Path, content: list[str]) -> None:
    """Broken JSON, no entry, nothing at all, deep nesting: LG356, never a traceback, never `nothing is known`."""
    with pytest.raises(Refused) as raised:
        look_up(_wheels("1"), _database(tmp_path, *content), tmp_path / "out", NOW)
    assert raised.value.finding == "LG356"


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file, a folder in its place."""
    for name in ("missing.zip", "."):
        with pytest.raises(LockgateError) as raised:
            look_up(_wheels("1"), tmp_path / name, tmp_path / "out", NOW)
        assert (type(raised.value), raised.value.finding) == (Usage, "LG356")
