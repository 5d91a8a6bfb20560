"""One table of a report as Parquet, its columns typed; the same table gives the same bytes, by one version of polars.

| column | as |
|---|---|
| text, day | string, date |
| count | 64-bit integer |
| moment | timestamp in microseconds, UTC |
| money | decimal(38, 4): every ISO 4217 currency's decimals have room |
| quantity | decimal(38, 0), or decimal(38, 18) where the table says each security's decimals |
| share | `NAME` as decimal(38, 9), rounded half to even; `NAME_numerator`, `NAME_denominator` as 64-bit integers, exact |
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Context, Decimal
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars

from lockstep.domain.errors import InvalidInput

if TYPE_CHECKING:
    from lockstep.reports.model import Table

__all__ = ["write"]
