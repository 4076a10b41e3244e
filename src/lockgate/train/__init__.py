"""Accepted rows become a candidate model, made in one jail and judged in another on rows that training never saw.

Takes: the accepted rows that validate's statement names, the project's training code, its hash-locked environment.
Gives: model.onnx and io.json, a provenance statement by the trainer, a test result by the judge.
Trusts: no line of the training code and no byte that it writes; the jail's witnesses, read before it starts.
Threats: LT06 a poisoned dependency, LT07 one of the same name; code that steals (LT08) or cheats its judge (LT09).
Evidence: digests of rows, code, lock and every wheel; the jail's report; parity; metrics on held-out rows, counted.
"""

from lockgate.core.lazy import door

__getattr__ = door(
    __name__,
    {
        "TrainResult": "lockgate.train.spec",
        "TrainSpec": "lockgate.train.spec",
        "run": "lockgate.train.run",
    },
)
