"""A report in the form that was asked for: each needs another part of the package, and some a library besides."""

from typing import Any

from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.reports.model import Report
from lockstep.reports.rendering import FORMATS, one_table, render

__all__ = ["FORMS", "as_form"]

FORMS = (*FORMATS, "parquet", "xml")


def as_form(report: Report, form: str, table: str | None = None) -> bytes:
    """Raises InvalidInput for a form or table that the report does not have, Misconfigured for a missing library."""
    if form == "parquet":
        return bytes(_parquet()(one_table(report, table)))
    if form not in FORMATS:
        raise InvalidInput("format", form, f"one of {', '.join(FORMS)}")
    return render(report, form, table)


def _parquet() -> Any:
    try:
        from lockstep.analytics.parquet import write
    except ImportError as error:
        raise Misconfigured("Parquet needs polars: pip install 'lockstep[reconcile]'") from error
    return write
