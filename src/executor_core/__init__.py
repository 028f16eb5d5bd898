"""The pure domain of Executor: what may be asked for, what is done next, and how the outcome is judged."""
