"""For comparison: one trade after the other, as five transactions in sequence, each awaited, with plain web3.py.

So the direct peer settles: units into escrow, the delivery made, confirmed, finished, the units withdrawn. Here each of
the five is a transfer of the security between two members, which is the least that any of them could be: one call of
the token with both parties judged. Nonce, gas and fees are asked of the node for each, as web3.py does by itself; the
receipt is polled for every 10 ms; anvil mines each transaction as it comes.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine_system import System, rpc
from eth_account import Account
from web3 import HTTPProvider, Web3

from lockstep.chain.artifacts import artifact
from lockstep.testing.trade_files import FileMarket

TRANSACTIONS, POLL_SECONDS = 5, 0.01


def sequence(count: int, folder: Path, told: Callable[[str], None]) -> dict[str, Any]:
    """Trades per second of such a sequence."""
    with System(folder, FileMarket(trades=count, banks=4, securities=1), block_seconds=None, alone=True) as system:
        home, web3 = system.home, Web3(HTTPProvider(system.rpc))
        (security,) = home.market().securities.values()
        token = web3.eth.contract(address=web3.to_checksum_address(security.token), abi=artifact("SecurityToken").abi)
        wallets = [Account.from_key(key.secret()) for key in home.wallets(home.market_file()).values()]
        for wallet in wallets:
            rpc(system.rpc, "anvil_setBalance", wallet.address, hex(10**20))
        dice, started = random.Random(1), time.perf_counter()
        for number in range(1, count + 1):
            for _ in range(TRANSACTIONS):
                giver, taker = dice.sample(wallets, 2)
                call = token.functions.transfer(taker.address, 1).build_transaction(
                    {"from": giver.address, "nonce": web3.eth.get_transaction_count(giver.address)}
                )
                sent = web3.eth.send_raw_transaction(giver.sign_transaction(call).raw_transaction)
                receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=30, poll_latency=POLL_SECONDS)
                if receipt["status"] != 1:
                    raise RuntimeError(f"transfer {sent.hex()} of trade {number} failed")
            if number % 50 == 0:
                told(f"{number} of {count} after {time.perf_counter() - started:.0f} s")
        seconds = time.perf_counter() - started
    return {"trades": count, "seconds": round(seconds, 2), "sequence_per_second": round(count / seconds, 2)}
