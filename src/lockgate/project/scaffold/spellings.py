"""How people spell that there is no value, yes and no, and what names of columns say. Pure."""

from __future__ import annotations

import re
from typing import Final

CLEAR: Final = ("", "NULL", "null", "Null", "N/A", "n/a", "#N/A", "NaN", "nan", r"\N", "<NA>")
"""No value wherever they stand."""

UNCLEAR: Final = (
    *("NA", "na", "None", "none", "-", "--", "?", ".", "..", "*", "missing", "unknown", "n.a.", "N.A.", "k.A.", "n.v."),
    *("#NV", "#DIV/0!", "#VALUE!", "#REF!", "#WERT!", "#BEZUG!"),
)
"""No value in a column of numbers or dates; elsewhere perhaps a country, a mark, or a word."""

NONE: Final = (*CLEAR, *UNCLEAR)

FLAGS: Final = frozenset({"true", "false", "yes", "no", "y", "n", "t", "f", "on", "off"})
"""In lower case: what Pydantic takes as a boolean and no number."""

_CODE = re.compile(
    r"(?i)(^|[\W_])(zip(code)?|plz|postal(code)?|postcode|phone|tel|telefon|mobile|fax|iban|isbn|ean|ssn)([\W_]|$)"
)
_ID = re.compile(
    r"(?i)(^|[\W_])(id|uid|uuid|guid|key|no|nr|num|number|nummer|hash|email|e-?mail)$|^(id|uuid|guid)([\W_]|$)|"
    r"(kunden|konto|artikel|auftrags?|rechnungs?|vertrags?|personal|beleg)-?(nr|nummer|id)\W*$"
)
_CAMEL = re.compile(r"[a-z](Id|ID|UUID|Key|No|Nr|Nummer)$")
_OF_WHOM = re.compile(
    r"(?i)(customer|client|user|patient|account|household|store|shop|branch|device|session|member|subject|person|"
    r"vehicle|machine|sensor|station|house|student|teacher|school|kunde|kunden|konto|artikel|product|item|site|group)"
)
_BORN = re.compile(r"(?i)(birth|born|dob|geb|end|expir|until|due|cancel|clos|death|update|modif|gekuendigt|ablauf)")
_WHEN = re.compile(
    r"(?i)(date|time|datum|zeit|stamp|created|signed|order|event|visit|day|tag|when|_at$|_on$|start|begin)"
)
_LABEL = re.compile(
    r"(?i)^(label|target|class|y|outcome|response|result|answer|survived|diagnosis|quality|price|sentiment|category|"
    r"species|is_\w+|has_\w+|\w*churn\w*|\w*fraud\w*|\w*default\w*|\w*spam\w*|\w*gekuendigt\w*|\w*purchased?\w*)\W*$"
)


def names_code(name: str) -> bool:
    """Whether digits under this name are no quantity: a postcode, a telephone number."""
    return bool(_CODE.search(name))


def names_id(name: str) -> bool:
    """Whether the name says that each value stands for one thing."""
    return bool(_ID.search(name) or _CAMEL.search(name))


def names_owner(name: str) -> bool:
    """Whether the name says to whom a row belongs: a customer, a device."""
    return bool(_OF_WHOM.search(name))


def names_when(name: str) -> bool:
    """Whether a date under this name may be when the row came about, and not a birthday or an end."""
    return not _BORN.search(name)


def says_when(name: str) -> bool:
    """Whether the name itself says that this is when the row came about."""
    return bool(_WHEN.search(name)) and names_when(name)


def names_label(name: str) -> bool:
    """Whether the name sounds like something that one would want to predict."""
    return bool(_LABEL.match(name))
