"""Drills: configuration that would become code in whoever reads it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lockgate.drills.replays.hub import smuggled
from lockgate.drills.replays.packages import add_setting
from lockgate.drills.replays.spec import Drill, Tried

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_COMMAND: Final = "touch stolen"
_REMOTE: Final = {"AutoModel": "someone/else--modeling.Mine"}
_TEMPLATE: Final = "{{ messages.__class__.__mro__[1].__subclasses__() }}"


def _targets(scene: Scene) -> Tried:
    layer = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wE="}}}}
    flavour = "flavors:\n  python_function:\n    loader_module: stealer\n"
    hostile = {
        "model_config.json": _json({"loss": {"_target_": "posix.system", "_args_": [_COMMAND]}}),
        "keras.json": _json({"class_name": "Sequential", "config": {"layers": [layer]}}),
        "pickled.json": _json({"state": {"py/reduce": [{"py/function": "posix.system"}, {"py/tuple": [_COMMAND]}]}}),
        "hparams.yaml": f"loss: !!python/object/apply:posix.system [{_COMMAND}]\n".encode(),
        "MLmodel": flavour.encode(),
    }
    return smuggled(scene, hostile, "gave a model five configurations whose targets are calls of the system")


def _remote_code(scene: Scene) -> Tried:
    hostile = {
        "config.json": _json({"model_type": "bert", "auto_map": _REMOTE}),
        "vision/config.json": _json({"text_config": {"nested": {"auto_map": _REMOTE}}, "trust_remote_code": False}),
        "generation_config.json": _json({"custom_generate": "someone/else"}),
        "attention.json": _json({"attn_implementation": "someone/kernel"}),
        "tokenizer_config.json": _json({"chat_template": _TEMPLATE}),
        "modeling.py": b"import os\n\nos.system('touch stolen')\n",
    }
    return smuggled(scene, hostile, "had a model's settings name code of another repository, at the top and nested")


def _settings(scene: Scene) -> Tried:
    file = scene.root / "lockgate.toml"
    honest = file.read_text("utf-8")
    scene.must("status")
    file.write_text(f'{honest}\n[hooks]\n_target_ = "posix.system"\n_args_ = ["{_COMMAND}"]\n', "utf-8")
    done = scene.lockgate("status")
    did = "added a table to lockgate.toml that names a call of the system"
    return Tried(did, done.command, (done.document,), reached=done.ok)


def _stranger(scene: Scene) -> Tried:
    """The project is cloned by somebody who never pinned its root."""
    home = scene.place / "stranger"
    home.mkdir()
    clone = replace(scene, program=replace(scene.program, home=home))
    add_setting(scene, "environment.indexes", 'drill = "cmd:touch ran"')
    done = clone.lockgate("lock", "--check")
    did = "handed out a project whose lockgate.toml names a command where a secret is looked up"
    return Tried(did, done.command, (done.document,), reached=(scene.root / "ran").exists())


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


DRILLS: tuple[Drill, ...] = (
    Drill(
        "code-in-configuration",
        "names calls of the system as targets in a model's configuration",
        "LT11",
        "closed-schema",
        "LG464",
        _targets,
        incident=11,
    ),
    Drill(
        "remote-code-model",
        "has a model's settings load code of another repository",
        "LT11",
        "formats-by-content",
        "LG464",
        _remote_code,
        incident=12,
    ),
    Drill(
        "code-in-settings",
        "adds a target to the project's own settings, in a change that nobody reads",
        "LT11",
        "closed-schema",
        "LG942",
        _settings,
    ),
    Drill(
        "stranger-command",
        "hands out a project whose settings name a command to be run",
        "LT11",
        "pinned-root",
        "LG825",
        _stranger,
        limit="whoever pinned the root, and takes over a change of lockgate.toml unread, runs the commands in it",
    ),
)
