"""A torch module of the user's own class, through the whole stage: train jail, parity on held-out rows, judge."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed here: make torch")

from lockgate.runtime import serving
from lockgate.train.run import run
from lockgate.train.spec import TrainSpec
from tests.support.training import rows, training_project

pytestmark = pytest.mark.timeout(600)

NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.BatchNorm1d(2)
        self.hidden = nn.Linear(2, 16)
        self.drop = nn.Dropout(0.1)
        self.last = nn.Linear(16, 1)

    def forward(self, age, sunny):
        x = self.scale(torch.cat([age, sunny], dim=1))
        return self.last(self.drop(torch.relu(self.hidden(x))))

def train(data, params):
    torch.manual_seed(0)
    model = Net()
    age, sunny = [torch.tensor(data[[name]].to_numpy("float32")) for name in ("age", "sunny")]
    late = torch.tensor(data["late"].to_numpy("float32"))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(model(age, sunny).reshape(-1), late).backward()
        optimizer.step()
    return model
"""


def test_a_network_is_trained_compared_and_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row differs, neither of those it was trained on nor of the held-out ones; the judge has its metrics."""
    here = training_project(tmp_path, monkeypatch, "late", rows(600), compared=True)
    here.write(train=NETWORK)
    result = run(here.project.workplace(), TrainSpec("late"))
    io = serving.parse(here.project.data.read(result.io))
    assert ([each.input for each in io.inputs], io.task) == (["age", "sunny"], "binary")
    statements = here.project.open_ledger()
    fit = statements.statements("train")[0].predicate["buildDefinition"]["internalParameters"]["fit"]
    assert fit["parity"]["beyond"] == 0
    assert fit["estimator"].startswith("Net(")
    judged = statements.statements("judge")[0].predicate["parity"]["judged"]
    assert judged["beyond"] == 0
    assert result.metrics["roc_auc"]["low"] > 0.7
