"""What Kubernetes' controllers do, as pure functions of objects: which pods there should be, what stands behind a Service, which pods get a sidecar."""
