"""What a project's methods give shows itself: in plain Python, and in a notebook without forty lines of traceback."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell

from lockgate.core.digest import digest_of
from lockgate.core.shown_html import Shown
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Refused
from lockgate.pipeline import Nobody, RunResult, StageDone
from lockgate.pipeline.telling import Teller, default_observer
from lockgate.project import Project
from lockgate.project.checked import Checked, failed, skipped
from lockgate.project.review_page import Review
from lockgate.trust import pin as pins
from tests.support.project import POLICY, SignedProject, register_here, signed_project

TOML = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:M"
label = "y"
"""
PAGES = {
    "status": ["ingest", "register", "nothing is live", "separation"],
    "models": ["flights@1"],
    "show": ["flights@1", "signed file", "roc_auc", "LG512"],
    "verify": ["pinned", "register", "NOT proved", "log entry"],
    "threats": ["LT01", "UNPROVEN"],
    "policy_check": ["flights@1", "LG512", "lockgate approve flights@1 --env prod"],
    "policy_state": ["in force: version 1"],
    "policy_diff": ["none"],
    "waivers": ["none"],
    "imports": ["none"],
}
"""What each page must say, of a project with one model that is not live."""
NOT_RESULTS = {
    # what other methods work with, or what is no page but a thing to go on with
    *("each", "ledger", "one", "policy", "seen", "unlocked", "workplace", "keyring", "resolve", "watching", "now"),
    # texts, numbers, nothing
    *("add_client", "asked", "asked_of_alarm", "asked_of_rows", "facts", "jail", "least_jail_level", "open", "pin"),
    *("public_keys", "revoke_client", "serve", "trusted_root", "unpin"),
    *("policy_abuse", "policy_ladder", "policy_monitor", "policy_serving"),
    # a secret is in them, or beside them: what is shown of these is for whoever asks for a field
    *("clients", "declare_client", "generate_key", "new_client", "payload", "rotate_client"),
    # a place on disk, which shows itself by its name
    "reindex_predictions",
}  # fmt: skip


# IPython's functions have no types.
FORMATTER: Any = DisplayFormatter()
SHELL: Any = InteractiveShell


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a registered model."""
    signed: SignedProject = signed_project(tmp_path, monkeypatch)
    signed.candidate()
    register_here(signed, monkeypatch)
    (signed.root / "lockgate.toml").write_text(TOML)
    (signed.root / "policy.toml").write_text(POLICY)
    pins.pin(signed.created.project_id, signed.root, signed.clock())
    return Project(signed.root, now=signed.clock)


def _results() -> dict[str, str]:
    """Each public method of Project, and the names of the classes that it says it gives."""
    found = {}
    for name, member in inspect.getmembers(Project, inspect.isfunction):
        if not name.startswith("_") and name not in NOT_RESULTS:
            found[name] = str(inspect.signature(member).return_annotation)
    return found


@pytest.mark.parametrize(("name", "said"), sorted(_results().items()))
def test_every_result_of_a_public_method_shows_itself(name: str, said: str) -> None:
    """Also those of methods that somebody adds: each class that a method gives has a view, or is listed above."""
    home = next(one for one in Project.__mro__ if name in vars(one))
    known = {**_for_type_checkers(home.__module__), **vars(sys.modules[home.__module__])}
    for one in said.split(" | "):
        if one in {"None", "tuple[str, ...]"}:
            continue
        given = typing.get_origin(eval(one, known)) or eval(one, known)
        assert issubclass(given, Shown), f"{name} gives {one}"


def _for_type_checkers(module: str) -> dict[str, object]:
    """What a module imports for type checkers alone."""
    import ast
    from importlib import import_module

    found: dict[str, object] = {}
    tree = ast.parse(Path(str(sys.modules[module].__file__)).read_text("utf-8"))
    for block in tree.body:
        if isinstance(block, ast.If):
            for line in block.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    room = import_module(line.module)
                    found |= {name.asname or name.name: getattr(room, name.name) for name in line.names}
    return found


def test_a_notebook_shows_a_table_and_plain_python_the_same_lines(project: Project) -> None:
    """Through IPython's own formatter: HTML and text, both with what the page is about; no script, no style."""
    for method, words in PAGES.items():
        result = getattr(project, method)()
        data, _ = FORMATTER.format(result)
        html, lines = data["text/html"], data["text/plain"]
        assert [word for word in words if word not in html or word not in lines] == [], method
        assert [word for word in ("<script", "<style", "style=", "src=", "href=") if word in html] == [], method
        assert repr(result) == lines


def test_an_opened_project_says_where_it_is() -> None:
    """The first cell of a notebook shows the folder, and the model where one was chosen; nothing is read for it."""
    assert repr(Project(Path("/nowhere"))) == "Project('/nowhere')"
    assert repr(Project(Path("/nowhere"), model="late")) == "Project('/nowhere', model='late')"


def test_a_run_shows_its_stages_its_metrics_and_what_policies_say(project: Project) -> None:
    """Beside the live model, where there is one; a stage by itself shows what it has to say."""
    doubt = Reason("LG214", Level.WARN, "2 rows <b>", next="lockgate review --screen")
    stage = StageDone("validate", "9 kept", digest_of(b""), (), seconds=1.5, reasons=(doubt,))
    verdicts = project.policy_check().verdicts
    metrics = {"mae": {"value": 1.25, "low": 1.0, "high": 1.5}, "r2": {"value": 0.5, "low": None, "high": None}}
    live = {"mae": {"value": 1.75, "low": 1.5, "high": 2.0}}
    result = RunResult("a@2", digest_of(b""), "regression", (stage,), metrics, "a@1", live, verdicts, 2.0)
    for view in (result._repr_html_(), repr(result)):
        words = ("a@2", "9 kept", "1.5 s", "1 to 1.5", "1.75", "LG512", "lockgate deploy a@2 --env dev")
        assert [word for word in words if word not in view] == []
    assert "2 rows &lt;b&gt;" in stage._repr_html_()
    assert "2 rows <b>" in repr(stage)


def test_a_check_shows_what_would_stop_the_training() -> None:
    """The finding, and the command that mends it."""
    no = Refused("LG305", "train.py imports what is not locked", next="lockgate lock")
    found = Checked((failed("environment", no), skipped("fit", "environment failed")))
    for view in (found._repr_html_(), repr(found)):
        assert [word for word in ("not ready to train", "LG305", "lockgate lock", "✗") if word not in view] == []


def test_an_error_in_a_notebook_is_its_finding_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """IPython asks the error for its lines; another error has its traceback, and plain Python has one for ours too."""
    shell = SHELL(colors="nocolor")
    raising = (
        "from lockgate import Refused\nraise Refused('LG203', 'no \\x1b[2J', seen={'row': 3}, next='lockgate run')"
    )
    shell.run_cell(raising)
    ours = capsys.readouterr().out
    assert "✗ LG203  no \\x1b[2J\n    row: 3\nnext:  lockgate run" in ours
    assert "Traceback" not in ours
    shell.run_cell("1/0")
    assert "Traceback" in capsys.readouterr().out
    with pytest.raises(LockgateError) as caught:
        exec(raising)
    assert caught.value.__traceback__ is not None


def test_a_run_speaks_in_a_notebook_and_is_silent_in_plain_python(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an observer: nobody listens here; in a kernel the lines of each stage go to stderr."""
    assert isinstance(default_observer(), Nobody)
    program = (
        "import sys, types\n"
        "sys.modules['ipykernel'] = types.ModuleType('ipykernel')\n"
        "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=lambda: object())\n"
        "from lockgate.pipeline.telling import default_observer\nprint(type(default_observer()).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "Teller\n"
    teller = Teller()
    teller.begins("train")
    teller.say("fit \x1b[2J")
    teller.done(StageDone("train", "9 rows", digest_of(b""), (), cached=True))
    said = capsys.readouterr()
    assert said == ("", "  fit \\x1b[2J\n✓ train     9 rows   sha256:e3b0..55   cached: nothing changed\n")


def test_a_review_counts_what_the_screen_doubts_and_shows_no_row() -> None:
    """Each rule with its rows; where the screen did not run, that is said."""
    group: Any = SimpleNamespace(found=137, rows=("secret",))
    rules = ({"field": "age", "rule": "missing", "count": 3},)
    rest: dict[str, Any] = {"refused": (), "flagged": 0, "doubtful": 0, "good": 0, "findings": (), "absent": {}}
    rest |= {"notes": {}, "withheld": (), "marks": (), "by_rule": rules}
    found = Review(3, 140, 137, 3, screened=True, groups={"labels": group}, **rest)
    for view in (found._repr_html_(), repr(found)):
        assert [
            word for word in ("137 accepted + 3 quarantined = 140 rows", "missing", "labels") if word not in view
        ] == []
        assert "secret" not in view
    assert "the screen did not run" in repr(Review(3, 140, 137, 3, screened=False, groups={}, **rest))
