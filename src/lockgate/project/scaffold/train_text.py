"""train.py for somebody's data: a sensible first model, its features inside the pipeline. Pure.

Only names of fields, which are plain identifiers, come into it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from lockgate.project.scaffold.roles import Part

_WIDE = 110
_ENCODE = 'OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)'


def train_text(parts: Sequence[Part], *, task: str) -> str:
    """The whole file."""
    names = {role: [p.name for p in parts if p.role == role] for role in ("number", "category", "text", "moment")}
    unused = [p for p in parts if p.role in ("time", "moment", "group")]
    aside = "".join(f"# {line}\n" for line in _aside(unused))
    lists = "".join(
        f"{title} = {_listed(names[role])}\n"
        for title, role in (("TEXTS", "text"), ("CATEGORIES", "category"), ("NUMBERS", "number"))
        if names[role]
    )
    # By name: a computed field that is added to the contract comes after it.
    label = next(part.name for part in parts if part.role == "label")
    lists += f'LABEL = "{label}"\n'
    write = _linear if names["text"] else _trees
    return write(names, task=task, lists=lists, aside=f"\n{aside}" if aside else "")


def params_of(parts: Sequence[Part], *, task: str) -> dict[str, str]:
    """`[train.params]` of the model that is written: what scikit-learn takes by itself, as TOML, to be changed."""
    if not any(part.role == "text" for part in parts):
        return {"learning_rate": "0.1", "max_iter": "100"}
    return {"alpha" if task == "regression" else "C": "1.0"}


def _trees(names: dict[str, list[str]], *, task: str, lists: str, aside: str) -> str:
    model = f"HistGradientBoosting{'Regressor' if task == 'regression' else 'Classifier'}"
    steps, imports = [], ""
    if names["category"]:
        imports = "from sklearn.preprocessing import OrdinalEncoder\n"
        steps.append(f'("categories", {_ENCODE}, CATEGORIES)')
    if names["number"]:
        steps.append('("numbers", "passthrough", NUMBERS)')
    return f'''"""A sensible first model: gradient boosting, with its features inside the pipeline."""

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import {model}
from sklearn.pipeline import Pipeline
{imports}
{lists}{aside}

def train(data, params):
    """Fit on the accepted training rows. `data` has the contract's fields, the label among them.

    `params` is [train.params] of lockgate.toml; to try others: lockgate try --set learning_rate=0.05
    """
    columns = ColumnTransformer(
        [
{_block(steps)}
        ]
    )
    model = Pipeline([("columns", columns), ("model", {model}(**params))])
    return model.fit(data[{_inputs(names)}], data[LABEL])
'''


def _linear(names: dict[str, list[str]], *, task: str, lists: str, aside: str) -> str:
    ridge = task == "regression"
    model, most = ("Ridge", "") if ridge else ("LogisticRegression", '"max_iter": 1000, ')
    steps, imports = ['*[(f"words of {name}", words, name) for name in TEXTS]'], []
    preprocessing = []
    if names["category"]:
        preprocessing.append("OneHotEncoder")
        steps.append('("categories", OneHotEncoder(handle_unknown="ignore"), CATEGORIES)')
    if names["number"]:
        imports.append("from sklearn.impute import SimpleImputer")
        preprocessing.append("StandardScaler")
        steps.append('("numbers", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]), NUMBERS)')
    more = "".join(f"{line}\n" for line in imports)
    last = f"from sklearn.preprocessing import {', '.join(preprocessing)}\n" if preprocessing else ""
    return f'''"""A sensible first model: words and the rest weighed by a linear model, all inside the pipeline."""

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
{more}from sklearn.linear_model import {model}
from sklearn.pipeline import Pipeline
{last}
{lists}{aside}

def train(data, params):
    """Fit on the accepted training rows. `data` has the contract's fields, the label among them.

    `params` is [train.params] of lockgate.toml; to try others: lockgate try --set {"alpha" if ridge else "C"}=2.0
    """
    words = TfidfVectorizer(min_df=2, max_features=5000, sublinear_tf=True)
    columns = ColumnTransformer(
        [
{_block(steps)}
        ]
    )
    model = Pipeline([("columns", columns), ("model", {model}(**{{{most}**params}}))])
    return model.fit(data[{_inputs(names)}], data[LABEL])
'''


def _inputs(names: dict[str, list[str]]) -> str:
    pairs = (("TEXTS", "text"), ("CATEGORIES", "category"), ("NUMBERS", "number"))
    return " + ".join(title for title, role in pairs if names[role])


def _block(steps: Sequence[str]) -> str:
    return "\n".join(f"            {step}," for step in steps)


def _listed(names: Sequence[str]) -> str:
    words = ", ".join(f'"{name}"' for name in names)
    if len(words) <= _WIDE - 20:
        return f"[{words}]"
    body = textwrap.fill(words, _WIDE, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
    return f"[\n{body},\n]"


def _aside(unused: Sequence[Part]) -> list[str]:
    """What is in the contract and no input, and what to do about it."""
    time = [part.name for part in unused if part.role == "time"]
    moments = [part.name for part in unused if part.role == "moment"]
    group = [part.name for part in unused if part.role == "group"]
    lines = []
    if time:
        lines.append(f"{time[0]} orders the rows; it is no input. A time is int64 microseconds here.")
    if moments:
        lines.append(f"Times that are no input yet: {', '.join(moments)}.")
    if time or moments:
        lines.append(
            "The hour, the weekday or the days between two are made in features.py, where a served model has them "
            "too (lockgate explain LG316 says how), or by a computed_field, as the end of contract.py shows."
        )
    if group:
        lines.append(f"{group[0]} says whose row it is: all rows of one stay on one side of the split. It is no input.")
    return [line for text in lines for line in textwrap.wrap(text, _WIDE)]
