"""Listeners: one row per filter chain: which connections it takes and where they go."""

from collections.abc import Iterator

from ostria.cli.proxy_config.dump import Json, listeners

HEADER = ("ADDRESSES", "PORT", "MATCH", "DESTINATION")


def _addresses(listener: Json) -> tuple[str, str]:
    sockets = [listener.get("address", {}), *(extra.get("address", {}) for extra in listener.get("additional_addresses", ()))]
    found = [s["socket_address"] for s in sockets if "socket_address" in s]
    if not found:
        return listener.get("address", {}).get("pipe", {}).get("path", "internal"), "0"
    return ",".join(s.get("address", "") for s in found), str(found[0].get("port_value", 0))


def _match(chain: Json) -> str:
    match = chain.get("filter_chain_match", {})
    parts = []
    if match.get("server_names"):
        parts.append("SNI: " + ",".join(match["server_names"]))
    if match.get("transport_protocol"):
        parts.append("Trans: " + match["transport_protocol"])
    if match.get("application_protocols"):
        parts.append("App: " + ",".join(a.removeprefix("istio-") if a == "istio" else a for a in match["application_protocols"]))
    ranges = [f"{r['address_prefix']}/{r.get('prefix_len', 0)}" for r in match.get("prefix_ranges", ())]
    port = match.get("destination_port")
    if ranges or port:
        parts.append("Addr: " + (",".join(ranges) or "*") + (f":{port}" if port else ""))
    return "; ".join(parts) or "ALL"


def _destination(chain: Json) -> str:
    for network_filter in reversed(chain.get("filters", ())):
        config = network_filter.get("typed_config", {})
        if "rds" in config:
            return f"Route: {config['rds'].get('route_config_name', '')}"
        if "route_config" in config:
            return _inline(config["route_config"])
        if "cluster" in config:
            return f"Cluster: {config['cluster']}"
        if "weighted_clusters" in config:
            return "Cluster: " + ",".join(c["name"] for c in config["weighted_clusters"].get("clusters", ()))
    return "Non-HTTP/Non-TCP"


def _inline(config: Json) -> str:
    clusters = {
        r["route"]["cluster"] for host in config.get("virtual_hosts", ()) for r in host.get("routes", ()) if "cluster" in r.get("route", {})
    }
    return "Cluster: " + ",".join(sorted(clusters)) if clusters else f"Inline Route: {config.get('name', '')}"


def rows(dump: Json, address: str = "", port: str = "") -> Iterator[tuple[str, ...]]:
    for listener in sorted(listeners(dump), key=lambda one: (int(_addresses(one)[1]), one.get("name", ""))):
        addresses, number = _addresses(listener)
        if (address and address not in addresses.split(",")) or (port and port != number):
            continue
        chains = [*listener.get("filter_chains", ()), *([listener["default_filter_chain"]] if "default_filter_chain" in listener else [])]
        for chain in chains:
            yield (addresses, number, _match(chain), _destination(chain))
        if "api_listener" in listener:
            yield (addresses, number, "ALL", "API listener")
