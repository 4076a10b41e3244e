"""cleanlab's scores and its own cut, on out-of-fold probabilities that it is given.

    python -m bench.screen_peers.cleanlab_scores FILE.npz

The file holds `said` (rows, classes) and `label` (rows). One line of JSON comes: the names of the scores. The scores
lie in FILE.npz.scores.npz, higher is more doubtful, and `cut`, the rows that `find_label_issues` names.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues  # type: ignore[import-not-found]  # in an environment of its own
from cleanlab.rank import get_label_quality_scores  # type: ignore[import-not-found]

SCORES = (
    ("self_confidence", False),
    ("normalized_margin", False),
    ("confidence_weighted_entropy", False),
    ("self_confidence", True),
    ("normalized_margin", True),
)


def main(path: Path) -> None:
    """Score one file."""
    given = np.load(path)
    label, said = given["label"], given["said"]
    said = np.clip(said, 1e-9, None)
    said /= said.sum(axis=1, keepdims=True)
    found = {}
    for method, adjust in SCORES:
        name = method + (" adjusted" if adjust else "")
        found[name] = 1 - get_label_quality_scores(label, said, method=method, adjust_pred_probs=adjust)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cut = find_label_issues(label, said, n_jobs=1)
    np.savez(path.with_name(path.name + ".scores.npz"), cut=cut, **found)
    print(json.dumps(sorted(found)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
