"""Commands as a person or a script types them, in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from tallystick.cli.commands import app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typer.testing import Result

__all__ = ["run", "said"]


def run(*words: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Result:
    """Type a command; one that ends in a traceback fails the test."""
    result = CliRunner().invoke(app, list(words), input=stdin, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def said(*words: str, stdin: str | None = None) -> Any:
    """Type a command for a machine, which must end well, and read what it says."""
    result = run(*words, "--json", stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)
