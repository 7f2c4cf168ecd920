"""From objects to services, workloads and endpoints.

Objects come in as changes of the store (`Registry.apply`), tables of services, endpoints and workloads go out (`Registry.services`, `.endpoints`,
`.workloads`), and `snapshot` freezes them. One change touches what it names: a pod that moves costs its services' endpoints and nothing else.
"""
