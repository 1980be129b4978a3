"""The commands by name, each imported when it is called, and what becomes of their errors."""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

import click

from spotlane._version import __version__
from spotlane.errors import SpotlaneError, UsageError

# A command is the attribute `command` of its module; its line of help stands here so that --help imports none of them.
COMMANDS = {
    "demo": ("spotlane.cli.demo", "Trade the whole lifecycle of orders and a withdrawal against the sandbox."),
    "sandbox": ("spotlane.cli.sandbox", "Serve a simulated exchange on a local TCP port."),
}


@dataclass(slots=True)
class Settings:
    """What holds for every command."""

    debug: bool = False


class CommandGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import and return a command, or return None."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[name][0]).command
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with. Raises click.UsageError naming the nearest one."""
        name = arguments[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command named {name!r}; {hint}", context)
        return super().resolve_command(context, arguments)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def _set_debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Settings).debug = True
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks and the library's log."
)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="spotlane %(version)s")
@debug_option
def group() -> None:
    """Private spot trading: `spotlane COMMAND --help` tells more.

    Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr, with --debug its traceback as well."""
    settings = Settings()
    try:
        code = group.main(arguments, prog_name="spotlane", standalone_mode=False, obj=settings)
    except click.exceptions.NoArgsIsHelpError as nothing:
        nothing.show()
        return 2
    except (click.ClickException, UsageError) as error:
        return _tell(error, settings, 2)
    except (KeyboardInterrupt, click.Abort):
        print("spotlane: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone, as in `spotlane ... | head`; what is still buffered must not be tried again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SpotlaneError, OSError) as error:
        return _tell(error, settings, 1)
    except Exception as error:
        return _tell(error, settings, 1, "; with --debug comes the traceback")
    return code if isinstance(code, int) else 0


def _tell(error: Exception, settings: Settings, code: int, hint: str = "") -> int:
    if settings.debug:
        traceback.print_exception(error)
    if isinstance(error, click.ClickException):
        text = error.format_message()
    elif isinstance(error, UsageError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    print(f"spotlane: {' '.join(text.split())}{hint}", file=sys.stderr)
    return code
