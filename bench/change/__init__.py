"""What a change does to an application, measured: `python -m bench.change --help`."""
