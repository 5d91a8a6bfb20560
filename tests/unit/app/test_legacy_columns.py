"""A legacy book as columns: the same lines and the same rows set apart as when it is read row by row."""

from pathlib import Path

import pytest

from lockstep.app.legacy_books import read_legacy_book
from lockstep.domain.legacy_lines import LegacyProfile, OurTrade
from lockstep.domain.reconciliation.books import Book, Line, Subject
from lockstep.testing.planted_breaks import SoundBook, isin, lei, plant

pytest.importorskip("polars")

from app.test_legacy_books import BOOK, DAY, PROFILE, line, others, trades_of
from lockstep.analytics.book_columns import BookColumns, Names
from lockstep.app.legacy_columns import LegacyColumns, read_legacy_columns
