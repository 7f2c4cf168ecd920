"""What a proxy that discovers on demand starts with, and what follows from what it asks for.

In come the finished resources of a view, whole; out goes, for the names that one proxy asked for, the part of its clusters and virtual hosts that it
needs: a `WorkloadOffer` chooses. Discovery changes when a proxy is given something, never what a request meets: `directory` finds the virtual host of an
authority as Envoy would among all of them, `naming` reads off messages which clusters they lead to, and `stand_ins` has an answer where there is nothing.
"""

from ostria.translate.on_demand.directory import Directory
from ostria.translate.on_demand.naming import Naming
from ostria.translate.on_demand.offer import Menu, WorkloadOffer, start_hosts

__all__ = ["Directory", "Menu", "Naming", "WorkloadOffer", "start_hosts"]
