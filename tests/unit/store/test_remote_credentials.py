"""`store.remote.credentials`: found where docker and podman keep them, for the registry that they were made for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lockgate.errors import Unavailable, Usage
from lockgate.sandbox.helpers import ask_helper
from lockgate.store.remote.credentials import Credentials, find_credentials
from lockgate.store.remote.reference import parse

HERE = parse("registry.example:5000/team/flights:v7")
MARA = Credentials("mara", "correct: horse")


def auth(user: str = "mara", password: str = "correct: horse") -> dict[str, str]:
    """As docker writes it: everything after the first colon is the password."""
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Writes a file of a home folder and gives the environment in which it counts."""

    def act(config: object, name: str = ".docker/config.json") -> dict[str, str]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        return {"HOME": str(tmp_path)}

    return act


def test_nobody_is_logged_in(tmp_path: Path) -> None:
    """No file, no home, no entry: none, and no error."""
    assert find_credentials(HERE, {"HOME": str(tmp_path)}) is None
    assert find_credentials(HERE, {}) is None


@pytest.mark.parametrize(
    "key", ["registry.example:5000", "https://registry.example:5000", "registry.example:5000/team"]
)
def test_docker_and_podman_spellings(write: Callable[..., dict[str, str]], key: str) -> None:
    """By host, as a URL, or by a part of the repository's name."""
    assert find_credentials(HERE, write({"auths": {key: auth()}})) == MARA


@pytest.mark.parametrize(
    "key",
    [
        "registry.example",
        "example:5000",
        "evil.registry.example:5000",
        "registry.example:5000/te",
        "registry.example:5001",
    ],
)
def test_nobody_elses(write: Callable[..., dict[str, str]], key: str) -> None:
    """Another host, port or repository is another registry: its password stays where it is."""
    assert find_credentials(HERE, write({"auths": {key: auth()}})) is None


def test_the_nearest_name_counts(write: Callable[..., dict[str, str]]) -> None:
    """Podman can keep a user for one repository beside the registry's."""
    entries = {"registry.example:5000": auth("other"), "registry.example:5000/team/flights": auth()}
    assert find_credentials(HERE, write({"auths": entries})) == MARA


def test_where_files_are(write: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    """Docker's before podman's; each variable moves its file; an empty entry is passed over."""
    entry = {"auths": {"registry.example:5000": auth()}}
    environ = write(entry, "elsewhere/config.json")
    assert find_credentials(HERE, environ) is None
    assert find_credentials(HERE, environ | {"DOCKER_CONFIG": str(tmp_path / "elsewhere")}) == MARA
    assert find_credentials(HERE, environ | {"REGISTRY_AUTH_FILE": str(tmp_path / "elsewhere/config.json")}) == MARA
    write(entry, "run/containers/auth.json")
    assert find_credentials(HERE, environ | {"XDG_RUNTIME_DIR": str(tmp_path / "run")}) == MARA
    write({"auths": {"registry.example:5000": {}}})
    assert find_credentials(HERE, write(entry, ".config/containers/auth.json")) == MARA


def test_an_identity_token(write: Callable[..., dict[str, str]]) -> None:
    """Stands for user and password."""
    entry = {"auths": {"registry.example:5000": {"auth": "", "identitytoken": "abc"}}}
    assert Credentials(identity_token="abc") == find_credentials(HERE, write(entry))


def test_docker_hub_has_other_names(write: Callable[..., dict[str, str]]) -> None:
    """Docker keeps its own registry under an address of the past."""
    environ = write({"auths": {"https://index.docker.io/v1/": auth()}})
    assert find_credentials(parse("docker.io/team/flights"), environ) == MARA
    assert find_credentials(HERE, environ) is None


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"auths":[]}',
        '{"auths":{"registry.example:5000":[1]}}',
        '{"auths":{"registry.example:5000":{"auth":"%%%"}}}',
        '{"auths":{"registry.example:5000":{"auth":"bm9jb2xvbg=="}}}',
        '{"auths":{"registry.example:5000":{"auth":7}}}',
        '{"auths":{"registry.example:5000":{"identitytoken":7}}}',
        '{"credHelpers":{"registry.example:5000":"../../bin/sh"}}',
        '{"credHelpers":{"registry.example:5000":7}}',
    ],
)
def test_a_file_that_cannot_be_read(write: Callable[..., dict[str, str]], config: str) -> None:
    """Named, and not passed over in silence; no secret is in the message."""
    with pytest.raises(Usage) as refused:
        find_credentials(HERE, write(config), lambda words, given: b"{}")
    assert refused.value.finding == "LG887"
    assert str(refused.value.seen["file"]).endswith("config.json")


def test_a_symlink_is_followed_nowhere(write: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    """A device or a link in the file's place is an error."""
    environ = write({"auths": {}}, "other.json")
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").symlink_to(tmp_path / "other.json")
    with pytest.raises(Usage, match="regular file"):
        find_credentials(HERE, environ)


@pytest.mark.parametrize(
    "config",
    [
        {"credHelpers": {"registry.example:5000": "pass"}},
        {"credsStore": "pass", "auths": {"registry.example:5000": {}}},
        {"credHelpers": {"registry.example:5000": "pass"}, "auths": {"registry.example:5000": auth("other")}},
    ],
)
def test_a_helper_is_asked(write: Callable[..., dict[str, str]], config: object) -> None:
    """By its program's name, with the registry's name, where it is configured for it; before what the file says."""
    asked: list[tuple[Sequence[str], bytes]] = []

    def run(words: Sequence[str], given: bytes) -> bytes:
        asked.append((words, given))
        return b'{"ServerURL":"registry.example:5000","Username":"mara","Secret":"correct: horse"}'

    assert find_credentials(HERE, write(config), run) == MARA
    assert asked == [(["docker-credential-pass", "get"], b"registry.example:5000")]


def test_a_helpers_token(write: Callable[..., dict[str, str]]) -> None:
    """Said by a user name that nobody has."""
    environ = write({"credHelpers": {"registry.example:5000": "pass"}})
    found = find_credentials(HERE, environ, lambda words, given: b'{"Username":"<token>","Secret":"abc"}')
    assert Credentials(identity_token="abc") == found


def test_a_helper_that_cannot_be_had(write: Callable[..., dict[str, str]]) -> None:
    """Named; we do not go on as a stranger. A helper for another registry is not asked."""
    environ = write({"credHelpers": {"registry.example:5000": "pass"}, "credsStore": "other"})
    with pytest.raises(Unavailable, match="docker-credential-pass") as refused:
        find_credentials(HERE, environ)
    assert refused.value.finding == "LG888"
    for answer in (b"", b"[]", b"{}", b'{"Username":1,"Secret":"x"}', b"credentials not found"):
        with pytest.raises(Unavailable, match="cannot be read"):
            find_credentials(HERE, environ, lambda words, given, answer=answer: answer)  # type: ignore[misc]
    assert find_credentials(parse("other.example/x"), environ) is None


def test_credentials_are_not_printed() -> None:
    """Neither password nor token is in what a log or a traceback would show."""
    assert "horse" not in repr(MARA)
    assert "abc" not in repr(Credentials(identity_token="abc"))


def test_a_helper_is_a_program(
    write: Callable[..., dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started by the sandbox's own runner: what it prints counts; where it fails or is not there, that is said."""
    environ = write({"credHelpers": {"registry.example:5000": "pass"}})
    program = tmp_path / "docker-credential-pass"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Unavailable, match="it does not start: no such file"):
        find_credentials(HERE, environ, ask_helper)
    for script, said in (("exit 3", "exit code 3"), ("head -c 99999 /dev/zero", "prints more than"), ("echo", "read")):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        with pytest.raises(Unavailable, match=said):
            find_credentials(HERE, environ, ask_helper)
    program.write_text("""#!/bin/sh\nread name\necho "{\\"Username\\":\\"$1\\",\\"Secret\\":\\"$name\\"}"\n""")
    assert Credentials("get", "registry.example:5000") == find_credentials(HERE, environ, ask_helper)
