// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "../interfaces/IERC20.sol";
import {IERC2612} from "../interfaces/IERC2612.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {Holdings} from "./Holdings.sol";

/// @title Names, and permission to move another's free units: approve, permit and their EIP-712 domain
abstract contract Allowances is Holdings {
    string private constant VERSION = "1";
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    /// @inheritdoc IERC20
    string public name;

    /// @inheritdoc IERC20
    string public symbol;

    /// @inheritdoc IERC20
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    /// @inheritdoc IERC2612
    mapping(address owner => uint256) public nonces;

    constructor(string memory name_, string memory symbol_) {
        name = name_;
        symbol = symbol_;
    }

    /// @inheritdoc IERC20
    function approve(address spender, uint256 value) external returns (bool) {
        _approve(msg.sender, spender, value);
        return true;
    }

    /// @inheritdoc IERC2612
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // A validator can shift a block's time by seconds; deadlines are minutes and more apart.
        // slither-disable-next-line timestamp
        if (block.timestamp > deadline) revert ERC2612ExpiredSignature(deadline);
        uint256 nonce = nonces[owner];
        bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, nonce, deadline));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR(), structHash));
        address signer = _signerOf(digest, v, r, s);
        if (signer == address(0) || signer != owner) revert ERC2612InvalidSigner(signer, owner);
        // Counted up by one for each signature: never near the end.
        unchecked {
            nonces[owner] = nonce + 1;
        }
        _approve(owner, spender, value);
    }

    /// @inheritdoc IERC2612
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory domainName,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        // 0x0f: name, version, chain id and contract are used; salt and extensions are not.
        return (hex"0f", name, VERSION, block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    /// @inheritdoc IERC2612
    // The name is the standard's.
    // slither-disable-next-line naming-convention
    function DOMAIN_SEPARATOR() public view returns (bytes32) { // solhint-disable-line func-name-mixedcase
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(name)), keccak256(bytes(VERSION)), block.chainid, address(this))
        );
    }

    function _spendAllowance(address from, uint256 value) internal {
        uint256 allowed = allowance[from][msg.sender];
        if (value > allowed) revert ERC20InsufficientAllowance(msg.sender, allowed, value);
        if (allowed != type(uint256).max) {
            // value ≤ allowed was just checked.
            unchecked {
                allowance[from][msg.sender] = allowed - value;
            }
        }
    }

    function _approve(address owner, address spender, uint256 value) private {
        if (spender == address(0)) revert ERC20InvalidSpender(spender);
        if (value > 0) registry.requireEligible(owner, spender);
        allowance[owner][spender] = value;
        emit Approval(owner, spender, value);
    }

    /// @dev Zero if nobody signed, or with the higher s; the library takes s with v in its highest bit.
    function _signerOf(bytes32 digest, uint8 v, bytes32 r, bytes32 s) private pure returns (address) {
        if ((v != 27 && v != 28) || uint256(s) >> 255 != 0) return address(0);
        return Signatures.recoverCompact(digest, r, v == 28 ? s | bytes32(uint256(1) << 255) : s);
    }
}
