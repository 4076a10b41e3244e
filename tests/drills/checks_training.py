"""The one check that stops each drill of `replays.training`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    "escaping-training": (
        Patch(
            "sandbox/settings.py",
            'network=name in ("edge", "tools", "cluster")',
            'network=name in ("edge", "tools", "cluster", "train")',
        ),
    ),
    # The folder of the keys lies beside the rows, and whoever the jail runs as may read it.
    "reading-keys": (
        Patch(
            "train/jails.py",
            '    rows = [] if data is None else [Bind(data, "/in/train.parquet")]\n',
            '    rows = [] if data is None else [Bind(data, "/in/train.parquet"), Bind(config_home(), "/in/keys")]\n'
            '    for one in (config_home(), *config_home().rglob("*")):\n'
            "        one.chmod(0o755)\n",
        ),
    ),
    "reading-heldout": (
        Patch("train/inputs.py", "        if digest in rows:\n", "        if digest in (rows and {}):\n"),
    ),
    "training-bomb": (
        Patch("pipeline/specs.py", "            tasks=train.tasks,\n", "            tasks=8 * train.tasks,\n"),
    ),
    "worse-model": (
        Patch(
            "audit/gate/quality.py",
            '    yield from _within(asked, asked.policy.metrics, "LG434", facts.metric, _TRAIN)\n',
            "    yield from ()\n",
        ),
    ),
}
