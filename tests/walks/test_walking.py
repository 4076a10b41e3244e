"""The runner of walks: what it takes for the same, what it sees, and that a page which it cannot follow fails."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

import pytest

from lockgate.core.catalog.all import FINDINGS
from tests.support.next_commands import commands_in, fault
from tests.support.walking import WALKS, Diff, Walk, masked

NAMES = sorted(page.parent.name for page in WALKS.glob("*/walk.md"))

PAGE = """# A page

```console
$ pwd -P
$ mkdir there && cd there
$ export SAID="with
> two lines"
$ printf '%s\\n' "$SAID" > file.txt
$ cat file.txt no-such-file
```

Some prose.

```diff
--- a/file.txt
+++ b/file.txt
@@
 with
-two lines
+three lines
+of text
--- /dev/null
+++ b/new.txt
@@
+new
```

```console
$ cat file.txt new.txt && false
$ python ../server.py &
$ curl -s http://127.0.0.1:8080/ | head -1
```
"""
SERVER = """
import http.server, os, sys
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler)
print("http://127.0.0.1:%s\\nnext:  curl" % os.environ["PORT"], flush=True)
server.serve_forever()
"""


def page(place: Path, text: str) -> Walk:
    """A walk of its own."""
    (place / "walks/small/before").mkdir(parents=True)
    (place / "walks/small/walk.md").write_text(text, encoding="utf-8")
    (place / "walks/small/before/server.py").write_text(SERVER, encoding="utf-8")
    return Walk.read("small", place / "walks")


def test_one_shell_walks_the_whole_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders and variables last, changes are made, exit codes told, a server answers, and is gone at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PORT", str(free.getsockname()[1]))
    walk = page(tmp_path, PAGE.replace(":8080", ":$PORT"))
    (tmp_path / "home").mkdir()
    played = walk.play(tmp_path / "home", place=tmp_path / "walks")
    said = [(one.said, one.code) for one in played.commands()]
    assert said[0] == ("/home/you/small\n", 0)
    assert said[4] == ("with\ntwo lines\ncat: no-such-file: No such file or directory\n", 1)
    assert said[5] == ("with\nthree lines\nof text\nnew\n", 1)
    assert said[6][0].startswith("http://127.0.0.1:")
    assert said[7] == ("<!DOCTYPE HTML>\n", 0)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(said[6][0].split("\n")[0])


def test_a_played_page_is_read_as_it_was_played(tmp_path: Path) -> None:
    """What is written down, commands, output and exit codes, comes back when it is read; prose is kept."""
    walk = page(tmp_path, "# T\n\n```console\n$ echo a\n>\n> echo b\n$ false\n```\n\nMore.\n")
    (tmp_path / "home").mkdir()
    played = walk.play(tmp_path / "home", place=tmp_path / "walks")
    written = played.page()
    assert written == "# T\n\n```console\n$ echo a\n>\n> echo b\na\nb\n$ false\n[exit 1]\n```\n\nMore.\n"
    (tmp_path / "walks/small/walk.md").write_text(written, encoding="utf-8")
    assert Walk.read("small", tmp_path / "walks") == played


@pytest.mark.parametrize("text", ["other\n", "a\nb\na\nb\n"])
def test_a_change_that_does_not_fit_in_one_place_fails(text: str, tmp_path: Path) -> None:
    """A hunk whose old lines stand nowhere, or twice, is a fault of the page; where they stand once, they change."""
    change = Diff("--- a/f\n+++ b/f\n@@\n a\n-b\n+c\n")
    (tmp_path / "f").write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match="times in f"):
        change.apply(tmp_path)
    (tmp_path / "f").write_text("x\na\nb\n", encoding="utf-8")
    change.apply(tmp_path)
    assert (tmp_path / "f").read_text(encoding="utf-8") == "x\na\nc\n"
    assert list(change.lines()) == [("f", 1), ("f", 1)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("✓ train  1,000 rows   sha256:a4cc..76   18.4 s", "✓ train  1,000 rows   sha256:b1b2..c3   9.1 s"),
        ("key 3598ec4a, log entry 2, 2 min ago", "key 10c00000, log entry 2, 59 s ago"),
        ("roc_auc  0.965 [0.946, 0.984]", "roc_auc  0.95 [0.9, 1.0]"),
        ("lgk_flpRcsab31UHwEN2G-QBOeh6bgNnlZ00XlZrtUei40M", "lgk_x-_y"),
        ('["lgr2.1e66ea5637fcabb4.0.0.moasVPJJ"]', '["lgr1.1e66ea5637fcabb4.1.Rv78ft-x_"]'),
        ("dev (warns) · signed by root d42f..88 · jail", "dev (warns) · signed by you 5ffe..c0 · jail"),
        ("you as judge, key d9467453, log entry 5", "root as judge, key 9bc696de, log entry 5"),
        ("date: Fri, 27 Nov 2026 06:46:23 GMT", "date: Sat, 28 Nov 2026 16:46:23 GMT"),
        ("live since 2026-11-27T06:46:10Z", "live since 2026-12-01T00:00:00Z"),
    ],
)
def test_what_is_measured_may_differ(one: str, other: str) -> None:
    """Digests, times, keys and figures are no message."""
    assert masked(one) == masked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,250 kept + 0 quarantined = 1,250", "1,249 kept + 1 quarantined = 1,250"),
        ("LG214  2 rows have another label", "LG215  2 rows have another label"),
        ("next:  lockgate deploy phishing@1", "next:  lockgate serve phishing@1"),
        ("phishing@1 is live in dev", "phishing@2 is live in dev"),
        ("you as judge, key d9467453, log entry 5", "you as signer, key d9467453, log entry 5"),
        ("facade added a bed", "facade added a bad"),
        ("a line\nanother", "a line"),
    ],
)
def test_what_is_said_may_not_differ(one: str, other: str) -> None:
    """Words, finding ids, counts of rows, commands and versions are the message."""
    assert masked(one) != masked(other)


@pytest.mark.parametrize("name", NAMES)
def test_each_page_ends_with_an_answer_and_a_proof(name: str) -> None:
    """A record without an answer over HTTP, or without `verify latest` after it, is no walk to a served model."""
    walk = Walk.read(name)
    walked = walk.commands()
    if walk.needs and not any(one.said for one in walked):
        pytest.skip(f"nobody has walked it yet on a machine that has what it needs: {walk.needs}")
    answered = [number for number, one in enumerate(walked) if one.answered]
    proved = [number for number, one in enumerate(walked) if one.text.startswith("lockgate verify latest")]
    assert answered
    assert answered[0] < proved[-1]
    assert walked[proved[-1]].code == 0


@pytest.mark.parametrize("name", NAMES)
def test_each_refusal_on_a_page_says_what_to_do(name: str) -> None:
    """It has a finding of the catalogue and a next step; a next step that is a command can be typed."""
    for one in Walk.read(name).commands():
        if one.code and one.text.startswith("lockgate"):
            assert any(id_ in one.said for id_ in FINDINGS), one.page()
            assert "\nnext:  " in one.said, one.page()
        told = [line[7:] for line in one.said.splitlines() if line.startswith(("next:  ", "       lockgate "))]
        assert [why for line in told for text in commands_in(line) if (why := fault(text))] == []
