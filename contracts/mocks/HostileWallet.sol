// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "../interfaces/IERC1271.sol";

/// @notice An ERC-1271 wallet of one owner whose conduct can be changed at any time. For tests only.
contract HostileWallet {
    enum Conduct {
        Honest,
        AnswersWrongWord,
        AnswersShort,
        AnswersHuge,
        Reverts,
        BurnsGas,
        AgreesToAll,
        AgreesAtLength,
        Writes
    }

    address public immutable owner;
    Conduct public conduct;

    constructor(address owner_) {
        owner = owner_;
    }

    /// @notice From now on it judges so.
    function become(Conduct conduct_) external {
        conduct = conduct_;
    }

    /// @notice Lets the wallet do anything.
    function execute(address target, bytes calldata data) external returns (bytes memory result) {
        bool done;
        (done, result) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    /// @notice IERC1271's question, but for the right to write, which a static call takes away.
    function isValidSignature(bytes32 hash, bytes calldata signature) external returns (bytes4) {
        bytes4 yes = IERC1271.isValidSignature.selector;
        Conduct now_ = conduct;
        if (now_ == Conduct.AgreesToAll) return yes;
        if (now_ == Conduct.AnswersWrongWord) return 0xffffffff;
        if (now_ == Conduct.AnswersShort) {
            assembly ("memory-safe") {
                mstore(0x00, yes)
                return(0x00, 0x04)
            }
        }
        if (now_ == Conduct.AnswersHuge) {
            assembly ("memory-safe") {
                mstore(0x00, 0)
                return(0x00, 0x8000)
            }
        }
        if (now_ == Conduct.AgreesAtLength) {
            assembly ("memory-safe") {
                mstore(0x00, yes)
                return(0x00, 0x8000)
            }
        }
        if (now_ == Conduct.Writes) {
            // Within a static call this ends it.
            assembly ("memory-safe") {
                log0(0x00, 0x00)
            }
            return yes;
        }
        if (now_ == Conduct.Reverts) revert();
        if (now_ == Conduct.BurnsGas) while (true) {}
        if (signature.length != 65) return bytes4(0);
        // 65 bytes: r, s, v.
        return ecrecover(hash, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64])) == owner
            ? yes
            : bytes4(0);
    }
}
