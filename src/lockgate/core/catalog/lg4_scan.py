"""LG470 to LG475: looking at model files."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG470",
        "a file that is of two forms at once",
        "One reader sees weights, another an archive or a program: who looks at it is not who runs it.",
        "Do not use the file. Ask whoever made it how it was written, and for one that is written again.",
    ),
    Finding(
        "LG471",
        "an archive that is not wholly what it says",
        "Members that overlap, hide, repeat a name or expand without end are read by each reader in another way. "
        "The only archive that is taken is an npz whose members are arrays.",
        "Save the arrays again with numpy.savez, or as safetensors.",
    ),
    Finding(
        "LG472",
        "a template that can do more than make a prompt",
        "A chat template is a program that the library runs on every request; most need loops over messages, "
        "conditions and a few filters, and nothing else.",
        "Read the template at the place that is named; take one of the model's maker, or write it with less.",
    ),
    Finding(
        "LG473",
        "a file changed while it was looked at",
        "What was found out is about bytes that are not there any more.",
        "Stop what writes there, then run the same command again.",
    ),
    Finding(
        "LG474",
        "something was not looked at",
        "Links are not followed, sockets, pipes and devices not opened, what cannot be read is not known. "
        "What nobody looked at is not proved harmless.",
        "Give a folder of regular files that you can read: `cp -rL FOLDER COPY` follows links.",
    ),
    Finding(
        "LG475",
        "nothing was looked at",
        "An empty folder proves nothing, and a wrong path looks like one.",
        "Look at the path; name the folder that holds the model.",
    ),
)
