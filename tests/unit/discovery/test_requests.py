"""What of a proxy's bytes is read."""

from envoy.service.discovery.v3 import discovery_pb2 as d
from google.rpc import status_pb2

from ostria.discovery.protocol.rejections import Rejections
from ostria.discovery.server import requests
from ostria.discovery.server.limits import Limits
from ostria.translate.names import CDS
from ostria.translate.prepared import Prepared


def test_a_refusal_of_megabytes_is_read_and_remembered_in_part() -> None:
    """Words are searched for thousands of names and kept with each resource that they blame."""
    raw = d.DeltaDiscoveryRequest(type_url=CDS, error_detail=status_pb2.Status(message="no " * 1_000_000)).SerializeToString()
    request, _ = requests.delta(raw, Limits())
    assert request.error is not None
    assert len(request.error) == Limits().error_length
    assert len(Rejections().block(Prepared("a", b"", "1", ()), CDS, request.error).words) == 2_000
