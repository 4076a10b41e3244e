"""What each framework's exporter gives: a fitted model that can be asked, exported and kept. Runs in the jail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from lockgate.runtime.serving import ClassValue, ServingSpec, Task


@dataclass(frozen=True)
class Answers:
    """What a fitted model says of `n` rows, in its own precision.

    Attributes:
        labels: shape (n,); None for regression.
        probabilities: shape (n, classes), float64, in the order of `Fitted.classes`; None for regression.
        values: shape (n,), float64; None for classification.
    """

    labels: npt.NDArray[Any] | None
    probabilities: npt.NDArray[Any] | None
    values: npt.NDArray[Any] | None


@dataclass(frozen=True)
class Exported:
    """`data`: the tensors kept beside the graph, for model.onnx.data; None where all are inside."""

    model: bytes
    spec: ServingSpec
    data: bytes | None = None


class Fitted(Protocol):
    """A fitted model, whatever made it."""

    @property
    def name(self) -> str:
        """In words: `Pipeline(ColumnTransformer, HistGradientBoostingClassifier)`."""

    @property
    def task(self) -> Task:
        """What it predicts."""

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that it was fitted on, in its order."""

    @property
    def classes(self) -> tuple[ClassValue, ...] | None:
        """The label's values in the order of the probabilities; None for regression."""

    @property
    def versions(self) -> dict[str, str]:
        """What made it: package -> version."""

    def answers(self, data: pd.DataFrame) -> Answers:
        """What it says of rows with (at least) the columns `features`."""

    def export(self) -> Exported:
        """Its graph. Raises Refused LG312, LG314, LG316, LG337, LG338."""

    def dump(self) -> bytes | None:
        """Itself, as joblib writes it, to be asked again in another jail; None when it cannot be saved."""
