"""Write docs/reference/state-table.md by making every call in every state; --check only compares.

python scripts/state_table.py
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "state-table.md"


def page() -> str:
    """The whole page as text."""
    sys.path.insert(0, str(ROOT / "tests"))
    from contracts.machine.page import page as written
    from contracts.machine.world import World

    return written(World())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the page instead of writing it")
    given = parser.parse_args()
    text = page()
    if not given.check:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        print(f"{PAGE} is stale: python scripts/state_table.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
