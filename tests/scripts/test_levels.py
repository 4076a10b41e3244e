"""The policy states the least isolation level: below it nothing trains, and at it the weaker jail is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.sandbox._landlock import abi
from tests.support.shell import Ready


def train(here: Ready) -> tuple[int, str]:
    """Exit code and words of `lockgate train` in a jail of level 2."""
    done = subprocess.run(
        [sys.executable, "-m", "lockgate", "train"],
        cwd=here.root,
        env={**here.shell.environment(), "LOCKGATE_LAUNCHER": "landlock"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(abi.kernel_abi() < abi.LEAST_ALONE, reason="this kernel's Landlock is too old for level 2")
@pytest.mark.nightly  # by day LG433 and the level of a launcher are refused in unit/audit, attacks/test_jail_levels
def test_a_weaker_jail_is_refused_until_the_policy_allows_it(ready: Ready, tmp_path: Path) -> None:
    """Asking for a launcher by name weakens nothing: exit 4. A signed policy does, and the run says so."""
    here = ready.copy(tmp_path)
    code, said = train(here)
    assert (code, "LG906" in said) == (4, True), said
    policy = here.root / "policy.toml"
    text = policy.read_text().replace("version = 1\n", "version = 2\n")
    policy.write_text(text.replace("[environment.dev]\n", "[environment.dev]\nmin_jail_level = 2\n"))
    assert here.shell.here("policy", "sign", at=here.root).code == 0
    code, said = train(here)
    assert code == 0, said
    assert "isolation level 2" in said
