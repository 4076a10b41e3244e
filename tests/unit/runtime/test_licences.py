"""runtime.locked.licences: what a wheel declares becomes an SPDX expression, or nothing."""

from __future__ import annotations

from time import process_time

import pytest

from lockgate.runtime.locked.licences import declared

BSD = "Classifier: License :: OSI Approved :: BSD License"
MIT = "Classifier: License :: OSI Approved :: MIT License"


@pytest.mark.parametrize(
    ("headers", "expression"),
    [
        (["License-Expression: mit or Apache-2.0"], "MIT OR Apache-2.0"),
        (["License-Expression: MIT", BSD, "License: GPL-3.0-only"], "MIT"),
        (["License-Expression: whatever", MIT], ""),
        ([MIT], "MIT"),
        ([MIT, "License: GPL-3.0-only"], "MIT"),
        ([MIT, "Classifier: License :: OSI Approved :: zlib/libpng License"], "MIT AND Zlib"),
        ([BSD], "LicenseRef-BSD-License"),
        ([BSD, "License: BSD-3-Clause"], "BSD-3-Clause"),
        ([BSD, "License: New BSD"], "LicenseRef-BSD-License"),
        (["Classifier: License :: Other/Proprietary License"], "LicenseRef-Other-Proprietary-License"),
        (["Classifier: License :: OSI Approved"], ""),
        (["License: MIT"], "MIT"),
        (["License: MIT", "  and a long text"], ""),
        (["License: Copyright (c) 2026"], ""),
        (["Name: x", "", "License-Expression: MIT"], ""),
        (["License :: MIT", "\xff\xfe"], ""),
        ([], ""),
    ],
)
def test_what_is_declared(headers: list[str], expression: str) -> None:
    """PEP 639's order. An ambiguous classifier is a name of its own; after the headers comes prose."""
    data = "\n".join(["Metadata-Version: 2.4", *headers, "", "A text."]).encode("latin-1")
    assert declared(data) == expression
    assert declared(data.replace(b"\n", b"\r\n")) == expression


@pytest.mark.parametrize("line", [b" x\n", b"Classifier: License :: MIT License\n", b"License: MIT\n", b"(\n"])
def test_a_hostile_file_costs_little(line: bytes) -> None:
    """A megabyte of headers is read in a moment, whatever is in it."""
    began = process_time()
    assert declared(b"License: MIT\n" + line * ((2 << 20) // len(line))) in ("", "MIT")
    assert process_time() - began < 5
