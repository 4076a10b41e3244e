"""LG1100 to LG1109: how the cells of a CSV file are spelled."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG1100",
        "the spelling of numbers is none that is known",
        "1.234 is one point two in one country and a thousand in another: what is meant is said by example.",
        'Set `[data] numbers` to one of the examples that the message lists, such as "1.234,56". Leave it out where '
        "the cells look like 1234.56.",
    ),
    Finding(
        "LG1101",
        "spellings of no value are listed in quotes, but not all of them",
        "A quoted cell is a text by default. Where a program puts every cell in quotes, all spellings of no value have "
        "to be meant with and without them: the reader can tell the two apart for all, or for none.",
        'Write each spelling both ways: null = ["", "\\"\\""], or leave those in quotes out.',
    ),
)
