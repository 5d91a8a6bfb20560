"""Evidence packs: how one trade ended, shown to who trusts a few keys and hashes, without a network.

`verify` judges a pack's bytes by a `Trust`; `making` builds the parts of one. Neither needs web3, a node or an
installation. `docs/reference/evidence.md` has the file's form and what each link proves.
"""

from lockstep.evidence.links import BrokenLink, Claim, Link, Verdict
from lockstep.evidence.pack import Pack
from lockstep.evidence.trust import Trust
from lockstep.evidence.verifying import verify

__all__ = ["BrokenLink", "Claim", "Link", "Pack", "Trust", "Verdict", "verify"]
