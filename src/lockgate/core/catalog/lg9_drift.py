"""LG975 to LG979: two files compared without a project."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG975",
        "what is to be compared is not said, or the files have not such columns",
        "Two files are compared, by columns that the reference has.",
        "Give `--reference` and `--replay`. `--time` names a column of moments, `--site` one of texts or whole "
        "numbers; they are needed for `--strata hour`, `weekday`, `site`.",
    ),
    Finding(
        "LG976",
        "nothing can be compared",
        "The reference has too few rows, or too few that are far enough from each other to be independent, or no "
        "column whose values can be compared; or the replayed rows are like their neighbours at every distance, or "
        "lack the columns that say their stratum. That is no all-clear.",
        "Give `--reference` more rows. Leave out columns that go on with time or by which a file is sorted "
        "(`--exclude`); compare within seasons (`--strata hour --time COLUMN`), or take one row in N (`--stride N`).",
    ),
    Finding(
        "LG977",
        "a line is no JSON object",
        "JSON Lines has one object a line, one value a column. What else stands there is not guessed at.",
        "Look at the line that is named; mend the file, or save it as Parquet.",
    ),
    Finding(
        "LG978",
        "comparing the files was stopped",
        "The jail that reads both files ended by a limit, or stopped on something that nobody foresaw, or its answer "
        "was not in form. A file can be made for that.",
        "Give fewer rows or columns. When it happens with files that you trust, report it: SECURITY.md.",
    ),
    Finding(
        "LG979",
        "a column changed",
        "A column is only in one of the files, has another type, or has cells that are nothing of its kind. Its rows "
        "cannot be compared as if nothing had happened, so the change is told by itself.",
        "Look at what writes the file. A column that may come and go: `--exclude`.",
    ),
)
