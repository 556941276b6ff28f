"""The plugin's version: the one place where it stands. 1 to 6 were those of an older plugin of the same name."""

PLUGIN_VERSION = "9"
