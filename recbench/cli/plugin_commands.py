"""The command line, commands for people who write plugins: `plugin new` and `plugin check`."""
