"""Whether a view has clusters that resolve the requested host themselves."""

from ostria.registry.model import Resolution
from ostria.snapshot.view import Generator, View
from ostria.translate.clusters.dns import Families


def resolving(view: View) -> Families | None:
    """The families that they resolve for; None if there are none.

    Where nothing is captured no connection has an original destination, so the way to unknown hosts is such a cluster too.
    """
    if view.key.generator is Generator.GRPC:
        return None
    if view.key.captured and all(service.resolution is not Resolution.DYNAMIC_DNS for service in view.services()):
        return None
    return Families(view.key.ipv4, view.key.ipv6)
