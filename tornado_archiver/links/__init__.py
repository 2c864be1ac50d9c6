"""Links: the hash in a URL, signatures and their keys, and the command that prints signed links."""
