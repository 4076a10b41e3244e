"""train.jail.watch and train.rules.denied: attempts are told with package, file and line, and ordinary life is not."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from lockgate.core.verdict import Level
from lockgate.train import endings, rules
from lockgate.train.jail.watch import Watch
from lockgate.train.spec import Denied


class Unix:
    """What a hook sees of a unix socket."""

    family = socket.AF_UNIX


def _told(event: str, *arguments: Any, code: str = "hook(event, arguments)", file: str = "/job/train.py") -> list[Any]:
    """What is told when the user's `file` causes an audit event on its line 2."""
    said: list[bytes] = []
    space = {"hook": Watch(said.append)._hook, "event": event, "arguments": arguments}
    exec(compile("\n" + code, file, "exec"), space)
    return [json.loads(line.strip(b"\x1e\n")) for line in said]


@pytest.mark.parametrize(
    ("event", "arguments", "target"),
    [
        ("socket.connect", (None, ("10.0.0.1", 443)), "10.0.0.1:443"),
        ("socket.getaddrinfo", ("api.tracker.invalid", 443, 0, 0, 0), "api.tracker.invalid:443"),
        ("socket.__new__", (None, socket.AF_INET, socket.SOCK_STREAM, 0), "a socket of family AF_INET"),
        ("open", ("/home/mara/.ssh/id_rsa", "r", 0), "/home/mara/.ssh/id_rsa"),
        ("open", (b"/etc/shadow", "r", 0), "/etc/shadow"),
        ("open", ("/tmp/.aws/credentials", "r", 0), "/tmp/.aws/credentials"),
        ("open", ("/usr/../root/x", "r", 0), "/root/x"),
        ("os.listdir", ("/home",), "/home"),
        ("open", ("/tmp/.config/gcloud/credentials.db", "r", 0), "/tmp/.config/gcloud/credentials.db"),
        ("socket.connect", (Unix(), "/var/run/docker.sock"), "/var/run/docker.sock"),
        ("socket.connect", (Unix(), "/tmp/../run/x.sock"), "/tmp/../run/x.sock"),
        ("socket.getnameinfo", (("10.0.0.1", 80),), "10.0.0.1:80"),
        ("subprocess.Popen", ("/usr/bin/curl", ["curl", "https://x.invalid"], None, None), "curl https://x.invalid"),
        ("subprocess.Popen", ("sh", ["/bin/sh", "-c", "wget x.invalid"], None, None), "wget x.invalid"),
    ],
)
def test_attempts_are_told(event: str, arguments: Any, target: str) -> None:
    """Each kind of attempt, once, with the user's line."""
    (told,) = _told(event, *arguments, code="hook(event, arguments); hook(event, arguments)")
    assert (told["target"], told["at"], told["package"]) == (target, "train.py:2", "")
    assert told["what"] == ("network" if event.startswith(("socket", "subprocess")) else "file")


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("open", ("/in/train.parquet", "r", 0)),
        ("open", ("/etc/localtime", "r", 0)),
        ("open", ("/usr/share/zoneinfo/UTC", "r", 0)),
        ("open", ("relative.txt", "r", 0)),
        ("open", (3, "r", 0)),
        ("socket.__new__", (None, socket.AF_UNIX, 1, 0)),
        ("socket.connect", (Unix(), "/tmp/pymp-1/listener-2")),
        ("socket.connect", (Unix(), b"\0abstract")),
        ("socket.sendmsg", (Unix(), None)),
        ("open", ("/tmp/.config/matplotlib/matplotlibrc", "r", 0)),
        ("open", ("/tmp/.cache/huggingface/hub/version.txt", "w", 0)),
        ("subprocess.Popen", ("git", ["git", "rev-parse", "HEAD"], None, None)),
        ("subprocess.Popen", ("/env/bin/python", ["/env/bin/python", "-c", "pass"], None, None)),
        ("import", ("os", None, None, None, None)),
    ],
)
def test_ordinary_life_is_not(event: str, arguments: Any) -> None:
    """What libraries do on any machine is no attempt."""
    assert _told(event, *arguments) == []


def test_the_package_between_is_named() -> None:
    """A tracker's attempt names the tracker, and the user's line that called it."""
    said: list[bytes] = []
    library: dict[str, Any] = {"hook": Watch(said.append)._hook}
    source = "def log():\n    hook('socket.connect', (None, ('1.2.3.4', 80)))"
    exec(compile(source, "/env/lib/python3.11/site-packages/tracker/api.py", "exec"), library)
    exec(compile("\n\nlog()", "/job/deep/train.py", "exec"), {"log": library["log"]})
    assert rules.denied(said[0]) == (Denied("network", "1.2.3.4:80", "tracker", "deep/train.py:3"),)


def test_only_marked_lines_in_form_count() -> None:
    """The talk is the words of untrusted code: what is not exactly in form is its own text, and control is removed."""
    good = b'\x1e{"what":"network","target":"x\\u001b[2J","package":"","at":"train.py:1"}\n'
    talk = (
        b'hello \x1e{"what":"network"}\n\x1e{broken}\n' + good + b'\x1e{"what":"x","target":"","package":"","at":""}\n'
    )
    assert rules.denied(talk + good) == (Denied("network", "x?[2J", "", "train.py:1"),)
    assert endings.words(b"a\n" + good + b"b\n") == b"a\nb\n"


def test_the_network_comes_first() -> None:
    """The reason leads with the network; without attempts there is none."""
    reason = rules.taint([Denied("file", "/etc/shadow", "", "a.py:1"), Denied("network", "h:1", "lib", "a.py:2")])
    assert reason is not None
    assert (reason.finding, reason.level) == ("LG325", Level.WARN)
    assert "reach the network: h:1 by lib (a.py:2), and 1 more" in reason.message
    assert rules.taint([]) is None
