"""What a person runs between two changes of `train.py` without Lockgate: read, split, fit, look at the score.

    python bench/plain_try.py examples/flights LEARNING_RATE

The rows that a draft is made of, split as a draft splits them: the newest fifth is left for the end, the newest fifth
of the rest judges. The rows are taken as they are: without a contract, those without a label are dropped.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pandas as pd
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score


def main() -> None:
    """Do it all once and print the scores."""
    project, rate = Path(sys.argv[1]), float(sys.argv[2])
    settings = tomllib.loads((project / "lockgate.toml").read_text())
    label, time = settings["data"]["label"], settings["data"]["time"]
    sys.path.insert(0, str(project))

    files = [path for pattern in settings["data"]["sources"] for path in sorted(project.glob(pattern))]
    rows = pd.concat([pd.read_parquet(path) for path in files]).dropna(subset=[label]).astype({label: bool})
    rows = rows.sort_values(time, kind="stable")
    kept = 1 - settings["train"]["holdout"]
    known = rows[: round(len(rows) * kept)]
    cut = round(len(known) * kept)
    rows, judged = known[:cut], known[cut:]
    model = __import__("train").train(rows, {**settings["train"]["params"], "learning_rate": rate})

    truth, scores = judged[label], model.predict_proba(judged)[:, 1]
    found = {
        "roc_auc": roc_auc_score(truth, scores),
        "accuracy": accuracy_score(truth, scores > 0.5),
        "brier": brier_score_loss(truth, scores),
        "log_loss": log_loss(truth, scores),
    }
    print(json.dumps({"fitted": len(rows), "judged": len(judged), **{k: round(v, 4) for k, v in found.items()}}))


if __name__ == "__main__":
    main()
