"""A cluster's API on loopback, over real TLS, whose pods are processes of this machine.

It answers as an API server does: defaults are filled in, false fields are left out, logs are streamed in chunks, 404
and 409 where they belong. What goes wrong is a `Fault`.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lockgate.sandbox._kubernetes.access import Access
from tests.support.cluster import Authority

TOKEN = "a-token-of-the-launcher"
Change = Callable[[dict[str, Any]], Any]


@dataclass
class Fault:
    """What goes wrong. `admit` changes a pod before it starts; `later` a pod each time it is read; `answers` are
    statuses given instead of an answer, by method and last part of the path, each once; `cuts` are the bytes after
    which a log breaks off, each once; `mangle` changes what a log says; `runs` False: the pod is never started;
    `clings`: a pod stays when its Job is deleted; `created_unseen`: a Job is made, and the answer does not come.
    """

    admit: Change = lambda _: None
    later: Change = lambda _: None
    answers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    mangle: Callable[[bytes], bytes] = lambda data: data
    runs: bool = True
    clings: bool = False
    created_unseen: bool = False


class Cluster:
    """The state behind the API."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fault = Fault()
        self.objects: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.requests: list[str] = []
        self._count = 0

    def make(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Store an object; a Job gets its pod."""
        self._count += 1
        made = copy.deepcopy(body)
        made["metadata"]["uid"] = f"uid-{self._count}"
        self.objects[f"{path}/{body['metadata']['name']}"] = made
        if body["kind"] == "Job":
            self._pod(made)
        return made

    def remove(self, path: str) -> None:
        """Delete an object, and the pods that it owns."""
        uid = self.objects.pop(path)["metadata"]["uid"]
        for place, each in list(self.objects.items()):
            if each["metadata"].get("ownerReferences", [{}])[0].get("uid") == uid and not self.fault.clings:
                self._kill(place)
                del self.objects[place]

    def end(self) -> None:
        """Nothing is left running."""
        for place in list(self.processes):
            self._kill(place)
        self.objects.clear()

    def read(self, path: str) -> dict[str, Any] | None:
        """An object as it is now."""
        found = copy.deepcopy(self.objects.get(path))
        if found is not None and found["kind"] == "Pod":
            self._status(path, found)
            self.fault.later(found)
        return found

    def log(self, path: str) -> Path:
        """Where a pod's words go."""
        return self.folder / f"{path.rsplit('/', 1)[1]}.log"

    def ended(self, path: str) -> bool:
        """Whether a pod's process has ended."""
        process = self.processes.get(path)
        return process is None or process.poll() is not None

    def _pod(self, job: dict[str, Any]) -> None:
        metadata = job["metadata"]
        spec = copy.deepcopy(job["spec"]["template"]["spec"])
        spec = {
            name: value for name, value in spec.items() if value is not False or name.startswith(("auto", "enable"))
        }
        spec |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "nodeName": "node-1", "priority": 0}
        spec |= {"serviceAccount": spec["serviceAccountName"], "tolerations": [{"operator": "Exists"}]}
        for container in spec["containers"]:
            container |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}
            container["terminationMessagePolicy"] = "File"
        name = f"{metadata['name']}-x7k2p"
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{name}"
        labels = {**job["spec"]["template"]["metadata"]["labels"], "job-name": metadata["name"]}
        owner = {"kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
        about = {"name": name, "namespace": metadata["namespace"], "uid": f"{metadata['uid']}-pod"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**about, "labels": labels, "ownerReferences": [owner]},
            "spec": spec,
        }
        self.fault.admit(pod)
        self.objects[path] = pod
        if self.fault.runs:
            self._start(path, job)

    def _start(self, path: str, job: dict[str, Any]) -> None:
        """The container: the command of the submitted Job, with its inputs and an empty /out."""
        metadata, spec = job["metadata"], job["spec"]["template"]["spec"]
        place = self.folder / metadata["name"]
        (place / "in").mkdir(parents=True)
        (place / "out").mkdir()
        stored = self.objects.get(f"/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}", {})
        for mount in spec["containers"][0]["volumeMounts"]:
            if mount["name"] == "in":
                content = base64.b64decode(stored["binaryData"][mount["subPath"]])
                (place / mount["mountPath"].lstrip("/")).write_bytes(content)
        command = [sys.executable if word == "python" else word for word in spec["containers"][0]["command"]]
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        # An image has a `python`; a machine may have none under that name.
        kept["PATH"] = f"{os.path.dirname(sys.executable)}:{kept.get('PATH', '')}"
        where = {"LOCKGATE_DATA": str(place / "in"), "LOCKGATE_OUT": str(place / "out"), **kept}
        with self.log(path).open("wb") as log:
            self.processes[path] = subprocess.Popen(
                command, cwd=place, env=where, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _status(self, path: str, pod: dict[str, Any]) -> None:
        process = self.processes.get(path)
        code = process.poll() if process is not None else None
        if process is None:
            pod["status"] = {"phase": "Pending"}
        elif code is None:
            pod["status"] = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}
        else:
            state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
            pod["status"] = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [{"state": state}]}

    def _kill(self, path: str) -> None:
        process = self.processes.pop(path, None)
        if process is not None:
            process.kill()
            process.wait()


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with one JSON object per answer, or a chunked log."""

    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        """An object, the pods of a Job, or a log."""
        parts = urlsplit(self.path)
        if not self._allowed(parts.path):
            return
        if parts.path.endswith("/log"):
            self._log(parts.path.removesuffix("/log"))
        elif "labelSelector" in parse_qs(parts.query):
            wanted = parse_qs(parts.query)["labelSelector"][0].partition("=")[2]
            pods = [self.cluster.read(place) for place in list(self.cluster.objects) if place.startswith(parts.path)]
            found = [each for each in pods if each and each["metadata"]["labels"]["job-name"] == wanted]
            self._answer(200, {"kind": "PodList", "items": found})
        else:
            found_one = self.cluster.read(parts.path)
            self._answer(*((200, found_one) if found_one else (404, self._no("NotFound"))))

    def do_POST(self) -> None:
        """Make an object."""
        path = urlsplit(self.path).path
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.cluster.fault.created_unseen and path.endswith("/jobs"):
            self.cluster.make(path, body)
            self._break_off()
        elif not self._allowed(path):
            return
        elif f"{path}/{body['metadata']['name']}" in self.cluster.objects:
            self._answer(409, self._no("AlreadyExists"))
        else:
            self._answer(201, self.cluster.make(path, body))

    def do_DELETE(self) -> None:
        """Delete an object, if it is the one that is meant."""
        path = urlsplit(self.path).path
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._allowed(path):
            return
        found = self.cluster.objects.get(path)
        uid = body.get("preconditions", {}).get("uid")
        if found is None:
            self._answer(404, self._no("NotFound"))
        elif uid and found["metadata"]["uid"] != uid:
            self._answer(409, self._no("Conflict"))
        else:
            self.cluster.remove(path)
            self._answer(200, {"kind": "Status", "status": "Success"})

    def _allowed(self, path: str) -> bool:
        self.cluster.requests.append(f"{self.command} {path}")
        queue = self.cluster.fault.answers.get((self.command, path.rsplit("/", 1)[1])) or []
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, self._no("Unauthorized"))
        elif queue:
            self._answer(queue.pop(0), self._no("Fault"))
        else:
            return True
        return False

    def _log(self, path: str) -> None:
        fault = self.cluster.fault
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        limit = fault.cuts.pop(0) if fault.cuts else -1
        with suppress(OSError), self.cluster.log(path).open("rb") as log:
            while True:
                over = self.cluster.ended(path)
                data = fault.mangle(log.read(limit if limit >= 0 else -1))
                if data:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                    limit = max(limit - len(data), 0) if limit >= 0 else -1
                if limit == 0:
                    self._break_off()
                    return
                if over and not data:
                    break
                time.sleep(0.01)
            self.wfile.write(b"0\r\n\r\n")

    def _break_off(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)

    def _no(self, reason: str) -> dict[str, Any]:
        return {"kind": "Status", "status": "Failure", "reason": reason, "message": f"{reason} says the cluster"}


class Server(ThreadingHTTPServer):
    """One thread per connection; a connection that breaks off is no news."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


@contextmanager
def kubernetes_api(folder: Path) -> Iterator[tuple[Cluster, Access]]:
    """A cluster that answers, and the access of its launcher; nothing of it is left at the end."""
    authority = Authority(folder / "authority")
    public, private = authority.issue("api")
    cluster = Cluster(folder)
    handler = type("Bound", (Handler,), {"cluster": cluster})
    server = Server(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield cluster, Access("127.0.0.1", server.server_address[1], authority.ca.read_bytes(), token=TOKEN)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        cluster.end()
