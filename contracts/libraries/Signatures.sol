// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "../interfaces/IERC1271.sol";

/// @title Whose signature is this
library Signatures {
    /// @notice The most gas that a wallet contract gets to judge a signature.
    uint256 internal constant WALLET_GAS = 200_000;

    /// @dev Half the order of secp256k1: of the two values of s that verify, only the lower is taken (EIP-2).
    uint256 private constant MAX_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice Whether `signature` over `digest` is `signer`'s.
    /// @dev The key of an account goes first, so that plain accounts, also delegated ones (EIP-7702), cost no look
    /// at their code; any other account with code is asked by ERC-1271.
    function isFrom(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        address recovered = address(0);
        if (signature.length == 64) {
            recovered = recoverCompactAt(digest, signature, 0);
        } else if (signature.length == 65) {
            recovered = _recover(digest, bytes32(signature[:32]), bytes32(signature[32:64]), uint8(signature[64]));
        }
        if (recovered == signer && signer != address(0)) return true;
        return signer.code.length > 0 && _walletSays(signer, digest, signature);
    }

    /// @notice The account that made the EIP-2098 signature which starts at `offset`; zero if none did.
    /// @dev The caller has shown that 64 bytes follow `offset`.
    function recoverCompactAt(bytes32 digest, bytes calldata signatures, uint256 offset)
        internal
        pure
        returns (address)
    {
        bytes32 r = 0;
        bytes32 vs = 0;
        // Slices would check each bound again: 300 gas a signature.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            r := calldataload(add(signatures.offset, offset))
            vs := calldataload(add(add(signatures.offset, offset), 0x20))
        }
        return recoverCompact(digest, r, vs);
    }

    /// @notice The account that made an EIP-2098 signature; zero if none did.
    /// @param vs s, with v - 27 in the highest bit.
    function recoverCompact(bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (address) {
        // v is 27 or 28.
        unchecked {
            return _recover(digest, r, vs & bytes32(uint256(type(int256).max)), uint8(27 + (uint256(vs) >> 255)));
        }
    }

    /// @dev ecrecover itself answers zero when v is neither 27 nor 28.
    function _recover(bytes32 digest, bytes32 r, bytes32 s, uint8 v) private pure returns (address) {
        return uint256(s) > MAX_S ? address(0) : ecrecover(digest, v, r, s);
    }

    /// @dev A static call with a gas cap that copies one word of the answer, however much the wallet returns. A
    /// wallet that burns its gas, reverts or answers short has not agreed.
    function _walletSays(address wallet, bytes32 digest, bytes calldata signature) private view returns (bool) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bool answered = false;
        bytes32 answer = 0;
        // Solidity's own call copies the whole answer, at the caller's cost.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            // Words 0x00 to 0x3f are scratch space.
            answered := staticcall(WALLET_GAS, wallet, add(question, 0x20), mload(question), 0x00, 0x20)
            answered := and(answered, gt(returndatasize(), 0x1f))
            answer := mload(0x00)
        }
        return answered && answer == bytes32(IERC1271.isValidSignature.selector);
    }
}
