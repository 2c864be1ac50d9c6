"""Wrappers for the operating system and the event loop: threads, subprocesses, signals, shared memory.

Rule: no knowledge of archives, HTTP and settings.
"""
