"""docs/how-to/roles-and-keys.md, walked through: one person on one machine, then several persons and a CI system."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from tests.support.machines import Machine, another, founded

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "roles-and-keys.md"


def typed(beginning: str, **names: str) -> list[str]:
    """The command of the guide that begins so, with the capital words filled in: what stands there is what is run."""
    lines = [line.partition("#")[0].strip() for line in GUIDE.read_text(encoding="utf-8").splitlines()]
    (found,) = [line for line in dict.fromkeys(lines) if line.startswith(f"lockgate {beginning}")]
    words = shlex.split(found)[1:]
    for name, value in names.items():
        words = [word.replace(name, value) for word in words]
    return words


def send(file: str, sender: Machine, receiver: Machine) -> None:
    """A file goes by mail."""
    shutil.copy(sender.root / file, receiver.root / file)


def keyid(machine: Machine, role: str, person: str) -> str:
    """The valid key of a person."""
    keys = machine.asked("trust", "show")["keys"]
    (found,) = [one["keyid"] for one in keys if (one["role"], one["person"], one["revoked"]) == (role, person, "")]
    return str(found)


def test_one_person_on_one_machine(tmp_path: Path) -> None:
    """The root's key is moved away; every role is rotated with it, the root itself too, and all of it verifies."""
    mara, signed = founded(tmp_path / "mara")
    stick = tmp_path / "stick.key"
    signed.created.root_key.rename(stick)
    mara.refused("LG830", "trust", "rotate", "judge", "--reason", "yearly", "--yes")
    command = typed("trust rotate signer --reason yearly --root-key")
    mara.refused("LG863", *command[:-1], str(stick))
    said = mara.ok(*command[:-1], str(stick), "--yes")
    assert "gains signer" in said
    assert "loses signer" in said
    mara.ok("trust", "rotate", "sealer", "--reason", "yearly", "--root-key", str(stick), "--yes")
    mara.ok("trust", "rotate", "root", "--reason", "yearly", "--root-key", str(stick), "--yes")
    mara.ok("trust", "rotate", "judge", "--reason", "the new root can", "--yes")
    shown = mara.asked(*typed("trust show --history"))
    assert [one["version"] for one in shown["history"]] == [1, 2, 3, 4, 5]
    assert shown["project_id"] == signed.created.project_id
    mara.ok("verify", "--all")


def test_ten_people_and_a_ci_system(tmp_path: Path) -> None:
    """Keys are made where they stay; files carry what was signed; only the CI system's log says what counts."""
    ci, signed = founded(tmp_path / "ci", person="ci")
    project_id = signed.created.project_id
    eve, jo = (another(tmp_path / name, ci, project_id) for name in ("eve", "jo"))

    # 2. 3. Eve's key is made on her machine; the founder names it.
    eve.ok(*typed("trust keygen approver", FINGERPRINT=project_id))
    send("eve.pub", eve, ci)
    assert "eve" in ci.ok(*typed("trust add-key --role approver"), "--yes")

    # 4. The founder gives up the approver's key.
    ci.ok(*typed('trust revoke-key KEY --reason "held', KEY=keyid(ci, "approver", "ci")), "--yes")

    # 5. Two persons for the root.
    jo.ok(*typed("trust keygen root"))
    send("jo.pub", jo, ci)
    ci.ok(*typed("trust add-key --role root"), "--yes")
    ci.ok(*typed("trust threshold root 2"), "--yes")
    ci.refused("LG820", "log", "add", "next.roles")
    jo.take(ci)
    send("next.roles", ci, jo)
    assert "as root 2 different" in jo.ok(*typed("trust cosign next.roles"), "--yes")
    send("next.roles", jo, ci)
    ci.ok(*typed("log add next.roles"))

    # 6. Eve approves on her machine; the CI system seals it, and deploys on it.
    eve.take(ci)
    eve.ok(*typed("approve", **{"flights@7": "flights@1"}))
    send("eve.approval", eve, ci)
    ci.ok(*typed("log add eve.approval"))
    ci.ok("deploy", "flights@1", "--env", "prod")
    eve.take(ci)
    assert "live in prod" in eve.ok("verify", "flights@1")

    # 7. Eve leaves: two roots sign it.
    (ci.root / "next.roles").unlink()
    ci.ok(*typed('trust revoke-key KEY --reason "eve', KEY=keyid(ci, "approver", "eve")), "--yes")
    jo.take(ci)
    send("next.roles", ci, jo)
    assert "eve left" in jo.ok(*typed("trust cosign next.roles"), "--yes")
    send("next.roles", jo, ci)
    ci.ok(*typed("log add next.roles"))
    ci.ok("verify", "--all")
    assert ci.asked("trust", "show")["thresholds"] == {"root": 2}
