"""REF: how a person names a model. A pure function of the registrations and deployments in the log.

    latest                       the newest registered
    name                         its newest version
    name@7                       that version
    name@sha256:41d0...          the version with that manifest; a unique prefix will do
    name:live, name:live@prod    what is live in this environment, in that one
    sha256:41d0..., 41d0...      a unique prefix of a manifest digest, at least 4 digits

A name is never a path, and what fits two models is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockgate.audit import deployments, entries
from lockgate.audit.entries import Registration
from lockgate.audit.imports import named
from lockgate.audit.origins import registration_of
from lockgate.core.digest import short
from lockgate.errors import Refused, Usage

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})\Z")
_FORM = re.compile(
    r"(?P<name>[^@:/\s]+)(?::(?P<rung>[a-z]+)(?:@(?P<environment>[^@:/\s]+))?|@(?P<version>[^@/\s]+))?\Z"
)


def resolve(ref: str, evidences: Sequence[Evidence], environment: str) -> Registration:
    """The registration that `ref` names; `environment` is the one that a bare `name:live` means.

    Raises:
        Usage: LG501 not a REF, LG502 it fits nothing, LG503 it fits several, LG468 it names an imported model.
        Refused: LG520 nothing is live there.
        VerificationFailed: as `deployments.chain`, for `name:live`.
    """
    known = entries.registrations(evidences)
    _refuse_import(ref, evidences)
    if not known and ref == "latest":
        raise Usage("LG502", "no model is registered yet", seen={"ref": ref}, next="lockgate run")
    if ref == "latest":
        return _only(ref, known[-1:])
    prefix = _PREFIX.match(ref)
    by_digest = _with_prefix(prefix.group(1), known) if prefix else []
    if ref.startswith("sha256:"):
        if not prefix:
            raise _not_a_ref(ref)
        return _only(ref, by_digest)
    form = _FORM.match(ref)
    if form is None or (form["rung"] or "live") != "live":
        raise _not_a_ref(ref)
    named = [one for one in known if one.name == form["name"]]
    if form["rung"]:
        return _live(form["name"], form["environment"] or environment, evidences, named)
    if form["version"]:
        return _only(ref, _of_version(ref, form["version"], named))
    return _only(ref, [*named[-1:], *by_digest])


def _refuse_import(ref: str, evidences: Sequence[Evidence]) -> None:
    """An import has no contract, no judge and no training: it is named, and is no model that our gateway loads."""
    found = named(ref.partition(":")[0], evidences)
    if found is not None:
        file = max(found.files, key=lambda each: each.size).name
        raise Usage(
            "LG468",
            f"{found.ref} was imported: it can be trained with, or loaded by another server, and is not deployed here",
            seen={"manifest": found.manifest, "statement": found.evidence.digest},
            next=f'in lockgate.toml: [[input]], source = "import:{found.ref}/{file}"; then lockgate run',
        )


def _live(name: str, environment: str, evidences: Sequence[Evidence], named: Sequence[Registration]) -> Registration:
    if not named:
        return _only(f"{name}:live", ())
    deployment = deployments.current(environment, name, evidences)
    if deployment is None:
        raise Refused(
            "LG520",
            f"no version of {name} is live in {environment}",
            seen={"environment": environment, "name": name},
            next=f"lockgate deploy {name} --env {environment}",
        )
    return registration_of(deployment, evidences)


def _of_version(ref: str, version: str, named: Sequence[Registration]) -> list[Registration]:
    if version.startswith("sha256:"):
        prefix = _PREFIX.match(version)
        if not prefix:
            raise _not_a_ref(ref)
        return _with_prefix(prefix.group(1), named)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise _not_a_ref(ref)
    return [one for one in named if one.version == int(version)]


def _with_prefix(digits: str, known: Sequence[Registration]) -> list[Registration]:
    return [one for one in known if one.manifest.startswith(f"sha256:{digits}")]


def _only(ref: str, found: Sequence[Registration]) -> Registration:
    distinct = {one.evidence.digest: one for one in found}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    if not distinct:
        raise Usage("LG502", f"no registered model is called {ref}", seen={"ref": ref}, next="lockgate models")
    fits = [f"{one.ref} ({short(one.manifest)})" for one in distinct.values()]
    raise Usage(
        "LG503",
        f"{ref} fits {len(fits)} models: {', '.join(fits)}",
        seen={"ref": ref, "fits": fits},
        next="lockgate models",
    )


def _not_a_ref(ref: str) -> Usage:
    return Usage(
        "LG501",
        f"{ref!r} is not a model's name, name@version, name@sha256:..., name:live, name:live@ENV, digest or latest",
        seen={"ref": ref},
        next="lockgate models",
    )
