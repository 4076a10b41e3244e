"""A stranger's columns -> names of fields, each a plain identifier that means nothing else in contract.py. Pure.

Nothing of a stranger's name but ASCII letters, digits and underscores comes into a program's text this way; the name
itself stands there as a string, the field's alias.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel

TAKEN: Final = frozenset({"dt", "Literal", "BaseModel", "Field", "ConfigDict", "Record", "int", "float", "str", "bool"})
"""Words of the written contract."""

_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_SIGNS: Final = {"%": " percent ", "€": " eur ", "$": " usd ", "£": " gbp ", "#": " number ", "&": " and "}
_LONGEST: Final = 60


def field_names(columns: Sequence[str]) -> Mapping[str, str]:
    """A field's name for each column, all different; the column's own where it is one already."""
    found = {name: name for name in columns if is_name(name)}
    used = set(found.values())
    for place, column in enumerate(columns):
        if column in found:
            continue
        base = made_name(column) or f"column_{place + 1}"
        name, number = base, 2
        while name in used or not is_name(name):
            name, number = f"{base}_{number}", number + 1
        found[column] = name
        used.add(name)
    return {column: found[column] for column in columns}


def is_name(name: str) -> bool:
    """Whether a column's name can be a field's."""
    usable = (
        bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)) and len(name) <= _LONGEST and not keyword.iskeyword(name)
    )
    return usable and name not in TAKEN and not name.startswith("model_") and not hasattr(BaseModel, name)


def made_name(column: str) -> str:
    """`Total Price (EUR)` -> `total_price_eur`; "" where no letter or digit is left."""
    text = column.translate(_GERMAN)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", unicodedata.normalize("NFKD", text))
    text = text.encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", text).strip("_")[:_LONGEST].rstrip("_")
    if name and name[0].isdigit():
        name = f"n_{name}"
    if name.startswith("model_"):
        name = f"its_{name}"
    return f"{name}_" if name and not is_name(name) and is_name(f"{name}_") else name
