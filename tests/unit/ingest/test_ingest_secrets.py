"""References to secrets: each kind resolves, each failure is a finding without the secret, literals are refused."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from lockgate.config import read_config
from lockgate.errors import Refused, Unavailable, Usage
from lockgate.ingest.secrets import resolve, unsaid
from lockgate.ingest.spec import Database, IngestSpec, Store
from lockgate.pipeline.specs import ingest_spec

SECRET = "geh:im nis"
CONFIG = """[project]
name = "bank"
[data]
sources = {sources}
contract = "contract.py:Loan"
label = "late"
[data.stores."s3://bank/loans/"]
endpoint = "https://minio.example"
key = "env:KEY"
secret = {secret}
[data.databases.bank]
url = {url}
"""


def config(sources: str = '["s3://bank/loans/*.csv"]', secret: str = '"env:SECRET"', url: str = '"env:URL"') -> str:
    """A project's configuration."""
    return CONFIG.format(sources=sources, secret=secret, url=url)


@pytest.mark.parametrize(
    "reference", ["env:LG_SECRET", "file:{tmp}/secret", "file:secret", "file:link", "cmd:printf '%s\\n' 'geh:im nis'"]
)
def test_each_kind_resolves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    """A variable, a file with a line end or a link to it, a program without a shell."""
    monkeypatch.setenv("LG_SECRET", SECRET)
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "link").symlink_to("secret")
    assert resolve(reference.format(tmp=tmp_path), "key", tmp_path) == SECRET


def test_no_reference_is_no_secret(tmp_path: Path) -> None:
    """What is not given is empty."""
    assert resolve("", "key", tmp_path) == ""


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("env:LG_NOT_SET", "LG_NOT_SET is not set"),
        ("file:nowhere", "not there"),
        ("file:.", "cannot be read"),
        ("file:empty", "is empty"),
        ("file:binary", "not UTF-8"),
        ("cmd:no-such-program-here", "does not start"),
        ("cmd:sh -c 'echo hunter2; exit 3'", "exit code 3"),
        ("cmd:head -c 100000 /dev/zero", "64 KiB"),
        ("cmd:'open quote hunter2", "cannot be read"),
        ("cmd: ", "has no words"),
        ("cmd:true", "is empty"),
    ],
)
def test_what_does_not_resolve(tmp_path: Path, reference: str, says: str) -> None:
    """LG125 names the key and why, never what the reference gave."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(Usage) as caught:
        resolve(reference, "[data.databases.bank] url", tmp_path)
    error = caught.value
    assert (error.finding, error.seen["key"]) == ("LG125", "[data.databases.bank] url")
    assert says in error.message
    assert error.next
    assert "hunter2" not in str(error.as_json())


def test_a_program_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper that waits for ever is ended."""
    monkeypatch.setattr("lockgate.ingest.secrets._SECONDS", 0.2)
    with pytest.raises(Usage, match="took too long"):
        resolve("cmd:sleep 60", "key", tmp_path)


@pytest.mark.parametrize("spelling", ["geh:im nis", "geh%3Aim%20nis"])
def test_errors_come_out_without_the_secret(spelling: str) -> None:
    """Message, facts and next step lose the secret in each spelling; without the control they keep it."""

    def fail() -> None:
        seen: dict[str, object] = {"said": [f"no user {spelling}"], "deep": {"a": spelling}, "n": 3}
        raise Unavailable("LG128", f"cannot ask {spelling}", seen=seen, next=f"try {spelling}")

    with pytest.raises(Unavailable) as caught, unsaid([SECRET, ""]):
        fail()
    assert (caught.value.finding, caught.value.seen["n"]) == ("LG128", 3)
    assert caught.value.message == "cannot ask (secret)"
    assert spelling not in str(caught.value.as_json())
    assert caught.value.__cause__ is None
    with pytest.raises(Unavailable) as caught, nullcontext():
        fail()
    assert spelling in str(caught.value.as_json())


def test_other_errors_pass() -> None:
    """Without secrets nothing is changed."""
    with pytest.raises(Refused, match="an honest message"), unsaid(["x" * 20]):
        raise Refused("LG101", "an honest message")


@pytest.mark.parametrize(
    "literal", ['"hunter2"', "20212223", '["hunter2"]', '"env:has space hunter2"', '"file:"', '""']
)
@pytest.mark.parametrize("key", ["secret", "url"])
def test_a_secret_in_the_configuration(literal: str, key: str) -> None:
    """A literal secret is LG124 with file, line and key, and is not repeated; it asks for a new secret."""
    with pytest.raises(Usage) as caught:
        read_config(config(**{key: literal}))
    error = caught.value
    assert error.finding == "LG124"
    assert error.message.startswith(f"lockgate.toml:{10 if key == 'secret' else 12}: ")
    assert error.seen["key"] == key
    assert not any(word in str(error.as_json()) for word in ("hunter2", "20212223"))


def test_a_configuration_with_references() -> None:
    """References, stores and databases reach ingest as they stand; without them ingest is as before."""
    spec = ingest_spec(read_config(config('["s3://bank/loans/*.csv", "data/*.csv", "sql:bank:a.sql"]')))
    assert isinstance(spec, IngestSpec)
    assert [source.pattern for source in spec.sources] == ["s3://bank/loans/*.csv", "data/*.csv", "sql:bank:a.sql"]
    store = Store("s3://bank/loans/", endpoint="https://minio.example", key="env:KEY", secret="env:SECRET")
    assert spec.stores == (store,)
    assert spec.databases == (Database("bank", url="env:URL"),)
    plain = ingest_spec(read_config(config('["a.csv"]').partition("[data.stores")[0]))
    assert (plain.stores, plain.databases) == ((), ())


@pytest.mark.parametrize("source", ["/etc/passwd", "../a.csv", ""])
def test_paths_stay_inside(source: str) -> None:
    """A path is still a path: it may not leave the project."""
    with pytest.raises(Usage) as caught:
        read_config(config(f'["{source}"]'))
    assert caught.value.finding == "LG942"
