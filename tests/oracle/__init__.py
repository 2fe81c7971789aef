"""What a bill must be, worked out a second time from the written rules alone.

Nothing here imports the engine: the standard library, plain dicts in, plain values out.
"""
