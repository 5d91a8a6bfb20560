"""Finding 17: what strangers write into a file is text, never rich's markup; the batch goes on."""

import io

import pytest
from rich.console import Console

from lockstep.app.intake import Taken
from lockstep.cli.showing import file_line
from lockstep.domain.errors import InvalidMessage

HOSTILE = ["[/b]", "[/]", "[red]", "[link=x]", "\\[/b]", "[bold", "[@click=f()]", "a\\"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("outcome", ["refused", "duplicate", "cancellation asked"])
def test_a_line_for_a_hostile_file(outcome: str, text: str) -> None:
    error = InvalidMessage(text, text, f"the namespace {text}") if outcome == "refused" else None
    line = file_line(Taken(file=f"day/{text}x.xml", outcome=outcome, reference=text, error=error))
    assert line is not None
    shown = io.StringIO()
    Console(file=shown, width=500, color_system=None).print(line)
    assert f"{text}x.xml" in shown.getvalue() or text.endswith("\\")
    if error is not None and not text.endswith("\\"):
        assert f"the namespace {text}" in shown.getvalue()
