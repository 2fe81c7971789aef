"""What is shipped for testing: the conformance cases and their runner.

Nothing here is imported by the engine; `tallystick.testing.conformance` needs no test framework.
"""

from __future__ import annotations
