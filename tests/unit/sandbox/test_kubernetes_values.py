"""What the Kubernetes launcher reads: a kubeconfig, a pod that comes back, a log in pieces, a pod's status."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import Usage
from lockgate.sandbox._kubernetes import state
from lockgate.sandbox._kubernetes.access import Access, read_kubeconfig
from lockgate.sandbox._kubernetes.api import Api
from lockgate.sandbox._kubernetes.compare import differences
from lockgate.sandbox._kubernetes.stream import LogReader
from lockgate.sandbox.jail import frames
from lockgate.sandbox.pod import Line, serve
from lockgate.sandbox.pod_request import Request, parse
from tests.support.kubernetes import Objects

CA = b"-----BEGIN CERTIFICATE-----\n"


def b64(data: bytes) -> str:
    """As kubeconfigs hold files."""
    return base64.b64encode(data).decode()


def config() -> dict[str, Any]:
    """A kubeconfig that can be used."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://api.example:6443/p/", "certificate-authority-data": b64(CA)}}
        ],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
    }


def nothing(path: str) -> bytes:
    """No file is there."""
    raise FileNotFoundError(path)


def test_a_kubeconfig_gives_server_authority_and_token() -> None:
    """In YAML and in JSON; the path of the server is kept, and nothing that is printed holds the token."""
    expected = Access("api.example", 6443, CA, path="/p", token="secret-token", namespace="n")
    assert read_kubeconfig(json.dumps(config()), read=nothing) == expected
    assert "secret-token" not in repr(expected)


def test_files_that_it_names_are_read() -> None:
    """Certificate, key and token may be in files; another context can be chosen."""
    given = config()
    given["clusters"][0]["cluster"] = {"server": "https://[2001:db8::1]", "certificate-authority": "ca.pem"}
    given["users"][0]["user"] = {"client-certificate": "me.pem", "client-key": "me.key", "tokenFile": "token"}
    given["contexts"].append({"name": "there", "context": {"cluster": "c", "user": "u"}})
    found = read_kubeconfig(json.dumps(given), context="there", read=lambda path: f"<{path}>\n".encode())
    assert found == Access(
        "2001:db8::1", 443, b"<ca.pem>\n", token="<token>", certificate=b"<me.pem>\n", key=b"<me.key>\n"
    )


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("context 'here'", lambda c: c.update(contexts=[])),
        ("context 'here'", lambda c: c.update(contexts="x")),
        ("current-context", lambda c: c.pop("current-context")),
        ("cluster 'c'", lambda c: c.pop("clusters")),
        ("user 'u'", lambda c: c["users"][0].update(name="other")),
        ("https", lambda c: c["clusters"][0]["cluster"].update(server="http://api.example")),
        ("https", lambda c: c["clusters"][0]["cluster"].update(server="api.example")),
        ("server", lambda c: c["clusters"][0]["cluster"].pop("server")),
        ("anybody", lambda c: c["clusters"][0]["cluster"].update({"insecure-skip-tls-verify": True})),
        ("proxy-url", lambda c: c["clusters"][0]["cluster"].update({"proxy-url": "http://p.example"})),
        ("believed", lambda c: c["clusters"][0]["cluster"].pop("certificate-authority-data")),
        ("base64", lambda c: c["clusters"][0]["cluster"].update({"certificate-authority-data": "%"})),
        ("no host name", lambda c: c["clusters"][0]["cluster"].update(server="https://x..y")),
        ("no host name", lambda c: c["clusters"][0]["cluster"].update(server=f"https://{'a' * 64}.example")),
        ("as-groups", lambda c: c["users"][0]["user"].update({"as-groups": ["admins"]})),
        ("starts a program", lambda c: c["users"][0]["user"].update(exec={"command": "get-token"})),
        ("starts a program", lambda c: c["users"][0]["user"].update({"auth-provider": {"name": "gcp"}})),
        ("password", lambda c: c["users"][0]["user"].update(password="p")),
        ("neither", lambda c: c["users"][0].update(user={})),
        ("neither", lambda c: c["users"][0].update(user={"client-certificate-data": b64(CA)})),
        ("no token has", lambda c: c["users"][0]["user"].update(token="a\r\nX: y")),
        ("token.pem", lambda c: c["users"][0].update(user={"tokenFile": "token.pem"})),
    ],
)
def test_a_kubeconfig_that_cannot_be_trusted_is_refused(words: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """No TLS, nobody to vouch, a program to start, half of a key: refused with what is wrong, never a traceback."""
    given = config()
    change(given)
    with pytest.raises(Usage, match=words) as refusal:
        read_kubeconfig(json.dumps(given), read=nothing)
    assert refusal.value.finding == "LG933"
    assert "secret-token" not in str(refusal.value.as_json())


@pytest.mark.parametrize("text", ["", "[]", "a: 1\na: 2\n", "- a", "a: *b"])
def test_what_is_no_kubeconfig_is_refused(text: str) -> None:
    """No document, two readings, another type."""
    with pytest.raises(Usage):
        read_kubeconfig(text, read=nothing)


def test_a_certificate_that_is_none_is_refused() -> None:
    """PEM that TLS cannot read is a matter of the kubeconfig."""
    with pytest.raises(Usage) as refusal:
        Api(Access("api.example", 443, CA, token="t"))
    assert refusal.value.finding == "LG933"


def test_defaults_that_a_cluster_fills_in_are_no_difference() -> None:
    """What every API server adds, another spelling of an amount, and false fields that it leaves out."""
    submitted = Objects().pod
    found = copy.deepcopy(submitted)
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        del found[field]
    found |= {"dnsPolicy": "ClusterFirst", "schedulerName": "s", "nodeName": "n", "tolerations": [{}], "priority": 0}
    found["containers"][0] |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File"}
    found["containers"][0]["resources"]["limits"]["memory"] = "2240Mi"
    assert differences(submitted, found) == []


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("spec.hostPID", lambda p: p.update(hostPID=True)),
        ("spec.dnsConfig", lambda p: p.update(dnsConfig={"nameservers": ["203.0.113.1"]})),
        ("spec.volumes", lambda p: p["volumes"].pop()),
        ("spec.activeDeadlineSeconds", lambda p: p.update(activeDeadlineSeconds=99999)),
        ("spec.securityContext", lambda p: p["securityContext"].update(runAsUser=0)),
        ("spec.containers", lambda p: p.update(containers={})),
        ("spec.containers[0].resources", lambda p: p["containers"][0]["resources"]["limits"].update(memory="1Ti")),
        ("spec.containers[0].args", lambda p: p["containers"][0].update(args=["more"])),
        ("spec.containers[0].command", lambda p: p["containers"][0]["command"].append("more")),
        ("spec.containers[0].volumeMounts", lambda p: p["containers"][0]["volumeMounts"].pop()),
    ],
)
def test_any_other_change_is_a_difference(place: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """One changed field, and exactly its place."""
    submitted = Objects().pod
    found = copy.deepcopy(submitted)
    change(found)
    assert differences(submitted, found) == [place]


def line(number: int, payload: bytes) -> bytes:
    """A line of a pod's log."""
    return b"LG1 %d %s\n" % (number, base64.b64encode(frames.frame(b"T", payload)))


def test_a_log_in_pieces_gives_each_frame_once() -> None:
    """Cut anywhere, and begun again; other lines are kept apart as words."""
    log = b"Traceback\n" + b"".join(line(number, b"%d" % number) for number in range(3))
    reader = LogReader(1 << 20)
    assert list(reader.feed(log[:30])) == [(b"T", b"0")]
    reader.restart()
    found = [frame for at in range(len(log)) for frame in reader.feed(log[at : at + 1])]
    assert found == [(b"T", b"1"), (b"T", b"2")]
    assert reader.words.startswith(b"Traceback\n")


@pytest.mark.parametrize(
    ("words", "log"),
    [
        ("missing", line(0, b"a") + line(2, b"b")),
        ("cut off", line(0, b"a")[:-3] + b"\n"),
        ("cut off", b"LG1 0 !\n"),
        ("cut off", b"LG1 0 \n"),
        ("cut off", b"LG1 0 " + base64.b64encode(frames.frame(b"T") * 2) + b"\n"),
        ("too long", b"LG1 0 " + b"A" * 40_000),
        ("more than", b"x\n" * 60_000),
    ],
)
def test_a_log_with_a_hole_is_refused(words: str, log: bytes) -> None:
    """A missing line, a cut one, a line or a log beyond its bound."""
    reader = LogReader(100_000)
    with pytest.raises(ValueError, match=words):
        list(reader.feed(log))


def test_a_request_survives_its_way() -> None:
    """What the pod reads is what the launcher asked for."""
    request = Request(("python", "-c", "é"), stdin="x", inputs={"a": "b"}, seconds=3)
    assert parse(request.words()[-1]) == request


@pytest.mark.parametrize("status", [None, [], {"containerStatuses": [None]}, {"containerStatuses": [{"state": []}]}])
def test_a_status_without_form_says_nothing(status: object) -> None:
    """A status that nobody has written yet, or wrongly, is no traceback."""
    pod = {"status": status}
    assert (state.started(pod), state.hopeless(pod), state.ended_by(pod)) == (False, "", "")
    assert state.waits_for(pod) == "nobody says for what"


def told(folder: Path, request: Request, words: bytes = b"") -> list[tuple[bytes, bytes]]:
    """The frames of a pod whose target says `words` and leaves nothing."""

    def run(_: Request, talk: Callable[[bytes], None]) -> tuple[int, int]:
        talk(words)
        return 0, 0

    log = folder / "log"
    (folder / "out").mkdir()
    with log.open("wb") as file:
        serve(request, run=run, line=Line(file.fileno()), inputs=str(folder), output=str(folder / "out"))
    return list(LogReader(1 << 20).feed(log.read_bytes()))


def test_a_pod_tells_no_more_words_than_it_was_asked_for(tmp_path: Path) -> None:
    """The log of a node is not flooded: what is beyond the bound stays in the pod."""
    found = told(tmp_path, Request(("x",), talk_bytes=10_000), b"x" * 100_000)
    assert [(kind, len(payload)) for kind, payload in found] == [(b"T", 8192), (b"T", 1808), (b"X", 10), (b"E", 0)]


@pytest.mark.parametrize(("kinds", "content"), [([b"H", b"X", b"E"], b"rows"), ([b"B"], b"other"), ([b"B"], None)])
def test_a_pod_runs_on_its_inputs_or_not_at_all(tmp_path: Path, kinds: list[bytes], content: bytes | None) -> None:
    """An input of another digest, or none, is named; only the right one is run on."""
    if content is not None:
        (tmp_path / "rows").write_bytes(content)
    request = Request(("x",), inputs={"rows": hashlib.sha256(b"rows").hexdigest()})
    assert [kind for kind, _ in told(tmp_path, request)] == kinds
