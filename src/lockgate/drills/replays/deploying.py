"""Drills: a model is put live that must not be: unapproved, revoked, too old, by one stolen key, or by an old word.

Where the user's policy decides, the strict environment of that policy is the one that is attacked.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays import hand
from lockgate.drills.replays.asked import asked
from lockgate.drills.replays.records import until
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_DESCRIPTION: Final = re.compile(r'^(description\s*=\s*)"[^"\n]*"', re.MULTILINE)
_PROJECT: Final = re.compile(r"^\[project\][^\n]*\n", re.MULTILINE)


def unapproved(scene: Scene) -> Tried:
    """Deploy where the policy asks for approvals, with none."""
    rules = asked(scene, scene.strict)
    if not rules.approvals or rules.weight("approvals") != "enforce":
        raise NotApplicable(f"the policy of {scene.strict} asks for no approval, or only warns where one is missing")
    # Where there is one environment only, the twin's model is approved in it.
    ref = scene.ref if scene.strict != scene.lenient else _newer_version(scene)
    done = scene.lockgate("deploy", ref, "--env", scene.strict)
    # The refusal itself is the policy's (LG511), for whatever reasons; these are they.
    said = scene.lockgate("policy", "check", ref, "--env", scene.strict)
    if done.ok and "LG555" in str(said.document):
        raise NotApplicable(f"the policy of {scene.strict} has models like this one approved without a person")
    did = f"a model that nobody approved was to go live in {scene.strict}"
    return Tried(did, done.command, (done.document, said.document), reached=done.ok)


def approval_from_elsewhere(scene: Scene) -> Tried:
    """Bring in an approval that its person gave with the same key in another project."""
    mail = scene.place / "elsewhere.approval"
    scene.must("approve", scene.ref, "--env", scene.strict, "--to-file", mail)
    said = hand.opened(mail.read_bytes())
    # What that person's program signs there: the same, and the other project's name.
    said["predicate"]["project"] = hand.digest(b"another project").removeprefix("sha256:")
    mail.write_bytes(hand.signed(said, hand.stolen_key(scene, "approver")))
    done = scene.lockgate("log", "add", mail)
    did = "an approval that was given in another project, with the same key, was sent to be sealed"
    return Tried(did, done.command, hand.told(done), reached=done.ok)


def stolen_approver(scene: Scene) -> Tried:
    """Approve with the stolen key, and sign with it too that the policy is met, and the deployment.

    The thief has a clone of the project, the approver's key file, and a mailbox from which somebody seals.
    """
    thief = hand.somebody(scene, "thief", "approver")
    mail = scene.place / "approval"
    approved = thief("approve", scene.ref, "--env", scene.strict, "--to-file", mail, at=scene.root)
    if not approved.ok:
        raise ValueError(f"the thief cannot approve: {approved.err[-400:]}")
    approval = mail.read_bytes().rstrip(b"\n")
    key = hand.stolen_key(scene, "approver")
    summary = hand.signed(_as_in(scene, "promote", approval), key)
    deployment = _as_in(scene, "deploy", approval)
    deployment["predicate"]["vsa"] = hand.digest(summary)
    mail.write_bytes(b"\n".join((approval, summary, hand.signed(deployment, key), b"")))
    directly = thief("deploy", scene.ref, "--env", scene.strict, at=scene.root)
    sealed = scene.lockgate("log", "add", mail)
    did = "with the approver's key alone an approval, a summary and a deployment were signed, and sent to be sealed"
    return Tried(did, sealed.command, (*hand.told(sealed), directly.document), reached=directly.ok or sealed.ok)


def old_version(scene: Scene) -> Tried:
    """Bring an older version back, below the floor that was raised when it was replaced."""
    older = hand.named(hand.registration(scene))
    newer = _newer_version(scene)
    words = ("--env", scene.lenient, "--to", "live", "--reason", "the older one is vulnerable", "--raise-floor")
    _put(scene, newer, *words)
    back = scene.lockgate("rollback", scene.lenient, "--to", older, "--reason", "it worked")
    again = scene.lockgate("deploy", older, "--env", scene.lenient)
    did = f"{newer} went live and raised the floor; then {older} was to come back"
    return Tried(did, again.command, (back.document, again.document), reached=back.ok or again.ok)


def revoked_model(scene: Scene) -> Tried:
    """Deploy a model that was revoked, and load it."""
    scene.must("revoke", scene.ref, "--reason", "it leaks the label")
    deployed = scene.lockgate("deploy", scene.ref, "--env", scene.lenient)
    loaded = scene.lockgate("verify", scene.ref)
    did = "a model was revoked; then it was to be deployed again, and verified by who loads it"
    return Tried(did, deployed.command, (deployed.document, loaded.document), reached=deployed.ok or loaded.ok)


def replayed_deployment(scene: Scene) -> Tried:
    """Keep a signed deployment back, and bring it in after the model was taken back."""
    newer = _newer_version(scene)
    held = scene.place / "held.deployment"
    _put(scene, newer, "--env", scene.lenient, "--to-file", held)
    # Its times are whole seconds. What is signed in the same one may be the same bytes: known, and for that refused.
    signed = int(time.time())
    until(lambda: int(time.time()) > signed, 2)
    scene.must("deploy", newer, "--env", scene.lenient, "--reason", "by hand, while the mail was on its way")
    scene.must("rollback", scene.lenient, "--reason", "complaints")
    done = scene.lockgate("log", "add", held)
    did = f"a deployment of {newer} was signed and kept back; it came in after a rollback"
    return Tried(did, done.command, hand.told(done), reached=done.ok)


def _as_in(scene: Scene, claim: str, approval: bytes) -> dict[str, Any]:
    """What the deployer said of the twin's model in the lenient environment, said of the strict one."""
    said = hand.newest(scene, claim).statement
    predicate = said["predicate"]
    predicate["environment"] = scene.strict
    if claim == "promote":
        predicate["resourceUri"] = predicate["resourceUri"].replace(f":{scene.lenient}:", f":{scene.strict}:")
        predicate["policy"]["uri"] = predicate["policy"]["uri"].removesuffix(scene.lenient) + scene.strict
        named = {"sha256": hand.digest(approval).removeprefix("sha256:")}
        predicate["inputAttestations"].append({"digest": named, "name": "approve/1"})
    else:
        predicate |= {"sequence": 1, "predecessor": None}
    return said


def _newer_version(scene: Scene) -> str:
    """The same model registered once more, as another version: it has another description."""
    settings = scene.root / "lockgate.toml"
    text, count = _DESCRIPTION.subn(r'\1"drilled"', settings.read_text("utf-8"), count=1)
    if not count:
        text, count = _PROJECT.subn(r'\g<0>description = "drilled"\n', text, count=1)
    if not count:
        text = f'[project]\ndescription = "drilled"\n\n{text}'
    settings.write_text(text, "utf-8")
    ref: str = scene.must("register", "--env", scene.lenient)["ref"]
    return ref


def _put(scene: Scene, ref: str, *words: str | Path) -> None:
    """Deploy, with an approval where the policy asks for one."""
    if not scene.lockgate("deploy", ref, *words).ok:
        scene.must("approve", ref, "--env", scene.lenient)
        for file in (word for word in words if isinstance(word, Path)):
            file.unlink(missing_ok=True)  # what says no was signed into it
        scene.must("deploy", ref, *words)


DRILLS: tuple[Drill, ...] = (
    Drill("unapproved", "deploys a model that nobody approved", "LT14", "approvals", "LG512", unapproved),
    Drill(
        "approval-from-elsewhere",
        "brings an approval that was given in another project",
        "LT14",
        "approvals",
        "LG844",
        approval_from_elsewhere,
    ),
    Drill(
        "stolen-approver",
        "tries to reach live with a stolen approver's key alone",
        "LT14",
        "roles-apart",
        "LG817",
        stolen_approver,
        limit="who has stolen the deployer's key besides, or holds every role, is not stopped by roles",
    ),
    Drill("old-version", "brings a vulnerable older version back", "LT15", "floor", "LG515", old_version),
    Drill("revoked-model", "deploys a model that was revoked", "LT15", "revocation", "LG514", revoked_model),
    Drill(
        "replayed-deployment",
        "keeps a signed deployment back and brings it in later",
        "LT15",
        "deployment-sequence",
        "LG521",
        replayed_deployment,
    ),
)
