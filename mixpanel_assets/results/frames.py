"""DataFrames whose columns hold exactly the values of the rows, also integers with nulls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# dtypes by DuckDB type: without nulls, with nulls.
WHOLE = dict.fromkeys(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
    ("int64", "Int64"),
)
NULLABLE = {**WHOLE, "UBIGINT": ("uint64", "UInt64"), "BOOLEAN": ("bool", "boolean")}
FLOATS = ("FLOAT", "DOUBLE")
TEXTS = ("VARCHAR", "ENUM", "BIT", "BIGNUM")
MOMENTS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
OF_ANY_TYPE = ("UNION", "VARIANT", '"NULL"')
EXACT_IN_FLOAT = 2**53


def frame(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], types: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows as a DataFrame, with dtypes of the SQL types if given, else of the values."""
    import pandas as pd

    by_column = zip(*rows, strict=True) if rows else [()] * len(columns)
    known: Sequence[str | None] = types or [None] * len(columns)
    series = {n: _series(v, t) for n, (v, t) in enumerate(zip(by_column, known, strict=True))}
    made = pd.DataFrame(series, index=pd.RangeIndex(len(rows)))
    made.columns = pd.Index(columns)  # set last, since names may repeat
    return made


def _series(values: Sequence[Any], type_: str | None) -> pd.Series[Any]:
    import pandas as pd

    dtype = _dtype_of_values(values) if type_ is None else _dtype_of_type(values, type_)
    try:
        return pd.Series(values, dtype=dtype)
    except (ValueError, TypeError, OverflowError):
        return pd.Series(values, dtype="object")  # such as a date BC, which is text


def _dtype_of_type(values: Sequence[Any], type_: str) -> Any:
    import pandas as pd

    name = "" if type_.endswith("]") else type_.partition("(")[0]
    if name in NULLABLE:
        return NULLABLE[name][any(value is None for value in values)]
    if name in FLOATS:
        return "float64"
    if name in TEXTS:
        return pd.Series([""]).dtype  # object before pandas 3
    if name in MOMENTS:
        return "datetime64[us]"
    if name == "TIMESTAMP WITH TIME ZONE":
        zones = (getattr(value, "tzinfo", None) for value in values)
        return pd.DatetimeTZDtype("us", next(filter(None, zones), "UTC"))
    if name == "INTERVAL":
        return "timedelta64[us]"
    return _dtype_of_values(values) if name in OF_ANY_TYPE else "object"


def _dtype_of_values(values: Sequence[Any]) -> Any:
    """A dtype that keeps every number exact; None if pandas' own choice does."""
    kinds = {type(value) for value in values}
    missing = type(None) in kinds
    kinds.discard(type(None))
    if kinds == {bool}:
        return NULLABLE["BOOLEAN"][missing]
    if kinds == {int}:
        return _dtype_of_integers([value for value in values if value is not None], missing)
    if kinds == {int, float}:
        whole = (abs(value) for value in values if type(value) is int)
        return "object" if max(whole) > EXACT_IN_FLOAT else "float64"
    return None if kinds else "object"


def _dtype_of_integers(values: Sequence[int], missing: bool) -> str:
    least, most = min(values), max(values)
    if least >= -(2**63) and most < 2**63:
        return NULLABLE["BIGINT"][missing]
    return NULLABLE["UBIGINT"][missing] if least >= 0 and most < 2**64 else "object"
