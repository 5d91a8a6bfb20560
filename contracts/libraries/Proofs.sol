// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "../interfaces/IDvP.sol";
import {Signatures} from "./Signatures.sol";
import {TypedData} from "./TypedData.sol";

/// @title Which epoch speaks in a proof
library Proofs {
    uint256 internal constant MAX_AGENTS = 8;

    uint256 private constant HEAD_BYTES = 2;
    uint256 private constant SIGNATURE_BYTES = 64;
    uint256 private constant ADDRESS_BYTES = 20;

    /// @notice What the contract keeps of an epoch: keccak256 of number, quorum and agents, a word each.
    function epochHash(uint32 number, uint8 quorum, address[] memory agents) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint256(number), uint256(quorum), agents));
    }

    /// @notice Refuses a proof unless the quorum of the epoch `number` signed `digest`.
    /// @dev Rebuilds the epoch from the recovered and the absent agents; its hash must be the stored one. So the
    /// signers are agents of the epoch, each counted once, and the quorum is the epoch's.
    /// @param proof packed as {IDvP} says.
    /// @param id what the proof is about, for the refusal.
    /// @param expected the stored hash of the epoch.
    function requireQuorum(bytes calldata proof, bytes32 id, bytes32 digest, uint32 number, bytes32 expected)
        internal
        pure
    {
        if (proof.length < HEAD_BYTES) revert IDvP.MalformedProof(id, proof.length, 0);
        uint256 quorum = uint8(proof[0]);
        uint8 signers = uint8(proof[1]);
        uint256 signed = _bits(signers);
        // Lengths of calldata are far below 2^256, and `absent` is only used once it is within them.
        unchecked {
            uint256 absent = HEAD_BYTES + SIGNATURE_BYTES * signed;
            uint256 count = signed + (proof.length - absent) / ADDRESS_BYTES;
            if (
                absent > proof.length || (proof.length - absent) % ADDRESS_BYTES != 0 || count > MAX_AGENTS
                    || signers >> count != 0
            ) revert IDvP.MalformedProof(id, proof.length, signers);
            if (signed < quorum) revert IDvP.QuorumNotReached(id, signed, quorum);

            bytes32[] memory epoch = new bytes32[](count + 2);
            epoch[0] = bytes32(uint256(number));
            epoch[1] = bytes32(quorum);
            uint256 signature = HEAD_BYTES;
            // All set bits are below `count`: signers and absent agents are read to their ends and no further.
            for (uint256 i = 0; i < count; ++i) {
                if ((signers >> i) & 1 == 1) {
                    epoch[i + 2] = _word(Signatures.recoverCompactAt(digest, proof, signature));
                    signature += SIGNATURE_BYTES;
                } else {
                    epoch[i + 2] = _word(_addressAt(proof, absent));
                    absent += ADDRESS_BYTES;
                }
            }
            bytes32 actual = TypedData.hashList(epoch);
            if (actual != expected) revert IDvP.ProofNotFromEpoch(id, actual, expected);
        }
    }

    /// @dev The caller has shown that 20 bytes follow `offset`.
    function _addressAt(bytes calldata proof, uint256 offset) private pure returns (address agent) {
        // A slice would check its bounds again.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            agent := shr(96, calldataload(add(proof.offset, offset)))
        }
    }

    function _bits(uint256 word) private pure returns (uint256 count) {
        // Each turn clears the lowest set bit of a word that is not 0.
        unchecked {
            for (; word != 0; word &= word - 1) ++count;
        }
    }

    function _word(address agent) private pure returns (bytes32) {
        return bytes32(uint256(uint160(agent)));
    }
}
