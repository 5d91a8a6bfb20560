"""Evidence packs, measured: how many are verified in a minute by one process. A part of `bench/reconcile.py`.

    python bench/reconcile_evidence.py --trades 100 --packs 10000        prints it

* `packs_per_minute`: each pack of another trade and seen for the first time, by one process that has verified another
  market's pack before; 10,000 is the goal.
* `packs_per_minute_again`: `packs` verifications of the same packs in turn, with all that is kept of signatures, orders
  and cash forgotten before each.
* `make_milliseconds`: one pack made and judged, from an embedded chain whose blocks are asked for one by one.
* `bytes`: of a pack, the mean.
"""

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from lockstep.app.evidence import Evidence, Sources, make_evidence
from lockstep.app.intake import submit_files
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.evidence import verify
from lockstep.signing import cash_hash, keys, settlement_id
from lockstep.testing.trade_files import FileMarket


def packs(trades: int, seed: int) -> tuple[list[Evidence], float]:
    """Of as many trades that settle, and the seconds that one took to make."""
    market = FileMarket(trades=trades, banks=6, securities=3, seed=seed)
    with tempfile.TemporaryDirectory(prefix="lockstep-") as temporary:
        root = Path(temporary)
        (root / "market.toml").write_text(market.text())
        market.write(root / "files", range(1, trades + 1))
        world = World(read_market(root / "market.toml"), root / "world")
        try:
            submit_files(world.reception, sorted((root / "files").iterdir()))
            world.run_until_quiet()
            sources = Sources(
                market=world.market,
                book=world.book,
                node=world.chain.node,
                assets=world.ledger,
                board=world.board,
                mail=partial(world.rtgs.mailbox, world.file.service),
                key=world.roles.operator,
                anchors=world.book,
            )
            started = time.perf_counter()
            made = [
                make_evidence(sources, f"DELI-{number}", sorted((root / "files").glob(f"{number:07d}-*")))
                for number in range(1, trades + 1)
            ]
            return made, (time.perf_counter() - started) / trades
        finally:
            world.close()


def forget() -> None:
    for kept in (keys._signer, settlement_id, cash_hash):
        kept.cache_clear()


def measure(trades: int, count: int) -> dict[str, Any]:
    (other,), _ = packs(1, seed=2)
    made, seconds_to_make = packs(trades, seed=1)
    forget()
    verify(other.pack, other.trust)
    started = time.perf_counter()
    for one in made:
        verify(one.pack, one.trust)
    first = time.perf_counter() - started
    started = time.perf_counter()
    for place in range(count):
        forget()
        one = made[place % trades]
        verify(one.pack, one.trust)
    again = time.perf_counter() - started
    return {
        "packs": count,
        "different": trades,
        "bytes": round(mean(len(one.pack) for one in made)),
        "packs_per_minute": round(60 * trades / first),
        "packs_per_minute_again": round(60 * count / again),
        "make_milliseconds": round(1000 * seconds_to_make, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=100, help="different packs")
    parser.add_argument("--packs", type=int, default=10_000, help="verifications of them in turn")
    given = parser.parse_args()
    print(json.dumps(measure(given.trades, given.packs), indent=2))


if __name__ == "__main__":
    main()
