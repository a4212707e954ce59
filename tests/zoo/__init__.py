"""Models that nobody here wrote, and hard cases that somebody did: the oracles of our tests and benchmarks.

Nothing in this package imports graphtools. `python -m tests.zoo` runs every case without it and says which do not hold.
"""
