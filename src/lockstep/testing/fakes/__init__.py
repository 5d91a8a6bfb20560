"""The ports in memory: what each promises, without database, chain or network.

Each fake can be made to fail: `before` and `after` are called with a method's name, before it has any
effect and after it had all; a test raises there what it wants to see survived. `FakeChain` and
`FakeRtgs` are the two ledgers that several parties share, `FakeWorld` one small market on top of both.
"""

from lockstep.testing.fakes.anchors import FakeAnchorBook, FakeAnchorLedger
from lockstep.testing.fakes.assets import FakeAssetLedger
from lockstep.testing.fakes.book import FakeBook
from lockstep.testing.fakes.chain import FakeChain
from lockstep.testing.fakes.collateral import FakeCollateralLedger
from lockstep.testing.fakes.rtgs import FakeCashSystem, FakeRtgs
from lockstep.testing.fakes.simple import (
    FakeBoard,
    FakeClock,
    FakeLeases,
    FakeMailbox,
    FakeRandomness,
    FakeTransactionLog,
    FakeWallet,
    Hook,
    key,
)
from lockstep.testing.fakes.world import (
    AGENTS,
    BOND,
    BUYER,
    DAY,
    MORNING,
    RTGS,
    SALT_KEY,
    SELLER,
    SERVICE,
    FakeWorld,
    example_instruction,
    example_market,
)

__all__ = [
    "AGENTS",
    "BOND",
    "BUYER",
    "DAY",
    "MORNING",
    "RTGS",
    "SALT_KEY",
    "SELLER",
    "SERVICE",
    "FakeAnchorBook",
    "FakeAnchorLedger",
    "FakeAssetLedger",
    "FakeBoard",
    "FakeBook",
    "FakeCashSystem",
    "FakeChain",
    "FakeClock",
    "FakeCollateralLedger",
    "FakeLeases",
    "FakeMailbox",
    "FakeRandomness",
    "FakeRtgs",
    "FakeTransactionLog",
    "FakeWallet",
    "FakeWorld",
    "Hook",
    "example_instruction",
    "example_market",
    "key",
]
