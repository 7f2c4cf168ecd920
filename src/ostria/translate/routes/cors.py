"""Cross-origin requests: which pages of other sites may call."""

from envoy.extensions.filters.http.cors.v3 import cors_pb2
from google.protobuf.wrappers_pb2 import BoolValue

from ostria.api.networking.virtual_service import CorsPolicy, StringMatch
from ostria.translate.routes.percent import runtime, whole
from ostria.translate.routes.strings import string_matcher

FILTER = "envoy.filters.http.cors"


def cors_policy(policy: CorsPolicy) -> cors_pb2.CorsPolicy:
    """`allowOrigins` replaces the older `allowOrigin`, whose entries are exact."""
    origins = policy.allow_origins or tuple(StringMatch(exact=origin) for origin in policy.allow_origin)
    out = cors_pb2.CorsPolicy(
        allow_origin_string_match=[string_matcher(o) for o in origins],
        allow_methods=",".join(policy.allow_methods),
        allow_headers=",".join(policy.allow_headers),
        expose_headers=",".join(policy.expose_headers),
        max_age=str(policy.max_age.nanos // 1_000_000_000) if policy.max_age else "",
        filter_enabled=runtime(whole(100)),
        forward_not_matching_preflights=BoolValue(value=policy.unmatched_preflights != "IGNORE"),
    )
    if policy.allow_credentials is not None:
        out.allow_credentials.CopyFrom(BoolValue(value=policy.allow_credentials))
    return out
