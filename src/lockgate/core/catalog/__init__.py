"""Every finding id, for ever: what it means, why it matters, what to do. One file per hundred.

An id is never reused and never changes its meaning. `lockgate explain LG203` prints an entry; the page
`docs/reference/findings.md` is generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One rule's permanent entry. `title`: what is wrong, in a few words; `why`: what it would let happen;
    `do`: what the person does about it.
    """

    id: str
    title: str
    why: str
    do: str
