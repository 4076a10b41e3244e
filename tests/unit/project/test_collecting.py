"""`gc`: what nothing needs goes, what anything needs stays, and every verdict stays as it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lockgate.cli.main import run
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import encode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import MARK, Statement, Subject, claim_uri
from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import Refused, Unavailable, VerificationFailed
from lockgate.project import Project
from lockgate.project.collecting import collect, disk, not_repeatable, note, why_missing
from lockgate.project.collecting.needed import needs
from lockgate.project.collecting.spec import Asked, Collected, Item, Kept, in_words, kept_words
from lockgate.project.drafts import store as drafts
from lockgate.project.everything import verify_everything
from lockgate.store.lock import lock
from tests.support.project import CONTRACT, SignedProject, register_here
from tests.support.upkept import copied, founded

LOCK = digest_of(b"lock\n")
OTHERS = CONTRACT + b"# of the second model alone\n"
NOW = Asked(newest=1, days=0)


def _accepted(seed: float) -> Digest:
    return digest_of(f"accepted {seed}".encode())


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SignedProject]]:
    """Three models of one name; the first is live in dev. All share a lock, the first and the third their code."""
    home = tmp_path_factory.mktemp("collecting")
    with pytest.MonkeyPatch.context() as patch:
        project = founded(home, patch)
        for seed in (1.0, 2.0, 3.0):
            project.candidate(seed, code=OTHERS if seed == 2.0 else CONTRACT)
            register_here(project, patch)
            if seed == 1.0:
                deploy(project.workplace(), DeploySpec("flights@1", "dev"))
        yield home, project


@pytest.fixture(name="project")
def _project(made: tuple[Path, SignedProject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return copied(made, tmp_path, monkeypatch)


def _open(project: SignedProject) -> Project:
    return Project(project.root, now=project.clock)


def _names(project: SignedProject) -> set[str]:
    return set(os.listdir(project.home / "data" / "sha256"))


def _evidence(project: SignedProject) -> dict[str, bytes]:
    places = (project.home / "registry", project.home / "log")
    return {
        str(path.relative_to(project.home)): path.read_bytes()
        for place in places
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def test_what_is_live_and_what_is_newest_stay(project: SignedProject) -> None:
    """Of three models the live one and the newest keep their rows; the one between loses its own, and no shared file.

    Two statements name the same code and lock: as long as one of them is needed, so are these.
    """
    found = collect(_open(project), NOW)
    kept = _names(project)
    assert hex_of(_accepted(2.0)) not in kept
    assert {hex_of(_accepted(1.0)), hex_of(_accepted(3.0)), hex_of(digest_of(CONTRACT)), hex_of(LOCK)} <= kept
    gone = {item.name for item in found.items}
    assert hex_of(_accepted(2.0)) in gone
    assert gone.isdisjoint(kept)
    assert found.kept["rows and code"].count == len(kept)


def test_evidence_is_untouched_and_verifies_as_before(project: SignedProject) -> None:
    """Each file of registry and log has the bytes it had; verify --all says the same, and what cannot be repeated."""
    before, report = _evidence(project), verify_everything(_open(project))
    collect(_open(project), NOW)
    assert _evidence(project) == before
    after = verify_everything(_open(project))
    assert [one.ref for one in after.models] == [one.ref for one in report.models]
    assert after.live == report.live
    told = set(after.not_proved) - set(report.not_proved)
    assert any("flights@2 can be trained again" in one for one in told), told


def test_a_dry_run_tells_the_same_and_touches_nothing(project: SignedProject) -> None:
    """What would go is what goes."""
    before = {path: path.stat().st_mtime_ns for path in project.home.rglob("*")}
    told = collect(_open(project), Asked(newest=1, days=0, dry=True))
    assert {path: path.stat().st_mtime_ns for path in project.home.rglob("*")} == before
    assert collect(_open(project), NOW).items == told.items


def test_what_a_rollback_would_go_back_to_stays(project: SignedProject) -> None:
    """The model that was live before is kept warm by a gateway: its environment, rows and code are needed as well."""
    deploy(project.workplace(), DeploySpec("flights@2", "dev"))
    deploy(project.workplace(), DeploySpec("flights@3", "dev"))
    collect(_open(project), Asked(newest=0, days=0))
    assert hex_of(_accepted(2.0)) in _names(project)
    assert hex_of(_accepted(1.0)) not in _names(project)
    found = needs(project.ledger.statements(), 0)
    assert "flights@2 is what a rollback goes back to" in found.needed.values()
    revoke(project.workplace(), "flights@2", "wrong labels")
    collect(_open(project), Asked(newest=0, days=0))
    assert hex_of(_accepted(2.0)) not in _names(project)


def test_a_second_time_there_is_nothing_left(project: SignedProject) -> None:
    """Cleaning is done once."""
    assert collect(_open(project), NOW).items
    assert collect(_open(project), NOW).items == ()


def test_more_of_the_newest_keep_more(project: SignedProject) -> None:
    """By default the newest five of a name: here that is all of them."""
    assert collect(_open(project), Asked(days=0)).items == ()


def test_a_revoked_model_is_none_of_the_newest(project: SignedProject) -> None:
    """Its rows go, though it is the newest but one; those of the one before it stay in its stead."""
    revoke(project.workplace(), "flights@2", "wrong labels")
    collect(_open(project), Asked(newest=2, days=0))
    assert hex_of(_accepted(2.0)) not in _names(project)
    assert hex_of(_accepted(1.0)) in _names(project)


def test_heads_stay_even_where_no_model_is_to_be_repeatable(project: SignedProject) -> None:
    """With --newest 0: what the next stage goes on from, and what is live."""
    collect(_open(project), Asked(newest=0, days=0))
    assert {hex_of(_accepted(1.0)), hex_of(_accepted(3.0))} <= _names(project)


def test_what_nobody_names_goes_when_it_is_old(project: SignedProject) -> None:
    """A file of a run that came to nothing. A young one stays: a statement that is yet to be sealed may name it."""
    stray = project.data.put(b"of a run that was killed")
    assert stray not in {digest_of(item.name.encode()) for item in collect(_open(project), Asked(newest=5)).items}
    assert hex_of(stray) in _names(project)
    old = (project.clock.now - timedelta(days=8)).timestamp()
    os.utime(project.data.path(stray), (old, old))
    assert [item.kind for item in collect(_open(project), Asked(newest=5)).items] == ["unnamed"]
    assert hex_of(stray) not in _names(project)


def test_the_rows_that_a_person_marked_stay(project: SignedProject) -> None:
    """A mark names its rows, and marks of old rows are applied to new ones: no age and no --newest lets them go."""
    rows = project.data.put(b"rows that somebody marked")
    os.utime(project.data.path(rows), (0, 0))
    validate = project.ledger.statements("validate")[1].digest
    word = {"mark": "bad", "rows": 1, "marks": rows, "validate": validate, "findings": [], "reason": "a test"}
    said = {"claim": claim_uri("mark"), "time": rfc3339(project.clock()), **word}
    project.record("approver", Statement((Subject("marks.parquet", rows),), MARK, said))
    collect(_open(project), Asked(newest=0, days=0))
    assert hex_of(rows) in _names(project)
    assert hex_of(_accepted(2.0)) not in _names(project)


def test_killed_in_the_middle_nothing_needed_is_lost(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each single removal everything that is needed is there; the next one ends what was begun."""
    needed = {hex_of(each) for each in needs(project.ledger.statements(), 1).needed} & _names(project)
    unlink, count = disk.unlink, 0

    def dies(folder: int, name: str) -> None:
        nonlocal count
        unlink(folder, name)
        count += 1
        assert needed <= _names(project)
        if count == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(disk, "unlink", dies)
    with pytest.raises(KeyboardInterrupt):
        collect(_open(project), NOW)
    assert count == 2
    assert collect(_open(project), NOW).items
    assert needed <= _names(project)
    assert collect(_open(project), NOW).items == ()


def test_a_log_that_does_not_verify_lets_nothing_go(project: SignedProject) -> None:
    """Where nobody knows what is needed, nothing is removed."""
    statement = project.ledger.statements("train")[0]
    path = project.registry.blobs.path(statement.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"payload", b"Payload"))
    before = _names(project)
    with pytest.raises(VerificationFailed):
        collect(_open(project), NOW)
    assert _names(project) == before


def test_one_command_at_a_time(project: SignedProject) -> None:
    """While a run holds the project nothing is removed."""
    before = _names(project)
    with (
        lock(project.home / "state" / "locks" / "project"),
        pytest.raises(Unavailable, match="another lockgate process"),
    ):
        collect(_open(project), NOW)
    assert _names(project) == before


def test_what_was_collected_is_told_from_what_was_lost(project: SignedProject) -> None:
    """`train --reproduce` of a collected run says so with the time; of a lost one it asks for a backup, as before."""
    missing = Refused("LG380", "code is not here", seen={"digest": _accepted(2.0)}, next="restore")
    assert why_missing(_open(project), missing) is missing
    collect(_open(project), NOW)
    told = why_missing(_open(project), missing)
    assert told.finding == "LG9031"
    assert note.taken(project.home)[_accepted(2.0)] in told.message
    lost = Refused("LG380", "code is not here", seen={"digest": _accepted(9.0)}, next="restore")
    assert why_missing(_open(project), lost) is lost


def test_a_note_that_somebody_wrote_is_no_more_than_words(project: SignedProject) -> None:
    """Malformed lines are left out, and the file decides nothing about what is needed."""
    path = project.home / "state" / "collected.jsonl"
    path.write_bytes(b'{"digest": 1}\n\xff\n' + encode({"digest": _accepted(3.0), "time": "then"}) + b"\n")
    assert note.taken(project.home) == {_accepted(3.0): "then"}
    collect(_open(project), NOW)
    assert hex_of(_accepted(3.0)) in _names(project)


def test_without_data_nobody_is_told_of_repeating(project: SignedProject) -> None:
    """A copy of the evidence alone never had rows: that is no news."""
    assert not_repeatable(_open(project), project.ledger.statements()) == ()
    (project.home / "data" / "sha256").rename(project.home / "elsewhere")
    assert not_repeatable(_open(project), project.ledger.statements()) == ()


def test_old_drafts_go_and_young_ones_stay(project: SignedProject) -> None:
    """By age, or all of them when they are asked for; what else lies there is nobody's draft."""
    place = project.home / "state" / "drafts"
    for number, days in ((1, 30), (2, 1)):
        (place / str(number)).mkdir(parents=True)
        (place / str(number) / "draft.json").write_text("{}")
        when = (project.clock.now - timedelta(days=days)).timestamp()
        os.utime(place / str(number), (when, when))
    assert [item.name for item in collect(_open(project), Asked()).items if item.kind == "draft"] == ["1"]
    assert [name for name in os.listdir(place) if name.isdigit()] == ["2"]
    assert [item.name for item in collect(_open(project), Asked(drafts=True)).items if item.kind == "draft"] == ["2"]
    assert [name for name in os.listdir(place) if name.isdigit()] == []


def test_rows_that_drafts_are_made_of_stay_while_one_is_at_work(project: SignedProject) -> None:
    """Two `try` at once share them; `gc --drafts` beside them takes finished drafts, and the rows once both ended."""
    with drafts.begin(project.home) as (number, _):
        drafts.parts_store(project.home).put(b"rows of a draft")
    with drafts.parts_held(project.home), drafts.parts_held(project.home):
        found = collect(_open(project), Asked(drafts=True))
        assert [str(number)] == [item.name for item in found.items if item.kind == "draft"]
        assert drafts.parts_bytes(project.home) == len(b"rows of a draft")
    found = collect(_open(project), Asked(drafts=True))
    assert [item.name for item in found.items if item.kind == "draft"] == ["parts"]
    assert drafts.parts_bytes(project.home) == 0


def test_sizes_are_told_in_words() -> None:
    """As people read them."""
    assert [in_words(size) for size in (0, 812, 4100, 12_300_000, 2_500_000_000)] == [
        "0 B",
        "812 B",
        "4.1 kB",
        "12.3 MB",
        "2.5 GB",
    ]


def test_the_size_of_an_environment_is_said_to_be_its_own() -> None:
    """Its packages are links to what other environments have as well: 149 B would read like an error."""
    assert kept_words("environment", Kept(1, 149)) == "1 environment   149 B of its own; packages are shared"
    assert kept_words("draft", Kept(2, 149)) == "2 draft   149 B"


def test_the_command(project: SignedProject, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run points to the real one; with --json one object, with what went and what stayed."""
    command = ["gc", "--newest", "1", "--days", "0", "-C", str(project.root)]
    assert run([*command, "--dry-run"]) == 0
    told = capsys.readouterr()
    assert "would go" in told.err
    assert "next:  lockgate gc --newest 1 --days 0\n" in told.err
    item = Item("draft", "1", 2, "a draft")
    for asked, command_line in (
        (Asked(dry=True), "lockgate gc"),
        (Asked(drafts=True, dry=True), "lockgate gc --drafts"),
        (Asked(days=0.5, dry=True), "lockgate gc --days 0.5"),
    ):
        assert Collected(asked, (item,), {}).following == (command_line,)
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["dry_run"]) == ("lockgate.gc/v1", False)
    assert found["bytes"] == sum(each["size"] for each in found["collected"]) > 0
    assert run(["gc", "--newest", "-1", "-C", str(project.root)]) == 2
