"""What came of a small market's day, for who looks at its evidence."""

from dataclasses import dataclass
from pathlib import Path

from lockstep.app.evidence import Evidence, Sources
from lockstep.app.world import World
from lockstep.evidence import Pack, Trust
from lockstep.evidence.canonical import load
from lockstep.evidence.pack import seal
from lockstep.signing import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What came of it. `first`, `second` settled, `poor` was given back at the close."""

    world: World
    sources: Sources
    files: Path
    first: Evidence
    second: Evidence
    poor: Evidence

    @property
    def key(self) -> Key:
        """Who seals: the operator."""
        return self.sources.key

    def pack(self, which: str = "first") -> Pack:
        evidence: Evidence = getattr(self, which)
        return load(Pack, evidence.pack, field="pack")

    def sealed(self, pack: Pack) -> Pack:
        """As a maker of packs who lies would: sealed again by the trusted key."""
        return seal(pack, self.key)

    @property
    def trust(self) -> Trust:
        return self.first.trust
