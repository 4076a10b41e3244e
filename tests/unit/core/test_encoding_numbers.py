"""How large a number in signed JSON may be: no larger than every reader can read and write."""

from __future__ import annotations

import pytest

from lockgate.core.encoding import LARGEST, decode, decode_exact


def test_the_largest_number() -> None:
    """2**63 either way, in every place; so small a bound costs no honest statement anything."""
    for number in (LARGEST, -LARGEST, 0):
        assert decode_exact(b'{"a":[%d]}' % number) == {"a": [number]}


@pytest.mark.parametrize("number", [LARGEST + 1, -LARGEST - 1, 10**300, int("9" * 4300)])
def test_a_larger_one_is_refused(number: int) -> None:
    """With a reason, whatever the interpreter would make of it."""
    with pytest.raises(ValueError, match="beyond 64 bits"):
        decode_exact(b'{"a":[%d]}' % number)


def test_what_strangers_send_may_be_larger() -> None:
    """A client's value is judged by the contract, which has an answer for it; so is what workers say of it."""
    assert decode(b"%d" % 2**70) == decode_exact(b"%d" % 2**70, kept=False) == 2**70
