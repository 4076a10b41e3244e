"""How to reach a cluster's API: a kubeconfig, read. Pure but for the files that it names, which the caller reads.

What cannot be verified, or would start a process, is refused: a server without TLS, a certificate that nobody checks, a
plug-in that fetches credentials.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lockgate.core.plain_yaml import read_documents
from lockgate.errors import Usage

FINDING = "LG933"
Read = Callable[[str], bytes]


@dataclass(frozen=True)
class Access:
    """An API server and who we are there. `ca`, `certificate` and `key` are PEM; no text of it shows a secret."""

    host: str
    port: int
    ca: bytes = field(repr=False)
    path: str = ""
    server_name: str = ""
    token: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    namespace: str = "default"


def read_kubeconfig(text: str, *, context: str = "", read: Read) -> Access:
    """The access of a context, or of the current one. `read` reads a file that the kubeconfig names.

    Raises Usage LG933.
    """
    try:
        documents = read_documents(text)
        if len(documents) != 1 or not isinstance(documents[0], dict):
            raise ValueError("it is no single document")
        return _access(documents[0], context, read)
    except (ValueError, OverflowError, OSError) as error:
        raise Usage(
            FINDING, f"the kubeconfig cannot be used: {error}", next="kubectl config view --minify --flatten"
        ) from None


def _access(config: dict[str, Any], context: str, read: Read) -> Access:
    chosen = _named(config, "contexts", context or _text(config, "current-context"), "context")
    cluster = _named(config, "clusters", _text(chosen, "cluster"), "cluster")
    user = _named(config, "users", _text(chosen, "user"), "user")
    for plug_in in ("exec", "auth-provider"):
        if plug_in in user:
            raise ValueError(f"users[].{plug_in} starts a program; use a token (kubectl create token NAME)")
    for unverified in ("username", "password", "as", "as-uid", "as-groups", "as-user-extra"):
        if user.get(unverified):
            raise ValueError(f"users[].{unverified} is not supported")
    if cluster.get("insecure-skip-tls-verify"):
        raise ValueError("insecure-skip-tls-verify: anybody could answer as the cluster")
    if cluster.get("proxy-url"):
        raise ValueError("clusters[].proxy-url is not supported")
    server = urlsplit(_text(cluster, "server"))
    if server.scheme != "https" or not server.hostname:
        raise ValueError(f"server {_text(cluster, 'server')!r} is no https address")
    _check_host(server.hostname)
    ca = _data(cluster, "certificate-authority", read)
    if not ca:
        raise ValueError("it names no certificate-authority: whoever answers would be believed")
    token = _text(user, "token", "") or (read(_text(user, "tokenFile")).decode().strip() if "tokenFile" in user else "")
    access = Access(
        host=server.hostname,
        port=server.port or 443,
        ca=ca,
        path=server.path.rstrip("/"),
        server_name=_text(cluster, "tls-server-name", ""),
        token=token,
        certificate=_data(user, "client-certificate", read),
        key=_data(user, "client-key", read),
        namespace=_text(chosen, "namespace", "default"),
    )
    if bool(access.certificate) != bool(access.key) or not (access.certificate or token):
        raise ValueError("the user has neither a token nor a certificate with its key")
    if not token.isprintable() or not token.isascii():
        raise ValueError("the token has signs that no token has")
    return access


def _check_host(host: str) -> None:
    """Else the resolver would raise what no caller expects."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError(f"{host!r} is no host name") from None


def _named(config: dict[str, Any], field_name: str, name: str, inner: str) -> dict[str, Any]:
    listed = config.get(field_name)
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and each.get("name") == name:
            found = each.get(inner)
            if isinstance(found, dict):
                return found
    raise ValueError(f"it has no {inner} {name!r}")


def _text(value: dict[str, Any], name: str, default: str | None = None) -> str:
    found = value.get(name, default)
    if not isinstance(found, str):
        raise ValueError(f"{name} is not said" if found is None else f"{name} is not a text")
    return found


def _data(value: dict[str, Any], name: str, read: Read) -> bytes:
    """`NAME-data` in base64, else the file `NAME`, else nothing."""
    if f"{name}-data" in value:
        try:
            return base64.b64decode(_text(value, f"{name}-data"), validate=True)
        except binascii.Error:
            raise ValueError(f"{name}-data is not base64") from None
    return read(_text(value, name)) if name in value else b""
