"""`export mlbom` and `export modelcard` by the real command line: what others read is what was signed."""

from __future__ import annotations

from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.support.shell import Ready


def test_the_bill_is_valid_and_the_card_is_the_signed_one(ready: Ready, tmp_path: Path) -> None:
    """Both from the verified model; a file that is there is not written over (control: a new one is)."""
    bill = ready.shell.here("export", "mlbom", ready.ref, "--out", tmp_path / "bill.json", at=ready.root)
    assert (bill.code, bill.out.strip()) == (0, str(tmp_path / "bill.json"))
    text = (tmp_path / "bill.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert '"lockgate:manifest"' in text
    again = ready.shell("export", "mlbom", ready.ref, "--out", tmp_path / "bill.json", "--json", at=ready.root)
    assert (again.code, again.json["finding"]) == (1, "LG952")
    card = ready.shell("export", "modelcard", ready.ref, "--json", at=ready.root)
    assert ready.shell.here("verify", ready.ref, "--materialize", tmp_path / "model", at=ready.root).code == 0
    assert card.json["content"] == (tmp_path / "model/README.md").read_text()
