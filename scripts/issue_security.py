"""Issue units of a security to a participant; with --name and --symbol, list the security first.

python scripts/issue_security.py --isin ZZ00LOREM014 --to FABLZZ2A --quantity 1000
"""

import argparse
from pathlib import Path

from lockstep.app.home import Home
from lockstep.app.installing import issue_units, list_security
from lockstep.app.scripting import arguments, default_home, named_failures
from lockstep.domain.identifiers import isin


@named_failures
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--isin", required=True)
    parser.add_argument("--to", required=True, help="the holder's BIC")
    parser.add_argument("--quantity", required=True, help="as an instruction states it, e.g. 1000000.00")
    parser.add_argument("--name", help="list a new security under this name")
    parser.add_argument("--symbol", help="and this symbol")
    parser.add_argument("--like", help="that counts and settles as this ISIN does")
    given = arguments(parser)
    home, code = Home(given.home), isin(given.isin)
    if given.name:
        if not (given.symbol and given.like):
            parser.error("--name needs --symbol and --like")
        token = list_security(home, isin=code, name=given.name, symbol=given.symbol, like=isin(given.like))
        print(f"{code} listed, token {token}")
    balance = issue_units(home, isin=code, to=given.to, quantity=given.quantity)
    print(f"{given.quantity} of {code} issued to {given.to}; balance {balance} units")


if __name__ == "__main__":
    main()
