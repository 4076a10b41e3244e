"""The support matrix for torch and Keras: each cell a module that train() may return. Needs torch (`make torch`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch  # type: ignore[import-not-found]
from torch import nn


@dataclass(frozen=True)
class Cell:
    """`make` gives the trained module for a label of kind `task`; `refused`: the finding that it must meet, if any."""

    name: str
    task: str
    make: Callable[[], Any]
    refused: str = ""


def _mlp(width: int, out: int, *last: Any) -> Any:
    torch.manual_seed(0)
    hidden = [nn.Linear(width, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, out)]
    module = nn.Sequential(nn.BatchNorm1d(width), *hidden, *last)
    with torch.no_grad():
        for _ in range(20):
            module(torch.randn(64, width) * 40 + 30)
    return module


class ByField(nn.Module):  # type: ignore[misc]
    """A parameter for each field; one of them goes into an embedding."""

    def __init__(self, out: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rooms = nn.Embedding(8, 4)
        self.line = nn.Linear(6, out)

    def forward(self, age: Any, rooms: Any, sunny: Any) -> Any:
        """(rows, out)."""
        place = rooms.reshape(-1).long().clamp(0, 7)
        return self.line(torch.cat([torch.log1p(age.abs()), self.rooms(place), sunny], dim=1))


class Named(nn.Module):  # type: ignore[misc]
    """One matrix of the fields that it names, with a gate, a residual and a layer norm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = ["price", "age"]
        self.norm = nn.LayerNorm(2)
        self.first = nn.Linear(2, 8)
        self.gate = nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        """(rows, 3)."""
        hidden = nn.functional.gelu(self.first(self.norm(x)))
        return self.last(hidden + hidden * torch.sigmoid(self.gate(hidden)))


class Attention(nn.Module):  # type: ignore[misc]
    """Fields as tokens: an encoder layer of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.token = nn.Linear(1, 8)
        self.mixed = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.last = nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        """(rows, 2)."""
        return self.last(self.mixed(self.token((x / 50).unsqueeze(2))).mean(dim=1))


class Recurrent(nn.Module):  # type: ignore[misc]
    """Fields as a sequence, through a GRU."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gru = nn.GRU(1, 8, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        """(rows, 3)."""
        said, _ = self.gru((x / 50).unsqueeze(2))
        return self.last(said[:, -1])


class Convolved(nn.Module):  # type: ignore[misc]
    """Fields as a signal, through convolution and pooling, what is missing filled."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.wide = nn.Conv1d(1, 6, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool1d(2)
        self.last = nn.Linear(12, 2)

    def forward(self, x: Any) -> Any:
        """(rows, 2)."""
        full = torch.nan_to_num(x / 50)
        return self.last(self.pool(torch.relu(self.wide(full.unsqueeze(1)))).flatten(1))


class When(nn.Module):  # type: ignore[misc]
    """A timestamp comes as int64 microseconds: the hour of the day, exactly."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Linear(2, 1)

    def forward(self, when: Any, age: Any) -> Any:
        """(rows, 1)."""
        hour = torch.remainder(when // 3_600_000_000, 24).float()
        return self.line(torch.cat([hour / 24, age / 50], dim=1))


class Forward(nn.Module):  # type: ignore[misc]
    """Whatever forward() is given."""

    def __init__(self, work: Callable[[Any, Any], Any], **said: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Linear(4, 1)
        self.work = work
        for name, value in said.items():
            setattr(self, name, value)

    def forward(self, x: Any) -> Any:
        """(rows, 1)."""
        return self.work(self.line, x)


def _saying(module: Any, **said: Any) -> Any:
    for name, value in said.items():
        setattr(module, name, value)
    return module


CELLS: tuple[Cell, ...] = (
    Cell("Sequential, logits, binary", "binary", lambda: _mlp(4, 1)),
    Cell("Sequential, two columns of logits", "binary", lambda: _mlp(4, 2)),
    Cell("Sequential ending in Sigmoid", "binary", lambda: _mlp(4, 1, nn.Sigmoid())),
    Cell("Sequential ending in Softmax", "multiclass", lambda: _mlp(4, 3, nn.Softmax(dim=1))),
    Cell("Sequential ending in LogSoftmax", "multiclass", lambda: _mlp(4, 3, nn.LogSoftmax(dim=1))),
    Cell("Sequential, a number", "regression", lambda: _mlp(4, 1)),
    Cell("answers of shape (rows,)", "regression", lambda: _mlp(4, 1, nn.Flatten(0))),
    Cell("parameters are fields, with an Embedding", "binary", ByField),
    Cell("features, residual, LayerNorm, GELU", "multiclass", Named),
    Cell("transformer encoder over fields", "binary", Attention),
    Cell("GRU over fields", "multiclass", Recurrent),
    Cell("convolution, NaN filled", "binary", Convolved),
    Cell("timestamp as int64", "regression", When),
    Cell("a class that is declared", "whole", lambda: _saying(_mlp(4, 3), output="logits")),
    Cell("in 64 bits, made 32", "regression", lambda: _mlp(4, 1).double()),
    Cell("a whole number or a class?", "two", lambda: _mlp(4, 1), "LG311"),
    Cell("probabilities that nothing says", "binary", lambda: Forward(lambda f, x: torch.sigmoid(f(x))), "LG311"),
    Cell(
        "probabilities that are said",
        "binary",
        lambda: Forward(lambda f, x: torch.sigmoid(f(x)), output="probabilities"),
    ),
    Cell("logits called probabilities", "binary", lambda: _saying(_mlp(4, 1), output="probabilities"), "LG311"),
    Cell("a fixed number of rows", "regression", lambda: Forward(lambda f, x: f(x.reshape(64, 4))), "LG311"),
    Cell("a branch on values", "regression", lambda: Forward(lambda f, x: f(x) if x.sum() > 0 else -f(x)), "LG338"),
    Cell("rows mixed", "regression", lambda: Forward(lambda f, x: f(x - x.mean(dim=0))), "LG338"),
    Cell("no ONNX operator", "regression", lambda: Forward(lambda f, x: f(torch.special.airy_ai(x))), "LG338"),
    Cell("a text among the features", "regression", lambda: _saying(_mlp(1, 1), features=["town"]), "LG338"),
    Cell("a timestamp in the matrix", "regression", lambda: _saying(_mlp(2, 1), features=["age", "when"]), "LG338"),
    Cell("a feature that no record has", "regression", lambda: _saying(_mlp(1, 1), features=["made"]), "LG316"),
    Cell("the label among the features", "regression", lambda: _saying(_mlp(1, 1), features=["label"]), "LG316"),
    Cell("another number of classes", "multiclass", lambda: _mlp(4, 5), "LG311"),
)
