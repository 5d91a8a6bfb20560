"""The event reader, measured: events per second read from a node, decoded, and stored with their checkpoint.

    python bench/chain_events.py                  writes bench/chain_events.json
    python bench/chain_events.py --events 400000  of so many events

An anvil of its own gets a few instructions of machine code in DvP's place that give out Locked and Settled events as
DvP does, thousands in a block: anvil's blocks, logs and JSON are real, the settlements are numbers hashed.

* `events_per_second`: of `wall_seconds`, from nothing in the database to all in it, on disk, the checkpoint with them:
  the logs asked for over HTTP, parsed, each block's hash compared, each Locked unpacked and judged, rows written. It
  includes what anvil takes to answer, which is another process's.
* `events_per_cpu_second`: the same of this process's processor time, which the node and other work do not flatter.
* `in_memory_per_cpu_second`: without a database, as an agent may have it.
* `decoded_per_second`: of raw JSON to rows alone, one answer again and again.
* `goal` is 50,000 a second; web3.py decodes 2,800 to 4,000.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from eth_abi.abi import encode

from lockstep.app.supervising import find_anvil
from lockstep.chain.artifacts import event_topic
from lockstep.chain.decoding import logs_of_json, rows
from lockstep.chain.events import EventReader
from lockstep.chain.node import Head, Node
from lockstep.domain.errors import Unavailable
from lockstep.domain.market import Network
from lockstep.store import SqlChainEvents, open_database

OUT = Path(__file__).with_suffix(".json")
GOAL, DEPTH, A_BLOCK = 50_000, 12, 1_000
DVP = "0x" + "d5" * 20


def _code() -> str:
    """Assembled by hand: for i in range(count): LOG2(data, topic, keccak(start + i)), the trade's word as topic 1."""
    program: list[Any] = [
        0x60, 0x60, 0x36, 0x03, 0x60, 0x60, 0x60, 0x00, 0x37,  # calldatacopy(0, 0x60, calldatasize - 0x60)
        0x60, 0x00,  # i = 0
        0x5B,  # loop (11)
        0x60, 0x00, 0x35, 0x81, 0x10,  # i < count
        0x60, 0x19, 0x57, 0x00,  # jumpi(body); stop
        0x00, 0x00, 0x00, 0x00,
        0x5B,  # body (25)
        0x80, 0x60, 0x20, 0x35, 0x01,  # start + i
        0x61, 0x04, 0x00, 0x52,  # mem[0x400] = it
        0x60, 0x20, 0x61, 0x04, 0x00, 0x20,  # keccak
        0x80, 0x60, 0xC0, 0x52,  # mem[0xc0] = it: the trade
        0x60, 0x40, 0x35,  # topic 0
        0x60, 0x60, 0x36, 0x03, 0x60, 0x00,  # size, offset
        0xA2,  # log2
        0x60, 0x01, 0x01,  # i + 1
        0x60, 0x0B, 0x56,
    ]  # fmt: skip
    return "0x" + bytes(program).hex()


@contextmanager
def chain() -> Iterator[Node]:
    binary = find_anvil()
    if binary is None:
        raise SystemExit("anvil comes with `npm install`")
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [
        binary,
        "--silent",
        "--port",
        str(port),
        "--gas-limit",
        "1000000000",
        "--no-mining",
        "--hardfork",
        "prague",
    ]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        node = Node(f"http://127.0.0.1:{port}", timeout_seconds=60)
        until = time.monotonic() + 20
        while True:
            try:
                node.chain_id()
                break
            except Unavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield node
    finally:
        child.terminate()
        child.wait()


def fill(node: Node, events: int) -> None:
    """Half Locked, half Settled, of the same settlements, A_BLOCK in a block."""

    def ask(method: str, *parameters: Any) -> Any:
        answer = node.web3.provider.make_request(method, list(parameters))
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']}")
        return answer["result"]

    ask("anvil_setCode", DVP, _code())
    sender = ask("eth_accounts")[0]
    movement = ("0x" + "a1" * 20, "0x" + "b2" * 20, "0x" + "c3" * 20, 1000, 1, 7)
    terms = (bytes(32), 0, 0, bytes(32), b"\x22" * 32, 1_700_000_000, 1_700_003_600)
    data = encode(
        ["(address,address,address,uint64,uint32,uint64)", "(bytes32,uint32,uint64,bytes32,bytes32,uint40,uint40)"],
        [movement, terms],
    )
    for start in range(0, events // 2, A_BLOCK // 2):
        for name, more in (("Locked", data), ("Settled", b"")):
            words = encode(["uint256", "uint256"], [A_BLOCK // 2, start]) + bytes.fromhex(event_topic(name)[2:]) + more
            ask(
                "eth_sendTransaction",
                {"from": sender, "to": DVP, "data": "0x" + words.hex(), "gas": hex(200_000_000)},
            )
        ask("evm_mine")
    ask("anvil_mine", hex(DEPTH + 1))


def read(node: Node, events: int, database: Path | None) -> dict[str, float]:
    network = Network(chain_id=node.chain_id(), dvp=DVP, finality_depth=DEPTH)
    engine = None if database is None else open_database(f"sqlite:///{database}")
    reader = EventReader(node, network, engine and SqlChainEvents(engine, network))
    wall, cpu = time.perf_counter(), time.process_time()
    reader.refresh()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if len(reader.locked()) != events // 2 or reader._by:
        raise SystemExit(f"read {len(reader.locked())} locks, {len(reader._by)} without an end, of {events // 2}")
    return {"wall_seconds": round(wall, 3), "per_second": round(events / wall), "per_cpu_second": round(events / cpu)}


def decoding(node: Node) -> int:
    query = {"address": DVP, "topics": [[event_topic(one) for one in ("Locked", "Settled")]]}
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "eth_getLogs",
        "params": [{**query, "fromBlock": "0x1", "toBlock": "0x8"}],
    }
    raw = node.post(orjson.dumps(body))
    assert raw is not None
    heads = {number: node.block(number) for number in range(1, 9)}
    assert all(isinstance(one, Head) for one in heads.values())
    began, count = time.process_time(), 0
    while time.process_time() - began < 1:
        count += len(rows(logs_of_json(orjson.loads(raw)["result"]), heads))
    return round(count / (time.process_time() - began))


def measured(events: int) -> dict[str, Any]:
    """What `bench/chain_events.json` says."""
    with chain() as node, tempfile.TemporaryDirectory() as folder:
        fill(node, events)
        stored = read(node, events, Path(folder) / "service.db")
        size = (Path(folder) / "service.db").stat().st_size
        kept = read(node, events, None)
        return {
            "events": events,
            "goal": GOAL,
            "events_per_second": stored["per_second"],
            "events_per_cpu_second": stored["per_cpu_second"],
            "wall_seconds": stored["wall_seconds"],
            "bytes_per_event": round(size / events),
            "in_memory_per_cpu_second": kept["per_cpu_second"],
            "decoded_per_second": decoding(node),
            "load": round(os.getloadavg()[0], 1),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="a multiple of 1,000")
    found = measured(parser.parse_args().events)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
