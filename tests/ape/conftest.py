"""A small suite for Ape, run by `ape test tests/ape`; plain pytest leaves it alone."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNDER_APE = Path(sys.argv[0]).stem == "ape"

if UNDER_APE:
    os.environ.setdefault("SOLCX_BINARY_PATH", str(ROOT / ".build" / "solcx"))
else:
    collect_ignore_glob = ["*.py"]


@pytest.fixture
def registrar(accounts):
    return accounts[0]


@pytest.fixture
def seller(accounts):
    return accounts[1]


@pytest.fixture
def buyer(accounts):
    return accounts[2]


@pytest.fixture
def agents(accounts):
    return sorted(accounts[3:7], key=lambda account: int(account.address, 16))


@pytest.fixture
def registry(project, accounts, registrar, seller, buyer):
    registry = registrar.deploy(project.ParticipantRegistry, registrar, accounts[8])
    for wallet, lei in ((seller, b"529900T8BM49AURSDO55"), (buyer, b"5493001KJTIIGC8Y1R12")):
        registry.register(wallet, lei, b"DE", 1, 2**40 - 1, sender=registrar)
    return registry


@pytest.fixture
def dvp(project, accounts, registrar, agents):
    return registrar.deploy(project.DvP, (agents, 3, 1, accounts[7], accounts[8]))


@pytest.fixture
def token(project, accounts, registrar, registry, dvp, seller):
    nobody = "0x" + "00" * 20
    lanes = [dvp.address, nobody, nobody]
    terms = (b"DE0001102580", 0, b"EUR", 2, 1, 0, 0, 25_000, 1, 1)
    setup = (registry, registrar, accounts[7], accounts[8], lanes, 2**60 - 1, 2**192 - 1, 2**32 - 1, nobody)
    token = registrar.deploy(project.SecurityToken, "Bund 2.5% 2035", "BUND35", terms, setup)
    token.issue(seller, 1_000, sender=registrar)
    return token
