"""Deploy a market: registry, DvP, tokens, members, opening holdings; and write the manifest.

Addresses follow from bytecode, arguments and salt. What is there already is left alone: run it again after a crash.

python scripts/deploy.py --rpc http://127.0.0.1:8545 --market examples/first-day/market.toml --home .lockstep
python scripts/deploy.py --real-time --dry-run --rpc URL …    # makes the keys, tells every address, sends nothing
"""

import argparse
from pathlib import Path

from lockstep.app.founding import DEFAULT_SALT
from lockstep.app.home import Home, checked_database, checked_rpcs
from lockstep.app.installing import found, rehearse
from lockstep.app.scripting import arguments, default_home, named_failures
from lockstep.chain.factory import KINDS


@named_failures
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc", default="http://127.0.0.1:8545", help="the chain's node, or several: URL[,URL…]")
    parser.add_argument("--market", type=Path, default=Path("examples/first-day/market.toml"))
    parser.add_argument("--home", type=Path, default=default_home(), help="a new folder, or that of a run cut off")
    parser.add_argument("--rtgs", default="http://127.0.0.1:8020", help="where the RTGS will listen, or file:///FOLDER")
    parser.add_argument("--rtgs-operator", help="where the RTGS serves its operator, beside a directory drop: http://…")
    parser.add_argument("--db", help="the service's records: postgresql://USER@HOST:PORT/DATABASE, without a password")
    parser.add_argument("--finality-depth", type=int, default=2, help="blocks")
    parser.add_argument("--salt", default=DEFAULT_SALT, help="0x and 64 hex digits, or a text to hash")
    parser.add_argument("--factory", choices=KINDS, help="if absent: the one that is there, else what the chain takes")
    parser.add_argument("--real-time", action="store_true", help="no test chain: its time and the keys' money are real")
    parser.add_argument("--dry-run", action="store_true", help="make the keys, tell every address, send nothing")
    given = arguments(parser)
    home = Home(given.home)
    rpc, *more = checked_rpcs(given.rpc)
    database = None if given.db is None else checked_database(given.db, field="--db")
    if given.dry_run:
        for name, address in rehearse(home, given.market, rpc, salt=given.salt, factory=given.factory):
            print(f"{name:<24} {address}")
        return
    found(
        home,
        given.market,
        rpc,
        rtgs_url=given.rtgs,
        rtgs_operator_url=given.rtgs_operator,
        finality_depth=given.finality_depth,
        real_time=given.real_time,
        salt=given.salt,
        factory=given.factory,
        more_rpcs=tuple(more),
        database=database,
        told=print,
    )
    print(f"installation in {given.home}; next: lockstep rtgs serve, lockstep agent run 1 … 4, lockstep run")


if __name__ == "__main__":
    main()
