"""Routes: one row per route of each virtual host, with the VirtualService that made it."""

from collections.abc import Iterator

from ostria.cli.proxy_config.dump import Json, configured_by, messages

HEADER = ("NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE")
SHOWN_DOMAINS = 2


def _match(match: Json) -> str:
    path = next(
        (
            text
            for field, text in (
                ("prefix", f"{match.get('prefix')}*"),
                ("path", str(match.get("path"))),
                ("path_separated_prefix", f"{match.get('path_separated_prefix')}/*"),
                ("safe_regex", f"regex {match.get('safe_regex', {}).get('regex', '')}"),
                ("connect_matcher", "CONNECT"),
            )
            if field in match
        ),
        "*",
    )
    headers = ",".join(h["name"] for h in match.get("headers", ()))
    return f"{path} (headers {headers})" if headers else path


def _domains(domains: list[str]) -> str:
    more = len(domains) - SHOWN_DOMAINS
    return ", ".join(domains[:SHOWN_DOMAINS]) + (f" + {more} more..." if more > 0 else "")


def _action(route: Json) -> str:
    """What istioctl writes in place of a VirtualService where there is no destination."""
    if "direct_response" in route:
        return str(route["direct_response"].get("status", ""))
    return "redirect" if "redirect" in route else ""


def rows(dump: Json, name: str = "") -> Iterator[tuple[str, ...]]:
    for config in sorted(messages(dump, "RoutesConfigDump"), key=lambda r: r.get("name", "")):
        if name and config.get("name") != name:
            continue
        for host in config.get("virtual_hosts", ()):
            domains = _domains(host.get("domains", []))
            # One that came by itself carries its configuration's name in front.
            shown = host["name"].removeprefix(f"{config.get('name')}/")
            if not host.get("routes"):
                yield (config.get("name", ""), shown, domains, "/*", "404")
            for route in host.get("routes", ()):
                yield (
                    config.get("name", ""),
                    shown,
                    domains,
                    _match(route.get("match", {})),
                    configured_by(route) or _action(route),
                )
