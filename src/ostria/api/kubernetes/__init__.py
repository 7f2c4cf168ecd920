"""The Kubernetes kinds that describe workloads and services, one module per kind.

Fields that have one fixed default in Kubernetes have it here; the others follow `ostria.api.meta`: None, () or {} when absent.
"""
