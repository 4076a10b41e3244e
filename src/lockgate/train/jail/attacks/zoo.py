"""ZOO (Chen, Zhang, Sharma, Yi, Hsieh 2017, arXiv 1708.03999): coordinate-wise gradients from scores, Adam on them.

For what it does to a detector, and to be held against others: it needs scores that change with small steps, which a
tree's do not. Where no coordinate changes them at any step it is "failed".
"""

from __future__ import annotations

import numpy as np

from lockgate.train.jail.attacks.asking import Asker, Failed, Spent, attack
from lockgate.train.jail.attacks.moves import nearer
from lockgate.train.jail.attacks.square import Scores
from lockgate.train.jail.attacks.trail import Asking

_TOGETHER = 8
_STEPS = (0.01, 0.05, 0.25)
_RATE = 0.1
_BETAS = 0.9, 0.999
_PULL = 0.9


@attack("zoo")
def zoo(asker: Asker, randomness: np.random.Generator) -> Asking:
    """Downhill on the score to a flip, back towards the row, and downhill again, until the budget is spent."""
    scores = Scores(asker.label)
    scores.aims((yield from asker.begin()))
    point = asker.start.copy()
    first, second, times = np.zeros(asker.size), np.zeros(asker.size), np.zeros(asker.size)
    step, flat, sloped = 0, 0, False
    try:
        while True:
            chosen = randomness.choice(asker.size, size=min(_TOGETHER, asker.size), replace=False)
            moves = np.zeros((len(chosen), asker.size))
            moves[np.arange(len(chosen)), chosen] = _STEPS[step]
            asked, answers = yield from asker.ask(np.concatenate([point + moves, point - moves]))
            aims = scores.aims(answers)
            apart = (asked[: len(chosen)] - asked[len(chosen) :])[np.arange(len(chosen)), chosen]
            slope = (aims[: len(chosen)] - aims[len(chosen) :]) / np.maximum(apart, 1e-12)
            if not slope.any():
                flat += len(chosen)
                step = min(step + 1, len(_STEPS) - 1) if flat >= 2 * asker.size else step
                if flat >= 8 * asker.size and not sloped:
                    raise Failed(_FLAT)
                continue
            flat, sloped = 0, True
            times[chosen] += 1
            first[chosen] = _BETAS[0] * first[chosen] + (1 - _BETAS[0]) * slope
            second[chosen] = _BETAS[1] * second[chosen] + (1 - _BETAS[1]) * slope**2
            raised = first[chosen] / (1 - _BETAS[0] ** times[chosen])
            spread = np.sqrt(second[chosen] / (1 - _BETAS[1] ** times[chosen]))
            point[chosen] += _RATE * raised / (spread + 1e-8)
            point = np.clip(point, asker.low, asker.high)
            asked, flags = yield from asker.flipped(point)
            if flags[0]:
                near = yield from nearer(asker, asked[0], part=0.03)
                point = asker.start + _PULL * (near - asker.start)
    except Spent:
        if not sloped:
            raise Failed(_FLAT) from None
        raise


_FLAT = "flat: no small step changes the scores"
