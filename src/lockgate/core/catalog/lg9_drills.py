"""LG984 to LG994: drills, attacks on a served copy of one's own model."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG984",
        "the drill's gateway ended before it was asked",
        "A drill serves a copy of the project. When its gateway does not stay up, nothing was measured.",
        "Run `lockgate doctor`; then `lockgate serve` in the project, which says why a gateway ends.",
    ),
    Finding(
        "LG985",
        "the drill's gateway gave no usable answer",
        "Each figure of a drill comes from an answer. One that is missing is no result, and is never counted as "
        "robust.",
        "Run `lockgate doctor`, then the drill again; what the gateway said stands beside.",
    ),
    Finding(
        "LG986",
        "there are too few held-out rows to ask",
        "A drill asks with rows that the model never saw, and compares copies on others of them. With a handful "
        "of rows every figure is chance. They lie in the project's data store, where the model was trained.",
        "Run the drill on the machine that trained; train with more data, or a larger [train] holdout.",
    ),
    Finding(
        "LG987",
        "this installation has no scikit-learn",
        "A drill learns a copy of the model from its answers, and learns it with scikit-learn.",
        "Run `pip install scikit-learn`, or install Lockgate again.",
    ),
    Finding(
        "LG988",
        "the policy holds back the client that measures",
        "What a model can be made to give away is measured by an internal client without limits. Where the "
        "policy answers suspicion of internal clients too, it is held back like an attacker, and its figures "
        "would be those of the defence.",
        "Drill under an environment whose policy only observes internal clients.",
    ),
    Finding(
        "LG989",
        "nobody says which fields an attacker may change",
        "Whether a flip is an attack depends on who could make it: an applicant can state another income, and "
        "cannot be of another age. Moving every field finds flips that nobody could bring about.",
        "Give --mutable FIELD,FIELD, or set [robustness] mutable in lockgate.toml; only numbers can be moved.",
    ),
    Finding(
        "LG990",
        "a control that should have acted did not",
        "The drill asked the gateway as an attacker would. The detectors that the gateway has, given the same "
        "queries, see them, or the policy lets something follow: and nothing was recorded, or nothing followed. "
        "What the policy promises does not happen.",
        "Look at the drill's report; run it again, since a loaded machine looks at fewer rows; then report it.",
    ),
    Finding(
        "LG991",
        "the drill's folder cannot be written",
        "A drill leaves a page and its figures. They are no evidence, and are lost when they cannot be written.",
        "Name another folder with --out DIR.",
    ),
    Finding(
        "LG994",
        "this model has no population",
        "Detectors of abuse compare what a client asks with what rows are like by nature; that is counted when "
        "rows are validated, and signed with the model. A model from before that was counted is not looked at, "
        "and has no leak budget.",
        "Run `lockgate run` and deploy what comes of it.",
    ),
)
