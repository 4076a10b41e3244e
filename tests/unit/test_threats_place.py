"""cli.places: alerts point to the file as the code host names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.cli.places import in_repository
from lockgate.config import FILENAME


@pytest.mark.parametrize(
    ("repository", "place"),
    [("", "ml/phishing/lockgate.toml"), ("ml", "phishing/lockgate.toml"), (None, "lockgate.toml")],
)
def test_where_an_alert_points_to(tmp_path: Path, repository: str | None, place: str) -> None:
    """From the top of the repository that the project is in; from the project where there is none."""
    project = tmp_path / "ml" / "phishing"
    project.mkdir(parents=True)
    if repository is not None:
        (tmp_path / repository / ".git").mkdir()
    assert place == in_repository(project / FILENAME)
