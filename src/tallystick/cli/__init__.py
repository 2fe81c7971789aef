"""The command line: the use cases of Tallystick for hands and cron."""

from __future__ import annotations

__all__ = ["main"]

_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it


def main() -> None:
    """Run the command line.  Ctrl-C ends it without a word, also while it is still being loaded."""
    try:
        from tallystick.cli.commands import app
        from tallystick.cli.output import never_fail

        never_fail()
        app()
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
