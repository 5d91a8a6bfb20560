// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A token that keeps no books, and does to its caller what it was told last. For tests only.
contract HostileToken {
    error Refused();

    enum Conduct {
        Silent,
        Refuses,
        BurnsGas,
        FloodsRefusing,
        FloodsAnswering,
        AnswersGarbage,
        RefusesWithoutWord,
        LiesInRefusing
    }

    Conduct public conduct;
    bool private _reentering;
    bytes private _payload;

    /// @notice From now on every call ends so; before it, `payload` goes back to the caller, unless it is empty.
    function become(Conduct conduct_, bytes calldata payload) external {
        conduct = conduct_;
        _payload = payload;
    }

    /// @notice Lets the token call as anyone could.
    function execute(address target, bytes calldata data) external returns (bytes memory result) {
        bool done;
        (done, result) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    // Every function that DvP or a tool may call is answered alike.
    fallback() external {
        Conduct now_ = conduct;
        if (now_ == Conduct.BurnsGas) while (true) {}
        if (now_ == Conduct.Refuses) revert Refused();
        if (now_ == Conduct.RefusesWithoutWord) revert();
        if (now_ == Conduct.FloodsRefusing) {
            assembly ("memory-safe") {
                revert(0x00, 0x8000)
            }
        }
        if (now_ == Conduct.LiesInRefusing) {
            // AlreadyEnded(bytes32,uint8,uint8), which only DvP has the right to say.
            assembly ("memory-safe") {
                mstore(0x00, 0x859b201d00000000000000000000000000000000000000000000000000000000)
                revert(0x00, 0x64)
            }
        }
        if (_payload.length > 0 && !_reentering) {
            _reentering = true;
            (bool done,) = msg.sender.call(_payload);
            // What became of it is the caller's secret.
            done;
            _reentering = false;
        }
        if (now_ == Conduct.FloodsAnswering) {
            assembly ("memory-safe") {
                return(0x00, 0x8000)
            }
        }
        if (now_ == Conduct.AnswersGarbage) {
            assembly ("memory-safe") {
                mstore(0x00, not(0))
                return(0x00, 0x1f)
            }
        }
    }
}
