"""People and enemies of the simulated world: who they are, what keys and doors each has, what each may try.

`play(kind, stage, rng)` lets one of a kind do one thing. All that is random comes from `rng`; the same stage and the
same stream give the same act. An act that meets a refusal says so in its text: it is part of the story. What each
kind can do is what its `Cast` gives it, and `Hands` holds it to that.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from lockstep.app.founding import AGENTS, Roles
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import Bic
from lockstep.simulation import actors_collateral as collateral
from lockstep.simulation import actors_collateral_thieves as collateral_thieves
from lockstep.simulation import actors_collateral_values as collateral_values
from lockstep.simulation import actors_enemies as enemies
from lockstep.simulation import actors_margin as margin
from lockstep.simulation import actors_offices as offices
from lockstep.simulation import actors_parties as parties
from lockstep.simulation import actors_repo as repos
from lockstep.simulation import actors_thieves as thieves
from lockstep.simulation.actors_hands import Act, Call, Hands, Stage, key_of, names_of, stranger
from lockstep.simulation.collateral_hands import CARRIERS

__all__ = ["COLLATERAL", "KINDS", "SECOND_KEY", "Act", "Call", "Cast", "Hands", "Stage", "payers", "play"]

SECOND_KEY = stranger("the service's second key")
"""What workers that share trades send with besides the operator's. It has no role: anyone may carry what is proved."""

MEMBERS, AGENT, HEIRS = "members", "one agent", "heirs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """One kind of actor: what it has, and what it may try."""

    acts: tuple[Act, ...]
    keys: tuple[str, ...] = ()
    """Names of keys; `members`: one bank's wallet, or all of them; `heirs`: what takes its place once that is
    recovered; `one agent`: always the same one."""
    doors: tuple[str, ...] = ()
    """`service`, `members`, `one agent`: under whose BIC it can knock."""
    together: bool = False
    """All members act as one; else one of them alone."""


_PLAIN: Mapping[str, Cast] = {
    # participants, by right
    "party-resubmits": Cast(acts=(parties.resubmits, parties.changes_its_mind), doors=(MEMBERS,)),
    "party-cancels": Cast(acts=(parties.cancels,), doors=(MEMBERS,)),
    "cancellation-race": Cast(acts=(parties.cancels_as_the_payment_goes,), doors=(MEMBERS,), together=True),
    "party-moves-units": Cast(acts=(parties.moves_units, parties.burns_an_order), keys=(MEMBERS,)),
    "trade-locked-twice": Cast(acts=(parties.locks_twice,), keys=(MEMBERS,), together=True),
    "party-moves-cash": Cast(acts=(parties.empties_the_account,), doors=(MEMBERS,)),
    # officers, by right, at the worst moment
    "token-paused": Cast(acts=(offices.pauses, offices.unpauses, offices.unpauses), keys=("officer", "confirmer")),
    "holding-frozen": Cast(
        acts=(offices.freezes, offices.freezes_units, offices.unfreezes), keys=("officer", "confirmer")
    ),
    "forced-transfer": Cast(acts=(offices.forces_a_transfer,), keys=("officer", "confirmer")),
    "participant-suspended": Cast(acts=(offices.suspends, offices.admits_again), keys=("registrar",)),
    "wallet-recovered": Cast(acts=(offices.recovers_a_wallet,), keys=("registrar", "registrar_confirmer", "officer")),
    "agents-rotated": Cast(acts=(offices.rotates,), keys=("agent-1", "agent-2", "agent-3", "anybody")),
    "long-stop-early": Cast(
        acts=(offices.proposes_a_long_stop, offices.confirms_a_long_stop, offices.rotates_by_two_roles),
        keys=("officer", "confirmer"),
    ),
    # keys stolen, below every threshold
    "operator-stolen": Cast(
        acts=(
            thieves.locks_without_consent,
            thieves.locks_a_batch_of_its_own,
            thieves.cuts_an_order_into_parts,
            thieves.locks_a_net_cycle,
            thieves.ends_with_too_few,
            thieves.ends_a_batch_alone,
            thieves.takes_the_nonce,
            thieves.takes_the_nonce,
        ),
        keys=("operator",),
    ),
    "service-door-stolen": Cast(
        acts=(
            thieves.pays_first,
            thieves.pays_first,
            thieves.pays_another,
            thieves.cancels_in_the_services_name,
            thieves.spends_the_services_ids,
        ),
        doors=("service",),
    ),
    "agent-stolen": Cast(
        acts=(
            thieves.attests_both,
            thieves.attests_both,
            thieves.ends_with_too_few,
            thieves.ends_a_batch_alone,
            thieves.releases_early,
            thieves.rotates_alone,
            thieves.enters_a_forged_line,
        ),
        keys=(AGENT, "anybody"),
        doors=(AGENT,),
    ),
    "officer-stolen": Cast(
        acts=(offices.proposes_a_long_stop, offices.pauses, offices.freezes, offices.freezes_units),
        keys=("officer",),
    ),
    # nobody's keys
    "replay": Cast(
        acts=(
            enemies.repeats_a_transaction,
            enemies.repeats_a_call,
            enemies.repeats_to_the_rtgs,
            enemies.repeats_to_the_service,
        ),
        keys=("anybody",),
    ),
    "front-run": Cast(
        acts=(enemies.overtakes_what_waits, enemies.comes_first, enemies.records_paid_first), keys=("anybody",)
    ),
    "batch-asked": Cast(acts=(enemies.asks_for_a_batch,), keys=("anybody",)),
    "squat": Cast(acts=(parties.squats_a_uetr, enemies.passes_messages_off), doors=(MEMBERS,)),
    "grief": Cast(acts=(parties.sends_dust, enemies.floods_the_board, enemies.floods_the_door), keys=(MEMBERS,)),
}
COLLATERAL: Mapping[str, Cast] = {
    "collateral-moved": Cast(
        acts=(
            *[collateral.agrees] * 4,
            *[collateral.pledges] * 6,
            *[collateral.pledges_on] * 8,
            *[collateral.gives_back] * 2,
            collateral.takes_back_what_is_too_much,
            collateral.recalls,
            collateral.substitutes,
            collateral.substitutes_by_consent,
            collateral.unwinds,
            collateral.gives_units_back,
            collateral.amends,
            collateral.burns_a_number,
        ),
        keys=(MEMBERS, HEIRS, *CARRIERS),
        together=True,
    ),
    "collateral-valued": Cast(
        acts=(
            *[collateral_values.values] * 4,
            *[collateral_values.values_at_once] * 2,
            collateral_values.records_income,
        ),
        keys=("valuer-1", "valuer-2", *CARRIERS),
    ),
    "collateral-enforced": Cast(
        acts=(
            collateral_values.declares_a_default,
            collateral_values.declares_a_default,
            collateral_values.appropriates,
            collateral_values.appropriates,
            collateral_values.appropriates,
            collateral_values.sets_off,
            collateral_values.sells,
            collateral_values.ends_a_sale,
            collateral_values.ends_a_default,
        ),
        keys=(MEMBERS, HEIRS, *CARRIERS),
        together=True,
    ),
    "margin-called": Cast(
        acts=(
            *[margin.calls] * 4,
            *[margin.answers] * 3,
            *[margin.pays] * 4,
            margin.gives_bonds,
            margin.takes_it_back,
        ),
        doors=(MEMBERS,),
        together=True,
    ),
    "repo-agreed": Cast(
        acts=(
            *[repos.agrees_on_repos] * 2,
            *[repos.opens_a_repo] * 3,
            *[repos.changes_a_repo] * 3,
            repos.terminates_a_repo,
        ),
        keys=(MEMBERS, HEIRS, *CARRIERS),
        together=True,
    ),
    "collateral-thief": Cast(
        acts=(
            collateral_thieves.pledges_twice,
            collateral_thieves.pledges_on_too_much,
            collateral_thieves.acts_for_another,
            collateral_thieves.takes_without_a_default,
            collateral_thieves.substitutes_worthless_units,
        ),
        keys=(MEMBERS, *CARRIERS),
    ),
    "collateral-replay": Cast(acts=(collateral_thieves.runs_apart, collateral_thieves.runs_late), keys=(*CARRIERS,)),
    "valuer-stolen": Cast(
        acts=(
            collateral_thieves.values_alone,
            collateral_thieves.values_with_a_quorum_of_its_own,
            collateral_thieves.lies_on_the_board,
        ),
        keys=("valuer-3", *CARRIERS),
    ),
    "margin-agent-stolen": Cast(
        acts=(collateral_thieves.counts_cash_alone, collateral_thieves.leaves_false_cash), keys=(AGENT, *CARRIERS)
    ),
    "pledge-stopped-early": Cast(acts=(collateral_thieves.ends_a_pledge_early,), keys=("officer", "confirmer")),
}
"""Those of a market with a collateral register: they are in no other run."""

KINDS: Mapping[str, Cast] = {**_PLAIN, **COLLATERAL}
"""Who may do what. A run in which several kinds are on has several actors: no two kinds of thieves reach a threshold
together, as `agent-stolen` always has the same one agent."""


def play(kind: str, stage: Stage, rng: random.Random) -> str | None:
    """One act of one actor of a kind, and what came of it; None if there was nothing to do. Raises KeyError for a
    kind that is none, PermissionError where an act reached beyond its actor's hands."""
    cast = KINDS[kind]
    hands = _hands(cast, stage, rng)
    act = rng.choice(cast.acts)
    name = act.__name__.replace("_", " ")
    try:
        said = act(hands, rng)
    except LockstepError as error:
        said = f"{type(error).__name__}: {error}"
    return None if said is None else f"{name}: {said}"


def _hands(cast: Cast, stage: Stage, rng: random.Random) -> Hands:
    members = sorted(one.bic for one in stage.market.participants.values())
    who = members if cast.together else [rng.choice(members)]
    robbed = f"agent-{AGENTS}"
    keys: list[str] = []
    for name in cast.keys:
        match name:
            case "members":
                keys += [f"wallet-{one}" for one in who]
            case "heirs":
                keys += [f"heir of {one}" for one in who]
            case _:
                keys.append(robbed if name == AGENT else name)
    bics: list[Bic] = []
    for name in cast.doors:
        bics += who if name == MEMBERS else [names_of(stage.market)[robbed if name == AGENT else name]]
    return Hands(stage=stage, keys=frozenset(keys), doors=frozenset(bics))


def payers(roles: Roles) -> list[str]:
    """Addresses that need money for fees so that every actor can send, besides those that founding has paid."""
    names = ["anybody", f"agent-{AGENTS}", *(f"wallet-{one}" for one in sorted(roles.wallets))]
    # The service's first: the deepest of reorganisations takes back what was paid last.
    return [SECOND_KEY.address, *(key_of(roles, name).address for name in names)]
