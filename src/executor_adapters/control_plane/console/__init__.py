"""The console: the control plane's pages for people, served beside its API."""

from executor_adapters.control_plane.console.pages import add_console

__all__ = ["add_console"]
