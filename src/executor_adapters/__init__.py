"""Executor's adapters: MySQL, the control plane over HTTP, checkpoints, in-memory fakes, and the entry points."""
