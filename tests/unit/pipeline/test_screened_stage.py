"""The stage `validate` as the pipeline calls it: the policy's weights reach the screen, and a person is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.cli.render import Talk
from lockgate.cli.story import Story
from lockgate.config import Config, read_config
from lockgate.core.digest import digest_of
from lockgate.core.screen import RULES
from lockgate.core.verdict import Level, Reason
from lockgate.errors import Refused
from lockgate.pipeline import stages
from lockgate.pipeline.done import StageDone
from lockgate.pipeline.specs import validate_spec
from lockgate.trust.policy import Policy
from lockgate.validate import run as validating
from tests.support.project import signed_project

SETTINGS = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:Flight"
label = "late"
"""
CONTRACT = """from pydantic import BaseModel

class Flight(BaseModel):
    hour: int
    late: bool
"""


def _policy(weight: str, version: int = 1) -> Policy:
    rules = {**dict.fromkeys(RULES, "off"), "conflicts": weight}
    lines = "\n".join(f'{rule} = "{said}"' for rule, said in rules.items())
    return Policy.from_text(f"version = {version}\n[environment.dev.screen]\n{lines}\n")


def _config(screen: str = "") -> Config:
    return read_config(SETTINGS + screen)


def test_settings_and_policy_say_what_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are the policy's, the origin is the settings'; of several models each may name its own."""
    place = signed_project(tmp_path, monkeypatch).workplace(policy=_policy("warn"))
    spec = validate_spec(_config('[screen]\norigin = "site"\n'), place)
    assert (spec.screen.rules, spec.screen.origin) == (("conflicts",), "site")
    default = Policy.from_text("version = 1\n[environment.dev]\n")
    assert validate_spec(_config(), place.__class__(**{**vars(place), "policy": default})).screen.rules == RULES
    several = _config('[screen]\norigin = "site"\n[model.one]\n[model.two]\nscreen = { origin = "town" }\n')
    assert [several.of(name).screen.origin for name in ("one", "two")] == ["site", "town"]


def test_what_is_refused_stays_refused_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same finding again, from the statement, without another look; a lowered weight is validated anew."""
    project = signed_project(tmp_path, monkeypatch)
    (project.root / "contract.py").write_text(CONTRACT)
    lines = [f"{hour},{'true' if hour > 100 else 'false'}" for hour in range(200)]
    pairs = [f"{hour},{late}" for hour in range(300, 312) for late in ("true", "false")]
    (project.root / "a.csv").write_text("\n".join(["hour,late", *lines, *pairs]) + "\n")
    enforced = project.workplace(policy=_policy("enforce"))
    stages.ingest(enforced, _config(), fresh=False)
    with pytest.raises(Refused) as first:
        stages.validate(enforced, _config(), fresh=False)
    with monkeypatch.context() as patch:
        patch.setattr(validating, "run", lambda *_: pytest.fail("it was looked at again"))
        with pytest.raises(Refused) as again:
            stages.validate(enforced, _config(), fresh=False)
    assert first.value.as_json() == again.value.as_json()
    assert first.value.finding == "LG214"

    done = stages.validate(project.workplace(policy=_policy("warn", 2)), _config(), fresh=False)
    assert ("LG214", Level.WARN) in {(one.finding, one.level) for one in done.reasons}
    assert done.facts["screen"]["flagged"] == 24
    assert "screened by 1 rule: 24 rows flagged" in done.details


def test_a_run_tells_what_was_found_and_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    """A line named `screen` with id, sentence and what the policy does; then the command that shows the rows, once."""
    found = [
        Reason(finding, Level.WARN, "38 rows: same features, other label (warns)", {}, "lockgate review --screen")
        for finding in ("LG214", "LG233")
    ]
    note = Reason("LG227", Level.NOTE, "open ends", {}, "edit the contract")
    Story(Talk()).done(StageDone("validate", "it", digest_of(b"x"), (), reasons=(*found, note)))
    said = capsys.readouterr().err
    line = next(line for line in said.splitlines() if "LG214" in line)
    words = "screen LG214 38 rows: same features, other label (warns) lockgate explain LG214"
    assert line.split()[1:] == words.split()
    assert said.count("lockgate review --screen") == 1
    assert "edit the contract" not in said
