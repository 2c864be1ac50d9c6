"""Settings: `options` declares all of them, `load` reads them, `output` prints and documents them.

`option` describes one setting, and `types` parses and checks its text. `readers` reads
the sources that are not flags. `similar` finds what a misspelt name stands for, and `help` formats --help.
"""
