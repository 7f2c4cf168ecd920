"""The world frozen at one version, and what each proxy may see of it.

Changes of the store go into `Snapshots.advance`, which returns a `Snapshot`: it completes a proxy from the registry, maps it to a small `ViewKey`, and
hands `translate` the `View` of that key (outbound) and the `Inbound` of the workload. Whatever did not change is the same object as before.
"""
