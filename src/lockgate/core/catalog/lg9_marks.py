"""LG983: marks on rows, on their way to the log."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG983",
        "the rows of a mark did not come with it",
        "A mark that was signed on another machine names its rows by a digest; they travel in a file beside it. "
        "Without them no run could apply it, and each would have to refuse.",
        "Fetch FILE.rows too, which `--to-file` wrote beside FILE.",
    ),
)
