"""`GET /metrics`: what the gateway counts, for Prometheus. Needs the action `metrics`, which is given by name only.

Labels are of closed sets: calls, statuses, findings, worker kinds, and the one model that is live. A client's name, its
pseudonym, a key or a value of a record is in none of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from lockgate.core.exposition import MEDIA, Family, Sample, histogram, text
from lockgate.serve.calls.suspicions import suspicions
from lockgate.serve.http import Reply
from lockgate.serve.spec import Action, Caps, Served
from lockgate.serve.tally import Tally

if TYPE_CHECKING:
    from lockgate.serve.calls.ask import Ask

SOON = 30 * 86400.0
"""Seconds before its end from which an API key is counted as one that ends soon."""
KINDS = ("contract", "model")

ROWS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "plan": ("lockgate_contract_rows_total", {"path": "plan"}),
    "pydantic": ("lockgate_contract_rows_total", {"path": "pydantic"}),
    "refused": ("lockgate_contract_refused_rows_total", {}),
    "predicted": ("lockgate_predicted_rows_total", {}),
    "recorded": ("lockgate_recorded_rows_total", {}),
    "unrecorded": ("lockgate_unrecorded_rows_total", {}),
    "payload_lost": ("lockgate_lost_payload_rows_total", {}),
}
"""Metric and labels of each name in `Tally.rows`."""

GAUGES: Mapping[str, tuple[str, str]] = {
    "waiting_rows": ("lockgate_queue_rows", "Rows that wait for the model."),
    "contract_rows": ("lockgate_contract_queue_rows", "Rows that wait for Pydantic."),
    "connections": ("lockgate_connections", "Open connections."),
    "in_flight": ("lockgate_in_flight_requests", "Requests that wait for their answer."),
    "buffered_records": ("lockgate_buffered_records", "Records in memory because the spool cannot be written."),
    "unsealed_records": ("lockgate_unsealed_records", "Records in the spool that are not in the log yet."),
    "sealed_records": ("lockgate_sealed_records", "Records of this start of the gateway that are in the log."),
    "last_sealed": ("lockgate_last_sealed_timestamp_seconds", "When the log last grew by them, or none waited."),
    "witness_alarm": ("lockgate_log_witness_alarm", "1 while a witness has seen another log than this one: LG7012."),
    "shared": ("lockgate_shared_counters_up", "1 while the counters of all gateways are reached; absent alone."),
}
"""Metric and help of each name in `Tally.now`."""

LADDER = (
    "candidate.requests", "candidate.errors", "candidate.rows", "live.requests", "live.errors", "live.rows",
    "pairs.rows", "pairs.disagree", "pairs.skipped", "risk.rows",
)  # fmt: skip
"""What of a ladder is told to Prometheus, by the names of `audit.ladder.counts`."""

MONITOR: Mapping[str, tuple[str, str]] = {
    "stride": (
        "lockgate_monitor_stride",
        "Of so many rows one is counted where neighbours depend most; other streams count more.",
    ),
    "alarms": ("lockgate_monitor_alarms", "Alarms of this model that nobody acknowledged: lockgate monitor."),
    "estimated_accuracy": (
        "lockgate_estimated_accuracy",
        "An ESTIMATE without labels (ATC): of most losses it sees a part, of some nothing. Labels say the accuracy.",
    ),
}
"""Metric and help of each name in `Tally.monitor`."""

_HELPS = {
    "lockgate_contract_rows_total": "Rows by who decided on them: the compiled plan at once, or Pydantic.",
    "lockgate_contract_refused_rows_total": "Rows of requests that the contract refused.",
    "lockgate_predicted_rows_total": "Rows that were predicted and answered.",
    "lockgate_recorded_rows_total": "Rows with a record in the spool.",
    "lockgate_unrecorded_rows_total": "Rows answered without a record, where the policy allows it.",
    "lockgate_lost_payload_rows_total": "Rows with a record, whose payload could not be kept.",
}


class Metrics:
    """The call."""

    name = "metrics"
    action: Action = "metrics"
    media: tuple[str, ...] = ()

    def __init__(
        self,
        tally: Tally,
        *,
        served: Callable[[], Served | None],
        caps: Caps,
        wall: Callable[[], float] = time.time,
        number: int = 0,
        beside: Callable[[], Served | None] = lambda: None,
    ) -> None:
        """`served`: what is answered from now, None when nothing is. `wall`: seconds since the epoch. `beside`: the
        candidate that is compared with it, where there is one.

        `number`: of this gateway among those on one port, which are asked by turns: it tells their numbers apart.
        """
        self._tally = tally
        self._served = served
        self._beside = beside
        self._caps = caps
        self._wall = wall
        self._labels = {"gateway": str(number)}
        self._began = wall()
        self._build = _gauge("lockgate_build_info", "The program.", Sample(1, {"version": version("lockgate")}))

    def answer(self, ask: Ask) -> None:
        """All that is counted, as it stands."""
        ask.reply(Reply(200, self.text().encode(), media=MEDIA))

    def text(self) -> str:
        """The body."""
        own = families(self._tally, self._served(), self._caps, self._wall(), self._beside())
        return text((self._build, *own, *process(self._began)), self._labels)


def families(
    tally: Tally, served: Served | None, caps: Caps, now: float, beside: Served | None = None
) -> Iterator[Family]:
    """The gateway's own numbers. Pure. `now`: seconds since the epoch."""
    yield _gauge("lockgate_ready", "1 while requests are answered.", Sample(int(served is not None), {}))
    models = [_model(one) for one in (served, beside) if one is not None]
    yield Family("lockgate_model_info", "gauge", "The model that is live, and the candidate beside it.", models)
    counted = [Sample(tally.ladder[name], {"what": name}) for name in LADDER]
    yield Family("lockgate_ladder_total", "counter", "What was counted of candidates beside a live model.", counted)
    yield from _requests(tally)
    yield from _rows(tally)
    yield from _monitor(tally)
    yield from suspicions(tally)
    yield Family(
        "lockgate_batch_rows",
        "histogram",
        "Rows of each call of the model.",
        histogram(tally.batches.bounds, tally.batches.counts, tally.batches.total, {}),
    )
    yield Family(
        "lockgate_workers_lost_total",
        "counter",
        "Workers that were broken off; each was started again.",
        [Sample(tally.lost[kind], {"kind": kind}) for kind in KINDS],
    )
    yield Family(
        "lockgate_spans_total",
        "counter",
        "Spans of traces, where they are on: written to their file, or dropped.",
        [Sample(tally.spans[outcome], {"outcome": outcome}) for outcome in ("written", "dropped")],
    )
    for name, (metric, described) in GAUGES.items():
        if name in tally.now:
            yield _gauge(metric, described, Sample(tally.now[name], {}))
    yield _gauge("lockgate_queue_limit_rows", "Most rows that may wait for the model.", Sample(caps.waiting_rows, {}))
    yield _gauge("lockgate_connections_limit", "Most open connections.", Sample(caps.connections, {}))
    yield from _ends(tally, now)


def process(began: float) -> Iterator[Family]:
    """The process's own numbers, under the names that every Prometheus client gives them."""
    yield _gauge("process_start_time_seconds", "Since when the gateway runs.", Sample(began, {}))
    yield Family("process_cpu_seconds_total", "counter", "CPU time of the gateway.", [Sample(time.process_time(), {})])
    try:
        with open("/proc/self/statm", "rb") as file:
            pages = int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    yield _gauge("process_resident_memory_bytes", "Resident memory of the gateway.", Sample(resident, {}))


def _model(served: Served) -> Sample:
    labels = {
        "name": served.name,
        "version": str(served.version),
        "digest": served.manifest,
        "environment": served.environment,
        "rung": served.rung,
    }
    return Sample(1, labels)


def _requests(tally: Tally) -> Iterator[Family]:
    yield Family(
        "lockgate_requests_total",
        "counter",
        "Replies by call and status.",
        [
            Sample(count, {"call": call, "status": str(status)})
            for (call, status), count in sorted(tally.replies.items())
        ],
    )
    yield Family(
        "lockgate_request_duration_seconds",
        "histogram",
        "From the head of a request to its reply.",
        [
            sample
            for call, spread in sorted(tally.seconds.items())
            for sample in histogram(spread.bounds, spread.counts, spread.total, {"call": call})
        ],
    )
    yield Family(
        "lockgate_refusals_total",
        "counter",
        "Refused requests by finding: lockgate explain ID.",
        [Sample(count, {"finding": finding}) for finding, count in sorted(tally.refused.items())],
    )


def _rows(tally: Tally) -> Iterator[Family]:
    samples: dict[str, list[Sample]] = {metric: [] for metric in _HELPS}
    for name, (metric, labels) in ROWS.items():
        samples[metric].append(Sample(tally.rows[name], labels))
    for metric, found in samples.items():
        yield Family(metric, "counter", _HELPS[metric], found)


def _monitor(tally: Tally) -> Iterator[Family]:
    yield Family(
        "lockgate_monitor_rows_total",
        "counter",
        "Answered rows for the monitors: counted, dependent on others and left out, skipped for the time it takes.",
        [Sample(count, {"model": model, "what": what}) for (model, what), count in sorted(tally.watched.items())],
    )
    for name, (metric, described) in MONITOR.items():
        found = [
            Sample(value, {"model": model}) for (model, what), value in sorted(tally.monitor.items()) if what == name
        ]
        if found:
            yield Family(metric, "gauge", described, found)


def _ends(tally: Tally, now: float) -> Iterator[Family]:
    if "tls" in tally.ends:
        yield _gauge(
            "lockgate_certificate_expiry_timestamp_seconds",
            "When the TLS certificate that is served ends.",
            Sample(tally.ends["tls"], {}),
        )
    valid = [end for end in tally.keys if end > now]
    yield _gauge("lockgate_api_keys", "API keys that may be used.", Sample(len(valid), {}))
    soon = sum(end - now < SOON for end in valid)
    yield _gauge("lockgate_api_keys_expiring", "Those of them that end within 30 days.", Sample(soon, {}))


def _gauge(name: str, described: str, sample: Sample) -> Family:
    return Family(name, "gauge", described, [sample])
