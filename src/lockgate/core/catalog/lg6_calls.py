"""LG652 to LG658: what a call does not take."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG652",
        "The label cannot have come true (422)",
        "Labels judge the model and may one day train it: one that is no class of it would do so unseen.",
        "Send one of the classes, spelled and typed as in the answers (`true` is neither 1 nor a text); for regression "
        "a number. Nothing of this request was recorded: send it again whole.",
    ),
    Finding(
        "LG655",
        "The binary tensors are not what the request announces (400)",
        "Bytes that nobody accounts for are read as something else by somebody else.",
        "`Inference-Header-Content-Length` is the length of the JSON; `binary_data_size` is that of a tensor's "
        "elements, little-endian, without gaps; NaN and Infinity are no values here, as in JSON.",
    ),
    Finding(
        "LG656",
        "No such output for this client (400)",
        "An output that is left out without a word would be taken for one that the model does not have.",
        "`GET /v2/models/NAME` lists the outputs that the output policy gives to this kind of client.",
    ),
    Finding(
        "LG657",
        "The parameter is not followed here (400)",
        "A sender counts on what a parameter says; to ignore it is to answer another question.",
        "Leave it out. Followed are `binary_data_output` of a request, `binary_data_size` of an input and "
        "`binary_data` of an output.",
    ),
    Finding(
        "LG658",
        "The id of the request is too long or not printable (400)",
        "It goes into records: a line break or a control character there forges or hides a line.",
        "At most 64 printable ASCII characters.",
    ),
)
