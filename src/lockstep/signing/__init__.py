"""EIP-712 types, hashes, signatures and proofs: the one place that knows them besides the chain."""

from lockstep.signing.consent import check_order
from lockstep.signing.keys import Key, keystore_address, read_keystore, recover, write_keystore
from lockstep.signing.proof import build_batch_proof, build_proof, build_rotation_proof, is_by, is_of, is_run_of, verify
from lockstep.signing.typed_data import (
    cash_hash,
    leg_id,
    line_digests,
    log_digest,
    outcome_digest,
    outcomes_digest,
    rotation_digest,
    run_digest,
    settlement_id,
    terms_hash,
)

__all__ = [
    "Key",
    "build_batch_proof",
    "build_proof",
    "build_rotation_proof",
    "cash_hash",
    "check_order",
    "is_by",
    "is_of",
    "is_run_of",
    "keystore_address",
    "leg_id",
    "line_digests",
    "log_digest",
    "outcome_digest",
    "outcomes_digest",
    "read_keystore",
    "recover",
    "rotation_digest",
    "run_digest",
    "settlement_id",
    "terms_hash",
    "verify",
    "write_keystore",
]
