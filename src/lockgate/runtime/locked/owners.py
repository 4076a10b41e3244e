"""Which wheel owns which import name: nobody may bring code under the name of another. Pure, but for `read`.

A package's folder belongs to the wheel that has its `__init__`. Another wheel that puts files below it would be
imported by the owner's own code: a folder goes before a module of its name, and many packages try to import a private
module that is mostly not there. Makers may share a folder without `__init__` (PEP 420), or with one that does nothing
but say that it is shared (`pkgutil`, `pkg_resources`). Below it the same holds for each name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from lockgate.runtime.locked.checks import SITE

_MODULE = re.compile(r"(\.abi3|\.cpython-[A-Za-z0-9_-]+)?\.(py|pyc|so)\Z")
_MOST = 4096
_BYTECODE = "__pycache__"
_OTHER_ENCODING = re.compile(rb"coding[:=][ \t]*(?!utf-8)")
_DECLARE = "__import__('pkg_resources').declare_namespace(__name__)"
_EXTEND = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)"
_DECLARED = "import pkg_resources pkg_resources.declare_namespace(__name__)"
_EXTENDED = "import pkgutil __path__ = pkgutil.extend_path(__path__, __name__)"
_SHARING = frozenset(
    "".join(text.split())
    for text in (
        _DECLARE,
        _EXTEND,
        _DECLARED,
        _EXTENDED,
        "from pkgutil import extend_path __path__ = extend_path(__path__, __name__)",
        f"try: {_DECLARE} except ImportError: {_EXTEND}",
        f"try: {_DECLARED} except ImportError: {_EXTENDED}",
    )
)
# Each of NVIDIA's wheels has an empty nvidia/__init__.py.
_EMPTY_AND_SHARED = frozenset({"nvidia"})
# Left in wheels by mistake so often that refusing it would refuse honest environments; nothing that runs imports it.
_LEFT_OVER = frozenset({"benchmarks", "docs", "examples", "tests"})

_Group = Mapping[str, list[str]]
_Read = Callable[[str, str], bytes]


def conflicts(wheels: Mapping[str, Iterable[str]], read: _Read) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each import name, as a path, that several of `wheels` (name -> its files) claim, with their names, sorted.

    The order of `wheels` does not matter. `read` gives a file of a wheel.
    """
    site = f"{SITE}/"
    yield from _among(
        {wheel: [path[len(site) :] for path in paths if path.startswith(site)] for wheel, paths in wheels.items()},
        "",
        read,
    )


def _among(group: _Group, folder: str, read: _Read) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The conflicts below `folder`, of which `group` has the paths."""
    modules: dict[str, dict[str, set[str]]] = {}
    folders: dict[str, dict[str, list[str]]] = {}
    for wheel, paths in group.items():
        for path in paths:
            first, slash, rest = path.partition("/")
            if slash and first == _BYTECODE:  # it is taken instead of the source beside it, unread
                modules.setdefault(rest.partition(".")[0], {}).setdefault(wheel, set()).add(_BYTECODE)
            elif slash:
                folders.setdefault(first, {}).setdefault(wheel, []).append(rest)
            elif _MODULE.search(first):
                modules.setdefault(_MODULE.sub("", first), {}).setdefault(wheel, set()).add(first)
    for name in sorted({*modules, *folders}):
        beside, below = modules.get(name, {}), folders.get(name, {})
        claiming = tuple(sorted({*beside, *below}))
        if len(claiming) == 1 or name == "__init__" or (not folder and name in _LEFT_OVER):
            continue
        # One module with one file name is no conflict here: whether it is one file is compared elsewhere.
        if beside and (below or len({frozenset(files) for files in beside.values()}) > 1):
            yield f"{folder}{name}", claiming
        elif below:
            yield from _inside(f"{folder}{name}", below, claiming, read)


def _inside(
    folder: str, below: _Group, claiming: tuple[str, ...], read: _Read
) -> Iterator[tuple[str, tuple[str, ...]]]:
    if _may_share(folder, below, read):
        yield from _among(below, f"{folder}/", read)
    else:
        yield folder, claiming


def _may_share(folder: str, below: _Group, read: _Read) -> bool:
    if folder.endswith(".libs"):  # shared libraries that a wheel keeps for itself
        return False
    inits = [(wheel, path) for wheel, paths in below.items() for path in paths if "/" not in path and _is_init(path)]
    return all(
        path == "__init__.py" and _shares(folder, read(wheel, f"{SITE}/{folder}/{path}")) for wheel, path in inits
    )


def _is_init(name: str) -> bool:
    return bool(_MODULE.search(name)) and _MODULE.sub("", name) == "__init__"


def _shares(folder: str, source: bytes) -> bool:
    """Whether an `__init__.py` does nothing but say that its folder is shared."""
    if folder in _EMPTY_AND_SHARED and not source:
        return True
    lines = [line for line in source.decode("utf-8", "replace").splitlines() if not line.lstrip().startswith("#")]
    text = "".join(" ".join(lines).split()).replace('"', "'")
    return len(source) <= _MOST and text.replace(";", "") in _SHARING and not _OTHER_ENCODING.search(source)
