"""Wrong labels found: our score beside cleanlab's, on the same folds, and what is flagged.

    python -m bench.screen_labels [--seeds 5] [--sets digits,flights] [--tuning]

For each set, share of labels changed (0, 5 and 10 %) and seed: area under the ROC curve and precision at k (k = rows
changed) of our score, and of the best of cleanlab's five scores, chosen in hindsight for each set and share, on the
out-of-fold probabilities of our first round of trees (their mean where there are two kinds). Then the rows that we
flag, and those that cleanlab's own cut names. Means over seeds, with the worst seed behind them.

Seeds that begin with 8 are reported; those that begin with 1 (--tuning) are the ones that thresholds were chosen by.
cleanlab runs in an environment of its own, from bench/requirements/cleanlab.txt.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from bench.environments import BENCH, interpreter
from bench.screen_data import REPORTED, SETS, TUNED, Array, Bools, Seed, flipped, moved, valued
from lockgate.validate.screen import folds, labels
from lockgate.validate.screen.table import Floats, Table

SHARES = (0.0, 0.05, 0.10)
Numbers = dict[str, float]


def at_k(score: Array, planted: Bools) -> float:
    """Of the k most doubtful rows, the share that was changed; k is how many were."""
    return float(planted[np.argsort(-score, kind="stable")[: planted.sum()]].mean())


def ranked(name: str, score: Array, planted: Bools) -> Numbers:
    """How well a score orders."""
    known = np.nan_to_num(score)
    return {f"{name} auroc": float(roc_auc_score(planted, known)), f"{name} p@k": at_k(known, planted)}


def cut(name: str, flagged: Bools, planted: Bools) -> Numbers:
    """What a cut names."""
    found: Numbers = {f"{name} rows": float(flagged.sum())}
    if planted.any():
        found[f"{name} precision"] = float(planted[flagged].mean()) if flagged.any() else float("nan")
        found[f"{name} recall"] = float(flagged[planted].mean())
    return found


def same_folds(table: Table) -> Floats:
    """The out-of-fold probabilities of the trees of our first round: the same draws, folds and models."""
    label = table.label.astype(np.int64)
    point, given, draw = folds.points(table), folds.inputs(table), table.draw("labels first")
    fold, heard = folds.dealt(label, point, draw), np.ones(table.rows, np.bool_)
    judges = folds.models(given, len(table.classes), int(draw.integers(2**31)))
    said = [folds.outside(one, given, label, fold, heard, len(table.classes)) for one in judges]
    return np.asarray(sum(said) / len(said))


def peer(said: Floats, label: Array) -> Mapping[str, Array]:
    """The peer's scores and cut, from its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.npz"
        np.savez(path, said=said, label=label)
        command = [str(interpreter("cleanlab")), "-m", "bench.screen_peers.cleanlab_scores", str(path)]
        subprocess.run(command, cwd=BENCH.parent, check=True, stdout=subprocess.DEVNULL)
        with np.load(path.with_name(path.name + ".scores.npz")) as found:
            return dict(found)


def classes(name: str, share: float, seed: Seed) -> Numbers:
    """One table of classes."""
    table, planted = flipped(SETS[name](seed), share, seed)
    begin = time.process_time()
    labelled = labels.screen(table)
    found: Numbers = {"cpu s": time.process_time() - begin}
    found |= cut("flagged", _flags(labelled, table), planted)
    theirs = peer(same_folds(table), table.label)
    found |= cut("cleanlab's cut", theirs["cut"], planted)
    if planted.any():
        found |= ranked("ours", labelled.score, planted) | ranked("neighbours alone", labelled.disagree, planted)
        for score, values in theirs.items():
            if score != "cut":
                found |= ranked(f"cleanlab {score}", values, planted)
    return found


def values(share: float, seed: Seed) -> Numbers:
    """One regression, targets moved by three standard deviations."""
    table, planted = moved(valued(seed), share, seed)
    labelled = labels.screen(table)
    found = cut("flagged", _flags(labelled, table), planted)
    return found | (ranked("ours", labelled.score, planted) if planted.any() else {})


def _flags(labelled: labels.Labelled, table: Table) -> Bools:
    flagged = np.zeros(table.rows, np.bool_)
    for found in labelled.outcome.found:
        flagged[list(found.rows)] = True
    return flagged


def told(title: str, runs: list[Numbers]) -> None:
    """One block: means, and behind them the worst."""
    print(f"\n{title}")
    names = [name for name in runs[0] if not name.startswith("cleanlab ")]
    for measure in ("auroc", "p@k"):
        theirs = [name for name in runs[0] if name.startswith("cleanlab ") and name.endswith(measure)]
        if theirs:
            best = max(theirs, key=lambda name: np.mean([run[name] for run in runs]))
            names.append(best)
    for name in sorted(names):
        seen = [run[name] for run in runs if not np.isnan(run[name])]
        worst = (max if name.endswith(("rows", "cpu s")) else min)(seen, default=float("nan"))
        print(f"  {name:<44}{np.mean(seen) if seen else float('nan'):9.4f}   worst {worst:9.4f}", flush=True)


def main(arguments: Iterable[str] | None = None) -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", default=",".join([*SETS, "valued"]))
    parser.add_argument("--tuning", action="store_true", help="the seeds that thresholds were chosen by")
    options = parser.parse_args(None if arguments is None else list(arguments))
    first = TUNED if options.tuning else REPORTED
    for name in options.sets.split(","):
        for share in SHARES:
            seeds = [(first, one) for one in range(options.seeds)]
            runs = [values(share, seed) if name == "valued" else classes(name, share, seed) for seed in seeds]
            told(f"{name}, {share:.0%} changed, {options.seeds} seeds", runs)


if __name__ == "__main__":
    main(sys.argv[1:])
