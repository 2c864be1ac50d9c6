"""The storage on a local file system.

Rule: every open is relative to a directory descriptor and follows no symbolic link.
"""
