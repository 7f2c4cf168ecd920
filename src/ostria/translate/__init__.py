"""From the world as a proxy may see it to what Envoy runs on.

A `Snapshot` comes in from `snapshot`; `Translator.resources` gives `ResourceSet`s of prepared bytes out, which `discovery` serves. One package for each type
(clusters, endpoints, listeners, routes, secrets) plans small keys from a view and builds one message from one key; `workshop` builds each key once;
`assembly` keeps them per view; `patches` lets EnvoyFilters change messages before they become bytes.
"""
