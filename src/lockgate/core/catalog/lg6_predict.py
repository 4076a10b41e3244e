"""LG672 to LG679: the output policy, and scoring a whole file."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG672",
        "abstaining is not available for this model",
        "The margin between the two best scores says how sure a label is; a number has none, so it is always answered.",
        "Take `abstain_below` out of this environment's output policy, or watch the model's error by other means.",
    ),
    Finding(
        "LG673",
        "the model may not be used in this environment",
        "A model that is not live may score a file only where the policy would let it go live: otherwise a file would "
        "be a way around every approval.",
        "Deploy the model, mend what the reasons name, or score in an environment whose policy allows it.",
    ),
    Finding(
        "LG674",
        "the contract accepts no row of the file",
        "The file and the contract do not mean the same columns; no prediction can be made of such rows.",
        "Look at the commonest reasons. A column that is no field of the contract, such as the label, is judged as the "
        'contract\'s `extra` says: take it out of the file where that is "forbid".',
    ),
    Finding(
        "LG675",
        "the file for the predictions cannot be written under this name",
        "Predictions are evidence: they replace nothing, and their form is known by the ending of the name.",
        "Give a new name that ends in .parquet or .csv.",
    ),
    Finding(
        "LG676",
        "the model gave no answer",
        "The jailed worker failed, ended, or answered something that is no prediction. No answer is made up.",
        "Look at the model's page and its judge's findings; score a part of the file to find the rows.",
    ),
    Finding(
        "LG677",
        "the record did not reach the log in time",
        "The policy lets predictions out only when their record is in the log, and whoever seals there did not come to "
        "it. Nothing was given out; the record waits in its spool.",
        "See whether the sealer of `lockgate serve` is at work, then run the same command again.",
    ),
    Finding(
        "LG678",
        "the file is not what was recorded",
        "A row, the order or number of rows, the receipt's file, or the file that was scored is another one than when "
        "the record was made.",
        "Use none of it. Score the file again, and find out who could write there.",
    ),
    Finding(
        "LG679",
        "there is no receipt of a file of predictions",
        "The rows are checked against one record in the log; the receipt's file beside them says which, and opens it.",
        "Put OUT.receipt.json back beside OUT, and name OUT with --rows.",
    ),
)
