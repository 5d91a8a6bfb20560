"""Fills the table: importing this module enters every action."""

from . import actions_around, actions_dvp, actions_net, actions_registry, actions_token
from .table_of_actions import ACTIONS, Action, draw

__all__ = [
    "ACTIONS",
    "Action",
    "actions_around",
    "actions_dvp",
    "actions_net",
    "actions_registry",
    "actions_token",
    "draw",
]
