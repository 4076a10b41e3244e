"""`lockgate clients why|review|clear`: what gateways suspected clients of, as the command line tells it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from lockgate.audit.ledger import PREDICTIONS
from lockgate.cli.main import run
from lockgate.core.record_kinds import UnrecordedRecord
from lockgate.errors import VerificationFailed
from lockgate.project import Project
from lockgate.project import suspected as suspected_module
from lockgate.project.suspected_views import NO_LOG
from lockgate.trust import pin
from tests.support.project import signed_project
from tests.support.suspected_house import COUNTS, GATEWAY, TOML, House


@pytest.fixture(name="house")
def _house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> House:
    """With ada and bob of acme, and carl of nobody."""
    signed = signed_project(tmp_path, monkeypatch)
    (signed.root / "lockgate.toml").write_text(TOML)
    pin.pin(signed.created.project_id, signed.root, signed.clock())
    monkeypatch.setattr(Project, "open", lambda _directory: Project(signed.root, now=signed.clock))
    monkeypatch.setenv("LOGNAME", "olga")
    house = House(signed, capsys)
    for name, organisation in (("ada", "acme"), ("bob", "acme"), ("carl", "")):
        house.project.new_client(name, organisation=organisation)
    return house


def test_a_step_is_told_with_its_evidence_and_what_else_it_can_be(house: House) -> None:
    """When, which rule, which counts, since when, what was done with the answers, the false alarm, the next command."""
    house.suspect("ada")
    code, out, err = house.says("why", "ada")
    assert code == 0
    assert f"ada, in the records {house.pseudonym('ada')}: external, of acme" in out
    assert "near: many rows lie close around few places" in out
    assert "1,204 rows within an edit of one before them, 96 rows where two answers meet, 1,500 rows in all" in out
    assert "observed: every answer stayed as it was" in out
    assert "live in dev: sha256:aaaa..aa, which was never registered, by what this client asked" in out
    assert "false alarm  somebody who asks what-if questions" in out
    assert "lockgate clients declare ada --edits" in out
    assert "lockgate clients clear ada" in err
    found = house.data("why", "ada")
    assert (found["schema"], found["suspected"], found["organisation"]) == ("lockgate.client-why/v1", True, "acme")
    (step,) = found["steps"]
    assert (step["rule"], step["finding"], step["level"], step["counts"]) == ("near", "LG6101", 1, COUNTS)
    assert (step["pending"], step["over"], step["scope"]) == (False, None, "client")


def test_who_is_clean_or_nobody_is_told_so(house: House) -> None:
    """A client without a step; one whom the registry does not know; a pseudonym without a record."""
    assert NO_LOG in house.says("why", "carl")[1]
    house.suspect("ada")
    code, out, err = house.says("why", "carl")
    assert (code, "nothing: no gateway was ever suspicious of it" in out) == (0, True)
    assert "next:  lockgate clients review" in err
    assert not house.data("why", "carl")["suspected"]
    code, out, err = house.says("why", "dora")
    assert (code, out, "LG621" in err) == (2, "", True)
    assert house.data("why", "f" * 16)["steps"] == []
    assert house.data("why", house.pseudonym("ada"))["name"] == "ada"


def test_what_is_not_sealed_is_pending_and_counts(house: House) -> None:
    """Read from the spool; the same record once sealed is told once, and is pending no more."""
    house.suspect("ada", sealed=False)
    (step,) = house.data("why", "ada")["steps"]
    assert step["pending"] is True
    assert "pending: the gateway wrote it, and it is not sealed yet" in house.says("why", "ada")[1]
    assert "pending" in house.says("review")[1]
    house.write()
    assert [one["pending"] for one in house.data("why", "ada")["steps"]] == [False]
    house.suspect("ada", level=2, sealed=False)
    assert [one["pending"] for one in house.data("why", "ada")["steps"]] == [False, True]


def test_the_queue_has_the_worst_first(house: House) -> None:
    """By what is done with the answers, then by how many rules, then the newest; a line each, with the next command."""
    house.suspect("ada")
    house.suspect("carl", "novel", 3)
    house.suspect("bob")
    house.suspect("bob", "novel")
    assert list(house.queue().items()) == [
        ("carl", (3, ["novel"])),
        ("bob", (1, ["near", "novel"])),
        ("ada", (1, ["near"])),
    ]
    code, out, err = house.says("review")
    assert (code, "3 clients are suspected now, worst first" in out, "clients why carl" in err) == (0, True, True)
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["client", "carl", "bob", "ada"]


def test_an_empty_queue_says_so(house: House) -> None:
    """Without a log it says that nothing is known; with one, that nobody is suspected."""
    assert house.says("review")[1] == f"{NO_LOG}\n"
    house.records.append(UnrecordedRecord(GATEWAY, 0, 1, 5, 1))
    house.write()
    assert house.says("review")[1] == "nobody is suspected now\n"
    assert house.queue() == {}


def test_a_later_word_of_the_gateway_holds(house: House) -> None:
    """A step up or down says where it stands, by whatever rule; level 0 takes back what is of the same scope alone.

    What answers gave away stands beside it.
    """
    house.suspect("ada", level=3)
    house.suspect("ada", "novel", level=2)
    assert house.queue() == {"ada": (2, ["near", "novel"])}
    house.suspect("ada", "novel", 1, counts={"before": 2})
    assert house.queue() == {"ada": (1, ["near", "novel"])}
    assert "a step on from: coarser or slower" in house.says("why", "ada")[1]
    house.suspect("ada", "near", 0, scope="organisation")
    assert house.queue() == {"ada": (1, ["near", "novel"])}
    house.suspect("ada", "near", 0)
    assert house.queue() == {}
    assert "no longer suspected (near): an operator cleared it" in house.says("why", "ada")[1]
    house.suspect("ada", "near", 3)
    house.suspect("ada", "leak-life", 1)
    assert house.queue() == {"ada": (3, ["near", "leak-life"])}
    house.suspect("ada", "near", 0)
    assert house.queue() == {"ada": (1, ["leak-life"])}
    house.suspect("ada", "leak-life", 0)
    assert "nothing counts now" in house.says("why", "ada")[1]


def test_a_day_is_over_at_midnight(house: House) -> None:
    """Only what is of a day: a lifetime is not."""
    house.suspect("ada", "leak-day", 3)
    house.suspect("carl", "leak-life", 3)
    assert set(house.queue()) == {"ada", "carl"}
    house.signed.clock.now += timedelta(days=1)
    assert set(house.queue()) == {"carl"}
    assert "its day is over" in house.says("why", "ada")[1]


def test_what_an_organisation_did_is_told_to_each_of_it(house: House) -> None:
    """With whose rows led to it; not to others, and not to those of no organisation."""
    house.suspect("ada", scope="organisation")
    assert "by what the clients of its organisation asked together (ada)" in house.says("why", "bob")[1]
    assert house.data("why", "bob")["suspected"] is True
    assert house.data("why", "carl")["suspected"] is False
    house.suspect("carl", scope="organisation")
    assert [one["name"] for one in house.data("why", "carl")["steps"]] == ["carl"]
    house.project.new_client("dave")
    assert house.data("why", "dave")["steps"] == []
    house.suspect("bob")
    assert [one["name"] for one in house.data("why", "ada")["steps"]] == ["ada"]


def test_a_cluster_is_told_with_the_others(house: House) -> None:
    """Who was in the same step, and nobody of another one."""
    for name in ("ada", "carl"):
        house.suspect(name, "shared", scope="cluster", counts={"clients": 2}, earlier=timedelta(seconds=len(name) - 3))
    house.signed.clock.now += timedelta(minutes=1)
    house.suspect("bob", "shared", scope="cluster", counts={"clients": 2})
    assert [one["with"] for one in house.data("why", "ada")["steps"]] == [["carl"]]
    assert [one["with"] for one in house.data("why", "bob")["steps"]] == [[]]
    assert "    with     carl" in house.says("why", "ada")[1]
    assert "2 clients together" in house.says("why", "ada")[1]


def test_clearing_ends_what_was_before_and_nothing_after(house: House) -> None:
    """Who, when and why are kept and told; whoever goes on is suspected again; a revoked client waits for nobody."""
    house.suspect("ada")
    house.suspect("carl")
    code, out, _ = house.says("clear", "ada", "--reason", "asks what-if questions")
    assert (code, out) == (0, "ada is cleared by olga: 1 step counts no more\n")
    assert set(house.queue()) == {"carl"}
    (over,) = [one["over"] for one in house.data("why", "ada")["steps"]]
    assert over.endswith(" by olga: asks what-if questions")
    (ada,) = [one for one in house.data("list")["clients"] if one["name"] == "ada"]
    assert (ada["cleared_by"], ada["cleared_why"]) == ("olga", "asks what-if questions")
    house.suspect("ada", level=2)
    assert house.queue() == {"ada": (2, ["near"]), "carl": (1, ["near"])}
    assert house.says("revoke", "carl")[0] == 0
    assert set(house.queue()) == {"ada"}


def test_a_gateway_whose_clock_is_ahead_is_not_cleared_for_the_time_to_come(house: House) -> None:
    """Else its word would hide what is yet to come: it says that the step goes on to count, and the queue has it."""
    house.suspect("ada")
    house.suspect("ada", "novel", earlier=-timedelta(hours=1))
    code, out, _ = house.says("clear", "ada", "--reason", "x")
    said = "ada is cleared by olga: 1 step counts no more; 1 more from a gateway whose clock is ahead still count\n"
    assert (code, out) == (0, said)
    assert house.queue() == {"ada": (1, ["novel"])}


def test_clearing_one_of_an_organisation_clears_what_stands_against_it(house: House) -> None:
    """What its members asked together; not what another member did alone."""
    house.suspect("ada", scope="organisation")
    house.suspect("ada", "novel")
    assert house.data("clear", "bob", "--reason", "one program")["steps"] == 1
    assert house.queue() == {"ada": (1, ["novel"])}
    assert "cleared with bob 2026-" in house.says("why", "ada")[1]


def test_who_is_not_suspected_is_not_cleared(house: House) -> None:
    """Exit 0, and the registry is what it was; the same for one that was cleared already."""
    house.suspect("ada")
    registry = house.signed.home / "state" / "clients.json"
    before = registry.read_bytes()
    code, out, _ = house.says("clear", "carl", "--reason", "x")
    assert (code, out) == (0, "carl is not suspected now: nothing was changed\n")
    assert house.data("clear", "carl", "--reason", "x")["cleared"] is None
    assert registry.read_bytes() == before
    assert house.says("clear", "ada", "--reason", "x")[0] == 0
    after = registry.read_bytes()
    assert after != before
    assert house.says("clear", "ada", "--reason", "again")[0] == 0
    assert registry.read_bytes() == after


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 513])
def test_clearing_needs_a_reason(house: House, reason: str) -> None:
    """LG6120 with the next command; nothing is changed."""
    house.suspect("ada")
    code, out, err = house.says("clear", "ada", "--reason", reason)
    assert (code, out, "LG6120" in err, "clients clear ada --reason" in err) == (2, "", True, True)
    assert set(house.queue()) == {"ada"}
    assert house.says("clear", "dora", "--reason", "x")[0] == 2


def test_without_the_gateways_key_pseudonyms_are_told(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user may ask for a pseudonym, gets no name, and makes no key by asking: LG775 for a name."""
    house.suspect("ada")
    ada = house.pseudonym("ada")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another"))
    pin.pin(house.signed.created.project_id, house.signed.root, house.signed.clock())
    code, out, err = house.says("why", "ada")
    assert (code, out, "LG775" in err, "lockgate clients why PSEUDONYM" in err) == (1, "", True, True)
    assert house.says("clear", "ada", "--reason", "x")[0] == 1
    assert [one["name"] for one in house.data("why", ada)["steps"]] == [None]
    assert set(house.queue()) == {ada}
    assert not (pin.key_folder(house.signed.created.project_id) / "edge.json").exists()


def test_what_the_log_says_is_verified(house: House) -> None:
    """A record of suspicion that was changed, or taken out with the log, is no answer: exit 3."""
    house.suspect("ada")
    sealed = house.bundle.read_bytes()
    assert sealed.count(b'"level":1') == 1
    shutil.rmtree(house.spools)
    house.bundle.write_bytes(sealed.replace(b'"level":1', b'"level":0'))
    for words in (("why", "ada"), ("review",), ("clear", "ada", "--reason", "x")):
        assert house.says(*words)[:2] == (3, "")
    house.bundle.write_bytes(sealed)
    assert house.says("why", "ada")[0] == 0
    shutil.rmtree(house.signed.home / "log" / PREDICTIONS)
    with pytest.raises(VerificationFailed):
        house.project.clients_suspected()


def test_status_tells_of_the_queue(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the worst, as long as there is one; where the log is long, by its newest records, and says so."""
    assert house.project.status().suspected == ""
    house.suspect("ada")
    house.suspect("carl", level=3)
    line = "carl is suspected (near), and 1 more   lockgate clients review"
    assert house.project.status().suspected == line
    assert run(["status"]) == 0
    assert f"! suspected {line}" in house.capsys.readouterr().out
    shutil.rmtree(house.spools)
    with monkeypatch.context() as patch:
        patch.setattr(suspected_module, "AT_ONCE", 1)
        assert house.project.status().suspected.startswith("carl is suspected (near) (by the newest records) ")
    sealed = house.bundle.read_bytes()
    house.bundle.write_bytes(sealed[:-1])
    assert "cannot be read" in house.project.status().suspected
    house.bundle.write_bytes(sealed)
    for name in ("ada", "carl"):
        assert house.says("clear", name, "--reason", "known")[0] == 0
    assert house.project.status().suspected == ""


def test_that_it_goes_on_is_no_step(house: House) -> None:
    """The newest counts of a row of such records are shown, in their place between the steps; `--json` has all."""
    house.suspect("ada", counts={"probes": 12, "rows": 32})
    for further, rows in ((16, 50), (32, 75), (64, 170)):
        house.suspect("ada", counts={"probes": rows - 20, "rows": rows, "further": further})
    house.suspect("ada", level=3, counts={"probes": 160, "rows": 180, "before": 1})
    house.suspect("ada", level=3, counts={"probes": 161, "rows": 190, "further": 1})
    said = house.says("why", "ada")[1]
    assert "2 of 2 steps count now" in said
    assert [rows for rows in (32, 50, 75, 170, 180, 190) if f"{rows} rows in all" in said] == [32, 170, 180, 190]
    assert said.count("near: counted again") == 2
    assert "64 more of the kind since the record before" in said
    assert [one["further"] for one in house.data("why", "ada")["steps"]] == [False, True, True, True, False, True]
    assert house.queue() == {"ada": (3, ["near"])}


def test_who_cleared_it_stands_at_the_step_that_followed(house: House) -> None:
    """Of an earlier clearing the registry knows no more than that there was one; of a fellow's it has the name."""
    house.suspect("ada")
    house.suspect("ada", level=0, counts={"before": 1})
    house.suspect("ada", level=3)
    assert house.says("clear", "ada", "--reason", "ticket 812")[0] == 0
    house.suspect("ada", level=0, counts={"before": 3})
    house.suspect("bob", scope="organisation", level=0, counts={"before": 3})
    said = house.says("why", "ada")[1]
    assert "no longer suspected (near): an operator cleared it" in said
    assert " by olga: ticket 812\n    where " in said
    assert "no longer suspected (near): cleared with ada " in house.says("why", "bob")[1]
    assert "nothing counts now" in said
