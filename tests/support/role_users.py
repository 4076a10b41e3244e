"""Run inside a private mount namespace, as root: real useradd, visudo and sudo, and nothing of the host is changed.

    python role_users.py inside|neighbours|installed PLACE REPOSITORY PACKAGES   (below `unshare --mount`)

/etc is a copy, /var/lib, /var/log, /run, /home and /opt are empty. Two ordinary users, mara who has a project and her
keys, and an engineer; what each could do before and after `doctor --fix` is printed as one JSON object. `neighbours`:
the engineer has a project of his own, and a clone of mara's. `installed`: files of the installation that others may
change or that run at every start.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PYTHON = Path("/opt/lockgate/bin/python")
SITE = PYTHON.parents[1] / f"lib/python3.{sys.version_info[1]}/site-packages"
FLIGHTS, MINE, CLONE = "/home/mara/flights", "/home/engineer/mine", "/home/engineer/clone"
SECRET = Path("/var/lib/secret")  # on one file system with the keys, for a second name of it
SIGN = """
import json, sys
from datetime import UTC, datetime
from lockgate.core.digest import digest_of
from lockgate.core.statement import APPROVAL, Statement, Subject, claim_uri
from lockgate.errors import LockgateError
from lockgate.trust import pin
from lockgate.trust.keyring import Keyring
keyring = Keyring.open(next(pin.pins()).project_id)
approval = Statement((Subject("m", digest_of(b"m")),), APPROVAL, {"claim": claim_uri("approve"), "environment": "dev"})
found = {}
def attempt(name, call):
    try:
        found[name] = call()
    except LockgateError as error:
        found[name] = error.finding
approver = keyring.signer("approver")
attempt("approve", lambda: approver.keyid.encode() in approver.sign(approval) and "signed")
note = f"lockgate/{keyring.project_id}/events\\n0\\n{'A' * 43}=\\n".encode()
attempt("seal", lambda: len(keyring.signer("sealer").sign_note(note)) == 64 and "signed")
attempt("anything", lambda: keyring.signer("trainer").signature(b"anything").hex() and "signed")
proof = f"lockgate-proof-v1 judge {keyring.project_id} {0:032}\\n".encode()
attempt("prove", lambda: keyring.signer("judge").signature(proof).hex() and "signed")
attempt("hand out", lambda: keyring.give_out("judge")[:27].decode())
attempt("hand out the sealer's", lambda: keyring.give_out("sealer")[:27].decode())
print(json.dumps(found))
"""
APPROVAL = """
import sys
from lockgate.core.digest import digest_of
from lockgate.core.statement import APPROVAL, PAYLOAD_TYPE, Statement, Subject, claim_uri
from lockgate.trust.dsse import pae
said = {"claim": claim_uri("approve"), "environment": "dev", "project": sys.argv[1]}
approval = Statement((Subject("m", digest_of(b"m")),), APPROVAL, said)
sys.stdout.buffer.write(pae(PAYLOAD_TYPE, approval.payload()))
"""


def run(user: str, *words: str | Path, given: bytes = b"", sudo_user: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run a command as a user with that user's groups, in that user's home."""
    entry = pwd.getpwnam(user)
    environment = {"HOME": entry.pw_dir, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "USER": user}
    environment |= {"SUDO_USER": sudo_user} if sudo_user else {}
    return subprocess.run(
        list(map(str, words)),
        input=given,
        capture_output=True,
        check=False,
        env=environment,
        cwd=entry.pw_dir if os.access(entry.pw_dir, os.X_OK) else "/",
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=os.getgrouplist(user, entry.pw_gid),
        timeout=120,
    )


def lockgate(user: str, *words: str, sudo_user: str = "", project: str = FLIGHTS) -> dict[str, Any]:
    """`lockgate ... --json` in a project, which is mara's."""
    done = run(user, PYTHON, "-m", "lockgate", *words, "-C", project, "--json", sudo_user=sudo_user)
    said = json.loads(done.stdout) if done.stdout.startswith(b"{") else {"error": done.stderr.decode()}
    return {"code": done.returncode, **said}


def mount(*words: str | Path) -> None:
    """A mount of this namespace."""
    subprocess.run(["mount", *map(str, words)], check=True)


def separate(place: Path, repository: Path) -> None:
    """Cover what would be changed, and install Lockgate where only root can write."""
    mount("--make-rprivate", "/")
    shutil.copytree("/etc", place / "etc", symlinks=True, ignore_dangling_symlinks=True)
    mount("--bind", place / "etc", "/etc")
    for covered in ("/var/lib", "/var/log", "/run", "/home", "/opt"):
        mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", covered)
    SITE.mkdir(parents=True)
    PYTHON.parent.mkdir()
    PYTHON.symlink_to(f"/usr/bin/python3.{sys.version_info[1]}")
    (PYTHON.parents[1] / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    theirs = Path(sys.argv[4])
    shutil.copytree(repository / "src/lockgate", SITE / "lockgate")
    shutil.copytree(repository / "examples", SITE / "lockgate/_examples")  # as in a wheel
    shutil.copytree(theirs / "cryptography", SITE / "cryptography")
    for file in theirs.glob("_cffi_backend*"):
        shutil.copy2(file, SITE)
    (SITE / "others.pth").write_text(f"{theirs}\n")  # for the commands; the helper needs none of it
    for name in ("mara", "engineer"):
        subprocess.run(["useradd", "--create-home", "--user-group", name], check=True)
    os.chmod("/home/mara", 0o755)


def readers(files: Mapping[str, Path]) -> dict[str, list[str]]:
    """Which user can read which role's key."""
    who = ["mara", "engineer", *(f"lockgate-{role}" for role in files)]
    known = [one for one in who if any(entry.pw_name == one for entry in pwd.getpwall())]
    look = "import os, sys; print(*[i for i, p in enumerate(sys.argv[1:]) if os.access(p, os.R_OK)])"
    found = {}
    for one in known:
        done = run(one, "/usr/bin/python3", "-I", "-S", "-c", look, *files.values())
        found[one] = [list(files)[int(number)] for number in done.stdout.split()]
    return found


def inside(place: Path, repository: Path) -> dict[str, Any]:
    """The whole story."""
    separate(place, repository)
    from lockgate.trust.authority import ROLES

    found: dict[str, Any] = {}
    made = run("mara", PYTHON, "-m", "lockgate", "init", "flights", "--json")
    project_id = json.loads(made.stdout)["project_id"]
    folder = Path("/home/mara/.config/lockgate") / project_id
    kept = {role: key_of(project_id, "mara", role) for role in ROLES if role != "sealer"}
    found["readers before"] = readers({role: folder / f"{role}.key" for role in ROLES})
    found["shown to mara"] = lockgate("mara", "doctor", "--quick", "--fix")
    found["shown to root"] = lockgate("root", "doctor", "--quick", "--fix", sudo_user="mara")
    found["still there"] = sorted(path.name for path in folder.glob("*.key"))
    found["fixed"] = lockgate("root", "doctor", "--quick", "--fix", "--yes", sudo_user="mara")
    found["folder"] = sorted(path.name for path in folder.iterdir() if path.suffix != ".pub")
    found["modes"] = sorted(
        {f"{one.stat().st_mode & 0o777:o}" for path in kept.values() for one in (path, path.parent)}
    )
    found["readers"] = readers(kept | {"sealer": folder / "sealer.key"})
    found["mara signs"] = json.loads(run("mara", PYTHON, "-c", SIGN).stdout)
    asked = run("mara", PYTHON, "-c", APPROVAL, project_id).stdout
    as_trainer = ("sudo", "-n", "-u", "lockgate-trainer", "--")
    refused = run("mara", *as_trainer, *helper(project_id, "mara", "trainer"), given=asked)
    found["approval by the trainer"] = {"code": refused.returncode, **json.loads(refused.stderr)}
    found["approval as judge by the trainer's user"] = run(
        "mara", *as_trainer, *helper(project_id, "mara", "approver"), given=asked
    ).returncode
    found["anything else as the trainer"] = run("mara", *as_trainer, "cat", kept["trainer"]).stdout.decode()
    found["the engineer's sudo"] = run("engineer", *as_trainer, *helper(project_id, "mara", "trainer")).returncode
    found["names of her own"] = _own_names(helper(project_id, "mara", "trainer"), kept["trainer"])
    os.rename(folder / "judge.pub", folder / "judge.pub.away")
    shutil.copy(folder / "trainer.pub", folder / "judge.pub")
    found["mara signs, another public half"] = json.loads(run("mara", PYTHON, "-c", SIGN).stdout)
    os.rename(folder / "judge.pub.away", folder / "judge.pub")
    found["undone"] = lockgate("root", "doctor", "--undo", "--yes", sudo_user="mara")
    found["folder after"] = sorted(path.name for path in folder.iterdir() if path.suffix != ".pub")
    found["signs after"] = json.loads(run("mara", PYTHON, "-c", SIGN).stdout)
    users = [entry.pw_name for entry in pwd.getpwall() if entry.pw_name.startswith("lockgate-")]
    places = [*Path("/var/lib").glob("lockgate*"), *Path("/etc/sudoers.d").glob("lockgate*")]
    found["left"] = [*users, *map(str, places)]
    return found


def key_of(project_id: str, user: str, role: str) -> Path:
    """Where a role's user keeps somebody's key."""
    return Path("/var/lib/lockgate") / project_id / str(pwd.getpwnam(user).pw_uid) / role / f"{role}.key"


def helper(project_id: str, user: str, role: str) -> tuple[str, ...]:
    """The command that signs with somebody's key."""
    uid = str(pwd.getpwnam(user).pw_uid)
    return (f"/var/lib/lockgate/{project_id}/{uid}/helper", role, project_id, uid)


def _own_names(command: tuple[str, ...], key: Path) -> dict[str, Any]:
    """What mara gets by names of her own for the interpreter and for the script, with a module of hers beside them."""
    place = Path("/home/mara/v")
    module = place / f"lib/python3.{sys.version_info[1]}/site-packages/lockgate/trust/role_helper.py"
    module.parent.mkdir(parents=True)
    for folder in (module.parent, module.parents[1]):
        (folder / "__init__.py").write_text("")
    module.write_text(f"import os\nprint('hers', os.getuid(), os.access({str(key)!r}, os.R_OK))\nmain = print\n")
    (place / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (place / "bin").mkdir()
    (place / "bin/python").symlink_to(PYTHON.resolve())
    (place / "bin/helper").symlink_to(command[0])
    as_trainer = ("sudo", "-n", "-u", "lockgate-trainer", "--")
    mine = ("-I", "-m", "lockgate.trust.role_helper", *command[1:])
    tried: dict[str, tuple[str | Path, ...]] = {
        "her interpreter, as herself": (place / "bin/python", *mine),
        "her interpreter": (*as_trainer, place / "bin/python", *mine),
        "root's interpreter": (*as_trainer, PYTHON, *mine),
        "her interpreter, root's script": (*as_trainer, place / "bin/python", *command),
        "her name of the script": (*as_trainer, place / "bin/helper", *command[1:]),
        "her name of the script, another role": (*as_trainer, place / "bin/helper", "approver", *command[2:]),
    }
    done = {name: run("mara", *words, given=b"anything") for name, words in tried.items()}
    return {name: [one.returncode, one.stdout.decode(), "LG877" in one.stderr.decode()] for name, one in done.items()}


def installed(place: Path, repository: Path) -> dict[str, Any]:
    """A file that runs at every start of Python and that others may change; then one that is root's; then another."""
    separate(place, repository)
    hack, ran = SITE / "hack" / "__init__.py", Path("/run/ran")
    hack.parent.mkdir()
    hack.write_text(f"import os\nprint(os.getuid(), file=open({str(ran)!r}, 'a'))\n")
    (SITE / "hack.pth").write_text("import hack\n")
    ran.touch()
    ran.chmod(0o666)
    made = run("mara", PYTHON, "-m", "lockgate", "init", "flights", "--json")
    project_id = json.loads(made.stdout)["project_id"]
    keys = Path("/home/mara/.config/lockgate") / project_id
    found: dict[str, Any] = {}
    for how in ("open", "closed"):
        hack.chmod(0o666 if how == "open" else 0o644)
        said = lockgate("root", "doctor", "--quick", "--fix", "--yes", sudo_user="mara")
        left = [path.name for path in Path("/var/lib").glob("lockgate*")]
        found[how] = [said["code"], said.get("finding"), said.get("seen", {}).get("path"), left]
        found[f"keys, {how}"] = len(list(keys.glob("*.key")))
    ran.write_text("")
    found["mara signs"] = json.loads(run("mara", PYTHON, "-c", SIGN).stdout)["approve"]
    found["ran as"] = [pwd.getpwuid(int(uid)).pw_name for uid in ran.read_text().split()]

    run("engineer", PYTHON, "-m", "lockgate", "init", "mine", "--json")
    other = Path("/opt/other/bin/python")
    shutil.copytree(PYTHON.parents[1], other.parents[1], symlinks=True)
    words = ("doctor", "--quick", "--fix", "--yes", "-C", MINE)
    found["another"] = run("root", other, "-m", "lockgate", *words, sudo_user="engineer").returncode
    shutil.rmtree(other.parents[1])
    found["after another"] = [
        json.loads(run(user, PYTHON, "-c", SIGN).stdout)["approve"] for user in ("mara", "engineer")
    ]
    return found


def approves(by: str, whose: str, project_id: str, public: str) -> str:
    """Whether `by` gets an approval signed with the approver's key that is kept for `whose`: by whose public half."""
    from lockgate.trust.keys import parse_public_key

    asked = run(by, PYTHON, "-c", APPROVAL, project_id).stdout
    words = ("sudo", "-n", "-u", "lockgate-approver", "--", *helper(project_id, whose, "approver"))
    done = run(by, *words, given=asked)
    if done.returncode != 0:
        return "refused"
    verified = parse_public_key(Path(f"/home/{public}/approver.pub").read_text()).verify(done.stdout, asked)
    return "signed" if verified else "another key"


def fix(user: str, project: str, *words: str) -> int:
    """`doctor --fix` by root for a user; its exit code."""
    return int(lockgate("root", "doctor", "--quick", "--fix", "--yes", *words, sudo_user=user, project=project)["code"])


def rules() -> dict[str, int]:
    """How many commands each file of sudo's rules allows."""
    return {path.name: path.read_text().count("\n") for path in Path("/etc/sudoers.d").glob("lockgate*")}


def neighbours(place: Path, repository: Path) -> dict[str, Any]:
    """Two persons and two projects on one host, then two persons of one project, then the way back."""
    separate(place, repository)
    made = run("mara", PYTHON, "-m", "lockgate", "init", "flights", "--json")
    own = run("engineer", PYTHON, "-m", "lockgate", "init", "mine", "--json")
    flights, mine = json.loads(made.stdout)["project_id"], json.loads(own.stdout)["project_id"]
    maras, engineers = f"mara/.config/lockgate/{flights}", f"engineer/.config/lockgate/{mine}"
    found: dict[str, Any] = {
        "names": [
            f"{one}-{pwd.getpwnam(user).pw_uid}"
            for one, user in ((flights, "mara"), (flights, "engineer"), (mine, "engineer"))
        ]
    }
    found["fixed"] = [fix("mara", FLIGHTS), fix("engineer", MINE, "--all")]
    found["groups"] = [run(user, "id", "-Gn").stdout.decode().strip() for user in ("mara", "engineer")]
    found["two projects"] = {
        "mara, her own": approves("mara", "mara", flights, maras),
        "engineer, his own": approves("engineer", "engineer", mine, engineers),
        "engineer, mara's": approves("engineer", "mara", flights, maras),
        "engineer, his own of mara's project": approves("engineer", "engineer", flights, engineers),
        "mara, the engineer's": approves("mara", "engineer", mine, engineers),
    }
    found["the engineer signs"] = json.loads(run("engineer", PYTHON, "-c", SIGN).stdout)

    shutil.copytree(FLIGHTS, CLONE, symlinks=True)
    subprocess.run(["chown", "-R", "engineer:engineer", CLONE], check=True)
    for words in (("trust", "pin", flights), ("trust", "keygen", "approver", "--person", "eng")):
        found[words[1]] = lockgate("engineer", *words, project=CLONE)["code"]
    before = key_of(flights, "mara", "approver").read_bytes()
    found["fixed again"] = [fix("engineer", CLONE), fix("mara", FLIGHTS)]
    found["mara's key is there"] = key_of(flights, "mara", "approver").read_bytes() == before
    found["rules"] = rules()
    second = f"engineer/.config/lockgate/{flights}"
    found["two persons"] = {
        "mara, her own": approves("mara", "mara", flights, maras),
        "engineer, his own": approves("engineer", "engineer", flights, second),
        "engineer, mara's": approves("engineer", "mara", flights, maras),
        "mara, the engineer's": approves("mara", "engineer", flights, second),
    }
    found["undone in the clone"] = lockgate("root", "doctor", "--undo", "--yes", sudo_user="engineer", project=CLONE)
    found["rules after"] = rules()
    found["mara after"] = approves("mara", "mara", flights, maras)

    found["laid"] = _laid(key_of(mine, "engineer", "judge"), Path(f"/home/{engineers}/judge.key"))
    found["undone at last"] = lockgate("root", "doctor", "--undo", "--yes", sudo_user="engineer", project=MINE)["code"]
    found["the engineer's keys"] = len(list(Path(f"/home/{engineers}").glob("*.key")))
    found["left"] = [rules(), approves("mara", "mara", flights, maras)]
    return found


def _laid(key: Path, back: Path) -> dict[str, Any]:
    """What `--undo` answers to what lies in the place of a key, and whether anything came to the user's folder."""
    SECRET.write_text("root's secret\n")
    SECRET.chmod(0o600)
    away = key.with_name("away")
    tried = run("lockgate-judge", "ln", "-s", SECRET, key.with_name("link"))
    found: dict[str, Any] = {"by the role's user": tried.returncode}
    key.rename(away)
    other = key.parents[1] / "trainer" / "trainer.key"
    for how in ("link", "hard link", "another key"):
        if how == "link":
            key.symlink_to(SECRET)
        elif how == "hard link":
            os.link(SECRET, key)
        else:
            shutil.copy2(other if other.exists() else key.parents[1] / "sealer" / "sealer.key", key)
            shutil.chown(key, "lockgate-judge")
        said = lockgate("root", "doctor", "--undo", "--yes", sudo_user="engineer", project=MINE)
        found[how] = [said["code"], said.get("finding"), back.exists() or back.is_symlink()]
        key.unlink()
    away.rename(key)
    return found


if __name__ == "__main__":
    sys.path[:0] = [f"{sys.argv[3]}/src", sys.argv[4]]
    story = {"inside": inside, "neighbours": neighbours, "installed": installed}[sys.argv[1]]
    json.dump(story(Path(sys.argv[2]), Path(sys.argv[3])), sys.stdout, default=str)
