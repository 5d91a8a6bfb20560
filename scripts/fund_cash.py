"""Credit a participant's account in the simulated RTGS from the central bank's.

python scripts/fund_cash.py --bic FABLZZ2A --currency EUR --amount 1000000.00 --reference topup-1
"""

import argparse
from pathlib import Path

from lockstep.app.home import Home
from lockstep.app.operating import operate_rtgs
from lockstep.app.scripting import arguments, default_home, named_failures
from lockstep.domain.errors import InvalidInput


@named_failures
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--bic", required=True)
    parser.add_argument("--currency", required=True)
    parser.add_argument("--amount", required=True, help="decimal text, e.g. 1000000.00")
    parser.add_argument("--reference", required=True, help="the same reference again credits nothing again")
    given = arguments(parser)
    home = Home(given.home)
    member = next((one for one in home.market().participants.values() if one.bic == given.bic), None)
    if member is None:
        raise InvalidInput("bic", given.bic, "the BIC of a participant")
    funding = {
        "account": member.account(given.currency).number,
        "currency": given.currency,
        "amount": given.amount,
        "reference": given.reference,
    }
    print(f"booked as posting {operate_rtgs(home, 'funds', funding)['posting']}")


if __name__ == "__main__":
    main()
