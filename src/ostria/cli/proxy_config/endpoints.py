"""Endpoints: one row per address that Envoy balances over, with what it thinks of its health."""

from collections.abc import Iterator

from ostria.cli.proxy_config.dump import Json

HEADER = ("ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER")


def _address(address: Json) -> str:
    match address:
        case {"socket_address": {"address": ip, "port_value": port}}:
            return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
        case {"socket_address": {"address": ip}}:
            return f"{ip}:0"
        case {"pipe": {"path": path}}:
            return f"unix://{path}"
        case {"envoy_internal_address": {"server_listener_name": name}}:
            return f"envoy://{name}"
        case _:
            return str(dict(address))


def rows(clusters: Json, cluster: str = "", address: str = "", port: str = "", status: str = "") -> Iterator[tuple[str, ...]]:
    """`clusters` is the admin's `/clusters?format=json`."""
    for entry in sorted(clusters.get("cluster_statuses", ()), key=lambda c: c["name"]):
        if cluster and entry["name"] != cluster:
            continue
        for host in entry.get("host_statuses", ()):
            health = host.get("health_status", {})
            row = (
                _address(host.get("address", {})),
                health.get("eds_health_status", "UNKNOWN"),
                "FAILED" if health.get("failed_outlier_check") else "OK",
                entry["name"],
            )
            at, _, number = row[0].rpartition(":")
            if (
                (not address or at.strip("[]") == address)
                and (not port or number == port)
                and (not status or row[1].lower() == status.lower())
            ):
                yield row
