"""What outside frameworks ask for, what of it stands in the archive, and what does not. Data, and its two forms. Pure.

No row says that anybody complies with anything: a framework asks an organisation, and this is a tool's evidence about
one model. `docs/design/mappings.md` is this table; a test compares them.

Sources: MITRE ATLAS 5.6.0 (ids and names, Apache-2.0); NIST SP 800-218A, July 2024 (ids of tasks; the words here are
ours); Regulation (EU) 2024/1689, Articles 10 to 15 and 19 (our summary, which is no legal advice).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lockgate.export.evidence.mappings_act import ACT
from lockgate.export.evidence.mappings_atlas import ATLAS
from lockgate.export.evidence.mappings_nist import NIST
from lockgate.export.evidence.mappings_row import Row

CAVEAT: Final = (
    "Nothing here says that anybody complies with anything. A framework asks an organisation; this is a tool's "
    "evidence about one model. What a row lists under `not` is as much part of it as the rest; of what it lists under "
    "`empty`, nothing is known of this model."
)


@dataclass(frozen=True)
class Framework:
    """One outside text. `key`: in mapping.json; `note`: what a reader must know of the rows below."""

    key: str
    name: str
    note: str
    rows: Sequence[Row]


FRAMEWORKS: Final[Sequence[Framework]] = (
    Framework(
        "mitre-atlas",
        "MITRE ATLAS 5.6.0, mitigations",
        "ATLAS lists what lowers a risk; it asks nobody for evidence. Mitigations about generative models, agents and "
        "people are listed as not covered.",
        ATLAS,
    ),
    Framework(
        "nist-sp-800-218a",
        "NIST SP 800-218A, tasks",
        "The profile is written for generative and dual-use foundation models; its tasks fit the tabular models that "
        "Lockgate carries as far as a row says. It is guidance for organisations, and only tasks of which a file here "
        "shows something are listed.",
        NIST,
    ),
    Framework(
        "eu-ai-act",
        "EU AI Act, Regulation (EU) 2024/1689, Articles 10 to 15 and 19",
        "These articles bind providers of high-risk systems; whether a system is one, a lawyer says. Articles 12 and "
        "19 ask for logging and for keeping logs, not for tamper evidence: that is more than they ask. Much of what "
        "the articles ask is about people and documents, and no tool can give it.",
        ACT,
    ),
)


def as_json(empty: Collection[str] = ()) -> Mapping[str, Any]:
    """`mapping.json`. `empty`: files that say nothing of this model."""
    return {
        "v": 1,
        "caveat": CAVEAT,
        "frameworks": [
            {
                "key": one.key,
                "name": one.name,
                "note": one.note,
                "rows": [
                    {
                        "id": row.id,
                        "name": row.name,
                        "given": row.given if {*row.files} - {*empty} else "",
                        "files": [name for name in row.files if name not in empty],
                        "empty": [name for name in row.files if name in empty],
                        "not": row.lacking,
                    }
                    for row in one.rows
                ],
            }
            for one in FRAMEWORKS
        ],
    }


def as_markdown() -> str:
    """`docs/design/mappings.md`."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Mappings to outside frameworks"
    yield ""
    yield "Written from `src/lockgate/export/evidence/mappings*.py`; a test compares them. Files are those of the"
    yield "archive that `lockgate export evidence` writes (see [hand over evidence](../how-to/hand-over-evidence.md))."
    yield ""
    yield CAVEAT
    for one in FRAMEWORKS:
        yield ""
        yield f"## {one.name}"
        yield ""
        yield one.note
        yield ""
        yield "| id | what it asks | what Lockgate gives | files | what it does not give |"
        yield "|---|---|---|---|---|"
        for row in one.rows:
            files = ", ".join(f"`{name}`" for name in row.files) or "none"
            yield f"| {row.id} | {row.name} | {row.given or 'nothing'} | {files} | {row.lacking} |"
