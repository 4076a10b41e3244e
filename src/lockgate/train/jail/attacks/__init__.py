"""Black-box attacks on a model of table rows, in numpy alone: one implementation for the gate, drills and simulations.

space     which rows an attack may make        trail     what it is told, what it leaves
asking    the count, and what a target does    moves     what several attacks do
hop_skip_jump, boundary   labels are enough    square, zoo   scores       change   regression
running   many rows in step, or one by one     robust    from trails to robust accuracy
"""

from lockgate.train.jail.attacks.boundary import boundary
from lockgate.train.jail.attacks.change import change
from lockgate.train.jail.attacks.hop_skip_jump import hop_skip_jump
from lockgate.train.jail.attacks.running import one_by_one, together
from lockgate.train.jail.attacks.space import Space
from lockgate.train.jail.attacks.square import square
from lockgate.train.jail.attacks.trail import Answers, Attack, Trail
from lockgate.train.jail.attacks.zoo import zoo

__all__ = [
    "Answers",
    "Attack",
    "Space",
    "Trail",
    "boundary",
    "change",
    "hop_skip_jump",
    "one_by_one",
    "square",
    "together",
    "zoo",
]
