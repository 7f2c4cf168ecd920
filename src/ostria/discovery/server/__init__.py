"""Sockets, time and queues around the protocol: streams of proxies, the push queue, debouncing, certificates, limits.

A stream begins in `ads`, lives as a `connection.Connection`, and is told of new worlds by `push.Pusher`. `listen` opens the ports.
"""
