"""Where one drill plays: a twin of the project with a root and keys of its own, and copies of it to tamper with.

The twin is made once for a run of drills: the project's files, founded anew, run and deployed under its policy by the
command line. Each drill gets a copy, so that none sees what another did. No key, pin or log of the project is read.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.drills.replays.program import Done, Program, fetching
from lockgate.drills.replays.served import Houses
from lockgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate.drills.replays.served import House

LEFT_OUT = shutil.ignore_patterns(".lockgate", ".git", ".venv", "__pycache__", "node_modules")
PERSON = "drill"
"""Who holds every key of the twin."""
_RUN_SECONDS = 3600.0
_TOLD = 400


@dataclass(frozen=True)
class Scene:
    """A project of its own below `place`, with homes of its own.

    Attributes:
        root: the project's folder.
        lenient: the environment in which the twin's model is live (`dev`, where the policy has it).
        strict: the environment that asks for most (`prod`, where the policy has it).
        ref: the twin's model.
        base: what this is a copy of; None for the twin itself.
        houses: the gateways that drills of this twin share; whoever plays the drills closes them.
    """

    place: Path
    root: Path
    program: Program
    lenient: str = "dev"
    strict: str = "prod"
    ref: str = "latest"
    base: Scene | None = None
    houses: Houses = field(default_factory=Houses, compare=False)

    @property
    def home(self) -> Path:
        """The folder of registry, log and state."""
        return self.root / ".lockgate"

    def lockgate(self, *words: str | Path, seconds: float = 180.0) -> Done:
        """One command in the project, with `--json`."""
        return self.program(*words, at=self.root, seconds=seconds)

    def must(self, *words: str | Path, seconds: float = 180.0) -> Any:
        """One honest command that the attack needs; its document. Raises Unavailable (LG9001) where it fails."""
        done = self.lockgate(*words, seconds=seconds)
        if not done.ok:
            raise Unavailable(
                "LG9001",
                f"an honest step of a drill failed: {done.command}",
                seen={"code": done.code, "said": _said(done)},
                next="lockgate run" if words[0] == "run" else "lockgate doctor",
            )
        return done.document

    def copy(self, place: Path) -> Scene:
        """A copy to tamper with: same root and keys, a memory of its own. The environment is linked, not copied."""
        target = place / self.root.name
        shutil.copytree(self.root, target, symlinks=True, ignore=_copied)
        (target / ".lockgate" / "env").symlink_to(os.path.realpath(self.home / "env"))
        for name in ("config", "state"):
            shutil.copytree(self.program.home / name, place / name)
        program = replace(self.program, home=place)
        return replace(self, place=place, root=target, program=program, base=self.base or self)

    def shared_house(self) -> House:
        """A gateway that serves a copy of the twin, not of this scene; other drills ask it too, before and after."""
        return self.houses.of(self.base or self)


def begin(scene: Scene, *, say: Callable[[str], None] = lambda _: None) -> Scene:
    """Found the project that lies in the scene, run it, and deploy its model; the scene with the model's name.

    The environment is assembled from the wheels that this user has, as that of any project with the same lock; one that
    is missing is fetched as this user fetches it.
    """
    say("founding the twin")
    founding = replace(scene, program=replace(scene.program, more={**(scene.program.more or {}), **fetching()}))
    founding.must("init", ".", "--person", PERSON)
    say("running it")
    ref = founding.must("run", "--env", scene.lenient, seconds=_RUN_SECONDS)["ref"]
    deploy = ("deploy", ref, "--env", scene.lenient, "--reason", "the twin's first model")
    say("deploying it")
    if not scene.lockgate(*deploy).ok:
        scene.must("approve", ref, "--env", scene.lenient)
        scene.must(*deploy)
    return replace(scene, ref=ref)


def _said(done: Done) -> str:
    """The finding and its sentence, where a command gave one; else its last words, from the beginning of a line."""
    found = done.document if isinstance(done.document, dict) else {}
    found = found.get("error", found)
    if "finding" in found:
        return f"{found['finding']} {found.get('message', '')}"
    return done.err[-_TOLD:].partition("\n")[2] if len(done.err) > _TOLD else done.err


def _copied(folder: str, names: list[str]) -> set[str]:
    left_out = {".lockgate": {"env"}, "state": {"locks", "tmp"}}
    return left_out.get(Path(folder).name, set()) & set(names)
