"""The built-in backends, imported as `tornado_archiver.backends`; `entry_points.ini` lists them."""
