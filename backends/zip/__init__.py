"""Zip archives: `stored` (seekable, made of `records`) and `infozip` (streaming, from a program)."""
