"""What a contract may say about itself to Lockgate. Imported by the user's own contract; pure."""

from __future__ import annotations

from typing import Any, TypeVar

_LABEL_ONLY = "__lockgate_label_only__"
_IMPURE = "__lockgate_impure__"

T = TypeVar("T")


def label_only(target: T) -> T:
    """Mark a validator or computed field that needs the label. It is left out of the inference contract.

    It goes above or below Pydantic's own decorator:

        @label_only
        @model_validator(mode="after")
        def late_means_delayed(self) -> Self: ...
    """
    setattr(_function(target), _LABEL_ONLY, True)
    return target


def is_label_only(target: object) -> bool:
    """Whether `label_only` marked this function, method, property or Pydantic decorator."""
    return getattr(_function(target), _LABEL_ONLY, False) is True


def impure(target: T) -> T:
    """Mark a validator whose answer depends on more than the value: it is then asked once per row.

    Without the mark, a validator of one field is asked once per distinct value of a batch of rows.
    """
    setattr(_function(target), _IMPURE, True)
    return target


def is_impure(target: object) -> bool:
    """Whether `impure` marked this function, method or Pydantic decorator."""
    return getattr(_function(target), _IMPURE, False) is True


def _function(target: Any) -> Any:
    """The plain function under `classmethod`, `property`, `partial` and Pydantic's descriptor proxy."""
    for inner in ("wrapped", "__func__", "fget", "func"):
        found = getattr(target, inner, None)
        if found is not None:
            return _function(found)
    return target
