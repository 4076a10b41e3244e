"""One Job and its pod: wait for it, read it back, read what it says."""

from __future__ import annotations

import http.client
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.sandbox._collect import Collector
from lockgate.sandbox._kubernetes import state
from lockgate.sandbox._kubernetes.api import Api, Gone
from lockgate.sandbox._kubernetes.compare import differences
from lockgate.sandbox._kubernetes.stream import LogReader
from lockgate.sandbox.jail import frames
from lockgate.sandbox.report import JailReport, Probe
from lockgate.sandbox.settings import Limits

Manifest = Mapping[str, Any]
Check = Callable[[Manifest], Sequence[str]]
"""Gives each rule that a Job or a pod breaks, in words."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}\Z")


@dataclass(frozen=True)
class Patience:
    """Seconds: until a pod starts, beyond its own time until it must have ended, until it is gone, between questions.
    `cuts`: how often in a row the log may break off without a new line.
    """

    start: float = 600.0
    end: float = 60.0
    gone: float = 60.0
    ask: float = 1.0
    cuts: int = 4


@dataclass(frozen=True)
class Tools:
    """What a run works with."""

    api: Api
    check: Check
    most: int
    patience: Patience
    clock: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class PodResult:
    """What came of a run. `files` are untrusted bytes in the caller's directory; `late`: its time was up."""

    exit_code: int
    late: bool
    talk: bytes
    report: JailReport
    files: Mapping[str, Path] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)


class PodRun:
    """One Job and its pod. `uid` is the Job's, once the cluster has given it one."""

    def __init__(self, tools: Tools, job: Manifest) -> None:
        self._tools, self._api, self._patience = tools, tools.api, tools.patience
        self.name, self.namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        self._core = f"/api/v1/namespaces/{self.namespace}"
        self.jobs = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
        self.config_maps = f"{self._core}/configmaps"
        self._template = job["spec"]["template"]["spec"]
        self.uid = ""
        self._pod = ""
        self._probes: tuple[Probe, ...] = ()

    def pods(self) -> list[str]:
        """The names of the pods that this Job owns."""
        listed = self._api.get(f"{self._core}/pods", labelSelector=f"job-name={self.name}").get("items")
        found = []
        for each in listed if isinstance(listed, list) else []:
            metadata = each.get("metadata") if isinstance(each, dict) else None
            owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
            owned = [owner for owner in owners if isinstance(owner, dict)] if isinstance(owners, list) else []
            if any(owner.get("uid") == self.uid for owner in owned):
                found.append(str(metadata.get("name")) if isinstance(metadata, dict) else "")
        return found

    def wait(self) -> None:
        """Until the pod has started, and is what was submitted. Raises LG936, LG937."""
        deadline = self._tools.clock() + self._patience.start
        why = "the cluster has made no pod for it"
        while True:
            found = self.pods()
            if len(found) > 1 or not all(map(_NAME.match, found)):
                raise self._weak([f"{len(found)} pods for one Job, or one without a name"])
            if found:
                self._pod = found[0]
                pod = self._look()
                if state.started(pod):
                    return
                hopeless = state.hopeless(pod) or state.ended_by(pod)
                if hopeless:
                    raise self._lost(f"it cannot start: {hopeless}")
                why = state.waits_for(pod)
            if self._tools.clock() > deadline:
                raise self._lost(f"it did not start within {self._patience.start:.0f} s: {why}")
            self._tools.sleep(self._patience.ask)

    def _look(self) -> dict[str, Any]:
        """The pod, read anew and held against what was submitted. Raises LG936, LG937 when it is gone."""
        try:
            pod = self._api.get(f"{self._core}/pods/{self._pod}")
        except Gone:
            raise self._lost("it is gone: somebody deleted it, or its deadline did") from None
        spec = pod.get("spec")
        other = differences(self._template, spec if isinstance(spec, Mapping) else {})
        broken = list(self._tools.check({**pod, "kind": "Pod", "apiVersion": "v1"}))
        self._probes = (
            Probe("pod-as-submitted", "read back", not other, ", ".join(other[:5]) or "every field"),
            Probe("pod-by-the-rules", "read back", not broken, "; ".join(broken[:5]) or "every rule holds"),
        )
        if other or broken:
            raise self._weak([*(f"{place} is another one" for place in other), *broken])
        return pod

    def collect(self, limits: Limits, out_dir: Path, talk: Callable[[bytes], None]) -> PodResult:
        """The pod's words and files. Raises LG936, LG937, LG938, LG908."""
        collector = Collector(out_dir, limits.output_bytes)
        reader = LogReader(_most(limits))
        words = bytearray()
        try:
            for kind, payload in self._frames(reader, limits):
                if kind == b"T":
                    words += payload[: max(limits.talk_bytes - len(words), 0)]
                    talk(payload)
                elif kind == b"B":
                    raise self._input(payload)
                elif kind != b"H" and not collector.take(kind, payload):
                    raise ValueError("more output than is allowed")
                if collector.complete:
                    break
        except ValueError as error:
            raise self._spoilt(str(error)) from None
        finally:
            collector.close()
        if collector.exit is None:
            raise self._spoilt("it does not say how the target ended")
        self._look()
        code, number = collector.exit
        files, skipped = dict(collector.files), dict(collector.skipped)
        return PodResult(code, number == signal.SIGXCPU, bytes(words), self._report(), files, skipped)

    def _frames(self, reader: LogReader, limits: Limits) -> Iterator[tuple[bytes, bytes]]:
        """Frames until somebody stops asking. Raises ValueError, LG937, LG938."""
        deadline = self._tools.clock() + limits.wall_seconds + self._patience.end
        cuts = 0
        while True:
            why = "it ended"
            try:
                for frame in self._once(reader, deadline):
                    cuts = 0
                    yield frame
            except (OSError, http.client.HTTPException, Gone, Unavailable) as error:
                why = str(error) or type(error).__name__
            ended = state.ended_by(self._look())
            if ended:
                raise self._lost(f"it was ended: {ended}", reader.words)
            if self._tools.clock() > deadline:
                raise self._lost("it is past its time")
            cuts += 1
            if cuts > self._patience.cuts:
                raise self._spoilt(f"it breaks off: {why}", reader.words)
            self._tools.sleep(self._patience.ask)

    def _once(self, reader: LogReader, deadline: float) -> Iterator[tuple[bytes, bytes]]:
        """The log from its beginning, as far as it goes, or until it is too late."""
        reader.restart()
        container = self._template["containers"][0]["name"]
        path = f"{self._core}/pods/{self._pod}/log"
        with self._api.stream(path, container=container, follow="true") as log:
            while data := log.read1(1 << 16):
                yield from reader.feed(data)
                if self._tools.clock() > deadline:
                    return

    def _report(self) -> JailReport:
        word = "the cluster's word"
        return JailReport(
            launcher="kubernetes",
            settings=self._template["containers"][0]["name"],
            settings_digest=digest_of(encode(dict(self._template))),
            probes=self._probes,
            limits={
                "runtime_class": f"{self._template.get('runtimeClassName') or 'the node'}: {word}",
                "network": f"NetworkPolicy: {word}",
                "memory": f"the container's limit: {word}",
                "wall_seconds": "activeDeadlineSeconds and the pod's own process",
                "output_bytes": "counted here",
                "talk_bytes": "counted here",
            },
            most=self._tools.most,
        )

    def _weak(self, found: Sequence[str]) -> LockgateError:
        message = f"the pod of {self.name} is not the one that was submitted: {'; '.join(found[:3])}"
        next_ = "kubectl get mutatingwebhookconfigurations"
        return Refused("LG936", message, seen={"pod": self._pod, "found": list(found)}, next=next_)

    def _input(self, payload: bytes) -> LockgateError:
        name, found = (each.decode(errors="replace")[:200] for each in frames.unpack(payload)[:2])
        message = f"input {name!r} is not what was submitted: the pod found {found!r}"
        return Refused("LG936", message, seen={"input": name, "found": found}, next="lockgate explain LG936")

    def _lost(self, why: str, words: bytes = b"") -> LockgateError:
        return self._failed("LG937", f"the pod of {self.name} did not run to its end: {why}", words)

    def _spoilt(self, why: str, words: bytes = b"") -> LockgateError:
        return self._failed("LG938", f"the log of {self.name} cannot be used: {why}", words)

    def _failed(self, finding: str, message: str, words: bytes) -> LockgateError:
        seen: dict[str, object] = {"pod": self._pod or "none"}
        if words:
            text = words[-400:].decode(errors="replace")
            seen["words"] = "".join(sign if sign.isprintable() else " " for sign in text)
        return Unavailable(finding, message, seen=seen, next=f"kubectl describe job {self.name} -n {self.namespace}")


def _most(limits: Limits) -> int:
    """What a log may have: base64 of output and talk, and as much again for numbers, names and signs of life."""
    return 4 * (limits.output_bytes + limits.talk_bytes) + (1 << 20)
