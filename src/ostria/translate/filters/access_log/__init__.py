"""Access logs: which loggers apply to a filter chain, and what each writes.

`selection` works out the providers from Telemetry objects and mesh settings; `formats` and `loggers` turn each into Envoy's message.
"""

from ostria.translate.filters.access_log.loggers import Layer, access_logs

__all__ = ["Layer", "access_logs"]
