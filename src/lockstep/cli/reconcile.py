"""`lockstep reconcile`: breaks between the books, and what people do about them."""

import typer

__all__ = ["reconcile_app"]

reconcile_app = typer.Typer(help="Breaks between the books, and what people do about them.", no_args_is_help=True)


@reconcile_app.callback()
def _group() -> None:
    """Keeps it a group of commands, however few there are."""
