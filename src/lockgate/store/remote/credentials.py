"""Credentials for a registry, from where docker and podman keep them.

$DOCKER_CONFIG/config.json, else ~/.docker/config.json                          docker
$REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json,
~/.config/containers/auth.json                                                  podman, skopeo

    {"auths": {"registry.example": {"auth": base64("user:password"), "identitytoken": "..."}},
     "credHelpers": {"registry.example": "pass"}, "credsStore": "secretservice"}

Trusts these files as their programs do: they are the user's own. The first one that knows the registry counts.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lockgate.core.encoding import decode
from lockgate.core.shown import shown
from lockgate.errors import LockgateError, Unavailable, Usage
from lockgate.store.files import read_regular
from lockgate.store.remote.reference import Reference

Runner = Callable[[Sequence[str], bytes], bytes]
"""Words of a program, its standard input -> its output; ValueError says why there is none."""

_MOST_FILE: Final = 1 << 20
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HUB: Final = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")
_TOKEN_USER: Final = "<token>"  # noqa: S105 - the user name by which a helper says that its secret is a token


@dataclass(frozen=True)
class Credentials:
    """A user name and a password, or a token that stands for both. Never printed."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


def find_credentials(reference: Reference, environ: Mapping[str, str], run: Runner | None = None) -> Credentials | None:
    """The user's credentials for a repository, or None. `run` starts a credential helper where one is configured.

    Raises Usage (LG887) for a file that cannot be read, Unavailable (LG888) for a helper that gives nothing.
    """
    for path in _files(environ):
        config = _read(path)
        for name in _names(reference):
            found = _helped(config, name, path, run) or _written(config, name, path)
            if found is not None:
                return found
    return None


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("HOME", "")
    docker = environ.get("DOCKER_CONFIG") or (home and f"{home}/.docker")
    if docker:
        yield Path(docker, "config.json")
    if environ.get("REGISTRY_AUTH_FILE"):
        yield Path(environ["REGISTRY_AUTH_FILE"])
    if environ.get("XDG_RUNTIME_DIR"):
        yield Path(environ["XDG_RUNTIME_DIR"], "containers", "auth.json")
    config = environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config")
    if config:
        yield Path(config, "containers", "auth.json")


def _names(reference: Reference) -> Iterator[str]:
    """As what a file may know a repository: podman by its name or a part of it, the longest first; docker by host."""
    parts = reference.repository.split("/")
    for count in range(len(parts), -1, -1):
        yield "/".join([reference.registry, *parts[:count]])
    yield f"https://{reference.registry}"
    if reference.registry == "docker.io":
        yield from _HUB


def _read(path: Path) -> dict[str, Any]:
    try:
        value = decode(read_regular(path, _MOST_FILE))
        if not isinstance(value, dict):
            raise ValueError("it is no JSON object")
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _unreadable(path, str(error)) from None
    except LockgateError as error:
        raise _unreadable(path, error.message) from None
    return value


def _table(config: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    found = config.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _unreadable(path, f"{name} is no object")
    return found


def _helped(config: Mapping[str, Any], name: str, path: Path, run: Runner | None) -> Credentials | None:
    """From a credential helper: the one for this registry, else the one that keeps everything that was logged in to."""
    helper = _table(config, "credHelpers", path).get(name)
    entry = _table(config, "auths", path).get(name)
    if helper is None and config.get("credsStore") and entry is not None and not (entry or {}).get("auth"):
        helper = config["credsStore"]
    if helper is None:
        return None
    if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
        raise _unreadable(path, "a credential helper is the end of a program's name, such as pass")
    program = f"docker-credential-{helper}"
    if run is None:
        raise _no_help(program, name, "credential helpers cannot be started here")
    try:
        output = run([program, "get"], name.encode())
    except ValueError as error:
        raise _no_help(program, name, str(error)) from None
    try:
        value = decode(output)
        user, secret = value["Username"], value["Secret"]
        if not isinstance(user, str) or not isinstance(secret, str):
            raise ValueError("texts are expected")
    except (ValueError, KeyError, TypeError) as error:
        raise _no_help(program, name, f"its answer cannot be read ({type(error).__name__})") from None
    return Credentials(identity_token=secret) if user == _TOKEN_USER else Credentials(user, secret)


def _written(config: Mapping[str, Any], name: str, path: Path) -> Credentials | None:
    entry = _table(config, "auths", path).get(name)
    if not entry:
        return None
    if not isinstance(entry, dict):
        raise _unreadable(path, f"the entry of {name} is no object")
    token, auth = entry.get("identitytoken") or "", entry.get("auth") or ""
    try:
        user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
        if not isinstance(token, str) or (auth and not (colon and user)):
            raise ValueError
    except (ValueError, TypeError):
        raise _unreadable(path, f"the entry of {name} is not the base64 of USER:PASSWORD") from None
    return Credentials(user, password.rstrip("\0"), token) if auth or token else None


def _unreadable(path: Path, why: str) -> Usage:
    return Usage(
        "LG887",
        f"{path} cannot be read: {shown(why)}",
        seen={"file": str(path)},
        next=f"edit {path}, or make it anew with docker login or podman login",
    )


def _no_help(program: str, registry: str, why: str) -> Unavailable:
    return Unavailable(
        "LG888",
        f"{program} gives no credentials for {registry}: {shown(why)}",
        seen={"helper": program, "registry": registry},
        next=f"echo {registry} | {program} get   # look what it says; it prints the password",
    )
