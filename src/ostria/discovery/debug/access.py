"""Who may look at debug pages: this machine, and callers that prove an identity.

Callers of the root namespace see everything; others see what their own namespace's proxies were given. A page that a browser asks for under a foreign
host name is refused even on loopback: web pages must not reach it by way of somebody's DNS.
"""

import time
from ipaddress import ip_address

from ostria.discovery.debug.http import Request
from ostria.identity.caller import Authenticator, Caller, Credentials, Unauthenticated

NAMESPACED_PAGES = frozenset({"config_dump", "edsz", "ndsz"})
"""Pages about one proxy: the only ones that other namespaces than the root may see, for their own proxies."""


class Forbidden(Exception):
    """The text may be shown."""


def judge(request: Request, authenticator: Authenticator | None) -> Caller | None:
    """Who asks; None: somebody on this machine. Raise Forbidden."""
    credentials = Credentials(metadata=request.headers, peer=request.peer)
    if credentials.bearer and authenticator is not None:
        try:
            return authenticator.authenticate(credentials, time.time())
        except Unauthenticated as problem:
            raise Forbidden("authentication failure") from problem
    if not request.local:
        raise Forbidden("debug pages need a bearer token, except on this machine itself")
    if not _host_is_ours(request.headers.get("host", "")):
        raise Forbidden("ask for debug pages by address or as localhost")
    return None


def may_see(caller: Caller | None, page: str, proxy_namespace: str | None, root_namespace: str) -> bool:
    """`proxy_namespace` is that of the proxy that the page is about, if it is about one."""
    if caller is None or caller.namespace == root_namespace:
        return True
    return page in NAMESPACED_PAGES and proxy_namespace == caller.namespace


def _host_is_ours(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 or host.startswith("[") else host
    name = name.strip("[]")
    if name in ("", "localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
