"""core.names and core.moments: one spelling, and nothing that leads out of a folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.core.names import check_file_name, check_model_name, order_of_file_name


@pytest.mark.parametrize("name", ["a", "model.onnx", "a/b/c.json", "..a", "a..", "é/ü", ".hidden", "a b"])
def test_relative_paths_are_file_names(name: str) -> None:
    """Plain relative paths pass unchanged."""
    assert check_file_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "./a",
        "a\\b",
        "a\x00",
        "a\nb",
        "\udcff",
        "x" * 256,
        "a/" * 600,
        7,
        None,
    ],
)
def test_what_leads_out_is_no_file_name(name: object) -> None:
    """Whatever climbs, is absolute, or is spelled in a way that a file system reads otherwise is refused."""
    with pytest.raises(ValueError, match=r"file name"):
        check_file_name(name)


def test_files_are_ordered_by_components() -> None:
    """`a/b` comes before `a.b`, though `.` sorts before `/` as text."""
    assert sorted(["a.b", "a/b", "a"], key=order_of_file_name) == ["a", "a/b", "a.b"]


@pytest.mark.parametrize("name", ["flights", "a-b.c_d", "m2"])
def test_model_names(name: str) -> None:
    """Names that every OCI registry takes pass."""
    assert check_model_name(name) == name


@pytest.mark.parametrize("name", ["", "Flights", "-a", "a-", "a--b", "a/b", "..", "a b", "x" * 65, None])
def test_no_model_names(name: object) -> None:
    """A name is never a path, and never one that only some registries take."""
    with pytest.raises(ValueError, match="not a model name"):
        check_model_name(name)


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 1, 1)))  # noqa: DTZ001 - made aware below
def test_times_have_one_spelling(moment: datetime) -> None:
    """What is written is read back, to the second."""
    aware = moment.replace(microsecond=0, tzinfo=UTC)
    assert parse_rfc3339(rfc3339(aware)) == aware


@pytest.mark.parametrize(
    "text", ["2026-1-02T00:00:00Z", "2026-01-02T00:00:00+00:00", "2026-01-02", " 2026-01-02T00:00:00Z", 3]
)
def test_other_spellings_of_times_are_refused(text: object) -> None:
    """`strptime` is lenient; we are not."""
    with pytest.raises(ValueError, match=r"."):
        parse_rfc3339(text)


def test_times_are_written_in_utc_and_need_a_zone() -> None:
    """A zone is converted; a time without one is no time."""
    assert rfc3339(datetime(2026, 1, 2, 3, 0, 0, 9, timezone(timedelta(hours=2)))) == "2026-01-02T01:00:00Z"
    with pytest.raises(ValueError, match="zone"):
        rfc3339(datetime(2026, 1, 2))  # noqa: DTZ001 - the point
