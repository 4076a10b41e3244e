"""LG214, LG231 to LG241: rows that the contract accepts and that may have been put there to teach something wrong."""

from lockgate.core.catalog import Finding

_REVIEW = (
    "Look at the rows: `lockgate review --screen`; then say of each whether it is right: `lockgate review mark ROWS "
    "good|bad --reason WHY`. A row marked bad is quarantined from the next run on, one marked good is flagged no more."
)

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG214",
        "rows have the same features and another label",
        "A model that is given both learns neither. Where the features do not tell all, a few are honest; many of one "
        "kind are a broken join, or somebody who writes rows again with another label.",
        _REVIEW,
    ),
    Finding(
        "LG231",
        "the same row is there too often",
        "Each copy weighs as much as another row: whoever writes one many times moves the model, and a copy among the "
        "held-out rows makes its judgement too good.",
        _REVIEW + " Where copies are right, say so once: the mark holds for all of them.",
    ),
    Finding(
        "LG232",
        "rows are almost the same as others",
        "Copies with a small change in each are how a row is written many times without being the same row.",
        _REVIEW,
    ),
    Finding(
        "LG233",
        "labels do not fit those of similar rows",
        "A model made of the other rows is sure of another label, and so are the rows nearest to it. Among them are "
        "honest exceptions; a share of wrong labels is what poisoned or badly labelled data has.",
        _REVIEW,
    ),
    Finding(
        "LG234",
        "a rare pair of values goes with one label",
        "That is how a trigger looks: rows with a mark of its writer's choice, all with the label that he wants. The "
        "model learns it, and gives that label to whoever sends the mark. Rules of the real world can look so too.",
        _REVIEW + " Where the pair is a rule that you know, mark its rows good.",
    ),
    Finding(
        "LG235",
        "the labels of one source do not fit those of the others",
        "Where one file, or one value of `[screen] origin`, has labels that the rows like them elsewhere do not have, "
        "its writer knows something else, or lies.",
        _REVIEW + " Or leave the source out: lockgate.toml, `[data] sources`.",
    ),
    Finding(
        "LG236",
        "some rows of a class pull it into a direction of their own",
        "The spectral signature of rows that were put there. It is a weak second opinion: rows whose values lie within "
        "the range of the others hardly show.",
        _REVIEW,
    ),
    Finding(
        "LG237",
        "a rule of the screen could not look",
        "It needs more rows, two classes, or inputs of another kind. Nothing is said by it of these rows, neither that "
        "they are clean nor that they are not; an environment that enforces the rule refuses the model. Where the rule "
        "could look at earlier rows, somebody may have switched it off by what he wrote.",
        "Look what is new in the rows where it could look before. Else nothing must be done where the rule warns. "
        "Where it is enforced give what it asks for, or set it to warn or off: policy.toml, "
        "`[environment.NAME.screen]`.",
    ),
    Finding(
        "LG238",
        "the screen did not look at everything, or does not list every finding",
        "What it may use is bounded. Of more rows than fit a random sample is looked at, which nobody could know when "
        "the rows were written; a rule says what it left out; a list of numbers in another form than those of most "
        "rows cannot be compared with them, and a long one is seen in fewer directions. Of very many findings the "
        "first are listed, and all are counted.",
        "Look at the first findings. Let the contract say how long a list of numbers is; leave out fields that no "
        "model needs. Later rows can be ingested and validated by themselves.",
    ),
    Finding(
        "LG239",
        "`[screen] origin` names no field that tells sources apart",
        "It is a field of the contract that holds a text, a whole number or a boolean, and is not the label.",
        "Correct `[screen] origin` in lockgate.toml, or leave it out: then each file is a source.",
    ),
    Finding(
        "LG240",
        "the screen's jail was stopped",
        "It ran into a limit, or met rows that a rule cannot handle. Nothing was signed: rows that make the screen "
        "stop must not get past it.",
        "Look which rule it was, by setting single rules to off in `[environment.NAME.screen]` of policy.toml, and "
        "report it: rows should never do that.",
    ),
    Finding(
        "LG241",
        "the screen's jail gave an account that does not add up",
        "Its counts must fit the accepted rows and each other, and each rule that was asked for must be in it.",
        "Run again; if it stays, reinstall Lockgate: the jail runs nothing else. `lockgate doctor` looks at the rest.",
    ),
)
