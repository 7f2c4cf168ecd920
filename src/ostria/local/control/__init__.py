"""How the command line talks to a running mesh: one request, one line of JSON, over a Unix socket that only its owner may open.

The client sends one line, `{"op": NAME, …}`, with descriptors beside it where the operation needs them (`exec`); the supervisor answers with lines until the
last, `{"end": true}` or `{"error": TEXT, "hint": TEXT}`. One request per connection; closing it cancels what was asked for.
"""
