"""What an unpacked wheel may bring, by the paths of its files alone. Pure.

A package may not stand where Lockgate, the interpreter or its standard library is looked for, nor change what makes
the folder an environment.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from lockgate.errors import Refused

LIBRARY = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"{LIBRARY}/site-packages"

_OURS = frozenset({"lockgate"})
# `copy` and `pickle` try `org.python.core`, which is there under Jython alone, each time that they are imported.
_ASKED = frozenset({"org"})
_SUFFIXES = re.compile(r"\.(py|pyc|pyi?|so|abi3\.so|cpython-[A-Za-z0-9_-]+\.so)\Z")
_INTERPRETER = re.compile(r"(python[0-9.]*t?|pythonw|activate.*|sh|bash|env|lockgate)\Z")
_TOOLS = {"uv": "uv", "uvx": "uv", "pip": "pip", "pip3": "pip"}
# What Python's library and joblib start by name, to learn about the machine. The environment's programs come first.
_PROGRAMS = re.compile(
    r"(arp|cc|clang|dump|gcc|getconf|git|ifconfig|ip|lanscan|ld|ldconfig|ldd|less|lscpu|more|netstat|nvidia-smi|objdump"
    r"|pager|ps|stty|sysctl|tput|uname|which)\Z"
)
_PLUGIN = re.compile(rb"^\s*\[\s*pydantic\s*\]", re.MULTILINE)
_CODE = re.compile(r"\.(py|pyc|pth|so|pyd)\Z|\.so\.[0-9.]+\Z")


def is_code(path: str) -> bool:
    """Whether a file of that name can be run or imported."""
    return bool(_CODE.search(path)) or path.startswith("bin/")


def has_plugin(entry_points: bytes) -> bool:
    """Whether a package wants pydantic to load it wherever a model is declared. No jail lets it."""
    return bool(_PLUGIN.search(entry_points))


def refuse_shadows(package: str, files: Iterable[str]) -> None:
    """Raises Refused LG352 when `package` (normal name) brings a file that it may not."""
    for flaw in shadows(package, files):
        raise Refused(
            "LG352",
            f"the wheel of {package} is refused: {flaw}",
            seen={"package": package},
            next=f"remove {package} from requirements.in, then lockgate lock",
        )


def shadows(package: str, files: Iterable[str]) -> Iterator[str]:
    """Each file that `package` may not bring, and why."""
    for path in files:
        why = _why(package, path)
        if why:
            yield f"{path} {why}"


def _why(package: str, path: str) -> str:
    first, _, rest = path.partition("/")
    if first == "bin":
        return _script(package, rest)
    if path.startswith(f"{SITE}/"):
        return _module(path.removeprefix(f"{SITE}/"))
    if path == "pyvenv.cfg" or first == "lib64":
        return "would change what makes the folder an environment"
    if path.startswith("lib/python"):
        return "lies where the interpreter looks for its own library"
    return ""


def _script(package: str, name: str) -> str:
    if _INTERPRETER.match(name):
        return "would run in place of the interpreter, a shell or Lockgate"
    if _TOOLS.get(name, package) != package:
        return f"would run in place of {_TOOLS[name]}"
    if _PROGRAMS.match(name):
        return "would run in place of a program of the system, which libraries start by name"
    return ""


def _module(path: str) -> str:
    first, slash, _ = path.partition("/")
    name = first if slash else _SUFFIXES.sub("", first)
    if name in _OURS:
        return "would be imported in place of Lockgate"
    if name in sys.stdlib_module_names and (slash or name != first):
        return "has the name of a module of the standard library"
    if name in _ASKED and (slash or name != first):
        return "has the name of a module that the standard library asks for"
    return ""
