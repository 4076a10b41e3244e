"""What a policy asks of the control without doubtful rows: its form in `policy.toml`, its values, their order. Pure.

[environment.prod.control]
max_loss = 0.01
max_changed = "20 %"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockgate.core.strict import Key, Table, number, share
from lockgate.trust.policy_order import Difference, at_most

_LIMITS: Final = ("max_loss", "max_changed")

TABLE: Final = Table(
    {
        "max_loss": Key(
            number(0),
            None,
            "How much better the control may be on the held-out rows: in ROC AUC or accuracy, or in the label's unit.",
        ),
        "max_changed": Key(share(), None, "Most of the doubtful rows that the two models may answer differently."),
    },
    "How much the rows that the screen doubts may do to a model. Nothing doubted: nothing asked.",
)


@dataclass(frozen=True)
class ControlPolicy:
    """Bounds on what the doubtful rows do; None: not asked."""

    max_loss: float | None = None
    max_changed: float | None = None

    @property
    def asked(self) -> bool:
        """Whether a control must have been made."""
        return self.max_loss is not None or self.max_changed is not None

    def __str__(self) -> str:
        parts = [f"a control better by at most {self.max_loss:g}"] if self.max_loss is not None else []
        parts += [f"at most {self.max_changed:.2%} of the doubtful rows"] if self.max_changed is not None else []
        return ", ".join(parts) or "not asked"


def control_of(values: Mapping[str, Any]) -> ControlPolicy:
    """From the table's values."""
    return ControlPolicy(values["max_loss"], values["max_changed"])


def compare(old: Any, new: Any) -> Iterator[Difference]:
    """Bounds that allow more are looser, and so is that nothing is asked any more."""
    for name in _LIMITS:
        for each in at_most(name)(old.control, new.control):
            yield Difference(f"control {each.what}", each.before, each.after, each.direction)
