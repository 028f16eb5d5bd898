"""How often a verdict is wrong: rules side by side on a simulated server. `python -m bench.verification --help`."""
