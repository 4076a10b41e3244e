"""What a person can do about rows that a rule of the contract refuses. Pure; the rules are Pydantic's, and ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

_SUGGESTIONS: Mapping[str, str] = {
    "missing": "add the column, or give the field a default",
    "extra_forbidden": 'drop the column, declare it as a field, or set extra="ignore" in model_config',
    "literal_error": "if the value is right, add it to the Literal",
    "enum": "if the value is right, add it to the Enum",
    "string_pattern_mismatch": "if the spelling is right, widen the pattern",
    "string_too_long": "if such text is right, raise max_length",
    "string_too_short": "if such text is right, lower min_length",
    "finite_number": "if NaN or infinity is meant, set allow_inf_nan=True",
    "json_invalid": "mend the line: it is not JSON",
    "value_error": "the contract's own validator refused it",
    "assertion_error": "the contract's own validator refused it",
    "lockgate_raised": "the contract's code failed: raise ValueError where a value is to be refused",
    "lockgate_int64": "keep the number as text: declare the field as str",
    "lockgate_value": "the value is beyond what Python can hold: keep it as text, or mend it",
    "lockgate_type": "let the validator return what the annotation says",
    "marked_bad": "lockgate review --screen tells who marked it, and takes it back",
    "timezone_aware": "write the time with its offset, such as 2024-02-09T12:00:00Z",
}


def advised(
    by_rule: Sequence[Mapping[str, Any]], explained: Sequence[Mapping[str, Any]], labels: Collection[str]
) -> list[dict[str, Any]]:
    """Each rule with what a person can do about it. A rule names what a record calls the field, which may be an alias.

    `explained`: field by field what is said of it; `labels`: the fields that the model will predict.
    """
    known = {name: entry for entry in explained for name in (entry["field"], *entry.get("columns", ()))}
    return [
        {**entry, "suggestion": suggestion(entry["rule"], entry["field"], known.get(entry["field"], {}), labels)}
        for entry in by_rule
    ]


def suggestion(rule: str, name: str, explained: Mapping[str, Any], labels: Collection[str]) -> str:
    """What a person can do about rows that `rule` refuses in what a record calls `name`, or "".

    `explained`: what is said of the field, with the spelling that mends most of its refused dates or numbers;
    `labels`: the fields that the model will predict.
    """
    field = explained.get("field", name)
    label = field in labels
    for setting, rules in (("dates", ("date", "datetime")), ("numbers", ("int", "float"))):
        if (mends := explained.get(setting)) and rule.startswith(rules) and not rule.endswith("_type"):
            many = "all" if mends["mends"] == mends["of"] else f"{mends['mends']:,} of {mends['of']:,}"
            return f'[data] {setting} = "{mends["spelling"]}" mends {many}'
    if label and rule.endswith("_type"):
        return "a row without its label cannot train; it is left out"
    if label and rule == "literal_error":
        return "a row without its label is left out; if there is one and it is right, add it to the Literal"
    if rule in _SUGGESTIONS:
        return _SUGGESTIONS[rule]
    if rule.endswith("_type"):
        return f"if a value may be missing, declare it: {field or 'the field'}: ... | None = None"
    if "parsing" in rule or rule.startswith(("int_from", "date_from", "datetime_from")):
        return "mend the column; a spelling of 'no value' belongs into [data] null"
    if rule.startswith(("greater_than", "less_than", "multiple_of")):
        return "if such values are right, widen the bound"
    return ""
