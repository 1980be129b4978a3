"""`spotlane sandbox`: the command of spotlane.sandbox under the common roof."""

from __future__ import annotations

import click


@click.command(
    "sandbox",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> int:
    """Serve a simulated exchange on a local TCP port."""
    from spotlane.sandbox.__main__ import main

    return main(arguments, program="spotlane sandbox")
