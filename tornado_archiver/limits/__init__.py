"""How many downloads run at once, and how fast: admission, the scoreboard of all processes, rate limits.

Rule: no HTTP, no archives.
"""
