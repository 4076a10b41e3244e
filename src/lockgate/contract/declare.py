"""What a contract may say about itself to Lockgate. Imported by the user's own contract; pure."""

from __future__ import annotations

from typing import Any, TypeVar

_MARK = "__lockgate_label_only__"

T = TypeVar("T")


def label_only(target: T) -> T:
    """Mark a validator or computed field that needs the label. It is left out of the inference contract.

    It goes above or below Pydantic's own decorator:

        @label_only
        @model_validator(mode="after")
        def late_means_delayed(self) -> Self: ...
    """
    setattr(_function(target), _MARK, True)
    return target


def is_label_only(target: object) -> bool:
    """Whether `label_only` marked this function, method, property or Pydantic decorator."""
    return getattr(_function(target), _MARK, False) is True


def _function(target: Any) -> Any:
    """The plain function under `classmethod`, `property`, `partial` and Pydantic's descriptor proxy."""
    for inner in ("wrapped", "__func__", "fget", "func"):
        found = getattr(target, inner, None)
        if found is not None:
            return _function(found)
    return target
