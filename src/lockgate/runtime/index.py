"""Where wheels may be fetched from: what pip is configured to use on this machine, handed on to uv.

uv does not read pip's configuration. Order, as pip has it: the system's files, the user's, the environment's file,
then PIP_* variables; UV_* variables, where the person has set them, win. Local folders are shown to the jail; those
that are not there are left out. An address is no trust: each wheel's bytes are fixed by the lock.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lockgate.sandbox.settings import Bind

_OPTIONS = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "trusted-host")
_UV = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
}
_PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_TUNED = ("UV_HTTP_RETRIES", "UV_HTTP_TIMEOUT")
_WHERE = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX")
_CERTIFICATES = "/certificates/bundle.crt"


@dataclass(frozen=True)
class Index:
    """uv's environment variables, and what the jail must be shown for them to mean something."""

    environment: tuple[tuple[str, str], ...]
    binds: tuple[Bind, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every index, as the jail sees it, with the login that its address holds."""
        found = dict(self.environment)
        return tuple(" ".join((found.get("UV_DEFAULT_INDEX", ""), found.get("UV_INDEX", ""))).split())

    @property
    def insecure(self) -> tuple[str, ...]:
        """The hosts whose certificate this machine's owner does not want checked."""
        return tuple(dict(self.environment).get("UV_INSECURE_HOST", "").split())


def configured(environ: Mapping[str, str], home: Path) -> Index:
    """The index of this machine for a user with `environ` and `home`. Files that cannot be read count as empty."""
    options: dict[str, str] = {}
    for file in _files(environ, home):
        options |= _read(file)
    options |= {name: environ[_variable(name)] for name in _OPTIONS if environ.get(_variable(name))}
    for name, variables in _UV.items():
        chosen = next((environ[variable] for variable in variables if environ.get(variable)), "")
        options |= {name: chosen} if chosen else {}
    binds: dict[str, Bind] = {}
    found = {
        "UV_DEFAULT_INDEX": _shown(options.get("index-url", ""), binds),
        "UV_INDEX": _shown(options.get("extra-index-url", ""), binds),
        "UV_FIND_LINKS": _shown(options.get("find-links", ""), binds, beside=False).replace(" ", ","),
        "UV_INSECURE_HOST": options.get("trusted-host", ""),
        "UV_NO_INDEX": "1" if options.get("no-index", "").lower() in ("1", "true", "yes", "on") else "",
    }
    for name in _PASSED_ON:
        for spelled in (name, name.lower()):
            found |= {spelled: environ.get(spelled, "")}
    found |= {name: environ.get(name, "") for name in _TUNED}
    bundle = options.get("cert") or environ.get("SSL_CERT_FILE", "")
    if bundle and os.path.isfile(bundle):
        binds[_CERTIFICATES] = Bind(Path(os.path.realpath(bundle)), _CERTIFICATES)
        found["SSL_CERT_FILE"] = _CERTIFICATES
    return Index(tuple((name, value) for name, value in sorted(found.items()) if value), tuple(binds.values()))


def alone(address: str, environ: Mapping[str, str], home: Path) -> Index:
    """The index at `address` and nothing beside it, with this machine's proxies and certificates."""
    machine = configured(environ, home)
    binds = {bind.target: bind for bind in machine.binds if bind.target == _CERTIFICATES}
    shown = _shown(address, binds)
    kept = {name: value for name, value in machine.environment if name not in _WHERE}
    return Index(tuple(sorted({**kept, "UV_DEFAULT_INDEX": shown}.items())), tuple(binds.values()))


def beside(machine: Index, addresses: Mapping[str, str]) -> tuple[Index, dict[str, str]]:
    """`machine` with the logins and folders of further indexes; and their addresses as the jail sees them."""
    binds = {bind.target: bind for bind in machine.binds}
    found, shown = dict(machine.environment), {}
    for name, address in addresses.items():
        inside = _shown(address, binds)
        parts = urlsplit(inside)
        variable = "UV_INDEX_" + name.upper().replace("-", "_")
        for ending, part in (("_USERNAME", parts.username), ("_PASSWORD", parts.password)):
            found |= {variable + ending: unquote(part)} if part else {}
        shown[name] = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return Index(tuple(sorted(found.items())), tuple(binds.values())), shown


def _files(environ: Mapping[str, str], home: Path) -> list[Path]:
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    folders = [folder for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder]
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path(folder) / "pip/pip.conf" for folder in folders]
    files += [Path("/etc/pip.conf"), home / ".pip/pip.conf", own / "pip/pip.conf"]
    return [*files, Path(named)] if named else files


def _read(file: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            items = {key.replace("_", "-"): value for key, value in parser.items(section)}
            found |= {name: " ".join(items[name].split()) for name in _OPTIONS if items.get(name)}
    return found


def _variable(option: str) -> str:
    return "PIP_" + option.upper().replace("-", "_")


def _shown(addresses: str, binds: dict[str, Bind], *, beside: bool = True) -> str:
    """The addresses as they are inside the jail. Local folders become binds; those that are missing are left out.

    With `beside`, a folder is shown with its parent: the pages of a local index point to `../../files/`.
    """
    kept = []
    for address in addresses.split():
        parts = urlsplit(address)
        local = unquote(parts.path) if parts.scheme == "file" else address if "://" not in address else ""
        if not local:
            kept.append(address)
        elif os.path.isdir(local):
            folder = os.path.realpath(local)
            place = _inside(folder, binds, beside=beside and os.path.dirname(folder) != "/")
            kept.append(f"file://{place}" if parts.scheme == "file" else place)
    return " ".join(kept)


def _inside(folder: str, binds: dict[str, Bind], *, beside: bool) -> str:
    source, name = os.path.split(folder) if beside else (folder, "")
    target = next((bind.target for bind in binds.values() if str(bind.source) == source), f"/index/{len(binds)}")
    binds[target] = Bind(Path(source), target)
    return f"{target}/{name}".rstrip("/")
