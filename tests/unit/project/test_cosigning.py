"""`lockgate log cosign`, what commands do afterwards, and what `status`, `verify` and `log verify` say of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.audit import cosigned
from lockgate.audit.ledger import EVENTS, origin
from lockgate.audit.witness.protocol import Request
from lockgate.cli.main import run
from lockgate.core.checkpoint import VerifierKey, parse_note
from lockgate.project import Project
from lockgate.trust import pin as pins
from tests.support.project import SignedProject, register_here, signed_project
from tests.support.witnesses import Running, key_of, running

Command = Callable[..., tuple[int, str, str]]

TOML = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:M"
label = "y"
"""
POLICY = """version = {version}
[environment.dev]
[environment.prod]
min_witnesses = 1
"""
BY_HAND = key_of(3, "hand.example/w").verifier


@pytest.fixture(name="signed")
def _signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    """A project without witnesses, in which a model is registered."""
    signed = signed_project(tmp_path, monkeypatch, policy=POLICY.format(version=1).replace("min_witnesses = 1\n", ""))
    signed.candidate()
    register_here(signed, monkeypatch)
    (signed.root / "lockgate.toml").write_text(TOML)
    (signed.root / "policy.toml").write_text(signed.policy.text)
    pins.pin(signed.created.project_id, signed.root, signed.clock())
    # The witness's clock is the machine's.
    monkeypatch.setattr(Project, "open", lambda _directory: Project(signed.root, now=lambda: datetime.now(UTC)))
    return signed


@pytest.fixture(name="witness")
def _witness(signed: SignedProject, tmp_path: Path) -> Iterator[Running]:
    """One that knows the event log."""
    log = VerifierKey(origin(signed.created.project_id, EVENTS), signed.created.roles.sealer_key())
    with running(tmp_path / "witness", [log]) as one:
        yield one


@pytest.fixture(name="command")
def _command(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Command:
    """Standard error is with what Python's logging would write there, if pytest did not take it."""

    def command(*words: str) -> tuple[int, str, str]:
        caplog.clear()
        code = run(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err + "\n".join(caplog.messages)

    return command


def _name(signed: SignedProject, command: Command, *named: tuple[str, str, str], version: int = 2) -> str:
    """Sign a policy that names these witnesses; what was said meanwhile."""
    tables = "".join(f'[witness.{name}]\nkey = "{key}"\nurl = "{url}"\n' for name, key, url in named)
    (signed.root / "policy.toml").write_text(POLICY.format(version=version) + tables)
    code, _, talk = command("policy", "sign")
    assert code == 0, talk
    return talk


def _note(signed: SignedProject) -> bytes:
    return (signed.home / "log" / EVENTS / "checkpoint").read_bytes()


def test_without_witnesses_there_is_nobody_to_ask(signed: SignedProject, command: Command) -> None:
    """A usage error with what to write; the keys for a witness are told all the same, and nothing is asked for."""
    code, _, talk = command("log", "cosign")
    assert (code, "LG7014" in talk, "[witness.NAME]" in talk) == (2, True, True)
    code, data, talk = command("log", "cosign", "--vkeys")
    own = VerifierKey(origin(signed.created.project_id, EVENTS), signed.created.roles.sealer_key()).line()
    assert (code, data.split()) == (0, [own])
    assert f"lockgate log witness --log {own}" in talk


def test_a_command_that_appends_asks_the_witness_afterwards(
    signed: SignedProject, witness: Running, command: Command
) -> None:
    """Signing the policy that names it is the first; every page then says so, and the whole log verifies."""
    _name(signed, command, ("w1", witness.vkey, witness.url))
    assert list(cosigned.cosignatures(_note(signed), {"w1": witness.witness().key})) == ["w1"]
    assert [one.status for one in witness.told] == [200]
    (signed.root / "policy.toml").write_text(
        (signed.root / "policy.toml").read_text().replace("version = 2", "version = 3")
    )
    code, data, _ = command("status")
    assert (code, "events: sealed" in data, "cosigned by w1" in data, "WITNESS" in data) == (0, True, True, False)
    code, data, _ = command("verify", "flights@1")
    assert (code, "cosigned by w1" in data) == (0, True)
    said = json.loads(command("status", "--json")[1])
    assert (len(said["cosigned"]), said["witnesses"]) == (1, [])


def test_both_kinds_of_answer_are_told(signed: SignedProject, witness: Running, command: Command) -> None:
    """One that cosigns and one that is not there: exit 0, for the log itself goes on."""
    gone = key_of(5, "gone.example/w").verifier.line()
    _name(signed, command, ("w1", witness.vkey, witness.url), ("gone", gone, "http://127.0.0.1:9"))
    code, _, talk = command("log", "cosign")
    assert (code, "cosigned by w1" in talk, "LG7013 witness gone" in talk) == (0, True, True)
    answers = json.loads(command("log", "cosign", "--json")[1])["logs"][0]["witnesses"]
    assert [(one["witness"], one["state"]) for one in answers] == [("w1", "cosigned"), ("gone", "failed")]


GONE = ("gone", key_of(5, "gone.example/w").verifier.line(), "http://127.0.0.1:9")


def test_a_command_that_appends_says_when_nobody_cosigned(signed: SignedProject, command: Command) -> None:
    """Its own work is done, exit 0; who did not answer is said, and whom the policy refuses until then."""
    talk = _name(signed, command, GONE)
    assert ("LG7013 witness gone" in talk, "LG7010 prod" in talk, "lockgate log cosign" in talk) == (True, True, True)


def test_a_command_that_appends_is_quiet_when_all_is_well(
    signed: SignedProject, witness: Running, command: Command
) -> None:
    """It asked, and there is nothing to say; nor where no witness has an address."""
    assert "witnesses:" not in _name(signed, command, ("w1", witness.vkey, witness.url))
    assert "witnesses:" not in _name(signed, command, ("hand", BY_HAND.line(), ""), version=3)


def test_too_few_cosignatures_are_exit_1_and_none_exit_4(
    signed: SignedProject, witness: Running, command: Command
) -> None:
    """`log cosign` in a timer: what prod demands is not there (1); nobody demands, but nobody answered (4)."""
    _name(signed, command, GONE)
    code, _, talk = command("log", "cosign")
    assert (code, "✗ LG7010" in talk, "LG7013 witness gone" in talk) == (1, True, True)
    (signed.root / "policy.toml").write_text(
        (signed.root / "policy.toml").read_text().replace("version = 2", "version = 3").replace("min_witnesses = 1", "")
    )
    assert command("policy", "sign")[0] == 0
    code, _, talk = command("log", "cosign")
    assert (code, "✗ LG7013" in talk) == (4, True)
    _name(signed, command, ("w1", witness.vkey, witness.url), GONE, version=4)
    assert command("log", "cosign")[0] == 0


def test_what_deploy_refuses_for_want_of_witnesses_is_foretold(
    signed: SignedProject, witness: Running, command: Command
) -> None:
    """`policy check`, `status` and the model's page ask the same rule; with the cosignature they are content."""

    def reasons() -> set[str]:
        found = json.loads(command("policy", "check", "flights@1", "--json")[1])["policy"]
        return {one["finding"] for one in found["prod"]["reasons"] if one["level"] == "refuse"}

    _name(signed, command, GONE)
    assert "LG7010" in reasons()
    assert "LG7010" in command("show", "flights@1")[1]
    assert "LG7010" in command("status")[1]
    _name(signed, command, ("w1", witness.vkey, witness.url), version=3)
    assert "LG7010" not in reasons()
    assert "LG7010" not in command("status")[1]


def test_a_fork_is_told_by_the_command_that_appends_to_it(
    signed: SignedProject, witness: Running, command: Command, tmp_path: Path
) -> None:
    """The one moment in which it is known: exit 3, and what was signed is said to be in the log here."""
    import shutil

    _name(signed, command, ("w1", witness.vkey, witness.url))
    shutil.copytree(signed.home / "log", tmp_path / "old")
    _name(signed, command, ("w1", witness.vkey, witness.url), version=3)
    for path, old in ((signed.home / "log", tmp_path / "old"), (signed.home / "state/cosigned", None)):
        shutil.rmtree(path)
        if old is not None:
            shutil.copytree(old, path)
    shutil.rmtree(pins.seen_folder(signed.created.project_id))
    (signed.root / "policy.toml").write_text(
        (signed.root / "policy.toml").read_text().replace("version = 3", "version = 4")
    )
    code, _, talk = command("policy", "sign")
    assert (code, "✗ LG7012" in talk, "is in the log here; but" in talk) == (3, True, True)


def test_what_a_witness_saw_of_another_log_is_exit_3_and_stays(
    signed: SignedProject, witness: Running, command: Command, tmp_path: Path
) -> None:
    """A restored copy: `log cosign` fails, `status` says it at its head, `log verify` has the note to prove it."""
    import shutil

    _name(signed, command, ("w1", witness.vkey, witness.url))
    shutil.copytree(signed.home / "log", tmp_path / "old")
    _name(signed, command, ("w1", witness.vkey, witness.url), version=3)
    shutil.rmtree(signed.home / "log")
    shutil.copytree(tmp_path / "old", signed.home / "log")
    shutil.rmtree(pins.seen_folder(signed.created.project_id))
    code, _, talk = command("log", "cosign")
    assert (code, "LG7012" in talk) == (3, True)
    code, data, _ = command("status")
    assert (code, "! WITNESS   LG7012" in data) == (0, True)
    for words in (("verify", "flights@1"), ("status",)):
        assert "LG7012" in "".join(command(*words)[1:])
    assert command("verify", "flights@1")[0] == 3


def test_lines_are_brought_by_hand(signed: SignedProject, command: Command, tmp_path: Path) -> None:
    """A request goes out as a file; an answer over that very checkpoint comes back; any other is refused."""
    _name(signed, command, ("hand", BY_HAND.line(), ""))
    body, lines = tmp_path / "body", tmp_path / "lines"
    assert command("log", "cosign", "--request", str(body))[0] == 0
    request = Request.parse(body.read_bytes())
    assert (request.old, request.proof, request.note) == (0, (), _note(signed))
    assert command("log", "cosign", "--request", str(body), "--old", "4")[0] == 0
    assert Request.parse(body.read_bytes()).old == 4
    assert command("log", "cosign", "--request", str(body), "--old", "99")[0] == 2
    other = key_of(3, "other.example/w").cosign(parse_note(_note(signed)), 7)
    for wrong in (b"", b"words\n", f"{other.line()}\n".encode()):
        lines.write_bytes(wrong)
        code, _, talk = command("log", "cosign", "--answer", str(lines))
        assert (code, "LG7016" in talk) == (2, True)
    good = key_of(3, "hand.example/w").cosign(parse_note(_note(signed)), int(signed.clock().timestamp()))
    lines.write_text(f"{good.line()}\n")
    assert command("log", "cosign", "--answer", str(lines))[0] == 0
    assert list(cosigned.cosignatures(_note(signed), {"hand": BY_HAND})) == ["hand"]
    assert command("log", "cosign", "--vkeys", "--answer", str(lines))[0] == 2


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        (("--listen", "127.0.0.1:0"), "LG940"),
        (("--log", "no key"), "LG940"),
        (("--log", BY_HAND.line()), "LG940"),
        (("--listen", "nowhere"), "LG940"),
    ],
)
def test_a_witness_that_was_started_wrongly_says_so(words: tuple[str, ...], finding: str, command: Command) -> None:
    """Before any key is made."""
    code, _, talk = command("log", "witness", *words)
    assert (code, finding in talk) == (2, True)


def test_a_witness_needs_two_files_for_tls(signed: SignedProject, command: Command, tmp_path: Path) -> None:
    """And files that are what they should be."""
    own = VerifierKey(origin(signed.created.project_id, EVENTS), signed.created.roles.sealer_key()).line()
    (tmp_path / "x").write_text("no certificate")
    for words in (
        ("--tls-cert", str(tmp_path / "x")),
        ("--tls-cert", str(tmp_path / "x"), "--tls-key", str(tmp_path / "x")),
    ):
        code, _, talk = command("log", "witness", "--log", own, "--listen", "127.0.0.1:0", *words)
        assert (code, "LG640" in talk) == (2, True)
