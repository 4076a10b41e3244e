"""What to do about an error of the user's code that everybody meets once. Pure; it helps, and decides nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lockgate.contract.findings import clean

OTHERWISE: Final = "mend the training code, then: lockgate train"
_PACKAGES: Final[Mapping[str, str]] = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "imblearn": "imbalanced-learn",
}
"""Where a package is called otherwise than what is imported."""
_MODULE: Final = re.compile(r"[A-Za-z_]\w{0,79}")
_BY_WORDS: Final = (
    (
        "Can only use .dt accessor",
        "in features.py: pd.to_datetime(data[NAME], unit='us').dt; a timestamp is int64 microseconds",
    ),
    (
        "positional argument but 2 were given",
        "def train(data, params): it is called with the rows and with [train.params] of lockgate.toml",
    ),
    (
        "Invalid classes inferred from unique values",
        'bool in the contract for yes and no; else VotingClassifier([("m", XGBClassifier())], voting="soft")',
    ),
)
_FIRST, _LAST = 300, 100


def next_of(error: BaseException) -> str:
    """The next step for what the user's code raised."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _install(error.name.partition(".")[0])
    said = str(error)
    return next((hint for words, hint in _BY_WORDS if words in said), OTHERWISE)


def shown(said: str) -> str:
    """What an error says, in one line: its first, which names the matter, and the last where that is short."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return ""
    first = clean(lines[0], _FIRST)
    if len(lines) == 1 or len(lines[-1]) > _LAST:
        return first
    return f"{first}{' ' if len(lines) == 2 else ' ... '}{clean(lines[-1], _LAST)}"


def _install(module: str) -> str:
    if not _MODULE.fullmatch(module):
        return OTHERWISE
    package = _PACKAGES.get(module, module)
    return f"add {package} to requirements.in, then: lockgate lock; a module of yours: to [train] code"
