"""An evidence pack judged from two files: for who has no installation."""

from pathlib import Path

from lockstep.evidence import Trust, Verdict, verify

__all__ = ["judge_files"]


def judge_files(pack: Path, trust: Path) -> Verdict:
    """Opens nothing but the two. Raises BrokenLink, InvalidInput for a trust file that means nothing, OSError."""
    believed = Trust.read(trust.read_bytes())
    return verify(pack.read_bytes(), believed)
