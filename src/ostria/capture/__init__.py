"""Traffic redirection: annotations become a `CaptureConfig`, that becomes a `Ruleset`, and `apply` puts it into the network namespace it runs in.

`rules` and `annotations` decide and are pure; `apply` is the only module that runs a program.
"""
