"""Links: their parts, names made from them, signatures and keys, and the command that prints signed links."""
