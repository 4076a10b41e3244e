"""Mappings to outside frameworks: real ids, files that there are, no claim without a file, and no promise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lockgate.export.evidence.mappings import CAVEAT, FRAMEWORKS, Framework, as_json, as_markdown
from lockgate.export.evidence.mappings_act import ACT
from lockgate.export.evidence.mappings_atlas import ATLAS
from lockgate.export.evidence.mappings_nist import NIST

ROOT = Path(__file__).parents[3]
MITIGATIONS = ROOT / "tests" / "vectors" / "mitre-atlas" / "mitigations.json"
FILES = {
    *(
        "INDEX.html",
        "index.json",
        "verify.py",
        "policy.toml",
        "mapping.json",
        "access-matrix.json",
        "log/events/leaves",
    ),
    *("log/predictions/checkpoint", "records/", "proofs/predictions/", "statements/", "report/monitoring.json"),
    *(f"model/{name}" for name in ("manifest.json", "model.sig", "bom.cdx.json", "README.md", "requirements.lock")),
    *(
        f"facts/{name}.json"
        for name in (
            *("sources", "quarantine", "quarantine-reasons", "screen", "training", "judge", "robustness", "marks"),
            *("deployments", "approvals", "waivers", "revocations", "promotions", "roles", "alarms", "separation"),
            *("acknowledgements", "erasures", "retention", "witnesses"),
        )
    ),
}


def test_the_document_is_the_table() -> None:
    """docs/design/mappings.md says what mapping.json says."""
    assert as_markdown() == (ROOT / "docs" / "design" / "mappings.md").read_text(encoding="utf-8")


def test_mitre_atlas_is_complete() -> None:
    """Every mitigation of that version, by its id and its name, in its order."""
    known = json.loads(MITIGATIONS.read_text(encoding="utf-8"))
    assert [(one["id"], one["name"]) for one in known["mitigations"]] == [(row.id, row.name) for row in ATLAS]
    assert known["version"] in FRAMEWORKS[0].name


def test_nist_ids_are_those_of_the_profile() -> None:
    """Ids of SP 800-218A; the six that it adds to SSDF 1.1 are all there."""
    ids = [row.id for row in NIST]
    assert {"PO.5.3", "PS.1.2", "PS.1.3", "PW.3.1", "PW.3.2", "PW.3.3"} <= set(ids)
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"(PO|PS|PW|RV)\.\d\.\d", one) for one in ids)


def test_the_articles_are_those_that_were_promised() -> None:
    """10 to 15, and 19."""
    assert [f"Art. {number}" for number in (10, 11, 12, 13, 14, 15, 19)] == [row.id for row in ACT]


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda one: one.key)
def test_nothing_is_claimed_without_a_file(framework: Framework) -> None:
    """What is given names files that an archive has; without any, nothing is given. Each row says what it lacks."""
    for row in framework.rows:
        assert bool(row.given) == bool(row.files), row.id
        assert set(row.files) <= FILES, row.id
        assert row.lacking, row.id


def test_no_promise_is_made() -> None:
    """It says at once that nobody complies by it, no row says otherwise; and that the Act asks for logging, no more."""
    said = json.dumps(as_json()).replace(CAVEAT, "")
    assert not re.search(
        r"\b(complian|complies|comply|certif|guarantee|fulfil|meets the requirement)", said, re.IGNORECASE
    )
    assert "not for tamper evidence" in FRAMEWORKS[2].note
    assert CAVEAT in as_markdown()
