"""runtime.lock and runtime.index: exact versions with hashes from wherever pip is configured, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.errors import Usage
from lockgate.runtime import index
from lockgate.runtime.lock import Requirement, parse_lock

A, B = "a" * 64, "b" * 64


def test_a_lock_is_read() -> None:
    """Comments, continuations, extras, markers and several hashes; names in normal form; the first line is named."""
    text = f"""# made by uv
Typing_Extensions==4.16.0 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via pydantic
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:{A}
uvicorn[standard]==0.54.0 --hash=sha256:{B}  # why
"""
    assert parse_lock(text.encode()) == (
        Requirement("typing-extensions", "4.16.0", frozenset({A, B}), 2),
        Requirement("numpy", "2.4.6", frozenset({A}), 6),
        Requirement("uvicorn", "0.54.0", frozenset({B}), 8),
    )


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("numpy==2.4.6", "LG341"),
        (f"numpy==2.4.6 --hash=md5:{A[:32]}", "LG341"),
        (f"numpy --hash=sha256:{A}", "LG342"),
        (f"numpy>=2 --hash=sha256:{A}", "LG342"),
        (f"numpy==2.* --hash=sha256:{A}", "LG342"),
        (f"numpy @ https://evil.invalid/n.whl --hash=sha256:{A}", "LG342"),
        ("--index-url https://evil.invalid/simple", "LG342"),
        ("-e .", "LG342"),
        ("-r other.txt", "LG342"),
        (f"./numpy.whl --hash=sha256:{A}", "LG342"),
        (f"numpy==2.4.6 --hash=sha256:{A} --config-settings=x", "LG342"),
        (f"numpy==-- --hash=sha256:{A}", "LG342"),
        (f"{'n' * 200}==1 --hash=sha256:{A}", "LG342"),
        (f"numpy==1 ; os_name ~= 'x' --hash=sha256:{A}", "LG342"),
        (f"numpy==1 ; extras == 'x' --hash=sha256:{A}", "LG342"),
        (f"numpy==1 ; {'(' * 3000}os_name == 'x'{')' * 3000} --hash=sha256:{A}", "LG342"),
        (f"numpy==1{' ' * 300_000}x --hash=sha256:{A}", "LG342"),
        (f"numpy==1 ; os_name == 'x'{' ' * 300_000}x", "LG341"),
    ],
)
def test_what_is_no_locked_wheel_is_refused_by_line(line: str, finding: str) -> None:
    """No hash, a floating version, an address, a path, an option: refused with file and line, in no time."""
    with pytest.raises(Usage) as raised:
        parse_lock(f"pandas==3.1.1 --hash=sha256:{A}\n\n{line}\n".encode(), "my.lock")
    assert raised.value.finding == finding
    assert raised.value.message.startswith("my.lock:3: ")


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"\xff\xfe"])
def test_an_empty_lock_is_refused(data: bytes) -> None:
    """A lock that locks nothing, or is no text."""
    with pytest.raises(Usage) as raised:
        parse_lock(data)
    assert raised.value.finding == "LG340"


@pytest.fixture(name="alone")
def _alone(tmp_path: Path) -> dict[str, str]:
    """An environment without this machine's own configuration."""
    return {"XDG_CONFIG_DIRS": str(tmp_path / "none"), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def _without_system(environment: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key != "SSL_CERT_FILE"}


def test_pip_s_configuration_is_handed_on(tmp_path: Path, alone: dict[str, str]) -> None:
    """The user's file, overridden by the named file, overridden by PIP_*, overridden by UV_*."""
    user, named = tmp_path / "config/pip/pip.conf", tmp_path / "pip.conf"
    user.parent.mkdir(parents=True)
    user.write_text("[global]\nindex_url = https://one.invalid/simple\ntrusted-host = one.invalid\n")
    environ = {**alone, "HTTPS_PROXY": "http://proxy.invalid:3128"}
    found = dict(index.configured(environ, tmp_path).environment)
    assert found["UV_DEFAULT_INDEX"] == "https://one.invalid/simple"
    assert (found["UV_INSECURE_HOST"], found["HTTPS_PROXY"]) == ("one.invalid", "http://proxy.invalid:3128")
    named.write_text("[install]\nindex-url = https://two.invalid/simple\n")
    environ["PIP_CONFIG_FILE"] = str(named)
    assert dict(index.configured(environ, tmp_path).environment)["UV_DEFAULT_INDEX"] == "https://two.invalid/simple"
    environ["PIP_INDEX_URL"] = "https://three.invalid/simple"
    assert dict(index.configured(environ, tmp_path).environment)["UV_DEFAULT_INDEX"] == "https://three.invalid/simple"
    environ["UV_DEFAULT_INDEX"] = "https://four.invalid/simple"
    assert dict(index.configured(environ, tmp_path).environment)["UV_DEFAULT_INDEX"] == "https://four.invalid/simple"


def test_local_folders_are_shown_to_the_jail(tmp_path: Path, alone: dict[str, str]) -> None:
    """A local index is bound with its parent (its pages point beside it), a folder of wheels by itself."""
    (tmp_path / "mirror/simple").mkdir(parents=True)
    (tmp_path / "wheels").mkdir()
    environ = {
        **alone,
        "PIP_EXTRA_INDEX_URL": f"file://{tmp_path}/mirror/simple file://{tmp_path}/lost/simple https://far.invalid/s",
        "PIP_FIND_LINKS": f"{tmp_path}/wheels {tmp_path}/lost",
    }
    found = index.configured(environ, tmp_path)
    shown = dict(found.environment)
    assert shown["UV_INDEX"] == "file:///index/0/simple https://far.invalid/s"
    assert shown["UV_FIND_LINKS"] == "/index/1"
    assert [(bind.source, bind.target) for bind in found.binds if bind.target.startswith("/index")] == [
        (tmp_path / "mirror", "/index/0"),
        (tmp_path / "wheels", "/index/1"),
    ]


def test_certificates_are_shown_and_broken_files_are_empty(tmp_path: Path, alone: dict[str, str]) -> None:
    """`cert` becomes the jail's bundle; a configuration that cannot be parsed says nothing."""
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip/pip.conf").write_text("no section\n")
    (tmp_path / "ca.crt").write_text("x")
    found = index.configured({**alone, "PIP_CERT": str(tmp_path / "ca.crt")}, tmp_path)
    assert dict(found.environment)["SSL_CERT_FILE"] == "/certificates/bundle.crt"
    assert found.binds[0].source == tmp_path / "ca.crt"
    assert index.configured({**alone, "PIP_CONFIG_FILE": "/dev/null"}, tmp_path) == index.Index((), ())
    assert "UV_DEFAULT_INDEX" not in _without_system(dict(index.configured(alone, tmp_path).environment))
