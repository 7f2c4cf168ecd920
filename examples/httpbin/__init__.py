"""httpbin: answers with what it received, and misbehaves on request; the API of go-httpbin, as Istio's sample uses it.

Values of headers and arguments are lists, as there. `python -m httpbin 8080`.
"""
