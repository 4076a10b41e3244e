"""LG422 to LG425: what the parsers of allowed formats find beyond what the format itself says."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG422",
        "the model expands beyond the limit",
        "A few bytes can ask for gigabytes of memory, or for a loop without end: sizes and counts that stand in the "
        "graph are added up for one row before anything is made. What only a request decides is bounded by the "
        "worker's jail.",
        "The refusal names the value. Export for one row, fold constants (`constant_folding`), or make the model "
        "smaller.",
    ),
    Finding(
        "LG423",
        "the file beside the model is not wholly the model's",
        "Every byte of a file of weights must belong to exactly one tensor: what is left over can carry anything, and "
        "what is shared becomes many times larger in memory.",
        "Save the model again with all weights in one file of its own (`save_as_external_data`); do not edit or append "
        "to it.",
    ),
    Finding(
        "LG424",
        "a file is no NumPy array of plain values",
        "NumPy unpickles arrays of objects, and evaluates the header: only headers of one spelling, for numbers, truth "
        "values, moments and texts of fixed width, are let through.",
        "Save it with `numpy.save(..., allow_pickle=False)`; turn objects into columns of plain types first.",
    ),
    Finding(
        "LG425",
        "the arrays of an operator do not fit each other",
        "Trees, vocabularies and support vectors are arrays that point into each other. The runtime believes them: a "
        "number that points outside reads or writes other memory, and a circle never ends.",
        "Export the model again; a converter that writes such arrays is broken.",
    ),
)
