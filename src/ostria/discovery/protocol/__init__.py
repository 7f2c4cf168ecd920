"""The aggregated discovery service as a state machine: requests and new worlds in, responses out; no sockets, no clock.

`delta.DeltaStream` and `sotw.SotwStream` read requests in their variant of the protocol; both keep one `subscription.Subscription` per type and
share `stream.Stream`, which decides whose turn it is (`order`) and what must wait (make before break). `wire` joins prepared bytes.
"""
