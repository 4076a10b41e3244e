"""LG394 to LG398: attacks on a candidate before it may go live."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG394",
        "what an attacker may change is no number field",
        "Attacks move numbers by standard deviations. A text, a boolean or a point in time has none, and a field that "
        "the contract does not have cannot be moved.",
        "Name number fields of the contract under `[robustness] mutable` in lockgate.toml.",
    ),
    Finding(
        "LG395",
        "a model with features.py is not attacked",
        "An attack moves the fields of a record, and the model sees what your code makes of them. The judge runs no "
        "code of yours: code that sees itself attacked could answer otherwise. So nothing is stated.",
        "Leave `[robustness]` out, or train without features.py; `lockgate drill evasion` attacks a copy of the "
        "gateway, features and all.",
    ),
    Finding(
        "LG396",
        "few rows were attacked",
        "There are fewer held-out rows than 400. The intervals say how little is known then.",
        "Nothing need be done. More rows, or a larger `[train] holdout`, make the intervals narrower.",
    ),
    Finding(
        "LG397",
        "an attack failed",
        "What was not tried is not robust: a fact that rests on this attack is not stated, and a policy that asks for "
        "it refuses.",
        "The reason stands beside it. Take the attack out of `[robustness] attacks`, or change what it needs.",
    ),
    Finding(
        "LG398",
        "the candidate was not attacked",
        "The jail that attacks ended before it had an answer, or the model answered the same rows differently when it "
        "was asked again. Nothing is stated, and a policy that asks for robustness refuses.",
        "The reason stands beside it: more `[robustness] time`, fewer `queries`, or more `[train] memory`.",
    ),
)
