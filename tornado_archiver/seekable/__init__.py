"""Seekable archives: the format is arithmetic, so length, etag and ranges are known before the first byte.

`layout` gives the positions of all bytes, `packer` joins them with the contents, `archive` is the interface.
"""
