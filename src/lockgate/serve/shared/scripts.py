"""The two scripts that the server runs, each atomic, each on the server's own clock and nobody else's.

Both take how much is wanted and the least that is of use, and give two numbers: what was granted, and how it stands.
A negative want gives back what was not spent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Script:
    """A Lua script, and the name that the server knows it by once it is loaded."""

    text: bytes
    name: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode())


# Generic cell rate algorithm, as `Meter`. Microseconds since a day in 2023, so that a double holds parts of
# one. A time that the burst cannot explain (the clock was set back) is brought down to what it can.
RATE = Script(
    b"""
local t = redis.call('TIME')
local now = (tonumber(t[1]) - 1700000000) * 1000000 + tonumber(t[2])
local want, least = tonumber(ARGV[1]), tonumber(ARGV[2])
local cell, burst = 1000000 / tonumber(ARGV[3]), tonumber(ARGV[4])
local at = tonumber(redis.call('GET', KEYS[1])) or now
at = math.min(math.max(at, now), now + burst * cell)
local got = 0
if want < 0 then
  at = math.max(now, at + want * cell)
else
  got = math.min(want, math.floor(burst - (at - now) / cell + 1e-6))
  if got < least then got = 0 end
  at = at + got * cell
end
local ahead = math.ceil(at - now)
local keep = math.min(math.ceil(ahead / 1000) + 1, 31536000000)
redis.call('SET', KEYS[1], string.format('%.17g', at), 'PX', string.format('%.0f', keep))
return {got, math.min(ahead, 1e17)}
"""
)

BUDGET = Script(
    b"""
local want, least = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = math.max(0, tonumber(redis.call('GET', KEYS[1])) or 0)
local got = 0
if want < 0 then
  used = math.max(0, used + want)
else
  got = math.min(want, math.max(0, tonumber(ARGV[3]) - used))
  if got < least then got = 0 end
  used = used + got
end
redis.call('SET', KEYS[1], string.format('%.0f', used), 'EX', '172800')
return {got, math.max(0, tonumber(ARGV[3]) - used)}
"""
)

SCRIPTS = (RATE, BUDGET)
