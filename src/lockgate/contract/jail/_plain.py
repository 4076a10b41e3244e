"""Arrow types without the layouts that are only encodings: dictionaries, extensions, large and view layouts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def plain_type(kind: pa.DataType) -> pa.DataType:
    """`kind` without dictionary encoding, extension or a large or view layout, at every depth."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return _nested(kind) if pa.types.is_nested(kind) else kind


def plain(array: pa.Array[Any], kind: pa.DataType) -> pa.Array[Any]:
    """`array` as `kind`, its `plain_type`. Raises pa.ArrowException when a value does not survive."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array if array.type == kind else array.cast(kind)


def _nested(kind: Any) -> Any:
    if pa.types.is_struct(kind):
        return pa.struct([_field(kind.field(n)) for n in range(kind.num_fields)])
    if pa.types.is_map(kind):
        return pa.map_(_field(kind.key_field), _field(kind.item_field), kind.keys_sorted)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_field(kind.value_field), kind.list_size)
    views = pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)
    if views or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_field(kind.value_field))
    return kind


def _field(field: pa.Field[Any]) -> Any:
    return field.with_type(plain_type(field.type))
