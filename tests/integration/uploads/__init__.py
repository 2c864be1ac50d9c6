"""Archives that are requested while photos arrive over FTP."""
