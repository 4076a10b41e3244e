"""Which step of an estimator is written by what, and where a refusal points. Runs in the jail.

Steps are known by their exact class: a subclass may answer otherwise. What is not known is refused by name (LG338),
with the step's path and what to use in its place; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from lockgate.errors import Refused
from lockgate.train.jail.exporters.graph import Graph, Table, joined
from lockgate.train.jail.exporters.substitutes import substitute_of

Transform = Callable[["Steps", Any, Table], Table]
Answer = Callable[["Steps", Any, Table], str]

TRANSFORMS: dict[str, Transform] = {}
PROBABILITIES: dict[str, Answer] = {}
DECISIONS: dict[str, Answer] = {}
VALUES: dict[str, Answer] = {}
PLACES: dict[str, Answer] = {}

F = TypeVar("F", bound=Callable[..., Any])


def kind_of(step: Any) -> str:
    """`sklearn.StandardScaler`: the library and the exact class."""
    kind = type(step)
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def writes(registry: dict[str, F], *kinds: str) -> Callable[[F], F]:
    """Register a writer for classes, `StandardScaler` meaning scikit-learn's."""

    def register(function: F) -> F:
        for kind in kinds:
            registry[kind if "." in kind else f"sklearn.{kind}"] = function
        return function

    return register


class Steps:
    """The graph being written, and the path to the step at hand."""

    def __init__(self, graph: Graph) -> None:
        """At the top."""
        self.graph = graph
        self.held: dict[tuple[int, str], list[str]] = {}
        self._path: list[str] = []

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Within the step called `name`."""
        self._path.append(name)
        try:
            yield
        finally:
            self._path.pop()

    def refuse(self, step: Any, why: str, substitute: str = "", *, finding: str = "LG338") -> Refused:
        """The refusal of a step (or of what is called so), with its path and its substitute."""
        kind = step if isinstance(step, str) else type(step).__name__
        path = " > ".join([*self._path, kind])
        return Refused(
            finding,
            f"{path}: {why}",
            seen={"step": path},
            next=substitute or substitute_of(kind),
        )

    def transform(self, step: Any, table: Table) -> Table:
        """What a transformer makes of `table`."""
        return self._writer(TRANSFORMS, step)(self, step, table)

    def probabilities(self, step: Any, table: Table) -> str:
        """`predict_proba`: (n, classes), float64."""
        return self._writer(PROBABILITIES, step)(self, step, table)

    def decision(self, step: Any, table: Table) -> str:
        """`decision_function`: (n, 1) for two classes, else (n, classes); float64."""
        return self._writer(DECISIONS, step)(self, step, table)

    def value(self, step: Any, table: Table) -> str:
        """`predict` of a regressor: (n, 1), float64."""
        return self._writer(VALUES, step)(self, step, table)

    def places(self, step: Any, table: Table, probabilities: str | None = None) -> str:
        """`predict` of a classifier as places in its `classes_`: (n,), int64."""
        if kind_of(step) in PLACES:
            return PLACES[kind_of(step)](self, step, table)
        found = self.probabilities(step, table) if probabilities is None else probabilities
        return self.graph.op("ArgMax", found, axis=1, keepdims=0)

    def numbers(self, step: Any, table: Table) -> str:
        """The table as one matrix of numbers. Raises Refused LG338 where it holds text."""
        if any(block.text for block in table.blocks):
            raise self.refuse(
                step, "text reaches a step that takes numbers", "encode it: OneHotEncoder, TfidfVectorizer"
            )
        return joined(self.graph, list(table.blocks))

    def _writer(self, registry: dict[str, F], step: Any) -> F:
        found = registry.get(kind_of(step))
        if found is None:
            raise self.refuse(step, "no exact conversion to ONNX is known")
        return found
