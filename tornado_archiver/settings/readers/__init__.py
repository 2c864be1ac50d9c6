"""Readers of the texts of settings: environment, .env file, config file and the sections of backends."""
