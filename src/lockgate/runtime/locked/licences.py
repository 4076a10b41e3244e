"""The licence that a wheel declares, from the headers of its METADATA. Pure: bytes in, an SPDX expression out.

Believed as far as its maker is: nobody reads the licence's text. The order is that of PEP 639: `License-Expression`;
else the classifiers, of which each must hold; else `License`, where it is an expression and no text. A classifier that
names no single licence (PEP 639 lists them) becomes a name of its own, which a policy can allow or refuse:

    License :: OSI Approved :: BSD License     -> LicenseRef-BSD-License
"""

from __future__ import annotations

import re
from typing import Final

from lockgate.core.licences import canonical

MOST_HEADERS: Final = 1 << 20
_PREFIX = "License :: "

# PEP 639 appendix: the classifiers that name one licence and no other.
_ONE: Final = {
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "CMU License (MIT-CMU)": "MIT-CMU",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "zlib/libpng License": "Zlib",
}


def declared(metadata: bytes) -> str:
    """What the METADATA of a wheel declares, as a canonical SPDX expression; "" when there is none to be read."""
    headers = _headers(metadata)
    for expression in headers.get("license-expression", [])[:1]:
        return canonical(expression) or ""
    named = [each for each in headers.get("classifier", []) if each.startswith(_PREFIX)]
    texts = headers.get("license", [])[:1]
    stated = next((found for text in texts if (found := canonical(text))), "")
    clear = [_ONE.get(each.rpartition(" :: ")[2]) for each in named]
    if named and not (stated and None in clear):
        return _all([found or _reference(each) for found, each in zip(clear, named, strict=True)])
    return stated


def _all(licences: list[str]) -> str:
    """Every one of them: classifiers do not say whether one may choose."""
    found = [each for each in dict.fromkeys(licences) if each]
    return canonical(" AND ".join(found)) or "" if found and len(found) <= 20 else ""


def _reference(classifier: str) -> str:
    last = classifier.removeprefix(_PREFIX).removeprefix("OSI Approved").removeprefix(" :: ")
    name = re.sub(r"[^A-Za-z0-9]+", "-", last).strip("-")
    return f"LicenseRef-{name}" if name else ""


def _headers(metadata: bytes) -> dict[str, list[str]]:
    """The headers up to the first empty line; a value that goes on in further lines is a text, no name: empty."""
    found: dict[str, list[str]] = {}
    last: list[str] = []
    for line in metadata[:MOST_HEADERS].decode("utf-8", "replace").split("\n"):
        line = line.rstrip("\r")  # noqa: PLW2901 - what a header is, is its line without the end
        if not line:
            break
        if line[0] in " \t":
            if last:
                last[-1] = ""
            continue
        name, colon, value = line.partition(":")
        last = found.setdefault(name.strip().lower(), []) if colon else []
        if colon:
            last.append(value.strip())
    return found
