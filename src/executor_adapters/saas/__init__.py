"""The control plane over HTTP: its six calls, and more where a server offers more."""

from executor_adapters.saas.base_url import BaseUrl
from executor_adapters.saas.control_plane import HttpClaim, HttpControlPlane

__all__ = ["BaseUrl", "HttpClaim", "HttpControlPlane"]
