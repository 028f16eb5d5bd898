"""The demonstration: a shop's database under load, an index that helps it and one that harms it.

`shop` says what the shop is and asks, `schema` makes it on a server, `workload` keeps it busy, `plan` names the
two changes and what must come of them. `live` carries both on a real server, `fakes` in memory; `account` tells
what was seen.
"""
