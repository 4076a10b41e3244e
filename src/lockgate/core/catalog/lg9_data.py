"""LG9020 to LG9029: `init --data`, from somebody's file to a project."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG9020",
        "init was not told what the model shall predict",
        "Which column is the answer is known to the person and to nobody else: a guess would train something, and the "
        "numbers would look fine.",
        "Run the same command with --label COLUMN; the message lists the columns, the likelier ones first.",
    ),
    Finding(
        "LG9021",
        "the data file is a spreadsheet",
        "A spreadsheet holds formulas, formats and several tables: which cells are the data is decided when it is "
        "saved as CSV, by the person who knows.",
        "Save the sheet as CSV (UTF-8) in the program that made it, then name that file.",
    ),
    Finding(
        "LG9022",
        "the first line of the CSV file holds no names of columns",
        "Taken for names, a record would be lost and the contract's fields would be called 5.1 and 3.5.",
        "Put a line with the columns' names on top, with the command that the message gives, and run init again.",
    ),
    Finding(
        "LG9023",
        "rows of the file break the contract that was written for it",
        "What `init` says of a file was counted apart from the contract: where the two differ, the contract holds, and "
        "the comments in it may be wrong.",
        "Run `lockgate validate` and read the reasons; change the field in contract.py that they name.",
    ),
    Finding(
        "LG9024",
        "a symbolic link is in the way of a file that init writes",
        "What is written by a link lands outside the folder, on a file of which nobody spoke: a folder of somebody "
        "else's could aim it anywhere.",
        "Look where it leads with `ls -l`; take the link away, or start in a new folder.",
    ),
)
