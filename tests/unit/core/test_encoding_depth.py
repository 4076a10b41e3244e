"""How deep signed JSON may be: for every reader the same."""

from __future__ import annotations

import pytest

from lockgate.core.encoding import DEEPEST, decode


@pytest.mark.parametrize("inside", [b'"[{[{[{"', b'"\\"[["', b"1"])
def test_how_deep_json_may_be_is_the_same_for_every_reader(inside: bytes) -> None:
    """64 and no deeper, however deep the reader's own stack is; brackets in texts are texts."""
    most, more = (b"[" * depth + inside + b"]" * depth for depth in (DEEPEST, DEEPEST + 1))

    def read(frames: int) -> object:
        return read(frames - 1) if frames else decode(most)

    assert read(600) == decode(most)
    for data in (more, b'{"a":' * (DEEPEST + 1) + inside + b"}" * (DEEPEST + 1), b"[" * 100_000):
        with pytest.raises(ValueError, match="nested too deeply"):
            decode(data)


def test_what_lies_side_by_side_is_not_deep() -> None:
    """Many shallow values are fine."""
    assert decode(b"[" + b"[],{}," * 1000 + b"0]")[-1] == 0
