"""Training never sees the held-out rows: a canary is looked for from inside the train jail, in every readable file.

Of the interpreter and the packages only what changed since the test began is read: they were there before the rows.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lockgate.train.run import run
from lockgate.train.spec import TrainSpec
from tests.support.training import rows, training_project

CANARY = "Xanthippe-of-the-held-out-rows"
CONTROL = "Zebulon-of-the-training-rows"

SEARCH = f"""
import os, sys, pandas as pd
from sklearn.linear_model import LogisticRegression

def holds(path, words):
    with open(path, "rb") as file:
        data = file.read()
    found = {{word for word in words if word.encode() in data}}
    if data[:4] == b"PAR1":
        text = pd.read_parquet(path).to_csv()
        found |= {{word for word in words if word in text}}
    return found

def train(data, params):
    system = ("/usr", "/env", sys.base_prefix)
    words, found, looked = ["{CANARY[::-1]}"[::-1], "{CONTROL[::-1]}"[::-1]], set(), 0
    # The root itself may not be listed: then every place that there could be is looked into by its name.
    places = ["/in", "/out", "/tmp", "/job", "/env", "/lockgate", "/model", "/dev/shm", "/usr", "/lib", "/lib64"]
    places += ["/etc", "/home", "/root", "/run", "/var", "/srv", "/mnt", "/opt", sys.base_prefix]
    walks = (each for place in ["/", *places] if not os.path.islink(place) for each in os.walk(place))
    seen = set()
    for folder, folders, files in walks:
        if folder in seen:
            folders[:] = []
            continue
        seen.add(folder)
        folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys", "/dev")]
        for name in files:
            path = os.path.join(folder, name)
            try:
                fresh = os.stat(path).st_ctime >= params["since"] or not path.startswith(system)
                if fresh and os.path.isfile(path) and not path.endswith("train.py"):
                    found |= holds(path, words)
                looked += 1
            except OSError:
                pass
    found |= {{word for word in words for column in data for value in data[column].astype(str) if word == value}}
    for number in os.listdir("/proc/self/fd"):
        try:
            os.lseek(int(number), 0, 0)
            text = os.read(int(number), 1 << 20)
            found |= {{word for word in words if word.encode() in text}}
        except OSError:
            pass
    print("looked into", looked, "files, found", sorted(found))
    return LogisticRegression().fit(data[["age"]], data["late"])
"""


def test_a_held_out_row_is_nowhere_in_the_train_jail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The held-out canary is in no file and no descriptor; the training canary is found, so the search can find."""
    since = time.time() - 60
    table = rows(200)
    table.loc[199, "town"] = CANARY  # the latest instant: held out
    table.loc[3, "town"] = CONTROL
    here = training_project(tmp_path, monkeypatch, "late", table)
    here.write(train=SEARCH)
    result = run(here.project.workplace(), TrainSpec("late", time="when", params={"since": since}))
    said = next(line for line in here.project.said if "looked into" in line)
    assert int(said.split()[2]) > 1000
    assert CONTROL in said
    assert CANARY not in said
    assert (result.split.train_rows, result.split.heldout_rows) == (160, 40)
