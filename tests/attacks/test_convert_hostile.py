"""Whoever hands out a model file to be converted: it runs code, lies about itself, or gives what is no model."""

from __future__ import annotations

import json
import socket
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from lockgate.cli.main import run
from lockgate.core.digest import digest_of, hex_of
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.project.converting import convert
from lockgate.register import converting
from lockgate.sandbox.settings import PythonEnv
from lockgate.train import foreign, foreign_facts
from tests.support import checkpoints as made
from tests.support.hostile import opcodes as op

VENV = Path(sys.prefix)
FACTS = {
    "estimator": "Pipeline",
    "task": "binary",
    "features": ["a"],
    "serving": {},
    "compared": {
        "rows": 900,
        "tolerance": 1e-5,
        "beyond": 0,
        "share": 0.0,
        "explained": 0,
        "missing": 0,
        "sample": "made",
        "worst": {"row": 0, "difference": 0.0},
    },
    "versions": {"python": "3.11"},
    "warnings": [],
}


def _program(code: str) -> bytes:
    """A call that the look before does not know: names are a courtesy, the jail is the boundary."""
    return op.second("cProfile", "run", (f"exec({code!r}, {{}})",))


def _refused(source: Path, out: Path) -> LockgateError:
    """What `convert` says; nothing but the source may be there afterwards."""
    with pytest.raises(LockgateError) as raised:
        convert(source, out, python=VENV)
    assert sorted(path.name for path in source.parent.iterdir()) == [source.name]
    return raised.value


def test_a_pickle_that_runs_code_gets_nothing_and_is_named(tmp_path: Path) -> None:
    """No key, no network, no file but itself, nothing written anywhere: and what it tried is what a person is told."""
    source, canary, keys = tmp_path / "model.joblib", tmp_path / "canary", tmp_path.parent / "keys"
    keys.mkdir()
    (keys / "signer.pem").write_text("secret")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        code = f"""
import os, socket
def tried(work):
    try:
        return work()
    except BaseException as error:
        return type(error).__name__
said = [
    tried(lambda: open({str(keys / "signer.pem")!r}).read()),
    tried(lambda: open({str(canary)!r}, 'w')),
    tried(lambda: open(os.environ.get('LOCKGATE_ROOT', '') + '/in/source', 'r+b')),
    tried(lambda: socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 1)),
]
raise ValueError(repr(said))
"""
        source.write_bytes(_program(code))
        error = _refused(source, tmp_path / "model.onnx")
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert error.finding == "LG485"
    assert "127.0.0.1" in error.message
    assert "LG487" in error.message
    assert "secret" not in json.dumps(error.as_json())
    assert error.message.count("Error") >= 4
    assert source.read_bytes() == _program(code)


def test_a_result_that_the_file_forged_is_looked_at_like_any_other(tmp_path: Path) -> None:
    """Code in the jail can write what it likes to /out: a pickle called model.onnx does not come out of it."""
    said = json.dumps(FACTS, sort_keys=True, separators=(",", ":"))
    code = f"""
import os
out = os.environ.get('LOCKGATE_ROOT', '') + '/out/'
open(out + 'model.onnx', 'wb').write({_program("1")!r})
open(out + 'converted.json', 'w').write({said!r})
os._exit(0)
"""
    source = tmp_path / "model.pkl"
    source.write_bytes(_program(code))
    error = _refused(source, tmp_path / "model.onnx")
    assert error.finding in ("LG410", "LG411", "LG470")
    assert "what the conversion made does not come in" in error.message


@pytest.mark.parametrize("name", ["model.safetensors"])
def test_a_gadget_under_another_name_is_told_by_its_bytes(tmp_path: Path, name: str) -> None:
    """Without an environment nothing is executed: the refusal says that it would have to be, and how."""
    source = tmp_path / name
    source.write_bytes(_program("open('/tmp/never', 'w')"))
    with pytest.raises(Refused) as raised:
        convert(source, tmp_path / "out.onnx")
    assert (raised.value.finding, "--python" in raised.value.next) == ("LG484", True)


def test_what_a_jail_says_of_denied_attempts_weighs_more_than_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that tried to reach the network is refused though a whole model came out of it."""
    told = b'\x1e{"what":"network","target":"10.0.0.1:80","package":"","at":""}\n'

    def worked(*_: object, talk: object, **__: object) -> object:
        talk(told)  # type: ignore[operator]
        return {"model.onnx": Path("/nowhere"), "converted.json": Path("/nowhere")}, None

    monkeypatch.setattr(foreign, "run_task", worked)
    with pytest.raises(Refused, match=r"10\.0\.0\.1:80") as raised:
        foreign.convert(Path(__file__), "pickle", PythonEnv.own(), Path("/nowhere"))
    assert raised.value.finding == "LG485"


@pytest.mark.parametrize(
    "change",
    [
        {"estimator": 1},
        {"task": "magic"},
        {"features": [1]},
        {"features": "a"},
        {"serving": []},
        {"compared": {}},
        {"compared": {**FACTS["compared"], "worst": {}}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "rows": -1}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "rows": True}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "tolerance": "x"}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "sample": "mine"}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "sample": "given"}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "rows": 10**9}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "missing": 100}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "beyond": 901}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "tolerance": 1e-300}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "share": 0.5}},  # type: ignore[dict-item]
        {"compared": {**FACTS["compared"], "worst": {"row": 0, "difference": -1}}},  # type: ignore[dict-item]
        {"versions": {"python": 3}},
        {"warnings": [None]},
        {"more": 1},
    ],
)
def test_what_a_program_says_of_its_conversion_is_read_strictly(change: dict[str, object]) -> None:
    """Whoever can write converted.json can put no other thing where a number or a text is expected, nor more rows."""
    assert foreign_facts.read(FACTS, given=False)["compared"] == FACTS["compared"]
    with pytest.raises(ValueError, match=r"\w"):
        foreign_facts.read({**FACTS, **change}, given=False)


@pytest.mark.parametrize(
    ("rows", "missing", "taken"),
    [
        (1, 0, True),
        (10_000, 0, True),
        (10_001, 0, False),
        (0, 0, False),
        (10, 10, True),
        (10, 11, False),
        (10, -1, False),
    ],
)
def test_of_given_rows_no_more_are_believed_than_are_asked(rows: int, missing: int, *, taken: bool) -> None:
    """A sample of a person is read in the jail: at most 10,000 of its rows are."""
    compared = {**FACTS["compared"], "rows": rows, "missing": missing, "sample": "given"}  # type: ignore[dict-item]
    with nullcontext() if taken else pytest.raises(ValueError, match="rows"):
        foreign_facts.read({**FACTS, "compared": compared}, given=True)


def test_what_it_says_steers_no_terminal() -> None:
    """Texts of the jail are shown: without signs that nobody sees."""
    said = foreign_facts.read({**FACTS, "estimator": "a\x1b[2Jb", "warnings": ["\x1b]0;x\x07"]}, given=False)
    assert "\x1b" not in said["estimator"] + said["warnings"][0]


def test_a_check_of_other_bytes_than_the_result_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest that the jail inspected must be that of the file which gets its name."""
    result, said = tmp_path / "result", tmp_path / "said"
    result.write_bytes(b"these")
    monkeypatch.setattr(converting, "run_task", lambda *_: ({"checked.json": said}, None))
    for digest, form in ((hex_of(digest_of(b"those")), "onnx"), (hex_of(digest_of(b"these")), "text")):
        said.write_bytes(encode({"sha256": digest, "format": form, "facts": {}}))
        with pytest.raises(VerificationFailed) as raised:
            converting.check(result, "model.onnx", tmp_path / "out")
        assert raised.value.finding == "LG421"
    said.write_bytes(encode({"sha256": hex_of(digest_of(b"these")), "format": "onnx", "facts": {}}))
    assert converting.check(result, "model.onnx", tmp_path / "out").digest == digest_of(b"these")


def test_a_link_or_a_pipe_is_no_source(tmp_path: Path) -> None:
    """What is converted is the file that was named, a regular one."""
    (tmp_path / "link.pt").symlink_to("/etc/passwd")
    with pytest.raises(Refused) as raised:
        convert(tmp_path / "link.pt", tmp_path / "out.safetensors")
    assert raised.value.finding == "LG118"
    assert run(["convert", str(tmp_path), str(tmp_path / "out.safetensors")]) == 2  # no MLflow model in it
    assert run(["convert", str(tmp_path / "not there"), str(tmp_path / "out.safetensors")]) == 1


def test_a_hostile_checkpoint_is_refused_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tensor beyond its storage: exit code 1, a finding, no traceback, nothing written."""
    source = tmp_path / "w.pt"
    source.write_bytes(made.archive(made.tensor(made.storage("0", "FloatStorage", 1), 0, (9,), (1,)), {"0": b"\0" * 4}))
    assert run(["convert", str(source), str(tmp_path / "w.safetensors")]) == 1
    said = capsys.readouterr().err
    assert "LG483" in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["w.pt"]


def test_the_digests_beside_the_result_are_those_of_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An honest checkpoint comes out as safetensors; source and result are recorded beside it by their digests."""
    monkeypatch.chdir(tmp_path)
    data = made.archive(made.plain({"a": made.row("0", 3)}), {"0": b"\0" * 12})
    Path("w.pt").write_bytes(data)
    assert run(["convert", "w.pt", "w.safetensors", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    written = json.loads(Path("w.safetensors.json").read_bytes())
    assert said["source"] == written["source"]
    assert written["source"]["digest"] == digest_of(data)
    assert written["result"]["digest"] == digest_of(Path("w.safetensors").read_bytes())
    assert (written["executed"], written["tensors"]["equal"]) == (False, 1)
    assert {jail["level"] for jail in written["jails"].values() if jail} == {3}
    # What is there is never replaced without a word, and the source never.
    before = Path("w.safetensors").read_bytes()
    assert run(["convert", "w.pt", "w.safetensors"]) == 2
    Path("same.safetensors").write_bytes(data)
    assert run(["convert", "same.safetensors", "same.safetensors", "--force"]) == 2
    Path("same.safetensors").unlink()
    assert run(["convert", "w.pt", "w.onnx"]) == 2
    assert (Path("w.safetensors").read_bytes(), Path("w.pt").read_bytes()) == (before, data)
    assert run(["convert", "w.pt", "w.safetensors", "--force"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.pt", "w.safetensors", "w.safetensors.json"]
