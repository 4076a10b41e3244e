"""Traces: OTLP as OpenTelemetry's own messages read it, W3C Trace Context, and a bound on every file."""

from __future__ import annotations

import base64
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.trace.v1 import trace_pb2

from lockgate.serve import traces
from lockgate.serve.http import Head, Peer
from lockgate.serve.traces import HELD, SpanFile, Tracer

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GATEWAY = "0123456789abcdef"


def head(traceparent: str = "", **more: Any) -> Head:
    """A request for a prediction."""
    headers = {"traceparent": traceparent} if traceparent else {}
    return Head("POST", "/predict", headers, Peer("10.0.0.1"), **more)


def tracer(folder: Path, share: float = 1.0, counted: Counter[str] | None = None) -> Tracer:
    """The tracer of one gateway."""
    spans_of = Counter() if counted is None else counted
    found = Tracer.open(share, folder, gateway=GATEWAY, version="1", environment="prod", counted=spans_of)
    assert found is not None
    return found


def read(folder: Path) -> list[trace_pb2.ResourceSpans]:
    """Every line, by OpenTelemetry's messages: an unknown field or a wrong type is an error.

    OTLP's JSON spells ids in hex where protobuf's own mapping has base64: the one difference to it.
    """
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            value = json.loads(line, object_hook=_ids)
            found += json_format.ParseDict(value, trace_pb2.TracesData()).resource_spans
    return found


def _ids(value: dict[str, Any]) -> dict[str, Any]:
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in value:
            value[name] = base64.b64encode(bytes.fromhex(value[name])).decode()
    return value


def spans(folder: Path) -> list[trace_pb2.Span]:
    """All spans."""
    return [span for part in read(folder) for scope in part.scope_spans for span in scope.spans]


def test_a_span_says_which_call_how_it_ended_and_how_long(tmp_path: Path) -> None:
    """Name, kind, status, attributes and times are those of the semantic conventions for HTTP servers."""
    ours, now = tracer(tmp_path), time.monotonic()
    ours.span("predict", head(), 200, now - 0.25, now)
    ours.span("predict", head(), 503, now - 0.25, now)
    ours.close()
    (part,) = read(tmp_path)
    assert {one.key: one.value.string_value for one in part.resource.attributes} == {
        "service.name": "lockgate-gateway",
        "service.version": "1",
        "service.instance.id": GATEWAY,
        "deployment.environment.name": "prod",
    }
    good, bad = spans(tmp_path)
    assert (good.name, good.kind, good.status.code) == ("POST predict", 2, 0)
    assert good.end_time_unix_nano - good.start_time_unix_nano == pytest.approx(0.25e9, rel=1e-3)
    assert abs(good.end_time_unix_nano / 1e9 - time.time()) < 5
    assert {one.key: one.value.string_value or one.value.int_value for one in bad.attributes} == {
        "http.request.method": "POST",
        "http.response.status_code": 503,
        "url.scheme": "http",
        "lockgate.call": "predict",
        "error.type": "503",
    }
    assert (bad.status.code, good.trace_id == bad.trace_id, len(good.trace_id), len(good.span_id)) == (2, False, 16, 8)


def test_a_trace_is_continued_and_answered(tmp_path: Path) -> None:
    """The span is a child of the caller's, in its trace; the answer names both."""
    ours = tracer(tmp_path)
    ((name, value),) = ours.span("predict", head(f"00-{TRACE}-{PARENT}-01"), 200, 0, 1)
    ours.close()
    (span,) = spans(tmp_path)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert (name, value) == ("traceresponse", f"00-{TRACE}-{span.span_id.hex()}-01")


def test_what_the_caller_does_not_keep_we_do_not_keep(tmp_path: Path) -> None:
    """A parent that is not sampled leaves no span."""
    ours = tracer(tmp_path)
    assert ours.span("predict", head(f"00-{TRACE}-{PARENT}-00"), 200, 0, 1) == ()
    ours.close()
    assert spans(tmp_path) == []


@pytest.mark.parametrize(
    "header",
    [
        "", "00", f"00-{TRACE}-{PARENT}", f"00-{TRACE.upper()}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01\n", f" 00-{TRACE}-{PARENT}-01", f"00-{TRACE[:-1]}-{PARENT}-01",
    ],
)  # fmt: skip
def test_a_malformed_parent_is_none(tmp_path: Path, header: str) -> None:
    """What W3C Trace Context does not allow begins a new trace, and is not repeated anywhere."""
    ours = tracer(tmp_path)
    ours.span("predict", head(header), 200, 0, 1)
    ours.close()
    (span,) = spans(tmp_path)
    assert (span.trace_id.hex() == TRACE, span.parent_span_id) == (False, b"")


def test_a_later_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    """Version 01 may say more behind the flags."""
    ours = tracer(tmp_path)
    ours.span("predict", head(f"01-{TRACE}-{PARENT}-01-more"), 200, 0, 1)
    ours.close()
    assert [span.trace_id.hex() for span in spans(tmp_path)] == [TRACE]


def test_a_request_that_reached_no_call_leaves_nothing(tmp_path: Path) -> None:
    """Whoever has no key cannot write to the disk, nor choose an id that stands there."""
    ours = tracer(tmp_path)
    assert ours.span("none", head(f"00-{TRACE}-{PARENT}-01"), 401, 0, 1) == ()
    ours.close()
    assert list(tmp_path.iterdir()) == []


def test_a_share_keeps_about_that_many_and_by_the_id_alone(tmp_path: Path) -> None:
    """Of 2,000 traces a tenth is kept, and a trace is kept or not wherever its id is judged."""
    counted: Counter[str] = Counter()
    ours = tracer(tmp_path, 0.1, counted)
    kept = 0
    for _ in range(20):
        kept += sum(bool(ours.span("predict", head(), 200, 0, 1)) for _ in range(100))
        ours.flush()
    assert 120 < kept < 290
    assert counted == {"written": kept}
    low, high = f"{'a' * 18}{'0' * 14}", f"{'a' * 18}{'f' * 14}"
    assert ours.span("predict", head(f"00-{low}-{PARENT}-01"), 200, 0, 1)
    assert not ours.span("predict", head(f"00-{high}-{PARENT}-01"), 200, 0, 1)


def test_off_is_nothing(tmp_path: Path) -> None:
    """A share of 0 gives no tracer at all: no request pays for it."""
    found = Tracer.open(0.0, tmp_path, gateway=GATEWAY, version="1", environment="prod", counted=Counter())
    assert found is None


def test_more_than_is_held_is_dropped_and_counted(tmp_path: Path) -> None:
    """Memory is bounded between two flushes, and nothing is lost silently."""
    counted: Counter[str] = Counter()
    ours = tracer(tmp_path, counted=counted)
    for _ in range(HELD + 7):
        ours.span("predict", head(), 200, 0, 1)
    ours.close()
    assert counted == {"written": HELD, "dropped": 7}
    assert len(spans(tmp_path)) == HELD


def test_a_disk_that_fails_is_counted_and_never_raised(tmp_path: Path) -> None:
    """No folder: spans are dropped. The folder comes back: they are written again."""
    counted: Counter[str] = Counter()
    ours = tracer(tmp_path / "gone", counted=counted)
    ours.span("predict", head(), 200, 0, 1)
    ours.flush()
    assert counted == {"dropped": 1}
    (tmp_path / "gone").mkdir()
    ours.span("predict", head(), 200, 0, 1)
    ours.close()
    assert counted == {"dropped": 1, "written": 1}


def test_a_line_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that stops halfway, as on a full disk, leaves no half of a line."""
    file = SpanFile(tmp_path, GATEWAY)
    assert file.append(b"first\n")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:2]))
    assert not file.append(b"second\n")
    monkeypatch.undo()
    assert file.append(b"third\n")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"first\nthird\n"]


def test_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files per gateway; of gateways that ended the oldest go first."""
    monkeypatch.setattr(traces, "FILE_BYTES", 100)
    monkeypatch.setattr(traces, "FOLDER_BYTES", 600)
    for number in range(5):
        path = tmp_path / f"spans-{number:016x}.jsonl"
        path.write_bytes(b"x" * 150)
        os.utime(path, (1000 + number, 1000 + number))
    (tmp_path / "else.txt").write_bytes(b"x" * 1000)
    file = SpanFile(tmp_path, GATEWAY)
    for number in range(20):
        assert file.append(b"%019d\n" % number)
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == {
        f"spans-{GATEWAY}.jsonl": 100,
        f"spans-{GATEWAY}.1.jsonl": 100,
        "spans-0000000000000003.jsonl": 150,
        "spans-0000000000000004.jsonl": 150,
        "else.txt": 1000,
    }
    assert (tmp_path / f"spans-{GATEWAY}.jsonl").read_bytes().endswith(b"%019d\n" % 19)
    assert oct((tmp_path / f"spans-{GATEWAY}.jsonl").stat().st_mode)[-3:] == "600"


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    """The folder is the gateway's own, and still: nothing is opened that was there before."""
    target = tmp_path / "target"
    (tmp_path / "spans").mkdir()
    (tmp_path / "spans" / f"spans-{GATEWAY}.jsonl").symlink_to(target)
    ours = tracer(tmp_path / "spans")
    ours.span("predict", head(), 200, 0, 1)
    ours.close()
    assert not target.exists()
    assert (tmp_path / "spans" / f"spans-{GATEWAY}.jsonl").lstat().st_size > 100
