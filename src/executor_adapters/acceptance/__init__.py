"""The ten acceptance cases on the user's own MySQL and API, and the log on which a canary run is approved or blocked.

The executor under test is the real one, in processes of its own; nothing in here replaces a part of it.
"""
