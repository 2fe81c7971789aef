"""What is shipped for testing: the conformance cases and their runner, and a pytest plugin.

Nothing here is imported by the engine; `tallystick.testing.conformance` needs no test framework.
"""

from __future__ import annotations
