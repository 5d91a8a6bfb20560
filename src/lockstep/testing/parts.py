"""Long runs in parts: what is done is kept in a file, so that a run can be interrupted and goes on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

__all__ = ["Kept"]


@dataclass
class Kept:
    """What is done of one revision; a run adds fields of its own, all with defaults."""

    revision: str
    """Of the code that did it. What other code did does not count."""

    @classmethod
    def of(cls, path: Path, revision: str) -> Self:
        """What was kept, if it is of this revision; else nothing is done yet."""
        if path.exists():
            kept = cls(**json.loads(path.read_text()))
            if kept.revision == revision:
                return kept
        return cls(revision)

    def keep(self, path: Path) -> None:
        """Writes it whole, in one step: an interruption leaves what was kept before."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self), indent=1))
        draft.replace(path)
