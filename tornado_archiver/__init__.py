"""Tornado Archiver: a directory, packed on the fly and sent as it is packed, behind one link."""

__version__ = "1.0.0"
