"""The table of rules: what a policy can ask for. Pure data.

One table, four readers: the form of `policy.toml` (`policy_schema`), the gate (`audit.gate`, one function for each
rule), `policy diff` (`compare`), and the documents. A test holds all four against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from lockgate.core.licences import canonical_one
from lockgate.core.strict import Item, Key, Kind, Named, Table, flag, list_of, number, one_of, share, text, whole
from lockgate.trust import policy_order as order
from lockgate.trust.policy_control import TABLE as CONTROL
from lockgate.trust.policy_control import compare as compare_control
from lockgate.trust.policy_screen import TABLE as SCREEN
from lockgate.trust.policy_screen import compare as compare_screen
from lockgate.trust.policy_witness import SETTINGS as WITNESSES
from lockgate.trust.policy_witness import compare as compare_witnesses

CLAIMS: Final = ("ingest", "validate", "train", "judge", "scan")

MOST_DENIED: Final = 99
"""The train statement lists at most 100 denied attempts: a higher bound could not be judged."""

MOST_DAYS: Final = 36500
"""The oldest age that can be allowed: a hundred years. Far larger ones cannot be counted back from today."""

MOST_VERSIONS: Final = 2**31
"""The highest version of a policy."""

LONGEST_STEP: Final = 1000
"""How far a version may rise at once: whoever signs one policy must not use up all versions that are left."""


def _licence() -> Kind:
    def read(value: object) -> str:
        found = canonical_one(value) if isinstance(value, str) else None
        if found is None:
            raise ValueError
        return found

    return Kind(
        'one SPDX licence id, such as "MIT" or "GPL-3.0-or-later WITH GCC-exception-3.1"', read, {"type": "string"}
    )


_BOUNDS: Final[Mapping[str, Item]] = {
    "min": Key(number(), None, "Least value."),
    "max": Key(number(), None, "Most value."),
    "interval": Key(flag(), default=False, help="The whole 95 % interval must lie within, not just the value."),
}


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: its word in `levels`, in a reason's `seen`, and in the documents.
        says: what must hold, for people.
        fact: which statement's which field it reads.
        findings: what it is told as when it is broken.
        settings: its keys in an environment's table.
        compare: how its settings changed; `weight` changes are compared for all rules alike.
        everywhere: enforced also where an environment only warns, unless `levels` says otherwise.
        asked: whether an environment that says nothing asks for it.
        by: `gate` for what statements must say; `deploy` for what persons must have said; `load` for what must hold of
            the log that whoever loads or deploys reads.
    """

    name: str
    says: str
    fact: str
    findings: tuple[str, ...]
    settings: Mapping[str, Item] = field(default_factory=dict)
    compare: order.Compare = order.nothing
    everywhere: bool = False
    asked: bool = True
    by: Literal["gate", "deploy", "load"] = "gate"


_TABLE: Final = (
    Rule(
        "require",
        "These statements exist.",
        "the statements that the model rests on",
        ("LG431",),
        {"require": Key(list_of(one_of(*CLAIMS)), CLAIMS, "The statements that a model must rest on.")},
        order.required,
        everywhere=True,
    ),
    Rule(
        "signers",
        "A statement was signed by one of these persons or services.",
        "the person of the key that signed, by the roles file",
        ("LG445",),
        {
            "signers": Table(
                {claim: Key(list_of(text(form=r".+"), least=1), None) for claim in CLAIMS},
                "By claim, the persons or services of whom one must have signed; a claim that is not named: anybody "
                "in the role.",
            )
        },
        order.signers,
        asked=False,
    ),
    Rule(
        "max_quarantined_share",
        "No more rows than this were refused by the contract.",
        "validate: `quarantined` of `rows`",
        ("LG432",),
        {"max_quarantined_share": Key(share(), 0.1, "Most rows that the contract may refuse.")},
        order.at_most("max_quarantined_share"),
        everywhere=True,
    ),
    Rule(
        "max_screen_findings",
        "The poisoning screen found no more than this.",
        "validate: entries of `screen.findings`",
        ("LG446",),
        {"max_screen_findings": Key(whole(0), None, "Most findings of the poisoning screen; it must have run.")},
        order.at_most("max_screen_findings"),
        asked=False,
    ),
    Rule(
        "max_flagged_share",
        "The poisoning screen flagged no more of the rows that it looked at than this.",
        "validate: `screen.flagged` of `screen.looked`",
        ("LG447",),
        {"max_flagged_share": Key(share(), None, "Most rows that the screen may flag, of those it looked at.")},
        order.at_most("max_flagged_share"),
        asked=False,
    ),
    Rule(
        "screen",
        "Each enforced rule of the poisoning screen ran, and found nothing but what a person marked good.",
        "validate: `screen.rules` and `screen.findings`; train: `leak`",
        ("LG455", "LG332"),
        {"screen": SCREEN},
        compare_screen,
        everywhere=True,
    ),
    Rule(
        "min_jail_level",
        "Every jail that the model rests on held at least this isolation.",
        "all five statements: the least `level` of their jails",
        ("LG433",),
        {"min_jail_level": Key(whole(0, 3), 3, "Least isolation of every jail that a model rests on.")},
        order.at_least("min_jail_level"),
        everywhere=True,
    ),
    Rule(
        "metrics",
        "The judge's metrics are within bounds.",
        "judge: `metrics`",
        ("LG434",),
        {"metrics": Named(Table(_BOUNDS), "Bounds on the judge's metrics, by name.")},
        order.bounds("metrics"),
        asked=False,
    ),
    Rule(
        "slices",
        "In every slice with enough rows, of which there is one at least, the metric is within bounds.",
        "judge: `slices`",
        ("LG448",),
        {
            "slices": Named(
                Table({**_BOUNDS, "rows": Key(whole(1), 30, "Slices with fewer held-out rows are left out.")}),
                "Bounds on a metric in every slice that the judge states, by the metric's name.",
            )
        },
        order.slices,
        asked=False,
    ),
    Rule(
        "robustness",
        "What the judge measured under attack is within bounds, not significantly worse than of the live model, and "
        "tried as hard as this.",
        "judge: `robustness`, and `attacked` for what was live and how hard was tried",
        ("LG449", "LG400", "LG408"),
        {
            "robustness": Named(Table(_BOUNDS), "Bounds on the judge's robustness facts, by name."),
            "max_robustness_drop": Key(
                number(0),
                None,
                "How much less robust than the live model it may be, at each distance: a share of rows, or standard "
                "deviations of the label. Refused where the whole interval lies above. Nothing live: nothing asked.",
            ),
            "min_robustness_rows": Key(
                whole(0), 0, "Least rows that were attacked, by each of the default attacks; 0: nothing asked."
            ),
            "min_robustness_queries": Key(
                whole(0), 0, "Least queries that each of the default attacks had for a row; 0: nothing asked."
            ),
        },
        order.both(
            order.bounds("robustness"),
            order.at_most("max_robustness_drop"),
            order.at_least("min_robustness_rows"),
            order.at_least("min_robustness_queries"),
        ),
        asked=False,
    ),
    Rule(
        "parity",
        "A metric is not worse than the live model's by more than this.",
        "judge: `metrics` and `heldout`, of this model and of the live one",
        ("LG450", "LG451"),
        {
            "parity": Named(
                Table(
                    {
                        "worse": Key(number(0), 0.0, "How much worse it may be."),
                        "same_rows": Key(flag(), default=False, help="Both judged on the same held-out rows."),
                        "better": Key(one_of("higher", "lower"), None, "Which way is better; known for our metrics."),
                    }
                ),
                "How much worse than the live model's a metric may be, by name. Nothing live: nothing asked.",
            )
        },
        order.parity,
        asked=False,
    ),
    Rule(
        "control",
        "What the rows that the screen doubts do to the model is known, and within bounds.",
        "judge: `control`, about the rows that validate doubts: `screen.doubtful`",
        ("LG456", "LG457"),
        {"control": CONTROL},
        compare_control,
        asked=False,
    ),
    Rule(
        "max_age_days",
        "No statement is older than this.",
        "the time at which the log took each statement",
        ("LG435",),
        {
            "max_age_days": Key(number(0, MOST_DAYS), None, "Oldest statement that a deployment may rest on."),
            "max_age_days_of": Table(
                {claim: Key(number(0, MOST_DAYS), None) for claim in CLAIMS},
                "Another age for single statements, by claim.",
            ),
        },
        order.ages,
        asked=False,
    ),
    Rule(
        "refuse_tainted",
        "Nothing that the model rests on was revoked.",
        "revocations in the log",
        ("LG436",),
        {"refuse_tainted": Key(flag(), default=True, help="Refuse what rests on revoked evidence.")},
        order.at_least("refuse_tainted"),
    ),
    Rule(
        "max_denied_attempts",
        "The training code tried no more often than this to reach what the jail denies.",
        "train: entries of `denied`",
        ("LG437", "LG325", "LG330"),
        {"max_denied_attempts": Key(whole(0, MOST_DENIED), 0, "Most denied attempts of the training code.")},
        order.at_most("max_denied_attempts"),
    ),
    Rule(
        "max_vulnerabilities",
        "No more known vulnerabilities than this, where a database was asked.",
        "train: `environment.osv.found`",
        ("LG358",),
        {"max_vulnerabilities": Key(whole(0), 0, "Most known vulnerabilities, where a database was asked.")},
        order.at_most("max_vulnerabilities"),
    ),
    Rule(
        "max_osv_age_days",
        "A database of vulnerabilities was asked, and it was not older than this.",
        "train: `environment.osv.modified`",
        ("LG359",),
        {"max_osv_age_days": Key(number(0, MOST_DAYS), None, "Oldest database of vulnerabilities; one must be asked.")},
        order.at_most("max_osv_age_days"),
        asked=False,
    ),
    Rule(
        "licences",
        "Every package of the environment may be used under an acceptable licence.",
        "train: `licence` of each wheel, as its maker declares it; the same as in the bill of materials",
        ("LG452", "LG453"),
        {
            "licences": Table(
                {
                    "allowed": Key(list_of(_licence()), (), "The only acceptable ones."),
                    "refused": Key(list_of(_licence()), (), "Never acceptable, whatever `allowed` says."),
                    "max_unknown": Key(
                        whole(0), None, "Most packages without a readable licence. With a list above: 0."
                    ),
                },
                "SPDX licences of the environment's packages. Of an OR, one side is enough.",
            )
        },
        order.licences,
        asked=False,
    ),
    Rule(
        "min_witnesses",
        "So many of the named witnesses cosigned the event log as it is read, not longer ago than this.",
        "the cosignatures beside the event log's checkpoint",
        ("LG7010",),
        WITNESSES,
        compare_witnesses,
        asked=False,
        by="load",
    ),
    Rule(
        "approvals",
        "So many distinct persons approved, the trainer not among them where `separation` is enforced.",
        "approvals in the log, for this manifest and environment",
        ("LG512",),
        {"approvals": Key(whole(0), None, "Distinct persons who must approve. dev: 0; elsewhere: 1.")},
        order.at_least("approvals"),
        by="deploy",
    ),
    Rule(
        "separation",
        "Who trained is not who approves; `enforce`: the trainer's approval does not count.",
        "the persons of the train statement and of the approvals",
        ("LG513",),
        by="deploy",
    ),
)

RULES: Final[Mapping[str, Rule]] = {rule.name: rule for rule in _TABLE}
