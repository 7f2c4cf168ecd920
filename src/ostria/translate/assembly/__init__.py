"""Resources of one type, put together for all proxies of a view or for one workload's inbound side.

Each module holds what it made last and, given a newer view, makes again only what has other keys. Its result is a mapping that stays the same
object while nothing in it changed: that is what lets the discovery server compare worlds by identity.
"""
