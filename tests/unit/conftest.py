"""Hypothesis without deadlines: what else the machine does must not break a law."""

import os

from hypothesis import settings

if not os.environ.get("CI"):  # there Hypothesis chooses a profile of its own, which is repeatable too
    settings.register_profile("laptop", deadline=None)
    settings.load_profile("laptop")
