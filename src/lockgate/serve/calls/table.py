"""Every route of the gateway, in one table. There is no other way in: what is not here is 404 or 405."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote

from lockgate.serve.calls import describe
from lockgate.serve.calls.ask import Admitting, Answering, Call, Doors
from lockgate.serve.calls.feedback import Feedback
from lockgate.serve.calls.infer import Infer
from lockgate.serve.calls.openapi import OpenApi
from lockgate.serve.calls.predict import Predict
from lockgate.serve.declined import Declined
from lockgate.serve.spec import Caps

MODEL = "/v2/models/{model}"
VERSION = MODEL + "/versions/{version}"

Matched = tuple[Call, Mapping[str, str]]
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. A part of `pattern` in braces takes any one part of a path, and gives it its name."""

    method: str
    pattern: str
    call: Call

    @property
    def exact(self) -> bool:
        """Whether the pattern is a path."""
        return "{" not in self.pattern


class Table:
    """Routes, found by method and path."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[tuple[str, str], Matched] = {
            (route.method, route.pattern): (route.call, _NOTHING) for route in self.routes if route.exact
        }
        self._patterns = tuple((tuple(route.pattern.split("/")), route) for route in self.routes if not route.exact)

    def match(self, method: str, path: str) -> Matched:
        """The call, and what the path names. Raises Declined 404 (LG603), 405 (LG604) with `Allow`."""
        found = self._exact.get((method, path))
        if found is not None:
            return found
        parts = path.split("/")
        allowed = [route.method for route in self.routes if route.pattern == path]
        for pattern, route in self._patterns:
            named = _named(pattern, parts)
            if named is not None:
                if route.method == method:
                    return route.call, named
                allowed.append(route.method)
        if allowed:
            methods = ", ".join(sorted(set(allowed)))
            raise Declined(405, "LG604", f"this call takes {methods}", headers={"Allow": methods})
        raise Declined(404, "LG603", "there is no such call")


def table(service: Answering, admission: Admitting, *, caps: Caps, metrics: Call | None = None) -> Table:
    """The routes of one gateway. `metrics` answers `GET /metrics`, which needs the action of that name."""
    doors = Doors(service, admission, caps)
    infer, model = Infer(doors), describe.Model(doors)
    ready, server = describe.ModelReady(doors), describe.Server()
    routes = [
        Route("POST", "/predict", Predict(doors)),
        Route("POST", "/feedback", Feedback(doors)),
        Route("GET", "/v2", server),
        Route("GET", "/v2/", server),
        Route("GET", "/v2/health/live", describe.Alive()),
        Route("GET", "/v2/health/ready", describe.Ready(doors)),
        *[Route("GET", base, model) for base in (MODEL, VERSION)],
        *[Route("GET", f"{base}/ready", ready) for base in (MODEL, VERSION)],
        *[Route("POST", f"{base}/infer", infer) for base in (MODEL, VERSION)],
    ]
    if metrics is not None:
        routes.append(Route("GET", "/metrics", metrics))
    openapi = Route("GET", "/openapi.json", OpenApi(doors, routes))
    return Table([*routes, openapi])


def _named(pattern: tuple[str, ...], parts: Sequence[str]) -> Mapping[str, str] | None:
    if len(pattern) != len(parts):
        return None
    found = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted[:1] == "{":
            if not part:
                return None
            found[wanted[1:-1]] = unquote(part)
        elif wanted != part:
            return None
    return found
