"""LG390 to LG393: features.py between the contract's fields and the model."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG390",
        "there is no such function to make features",
        "`[train] features` names a file and a function. The file must be among the captured code (`[train] code`), "
        "and the function must be there after the file was imported.",
        "Correct `[train] features` in lockgate.toml, or set it to `none`: then the model takes the contract's fields.",
    ),
    Finding(
        "LG391",
        "features of rows that training never saw cannot be made",
        "features() ran on the training rows and failed on the held-out ones, or where it is served: there it has the "
        "captured code and nothing else, no label, no folder of training, no further input, no network. What failed "
        "is told by type and line only, since it may quote rows that only the judge may see.",
        "Read files beside it by `Path(__file__).with_name(...)`, and let `[train] code` match them. Handle values "
        "that training did not have: NaN in numbers and booleans, an empty text, a new category.",
    ),
    Finding(
        "LG392",
        "what features() gives is no table of features",
        "It must return a pandas DataFrame with the rows that it was given, in their order and under their index; "
        "columns with distinct names like those of Python, none of them the label's; numbers, booleans, texts or "
        "datetime64; finite numbers or NaN; and for one row the same columns as for many.",
        "Mend features.py. Write a duration as a number of seconds, a list or an object as several columns.",
    ),
    Finding(
        "LG393",
        "the features of a row depend on other rows",
        "Asked for alone, in another batch, or a second time, a row has other features than among all rows. A served "
        "model meets rows in batches of any size: what it learned would not hold there, and what was measured on the "
        "held-out rows would not either. Means, ranks, codes of categories and one-hot columns of a batch do this; "
        "so do random numbers and what a function remembers from call to call.",
        "Compute what needs many rows in train(), and keep it in the Pipeline: scalers, encoders, imputers. In "
        "features.py write what one row tells about itself. A lag, a running mean, anything that earlier rows tell: "
        "make it a column of the data and a field of the contract; whoever asks sends it.",
    ),
)
