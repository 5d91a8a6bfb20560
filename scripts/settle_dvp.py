"""Settle one trade: an installation's (--seller, --buyer, …), or --fresh: the whole story in one process.

python scripts/settle_dvp.py --fresh
python scripts/settle_dvp.py --seller FABLZZ2A --buyer UTOPZZ2A --isin ZZ00LOREM014 --quantity 100 --cash 4230.00
"""

import argparse
from pathlib import Path

from lockstep.app.home import Home
from lockstep.app.scripting import arguments, default_home, named_failures
from lockstep.app.single_trade import Wanted, settle_fresh, settle_on


@named_failures
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="deploy, fund, issue and settle on eth-tester")
    parser.add_argument("--home", type=Path, default=default_home(), help="an installation that is up")
    parser.add_argument("--market", type=Path, default=Path("examples/first-day/market.toml"), help="for --fresh")
    parser.add_argument("--seller", default="FABLZZ2A", help="BIC")
    parser.add_argument("--buyer", default="UTOPZZ2A", help="BIC")
    parser.add_argument("--isin", default="ZZ00LOREM014")
    parser.add_argument("--quantity", default="100")
    parser.add_argument("--cash", default="4230.00", help="in the security's currency")
    parser.add_argument("--wait", type=float, default=60, help="seconds, at most, on an installation")
    given = arguments(parser)
    wanted = Wanted(seller=given.seller, buyer=given.buyer, isin=given.isin, quantity=given.quantity, cash=given.cash)
    if given.fresh:
        row = settle_fresh(given.market, wanted, told=print)
    else:
        row = settle_on(Home(given.home), wanted, wait_seconds=given.wait, told=print)
    print(f"{row.reference}: {row.state}" + (f" ({row.reason})" if row.reason else f", {row.gas:,} gas"))
    raise SystemExit(0 if row.state == "SETTLED" else 1)


if __name__ == "__main__":
    main()
