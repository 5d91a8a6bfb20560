"""Deploy a market to a local test chain: registry, DvP, tokens, members, opening holdings.

python scripts/deploy.py --rpc http://127.0.0.1:8545 --market examples/first-day/market.toml --home .lockstep
"""

import argparse
from pathlib import Path

from lockstep.app.home import Home
from lockstep.app.installing import found
from lockstep.app.scripting import arguments, default_home, named_failures


@named_failures
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc", default="http://127.0.0.1:8545", help="the test chain")
    parser.add_argument("--market", type=Path, default=Path("examples/first-day/market.toml"))
    parser.add_argument("--home", type=Path, default=default_home(), help="a new folder for the installation")
    parser.add_argument("--rtgs", default="http://127.0.0.1:8020", help="where the RTGS will listen")
    parser.add_argument("--finality-depth", type=int, default=2, help="blocks")
    given = arguments(parser)
    found(
        Home(given.home),
        given.market,
        given.rpc,
        rtgs_url=given.rtgs,
        finality_depth=given.finality_depth,
        told=print,
    )
    print(f"installation in {given.home}; next: lockstep rtgs serve, lockstep agent run 1 … 4, lockstep run")


if __name__ == "__main__":
    main()
