"""Write examples/parallel-week anew: the legacy system's files day by day, and what is wrong in them; --check compares.

python scripts/plant_week.py
"""

import argparse
import sys
import tempfile
from pathlib import Path

from lockstep.testing.planted_week_files import write

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "parallel-week"


def main() -> int:
    """Exits with 1 where --check finds another file than would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    if not parser.parse_args().check:
        write(FOLDER)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary))
        written = {
            path.relative_to(temporary): path.read_bytes() for path in Path(temporary).rglob("*") if path.is_file()
        }
    wrong = [name for name, data in written.items() if not _is(FOLDER / name, data)]
    for name in wrong:
        print(f"{name} is not what scripts/plant_week.py writes", file=sys.stderr)
    return 1 if wrong else 0


def _is(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data


if __name__ == "__main__":
    sys.exit(main())
