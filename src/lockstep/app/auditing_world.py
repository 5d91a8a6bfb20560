"""The invariants of a world in this process, read off both of its ledgers when everything has come to an end."""

from lockstep.app.auditing import audit
from lockstep.app.world import World

__all__ = ["audit_world"]


def audit_world(world: World) -> dict[str, list[str]]:
    """The violations of I1 to I12, as `audit` has them."""
    trades = world.book.trades()
    settlements = [one.settlement_id for one in trades if one.settlement_id]
    return audit(
        world.chain.node,
        world.market,
        world.rtgs.facts(),
        [attestation for one in settlements for attestation in world.board.attestations(one)],
        {str(one.settlement_id or one.trade_id): one.state for one in trades},
        world.book.journal(),
        ended=True,
        terms=[one.terms for one in trades],
    )
