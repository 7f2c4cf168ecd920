"""The bootstrap file of a gRPC library that speaks xDS itself: same node, same socket, no Envoy. Pure.

Keys never go into files here, so there are no certificate providers: proxyless clients and servers speak plain text, and their peers' policies must
permit that.
"""

from typing import Any

from ostria.agent.node import Node

SERVER_TEMPLATE = "xds.istio.io/grpc/lds/inbound/%s"


def grpc_bootstrap(node: Node, socket: str) -> dict[str, Any]:
    region, zone, sub_zone = node.locality
    return {
        "xds_servers": [{"server_uri": f"unix://{socket}", "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
        "node": {
            "id": node.id,
            "cluster": node.cluster,
            "metadata": {**node.metadata, "GENERATOR": "grpc"},
            "locality": {"region": region, "zone": zone, "sub_zone": sub_zone},
        },
        "server_listener_resource_name_template": SERVER_TEMPLATE,
    }
