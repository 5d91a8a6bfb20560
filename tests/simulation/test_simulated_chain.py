"""Pool, fees, blocks, reorganisations and marks of the simulated chain. Its gas, storage and answers: see `_equal`."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from eth_account import Account

from lockstep.app.clocks import ManualClock
from lockstep.domain.errors import ContractRefused, InvalidInput, Unavailable
from lockstep.simulation.chain import CHAIN_ID, SimulatedChain
from lockstep.simulation.chain_blocks import GAS_LIMIT

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
GWEI = 10**9
KEYS = [bytes([number]) * 32 for number in range(11, 15)]
ADDRESSES = [str(Account.from_key(key).address) for key in KEYS]
STORE = "36602014600f57" + "6020356000355500" + "5b5f35545f5260205ff3"
"""Two words: storage at the first becomes the second. One word: what is there."""


@pytest.fixture
def chain() -> SimulatedChain:
    chain = SimulatedChain(ManualClock(START))
    for address in ADDRESSES:
        chain.node.web3.eth.send_transaction({"from": chain.faucet, "to": address, "value": 10**19, "gas": 21_000})
    chain.automine = False
    return chain


def signed(nonce: int, *, by: int = 0, tip: int = GWEI, cap: int = 100 * GWEI, **more: Any) -> bytes:
    terms = {"type": 2, "chainId": CHAIN_ID, "nonce": nonce, "gas": 100_000, "value": 0, "to": ADDRESSES[-1]}
    fees = {"maxFeePerGas": cap, "maxPriorityFeePerGas": tip}
    return bytes(Account.sign_transaction({**terms, **fees, **more}, KEYS[by]).raw_transaction)


def order_of(chain: SimulatedChain, number: int = -1) -> list[tuple[str, int]]:
    return [(one.tx.sender, one.tx.nonce) for one in chain.blocks[number].mined]


def objection(chain: SimulatedChain, raw: bytes) -> str:
    return str(chain.node.broadcast(raw))


def store(chain: SimulatedChain) -> str:
    """A contract that keeps what it is told."""
    chain.submit(signed(0, to=b"", data=bytes.fromhex("60198060095f395ff3" + STORE)))
    chain.mine()
    created = chain.head.mined[0].created
    assert created is not None
    return created


def put(chain: SimulatedChain, contract: str, nonce: int, slot: int, value: int, **more: Any) -> str:
    data = slot.to_bytes(32) + value.to_bytes(32)
    return chain.submit(signed(nonce, to=bytes.fromhex(contract[2:]), data=data, **more))


# --- pool


def test_a_transaction_waits_until_it_is_mined_and_then_has_a_receipt(chain: SimulatedChain) -> None:
    hash_ = chain.submit(signed(0, value=5))
    assert chain.node.receipt(hash_) is None
    assert chain.node.transaction(hash_)["to"] == ADDRESSES[-1].lower()
    chain.mine()
    receipt = chain.node.receipt(hash_)
    assert receipt is not None and receipt["status"] == 1 and receipt["gasUsed"] == 21_000
    assert chain.account(ADDRESSES[-1]).balance == 10**19 + 5
    assert "already known" in objection(chain, signed(0, value=5))


def test_two_nonces_of_one_sender_go_into_one_block_and_a_gap_waits(chain: SimulatedChain) -> None:
    for nonce in (1, 0, 3):
        chain.submit(signed(nonce))
    assert chain.next_nonce(ADDRESSES[0].lower()) == 2
    chain.mine()
    sender = ADDRESSES[0].lower()
    assert order_of(chain) == [(sender, 0), (sender, 1)]
    assert [tx.nonce for tx in chain.pool] == [3]
    chain.submit(signed(2))
    chain.mine()
    assert order_of(chain) == [(sender, 2), (sender, 3)]


def test_a_replacement_must_pay_a_tenth_more_in_fee_and_tip(chain: SimulatedChain) -> None:
    first = chain.submit(signed(0, value=1))
    assert "replacement transaction underpriced" in objection(chain, signed(0, value=2, tip=GWEI * 2))
    assert "replacement transaction underpriced" in objection(chain, signed(0, value=2, cap=110 * GWEI))
    second = chain.submit(signed(0, value=2, tip=GWEI * 11 // 10, cap=110 * GWEI))
    chain.mine()
    assert chain.node.receipt(first) is None
    assert chain.node.receipt(second) is not None
    assert "nonce too low" in objection(chain, signed(0, value=1))


@pytest.mark.parametrize(
    ("words", "raw"),
    [
        ("exceeds block gas limit", signed(0, gas=GAS_LIMIT + 1)),
        ("intrinsic gas too low", signed(0, gas=20_999)),
        ("floor data gas cost", signed(0, gas=60_000, data=b"\1" * 1_000)),
        ("insufficient funds", signed(0, value=10**19)),
        ("max priority fee per gas higher", signed(0, tip=GWEI, cap=1)),
        ("invalid chain id", signed(0, chainId=1)),
        ("rlp", b"\2\1"),
    ],
)
def test_what_a_node_does_not_take(chain: SimulatedChain, words: str, raw: bytes) -> None:
    assert words in objection(chain, raw)
    assert not chain.pool


def test_who_pays_more_comes_first_and_others_by_arrival(chain: SimulatedChain) -> None:
    for by, tip in ((0, 1), (1, 3), (2, 1)):
        chain.submit(signed(0, by=by, tip=tip * GWEI))
    chain.mine()
    assert [sender for sender, _ in order_of(chain)] == [ADDRESSES[by].lower() for by in (1, 0, 2)]


def test_mine_leaves_out_what_it_is_told_and_stops_at_its_limit(chain: SimulatedChain) -> None:
    for by in range(3):
        chain.submit(signed(0, by=by))
    chain.mine(at_most=1)
    chain.mine(without=lambda tx: tx.sender == ADDRESSES[1].lower())
    assert [order_of(chain, -2), order_of(chain)] == [[(ADDRESSES[0].lower(), 0)], [(ADDRESSES[2].lower(), 0)]]
    chain.forget(chain.pool[0].hash)
    chain.mine()
    assert not order_of(chain) and not chain.pool


# --- fees


def test_the_base_fee_follows_eip_1559(chain: SimulatedChain) -> None:
    """Empty: an eighth down. Full, of two targets' gas: an eighth up. Who pays too little waits."""
    before = chain.head.base_fee
    chain.mine()
    assert chain.head.base_fee == before - before * (GAS_LIMIT // 2 - 21_000) // (GAS_LIMIT // 2) // 8
    before = chain.head.base_fee
    burner = bytes.fromhex("5b5f56")
    chain.submit(signed(0, to=b"", data=burner, gas=GAS_LIMIT, cap=200 * GWEI))
    late = chain.submit(signed(0, by=1, cap=before - before // 8, tip=0))
    chain.mine(2)
    assert chain.blocks[-2].gas_used == GAS_LIMIT and not chain.blocks[-2].mined[0].done
    assert chain.head.base_fee == chain.blocks[-2].base_fee * 9 // 8
    assert chain.node.receipt(late) is None
    chain.mine(2)
    assert chain.node.receipt(late) is not None


def test_fees_are_paid_by_the_sender_and_the_tip_reaches_the_producer(chain: SimulatedChain) -> None:
    sender, producer = ADDRESSES[0], chain.node.web3.eth.get_block("latest")["miner"]
    before, earned = chain.account(sender).balance, chain.account(producer).balance
    chain.submit(signed(0, value=7, tip=3 * GWEI))
    chain.mine()
    price = chain.head.base_fee + 3 * GWEI
    assert chain.account(sender).balance == before - 7 - 21_000 * price
    assert chain.account(producer).balance == earned + 21_000 * 3 * GWEI


# --- time, blocks, earlier state


def test_blocks_take_the_clocks_time_and_never_their_parents() -> None:
    clock = ManualClock(START)
    chain = SimulatedChain(clock)
    chain.mine(2)
    assert chain.time == int(START.timestamp()) + 2
    clock.advance(timedelta(minutes=1))
    chain.mine()
    assert chain.time == int(START.timestamp()) + 60


def test_state_is_readable_at_every_earlier_block(chain: SimulatedChain) -> None:
    contract = store(chain)
    for number in range(310):
        put(chain, contract, number + 1, 5, number + 1)
        chain.mine()
    head = chain.head.number
    for back in (0, 1, 299, 309):
        assert chain.storage(contract, 5, head - back) == 310 - back
        word = chain.node.web3.eth.get_storage_at(chain.node.web3.to_checksum_address(contract), 5, head - back)
        assert int.from_bytes(word) == 310 - back
    assert chain.storage(contract, 5, head - 310) == 0
    assert chain.account(contract, head - 311).code == b""
    assert chain.storage(contract, 5) == 310


def test_a_call_at_an_earlier_block_sees_its_state_and_time_and_leaves_no_trace(chain: SimulatedChain) -> None:
    chain.submit(
        signed(0, to=b"", data=bytes.fromhex("60108060095f395ff3" + "5f545f5242602052" + "36604a55" + "60405ff3"))
    )
    chain.mine()
    sees = chain.head.mined[0].created
    assert sees is not None
    at = chain.head
    chain.mine(3)
    then = chain.node.call(sees, b"", at.number)
    assert int.from_bytes(then[32:]) == at.timestamp
    assert chain.storage(sees, 0x4A) == 0
    assert int.from_bytes(chain.node.call(sees, b"")[32:]) == chain.time


def test_a_call_may_come_from_a_contract(chain: SimulatedChain) -> None:
    contract = store(chain)
    chain.submit(signed(1, to=b"", data=bytes.fromhex("60078060095f395ff3" + "335f5260205ff3")))
    chain.mine()
    tells, caller = str(chain.head.mined[0].created), str(chain.node.web3.to_checksum_address(contract))
    assert chain.node.call(tells, b"", sender=caller)[12:].hex() == contract[2:]
    put(chain, contract, 2, 5, 6)
    chain.mine()
    assert chain.storage(contract, 5) == 6, "its code is there again"
    with pytest.raises(Unavailable, match="itself"):
        chain.node.call(caller, b"", sender=caller)


def test_unknown_blocks_and_methods_are_the_nodes_errors(chain: SimulatedChain) -> None:
    with pytest.raises(Unavailable, match="header not found"):
        chain.node.call(ADDRESSES[0], b"", chain.head.number + 2)
    with pytest.raises(Unavailable, match="knows no block"):
        chain.node.block(chain.head.number + 2)
    assert chain.provider.make_request("eth_nothing", [])["error"]["code"] == -32601
    chain.submit(signed(0, to=b"", data=bytes.fromhex("60038060095f395ff3" + "5f5ffd")))
    chain.mine()
    with pytest.raises(ContractRefused, match="EmptyRevert"):
        chain.node.call(str(chain.head.mined[0].created), b"")
    with pytest.raises(Unavailable, match="Gas"):
        chain.node.call(ADDRESSES[0], b"", gas=100)


# --- reorganisations and marks


def test_a_reorganisation_takes_blocks_back_and_mines_their_transactions_again(chain: SimulatedChain) -> None:
    contract = store(chain)
    first = put(chain, contract, 1, 5, 7)
    chain.mine(3)
    second = put(chain, contract, 2, 5, 9)
    chain.mine()
    old = chain.blocks
    chain.reorganise(4)
    assert chain.blocks[: len(old) - 4] == old[:-4]
    assert len(chain.blocks) == len(old) + 1
    assert not {block.hash for block in chain.blocks[-5:]} & {block.hash for block in old[-4:]}
    assert chain.mined(first) == (chain.blocks[-5], 0) and chain.mined(second) == (chain.blocks[-5], 1)
    assert [block.timestamp for block in chain.blocks[-5:-1]] == [block.timestamp for block in old[-4:]]
    assert chain.storage(contract, 5) == 9
    assert chain.number_of(old[-1].hash) is None


def test_a_reorganisation_may_lose_transactions_and_the_state_goes_with_them(chain: SimulatedChain) -> None:
    contract = store(chain)
    lost = put(chain, contract, 1, 5, 7)
    chain.mine()
    follows = put(chain, contract, 2, 6, 8)
    chain.mine()
    chain.reorganise(2, keep=lambda tx: tx.hash != lost, blocks=0)
    assert chain.storage(contract, 5) == chain.storage(contract, 6) == 0
    assert [tx.hash for tx in chain.pool] == [follows]
    chain.mine()
    assert chain.node.receipt(lost) is None and chain.node.receipt(follows) is None, "a gap"
    put(chain, contract, 1, 5, 1)
    chain.mine()
    assert (chain.storage(contract, 5), chain.storage(contract, 6)) == (1, 8)


def test_a_contract_vanishes_with_its_block(chain: SimulatedChain) -> None:
    contract = store(chain)
    chain.reorganise(1, keep=lambda _: False)
    assert chain.account(contract).code == b""
    assert store(chain) == contract
    put(chain, contract, 1, 1, 2)
    chain.mine()
    assert chain.storage(contract, 1) == 2


def test_order_spreads_and_mixes_but_keeps_each_senders_nonces(chain: SimulatedChain) -> None:
    def run(seed: int) -> list[list[tuple[str, int]]]:
        mark = chain.mark()
        for by in range(3):
            for nonce in range(4):
                chain.submit(signed(nonce, by=by))
        chain.mine(4, at_most=3)
        chain.reorganise(4, order=Random(seed))
        chain.mine()
        found = [order_of(chain, number) for number in range(-6, 0)]
        chain.reset(mark)
        return found

    one, again, other = run(1), run(1), run(2)
    assert one == again != other
    for blocks in (one, other):
        mined = [place for block in blocks for place in block]
        assert sorted(mined) == sorted((ADDRESSES[by].lower(), nonce) for by in range(3) for nonce in range(4))
        for by in range(3):
            assert [nonce for sender, nonce in mined if sender == ADDRESSES[by].lower()] == [0, 1, 2, 3]


@pytest.mark.parametrize("depth", [0, -1, 1_000])
def test_the_genesis_block_stays(chain: SimulatedChain, depth: int) -> None:
    with pytest.raises(InvalidInput, match="depth"):
        chain.reorganise(depth)


def test_a_reset_restores_everything_also_after_a_reorganisation_below_the_mark(chain: SimulatedChain) -> None:
    contract = store(chain)
    put(chain, contract, 1, 5, 7)
    chain.mine(3)
    waits = put(chain, contract, 2, 6, 8)
    mark, blocks, pool = chain.mark(), chain.blocks, chain.pool
    for keep in (True, False):
        chain.reorganise(4, keep=lambda _, keep=keep: keep)
        chain.mine()
        assert chain.storage(contract, 6) == (8 if keep else 0)
        chain.reset(mark)
        assert chain.blocks == blocks and chain.pool == pool
        assert (chain.storage(contract, 5), chain.storage(contract, 6)) == (7, 0)
    chain.mine()
    assert chain.node.receipt(waits) is not None
    assert chain.storage(contract, 6) == 8
    hashes = [block.hash for block in chain.blocks]
    chain.reset(mark)
    chain.mine()
    assert [block.hash for block in chain.blocks] == hashes, "the same again"


def test_a_deep_reorganisation(chain: SimulatedChain) -> None:
    contract = store(chain)
    for number in range(320):
        put(chain, contract, number + 1, number, 1)
        chain.mine()
    chain.reorganise(320, blocks=1)
    assert len(chain.head.mined) == 320
    assert all(chain.storage(contract, slot) == 1 for slot in range(320))


@pytest.mark.parametrize("seed", range(5))
def test_any_history_leaves_the_state_that_its_blocks_say(chain: SimulatedChain, seed: int) -> None:
    """Sent, mined, reorganised, marked and reset at random; then each block's transactions on a dictionary."""
    random = Random(seed)
    contract = store(chain)
    marks = [chain.mark()]
    for _ in range(150):
        by, kind = random.randrange(3), random.random()
        if kind < 0.6:
            nonce = chain.next_nonce(ADDRESSES[by].lower()) + (random.random() < 0.1)
            data = random.randrange(4).to_bytes(32) + random.choice((0, 0, 1, 2)).to_bytes(32)
            raw = signed(nonce, by=by, to=bytes.fromhex(contract[2:]), data=data, tip=random.randrange(1, 4) * GWEI)
            chain.node.broadcast(raw)
        elif kind < 0.8:
            chain.mine(random.randrange(1, 3), at_most=random.choice((None, 1)))
        elif kind < 0.9 and len(chain.blocks) > 10:
            lost = random.random() < 0.5
            chain.reorganise(
                random.randrange(1, len(chain.blocks) - 6),
                keep=lambda _, lost=lost: not (lost and random.random() < 0.3),
                order=random,
                blocks=random.choice((None, 0, 1)),
            )
        elif kind < 0.95:
            marks.append(chain.mark())
        else:
            chain.reset(random.choice(marks))
    first = next(block.number for block in chain.blocks if any(one.created for one in block.mined))
    words, spent, nonces = dict.fromkeys(range(4), 0), dict.fromkeys(ADDRESSES, 0), dict.fromkeys(ADDRESSES, 0)
    for block in chain.blocks[first:]:
        for one in block.mined:
            sender = next(address for address in ADDRESSES if address.lower() == one.tx.sender)
            assert one.tx.nonce == nonces[sender] and one.done
            nonces[sender] += 1
            spent[sender] += one.gas * one.price
            if one.created is None:
                words[int.from_bytes(one.tx.data[:32])] = int.from_bytes(one.tx.data[32:])
        assert {slot: chain.storage(contract, slot, block.number) for slot in words} == words, block.number
        for address in ADDRESSES:
            account = chain.account(address, block.number)
            assert (account.balance, account.nonce) == (10**19 - spent[address], nonces[address])
    for slot, value in words.items():
        assert chain.storage(contract, slot) == value
    assert any(nonces.values())
    for block in (*random.choices(chain.blocks[first:], k=20), chain.head):
        for slot in words:
            read = chain.node.call(contract, slot.to_bytes(32), block.number)
            assert int.from_bytes(read) == chain.storage(contract, slot, block.number), "the EVM has what is shown"
