"""Scores of a torch module's answers, in torch's own arithmetic. Runs in the jail."""

from __future__ import annotations

from typing import Any

from lockgate.train.jail.exporters.torch_outputs import LOGITS, VALUE, Meaning


def scores_of(given: Any, meaning: Meaning) -> Any:
    """Shape (rows, classes), or (rows,) for a value. `given`: the module's answers, a tensor."""
    import torch  # type: ignore[import-not-found]

    if meaning.output == VALUE:
        return given.reshape(-1)
    if meaning.columns == 1:
        second = torch.sigmoid(given.reshape(-1)) if meaning.output == LOGITS else given.reshape(-1)
        return torch.stack([1 - second, second], dim=1)
    return torch.softmax(given, dim=1) if meaning.output == LOGITS else given
