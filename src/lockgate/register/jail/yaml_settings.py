"""Settings by which YAML makes objects or loads code, looked for as words: no parser of YAML ever sees the file."""

from __future__ import annotations

import re

from lockgate.register.import_formats import CODE_KEYS
from lockgate.register.jail.findings import NotAllowed

_LOADER = re.compile(r"loader_module")
_OWN_LOADER = re.compile(r"^ *loader_module: mlflow(?:\.[a-z0-9_]+)+ *$", re.MULTILINE)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U000([0-9a-fA-F]{5}))")
_TAG = re.compile(r"(?:^|[\s\[{,?:-])!(?:!?[A-Za-z<]|<)", re.MULTILINE)
_WITH_CODE = re.compile("|".join((*CODE_KEYS, "_target_", "py/object", "__reduce__")))
_PICKLED = re.compile(
    r"\bpython_model:|\bmodel_code_path:(?! *(?:null|~)? *$)|\bserialization_format: *\W?(?:cloud)?pickle"
    r"|\bcloudpickle\b|\.(?:pkl|pickle|joblib|dill)\b",
    re.MULTILINE,
)
_ANCHOR = re.compile(r"(?:^|[\s\[{,:-])&[A-Za-z0-9_-]+", re.MULTILINE)
_ALIAS = re.compile(r"(?:^|[\s\[{,:-])\*[A-Za-z0-9_-]+", re.MULTILINE)
_DEEP = re.compile(r"(?:[\[{]\s*){64}")
_MOST_ALIASES = 100
_FENCE = re.compile(r"^---[ \t\f\v]*$", re.MULTILINE)


def refuse_code(text: str) -> None:
    """YAML can spell one key in many ways, so the words are looked for wherever they stand, in whatever spelling.

    1. No tag names a type: that is how YAML makes objects of somebody's choice.
    2. `loader_module` stands only as a plain line that names a module of MLflow's own.
    3. No setting loads code that comes with the model.

    Raises NotAllowed LG464.
    """
    joined = re.sub(r"\\\n *", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    plain = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), joined)
    _refuse_growth(plain)
    # 1.
    tag = _TAG.search(plain)
    if tag:
        raise NotAllowed("LG464", "a tag in it names a type to be made", tag=tag[0].strip()[:40])
    # 2.
    if len(_LOADER.findall(plain)) != len(_OWN_LOADER.findall(plain)):
        raise NotAllowed("LG464", "its loader_module is a module of somebody's own, or spelled in another way")
    # 3.
    setting = _WITH_CODE.search(plain)
    if setting:
        raise NotAllowed("LG464", f"its setting {setting[0]} loads code that comes with the model", setting=setting[0])


def refuse_pickled(text: str) -> None:
    """In an MLmodel: the file of a pickle that MLflow would load. Raises NotAllowed LG464."""
    found = _PICKLED.search(text)
    if found:
        raise NotAllowed("LG464", f"it has MLflow load a pickle ({found[0][:40]})", setting=found[0][:40])


def front_matter(text: str) -> str:
    """The YAML with which a model card begins; empty where it begins otherwise."""
    plain = text.lstrip("\ufeff \t\r\n").replace("\r\n", "\n").replace("\r", "\n")
    begin = _FENCE.match(plain)
    end = _FENCE.search(plain, begin.end()) if begin else None
    return plain[begin.end() + 1 : end.start()] if begin and end else ""


def _refuse_growth(text: str) -> None:
    """Aliases of aliases: a few lines that stand for more than any memory holds. Raises NotAllowed LG416."""
    if _DEEP.search(text):
        raise NotAllowed("LG416", "its lists are nested too deeply")
    anchors = {one[0].strip(" \t\n[{,:-&") for one in _ANCHOR.finditer(text)}
    used = [one for one in _ALIAS.finditer(text) if one[0].strip(" \t\n[{,:-*") in anchors]
    merged = any(_ANCHOR.search(line) and _ALIAS.search(line) for line in text.split("\n")) or "<<" in text
    if len(used) > _MOST_ALIASES or (used and merged):
        raise NotAllowed("LG416", "its parts stand for other parts, which stand for others")
