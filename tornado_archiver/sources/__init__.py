"""Selection and names of the entries of a source, and scans that several requests share."""
