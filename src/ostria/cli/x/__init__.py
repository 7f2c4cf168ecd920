"""`ostria x …`: tools of ours that Istio's command line has no name for. `command` lists them; each has a module."""
