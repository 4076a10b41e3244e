"""LG1xx: ingest."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG101",
        "no file matches a source",
        "A pattern that matches nothing would train on less than was meant, without a word.",
        "Correct `[data] sources` in lockgate.toml, or put the files where the pattern looks.",
    ),
    Finding(
        "LG102",
        "a source cannot be read",
        "A file that is missing, a folder, a device or unreadable gives no rows.",
        "Look at the file's path and permissions; name regular files.",
    ),
    Finding(
        "LG103",
        "a source is empty",
        "An empty file is usually an export or a download that failed.",
        "Fetch the file again, or leave it out of `[data] sources`.",
    ),
    Finding(
        "LG104",
        "the sources hold no records",
        "Headers without rows train nothing.",
        "Give more data.",
    ),
    Finding(
        "LG105",
        "a source changed while it was read",
        "A digest of a file that somebody writes to would name a mixture of two versions.",
        "Wait until the writer is done, then run the same command again.",
    ),
    Finding(
        "LG106",
        "a source is not in a format that Lockgate reads",
        "The content decides, not the name: a parser that believes a name can be led astray. Pickles are programs.",
        "Give CSV, JSON Lines or Parquet, unpacked, with the right ending.",
    ),
    Finding(
        "LG107",
        "a text file is not in its encoding",
        "Guessing an encoding changes values silently.",
        "Set `[data] encoding`, or save the file as UTF-8. The finding names the first bad byte.",
    ),
    Finding(
        "LG108",
        "a Parquet file is damaged",
        "A file cut short would lose rows silently.",
        "Fetch the file again; the finding says how far it could be read.",
    ),
    Finding(
        "LG109",
        "the quoting of a CSV file breaks",
        "A quote that never closes swallows every later row into one cell.",
        "Mend the record that the finding names; a quote inside a quoted cell is written twice.",
    ),
    Finding(
        "LG110",
        "a CSV row has too many or too few cells",
        "In a shifted row each value stands in its neighbour's column.",
        "Mend the line; a cell that holds the delimiter needs quotes.",
    ),
    Finding(
        "LG111",
        "a file has a column name twice",
        "Which of the two columns counts would be chance.",
        "Rename one of them.",
    ),
    Finding(
        "LG112",
        "a column has a name that Lockgate needs",
        "`__source__` and `__row__` say where each row comes from; a file may not forge them.",
        "Rename the column.",
    ),
    Finding(
        "LG113",
        "the files disagree about formats, columns or types",
        "Rows of different shape are different data sets.",
        "Give all files the same format, columns and types, or narrow `[data] sources`.",
    ),
    Finding(
        "LG114",
        "a record is too long",
        "One endless line or cell would fill the memory.",
        "Look for a missing line end or quote at the place that the finding names.",
    ),
    Finding(
        "LG115",
        "reading the sources was stopped",
        "The jail that parses untrusted files has limits of memory, time and output; a file made to burst them stops.",
        "Give fewer or smaller files.",
    ),
    Finding(
        "LG116",
        "a reading option cannot be used",
        "An unknown encoding or an odd delimiter would be a guess.",
        "Correct `[data] encoding` or `delimiter` in lockgate.toml.",
    ),
    Finding(
        "LG117",
        "a column has a type that cannot be kept",
        "The snapshot is Parquet: what Parquet cannot hold would be lost.",
        "Turn the column into numbers, text or timestamps.",
    ),
    Finding(
        "LG118",
        "a source is a symbolic link",
        "A link can be pointed elsewhere between check and use.",
        "Name the file itself.",
    ),
    Finding(
        "LG119",
        "reading stopped on something unforeseen",
        "What nobody foresaw is refused, not skipped.",
        "Report it with the file, if you can share it.",
    ),
    Finding(
        "LG120",
        "a source does not have its pinned digest",
        "Data that changed since it was pinned may be poisoned.",
        "Fetch the file again; if the change is meant, change the pin in lockgate.toml.",
    ),
    Finding(
        "LG121",
        "a pin and the sources do not fit",
        "A pin that pins nothing protects nothing.",
        "Correct `[data.pins]` or `[data] sources`.",
    ),
    Finding(
        "LG122",
        "the reading jail's account does not fit the capture",
        "A parser that a hostile file took over could claim other rows than it read.",
        "Run `lockgate doctor`; look at the files that were read.",
    ),
)
