"""The command line: the use cases of Tallystick for hands and cron."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    from tallystick.cli.commands import app
    from tallystick.cli.output import never_fail

    never_fail()
    app()
