// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICollateral} from "../interfaces/ICollateral.sol";
import {TypedData} from "../libraries/TypedData.sol";

/// @title What is signed for the collateral register (EIP-712): type hashes and struct hashes
library CollateralTypedData {
    bytes32 internal constant AGREEMENT_TYPEHASH = keccak256(
        "Agreement(address giver,uint8 mode,bytes3 currency,uint24 reuseCap,uint8 maxDepth,bool appropriation,"
        "bool substitution,address taker,uint32 noticePeriod,uint32 curePeriod,uint32 maxAge,bytes32 valuers,"
        "uint40 until,uint24 saleFloor,uint128 salt)"
    );
    // EIP-712: the struct's own type, then those it refers to, by name.
    bytes32 internal constant AMENDMENT_TYPEHASH = keccak256(
        "Amendment(bytes32 agreementId,Agreement next,uint40 by)"
        "Agreement(address giver,uint8 mode,bytes3 currency,uint24 reuseCap,uint8 maxDepth,bool appropriation,"
        "bool substitution,address taker,uint32 noticePeriod,uint32 curePeriod,uint32 maxAge,bytes32 valuers,"
        "uint40 until,uint24 saleFloor,uint128 salt)"
    );
    bytes32 internal constant PRICE_TYPEHASH = keccak256("Price(address token,uint64 price,uint24 haircut)");
    bytes32 internal constant VALUATION_TYPEHASH = keccak256(
        "Valuation(bytes32 agreementId,uint64 exposure,uint64 required,uint40 asOf,Price[] prices)"
        "Price(address token,uint64 price,uint24 haircut)"
    );
    bytes32 internal constant CASH_TYPEHASH =
        keccak256("Cash(bytes32 agreementId,bytes32 callId,bytes32 pledgeId,int64 amount,uint32 epoch)");
    bytes32 internal constant INCOME_TYPEHASH =
        keccak256("Income(bytes32 pledgeId,bytes32 incomeId,uint40 recordDate,uint64 entitled,uint64 owed)");
    bytes32 internal constant ACT_TYPEHASH =
        keccak256("Act(address party,bytes call,uint256 nonce,uint40 by,bytes32 together)");

    string internal constant NAME = "Lockstep Collateral";
    string internal constant VERSION = "1";

    function hashAgreement(ICollateral.Agreement calldata agreement) internal pure returns (bytes32) {
        return keccak256(abi.encode(AGREEMENT_TYPEHASH, agreement));
    }

    function hashAmendment(bytes32 agreementId, ICollateral.Agreement calldata next, uint40 by)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(AMENDMENT_TYPEHASH, agreementId, hashAgreement(next), by));
    }

    function hashValuation(ICollateral.Valuation calldata valuation) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](valuation.prices.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(PRICE_TYPEHASH, valuation.prices[i]));
        }
        return keccak256(
            abi.encode(
                VALUATION_TYPEHASH,
                valuation.agreementId,
                valuation.exposure,
                valuation.required,
                valuation.asOf,
                TypedData.hashList(hashes)
            )
        );
    }

    function hashCash(ICollateral.Cash calldata cash) internal pure returns (bytes32) {
        return keccak256(abi.encode(CASH_TYPEHASH, cash));
    }

    function hashIncome(ICollateral.Income calldata income) internal pure returns (bytes32) {
        return keccak256(abi.encode(INCOME_TYPEHASH, income));
    }

    function hashAct(ICollateral.Act calldata act) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACT_TYPEHASH, act.party, keccak256(act.call), act.nonce, act.by, act.together));
    }

    /// @notice What each act is, without who signed it.
    function hashTogether(ICollateral.Act[] calldata acts) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](acts.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(acts[i].party, keccak256(acts[i].call)));
        }
        return TypedData.hashList(hashes);
    }

    /// @notice EIP-712 domain of `verifier` on this chain, as it calls itself now.
    function domain(address verifier) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                TypedData.DOMAIN_TYPEHASH, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, verifier
            )
        );
    }
}
