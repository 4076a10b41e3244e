"""Walk the pages below examples/walks/ anew: what the commands say now, how long they took, and docs/walks.md of it.

python scripts/walks.py [NAME...]      # walk these (default: all), rewrite their pages, write docs/walks.md
python scripts/walks.py --table        # walk nothing; write docs/walks.md from what the pages say

A walk begins on a clean machine: no keys, no state, no unpacked wheels. Where wheels come from is the machine's matter.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.walking import WALKS, Diff, Walk  # noqa: E402 - it lies in the checkout, not in the package

TABLE = ROOT / "docs" / "walks.md"
HEAD = [
    "| first answer after | your lines | lines of what `init` wrote | commands | on |",
    "| --- | --- | --- | --- | --- |",
]
_MEASURED = re.compile(r"<!-- measured -->\n.*?<!-- end -->\n", re.DOTALL)
_ABOUT = """# Walks: somebody's project, as it is, to a served model

Each page below is a record of a shell: the folder as somebody has it, the commands that they type, what Lockgate said,
refusals included, and the answer over HTTP at the end. A test walks each page again and compares every line.

- *first answer after*: the seconds that all commands took, from the first one to the first prediction over HTTP, on a
  machine that had no keys and no environment before. Reading and thinking come on top.
- *your lines*: lines of the person's own files that had to be added or removed (a changed line counts twice), and
  lines of files that they had to write themselves.
- *lines of what `init` wrote*: the same for files that `lockgate init` had written.
"""


def row(walk: Walk) -> str:
    """What was measured, as a row of the table."""
    seconds, answered = 0.0, False
    for command in walk.commands():
        seconds += command.seconds
        if command.answered:
            answered = True
            break
    own, made = changed(walk)
    took = f"{seconds:.0f} s" if answered else "never"
    when = dt.datetime.now(tz=dt.UTC).date()
    return f"| {took} | {own} | {made} | {len(walk.commands())} | {when}, two cores |"


def changed(walk: Walk) -> tuple[int, int]:
    """Lines changed in the person's own files, and in those that `init` wrote."""
    written = re.compile(r"^cat > \S+ <<'?(\w+)'?\n(.*)\n\1$", re.DOTALL)
    own = sum(found[2].count("\n") + 1 for one in walk.commands() if (found := written.match(one.text)))
    made = 0
    for block in walk.blocks:
        for name, count in block.lines() if isinstance(block, Diff) else ():
            ours = name.split("/")[-1] in {"contract.py", "lockgate.toml", "policy.toml", "train.py"}
            if ours and not list((WALKS / walk.name / "before").rglob(name.split("/")[-1])):
                made += count
            else:
                own += count
    return own, made


def walked(name: str) -> None:
    """Walk a page in a fresh place, and write it anew."""
    with tempfile.TemporaryDirectory(prefix="walk-") as place:
        began = time.monotonic()
        walk = Walk.read(name).play(Path(place))
        wall = time.monotonic() - began
    measured = "\n".join(["<!-- measured -->", *HEAD, row(walk), "<!-- end -->", ""])
    page = _MEASURED.sub(lambda _: measured, walk.page())
    if "<!-- measured -->" not in page:
        title, rest = page.split("\n", 1)
        page = f"{title}\n\n{measured}{rest}"
    (WALKS / name / "walk.md").write_text(page, encoding="utf-8")
    print(f"{name}: {wall:.0f} s; {row(walk)}", file=sys.stderr)


def table() -> str:
    """The page of all walks, from what their pages say."""
    lines = [HEAD[0].replace("| first", "| walk | first"), HEAD[1] + " --- |"]
    for page in sorted(WALKS.glob("*/walk.md")):
        text = page.read_text(encoding="utf-8")
        found = _MEASURED.search(text)
        title = text.split("\n", 1)[0].removeprefix("# ")
        rows = [line for line in found[0].splitlines() if line.startswith("| ")][2:] if found else []
        measured = rows[0] if rows else "| not walked yet | | | | |"
        lines.append(f"| [{title}](../examples/walks/{page.parent.name}/walk.md) {measured}")
    return "\n".join([_ABOUT, *lines, "", "<!-- Written by scripts/walks.py. -->", ""])


def main() -> None:
    """Walk what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--table", action="store_true", help="walk nothing")
    arguments = parser.parse_args()
    os.environ.pop("OMP_NUM_THREADS", None)
    if not arguments.table:
        for name in arguments.names or sorted(page.parent.name for page in WALKS.glob("*/walk.md")):
            walked(name)
    TABLE.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
