"""What the control plane knows, over HTTP under the names that Istio's tools use.

8080 serves the debug pages (`pages` lists them, `streams` and `contents` make them), 15014 the metrics; `http` is a small server for both, which
costs a tenth of a web framework's memory.
"""
