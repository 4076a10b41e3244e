"""Drills: the rules are bent: another policy, other roles, another root, a key that says what it may not say.

What is sent to be sealed goes through `log add`, on the machine that has the sealer's key, as all mail does.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays import hand
from lockgate.drills.replays.spec import Drill, Tried

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_MALLORY: Final = "mallory"


def looser_policy(scene: Scene) -> Tried:
    """Write a policy that asks for nothing into policy.toml, and into a signed policy that is on its way."""
    file, mail = scene.root / "policy.toml", scene.place / "next.policy"
    text = file.read_text("utf-8")
    version = hand.version_of(text)
    file.write_text(hand.with_version(text, version + 1), "utf-8")
    scene.must("policy", "sign", "--to-file", mail)
    loose = _asking_nothing(scene, version + 1)
    file.write_text(loose, "utf-8")
    envelope = mail.read_bytes().rstrip(b"\n")
    mail.write_bytes(hand.altered(envelope, _with_text(hand.opened(envelope), loose)))
    sealed = scene.lockgate("log", "add", mail)
    deployed = scene.lockgate("deploy", scene.ref, "--env", scene.strict)
    did = "a policy that asks for nothing was written into policy.toml, and into a signed policy on its way to the log"
    return Tried(did, sealed.command, (*hand.told(sealed), deployed.document), reached=sealed.ok)


def older_policy(scene: Scene) -> Tried:
    """Keep a signed policy back, and bring it in after a stricter one."""
    file, held = scene.root / "policy.toml", scene.place / "held.policy"
    text = file.read_text("utf-8")
    version = hand.version_of(text)
    file.write_text(_asking_nothing(scene, version + 1), "utf-8")
    scene.must("policy", "sign", "--to-file", held)
    file.write_text(hand.with_version(text, version + 2), "utf-8")
    scene.must("policy", "sign")
    done = scene.lockgate("log", "add", held)
    did = f"a loose policy, version {version + 1}, was signed and kept back; it came in after version {version + 2}"
    return Tried(did, done.command, hand.told(done), reached=done.ok)


def roles_replaced(scene: Scene) -> Tried:
    """Write the next roles file with a key of one's own as root and deployer, and sign it with that."""
    root, deployer = hand.own_key(), hand.own_key()
    said = hand.newest(scene, "roles").statement
    predicate = said["predicate"]
    predicate["root"] = _sorted([*predicate["root"], _entry(root, "root")])
    predicate["keys"] = _sorted([*predicate["keys"], _entry(deployer, "deployer")])
    predicate |= {"version": predicate["version"] + 1, "time": _now()}
    mail = scene.place / "next.roles"
    mail.write_bytes(hand.signed(said, root))
    done = scene.lockgate("log", "add", mail)
    did = "a roles file that names another root and another deployer was signed by that root"
    return Tried(did, done.command, hand.told(done), reached=done.ok)


def swapped_root(scene: Scene) -> Tried:
    """Put the evidence of another project, whose root this user trusts too, in the place of this one's."""
    scene.must("trust", "pin", hand.project_id(scene))
    other = scene.place / "other"
    shutil.copytree(scene.root, other, symlinks=True, ignore=shutil.ignore_patterns(".lockgate"))
    scene.must("init", other, "--person", _MALLORY)
    shutil.rmtree(scene.home)
    shutil.copytree(other / ".lockgate", scene.home, symlinks=True)
    done = scene.lockgate("verify", "--all")
    did = "the whole .lockgate was replaced by that of another project, in which all is well"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def stolen_validator(scene: Scene) -> Tried:
    """Sign a policy that asks for nothing with the validator's stolen key."""
    said = hand.newest(scene, "policy").statement
    said["predicate"] |= {"time": _now(), "version": said["predicate"]["version"] + 1}
    loose = _with_text(said, _asking_nothing(scene, said["predicate"]["version"]))
    mail = scene.place / "next.policy"
    mail.write_bytes(hand.signed(loose, hand.stolen_key(scene, "validator")))
    done = scene.lockgate("log", "add", mail)
    did = "a policy that asks for nothing was signed with the validator's key"
    return Tried(did, done.command, hand.told(done), reached=done.ok)


def revoked_key(scene: Scene) -> Tried:
    """Approve with a key that was stolen, noticed and rotated."""
    thief, mail = hand.somebody(scene, "thief", "approver"), scene.place / "approval"
    # The thief's clone is older than the rotation: their own program lets them sign.
    clone = scene.place / "clone"
    shutil.copytree(scene.root, clone, symlinks=True)
    scene.must("trust", "rotate", "approver", "--reason", "stolen", "--yes")
    approved = thief("approve", scene.ref, "--env", scene.strict, "--to-file", mail, at=clone)
    if not approved.ok:
        raise ValueError(f"the thief cannot approve: {approved.err[-400:]}")
    done = scene.lockgate("log", "add", mail)
    did = "an approval was signed with a key that had been revoked"
    return Tried(did, done.command, hand.told(done), reached=done.ok)


def _asking_nothing(scene: Scene, version: int) -> str:
    """A policy that lets everything by."""
    tables = (f'[environment.{name}]\nenforce = "off"\napprovals = 0\n' for name in {scene.lenient, scene.strict})
    return "\n".join((f"version = {version}\n", *sorted(tables)))


def _with_text(statement: dict[str, Any], text: str) -> dict[str, Any]:
    """A policy statement about another text."""
    digest = hand.digest(text.encode())
    statement["predicate"] |= {"text": text, "digest": digest}
    statement["subject"][0]["digest"] = {"sha256": digest.removeprefix("sha256:")}
    return statement


def _entry(key: Any, role: str) -> dict[str, Any]:
    """A key as a roles file lists it."""
    pem, name = hand.public(key), hand.fingerprint(key)
    return {"environments": ["*"], "keyid": name, "person": _MALLORY, "publicKey": pem, "role": role}


def _sorted(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda one: str(one["keyid"]))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


DRILLS: tuple[Drill, ...] = (
    Drill("looser-policy", "slips in a policy that asks for nothing", "LT16", "signed-policy", "LG812", looser_policy),
    Drill(
        "older-policy",
        "brings an older, looser policy back into force",
        "LT16",
        "policy-only-rises",
        "LG842",
        older_policy,
    ),
    Drill("roles-replaced", "replaces the roles file", "LT17", "roles-by-root", "LG823", roles_replaced),
    Drill("swapped-root", "swaps the root with all the evidence", "LT17", "pinned-root", "LG826", swapped_root),
    Drill(
        "stolen-validator",
        "signs a policy with a stolen validator's key",
        "LT17",
        "one-claim-per-key",
        "LG817",
        stolen_validator,
    ),
    Drill("revoked-key", "approves with a stolen key that was revoked", "LT17", "roles-by-root", "LG814", revoked_key),
)
