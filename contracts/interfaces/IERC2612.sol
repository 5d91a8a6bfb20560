// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-2612: approval by signature, with the ERC-5267 view of its EIP-712 domain
interface IERC2612 {
    /// @notice The signature counted up to `deadline`, inclusive.
    error ERC2612ExpiredSignature(uint256 deadline);

    /// @notice `signer` signed, not `owner`; zero: nobody did.
    error ERC2612InvalidSigner(address signer, address owner);

    /// @notice ERC-20's approve, by the owner's signature. Whoever holds it may send it.
    /// @dev Emits {Approval}. Requirements: as approve; `deadline` (UTC, seconds since 1970) has not passed; the
    /// signature over owner, spender, value, the owner's nonce and `deadline` is `owner`'s, with the lower s.
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice How many permits of `owner` were used; the next one signs this number.
    function nonces(address owner) external view returns (uint256);

    /// @notice Hash of the EIP-712 domain.
    // The name is the standard's.
    // slither-disable-next-line naming-convention
    function DOMAIN_SEPARATOR() external view returns (bytes32); // solhint-disable-line func-name-mixedcase

    /// @notice ERC-5267: the EIP-712 domain.
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        );
}
